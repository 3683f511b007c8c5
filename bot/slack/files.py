"""One file shared in one thread, and what came of it in words for the person who asked.

Must not know: what the file says, the outbox: a file is asked for again where it did not come.
"""

import logging

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.failures import error_word
from bot.slack.text import Mrkdwn

_REMEDIES = {
    "missing_scope": "the app needs the scope files:write; install it again with its manifest",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "the channel is archived",
    "posting_to_channel_denied": "the channel is archived, or lets the app post nothing",
}

log = logging.getLogger(__name__)


async def share(
    client: AsyncWebClient, channel: str, thread_ts: str, name: str, content: str, comment: Mrkdwn
) -> str | None:
    """Share ``content`` as a file of this name, with a comment; why not, in words, or None when it is there."""
    try:
        await client.files_upload_v2(
            channel=channel, thread_ts=thread_ts, filename=name, title=name, content=content, initial_comment=comment
        )
    except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
        word = error_word(error) if isinstance(error, SlackApiError) else ""
        log.warning("the file %s could not be shared in %s: %s", name, channel, word or error)
        return _REMEDIES.get(word, f"Slack says {word}" if word else "Slack did not answer")
    return None
