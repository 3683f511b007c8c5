"""Whether Slack takes our tokens, asked before anything starts: with a wrong one nobody would ever be told anything.

Only what Slack says of the token itself counts. Slack may be away when we start, and then nothing is known.
"""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.connection import Connection
from bot.slack.failures import error_word

ANSWER_SECONDS = 3.0
"""So long a start waits for Slack at most."""
WHY = {
    "invalid_auth": "Slack does not know it",
    "not_authed": "Slack does not see it",
    "not_allowed_token_type": "it is a token of another kind",
    "token_revoked": "it was revoked",
    "token_expired": "it has expired",
    "account_inactive": "the app was taken out of its workspace",
    "missing_scope": "it may not do what it is for",
}
"""What Slack says of a token that no time will mend."""
REMEDIES = {
    "SLACK_BOT_TOKEN": "copy the bot token (xoxb-...) anew from OAuth & Permissions on the app's page at Slack",
    "SLACK_APP_TOKEN": "make an app-level token (xapp-...) with connections:write under Basic Information there",
}


async def refused_tokens(client: AsyncWebClient, connection: Connection | None) -> list[str]:
    """Every token that Slack refuses, each with why and the remedy; ``connection``: None without Socket Mode."""
    asked = {"SLACK_BOT_TOKEN": client.auth_test} | ({"SLACK_APP_TOKEN": connection.ask_where} if connection else {})
    words = await asyncio.gather(*map(_answered, asked.values()))
    return [
        f"{name} is refused by Slack ({word}), because {WHY[word]}: {REMEDIES[name]}."
        for name, word in zip(asked, words, strict=True)
        if word in WHY
    ]


async def _answered(ask: Callable[[], Awaitable[object]]) -> str:
    """Slack's word for why not; empty where it takes the token, or nothing is known."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await ask()
    except SlackApiError as error:
        return error_word(error)
    except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError):
        return ""  # whoever talks to Slack later says so
    return ""
