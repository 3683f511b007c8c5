"""The one word in which Slack says why a call failed.

Must not know: what the call was for.
"""

from slack_sdk.errors import SlackApiError


def error_word(error: SlackApiError) -> str:
    """Slack's error code; empty when the answer was not Slack's JSON (a proxy's page, a torn body)."""
    data = getattr(error.response, "data", None)
    word = data.get("error") if isinstance(data, dict) else None
    return word if isinstance(word, str) else ""
