"""One attempt to say one thing in Slack, and what came of it as a value: decisions are returned, not raised.

Nothing here repeats or sleeps. What happens next is the courier's business.
Must not know: the outbox, pacing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.failures import error_word
from bot.slack.layout import METADATA_EVENT, Message
from bot.waiting import seconds_to_wait

CLOCK_SKEW_SECONDS = 120
"""How much earlier than ours Slack's clock may be when we search for a message."""
HISTORY_PAGE = 200
POST = "chat.postMessage"
UPDATE = "chat.update"
WHISPER = "chat.postEphemeral"
OPEN = "conversations.open"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is there."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Limited:
    """Too fast; nothing was sent."""

    method: str
    retry_after_seconds: float


@dataclass(frozen=True, slots=True)
class NotSent:
    """Slack could not be reached; nothing was sent."""

    error: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or one that does not say: it may be there or not."""

    error: str


@dataclass(frozen=True, slots=True)
class Misconfigured:
    """Nothing can be sent there until a person changes something. ``channel`` is None when it is the token."""

    channel: str | None
    error: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Slack will never take this message."""

    error: str


@dataclass(frozen=True, slots=True)
class Gone:
    """What was to be changed or answered is not there any more."""

    error: str


Outcome = Accepted | Limited | NotSent | Unknown | Misconfigured | Refused | Gone

_CHANNEL_REMEDIES: Mapping[str, str] = {
    "channel_not_found": "check the channel's id in the policy; a private channel must have the app as a member",
    "not_in_channel": "invite the app to the channel with /invite",
    "is_archived": "unarchive the channel, or name another in the policy",
    "restricted_action": "let the app post in this channel (channel or workspace settings)",
    "restricted_action_read_only_channel": "let the app post in this channel (posting permissions)",
    "restricted_action_thread_only_channel": "name a channel in the policy where new messages are allowed",
    "restricted_action_non_threadable_channel": "name a channel in the policy where threads are allowed",
    "restricted_action_thread_locked": "unlock the thread",
    "posting_to_channel_denied": "let the app post in this channel",
    "channel_is_limited_access": "give the app access to this channel",
    "messages_tab_disabled": "enable the app's Messages tab",
}
_TOKEN_REMEDIES: Mapping[str, str] = {
    "invalid_auth": "give the bot token of the installed app in SLACK_BOT_TOKEN",
    "not_authed": "give the bot token of the installed app in SLACK_BOT_TOKEN",
    "not_allowed_token_type": "SLACK_BOT_TOKEN must be a bot token (xoxb-...)",
    "token_revoked": "install the app again and give its new bot token",
    "token_expired": "install the app again and give its new bot token",
    "account_inactive": "install the app again; its bot user was deactivated",
    "missing_scope": "add the missing scope in the app's manifest and install it again",
    "no_permission": "check the app's scopes and the workspace's app policy",
    "access_denied": "check the workspace's app policy",
    "app_access_restricted": "check the workspace's app policy",
    "ekm_access_denied": "an administrator has suspended posting",
    "team_access_not_granted": "install the app in this workspace",
    "org_login_required": "the workspace is being migrated; wait",
    "message_limit_exceeded": "the workspace has reached its message limit",
}
_LIMITED = frozenset({"ratelimited", "rate_limited"})
_UNCERTAIN = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"})
"""Slack's own words: some aspect of the operation may have succeeded."""
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "thread_not_found"})
DEFAULT_RETRY_AFTER_SECONDS = 30.0


class Desk:
    """Posts, changes and finds messages with one client that neither repeats nor sleeps by itself."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._conversations: dict[str, str] = {}
        """User id -> direct conversation; it never changes."""

    async def post(
        self, channel: str, message: Message, *, thread_ts: str | None = None, broadcast: bool = False
    ) -> Outcome:
        """A new message, or a reply in a thread."""
        return await self._try(
            channel,
            POST,
            {
                "channel": channel,
                "text": message.text,
                "blocks": message.blocks,
                "metadata": message.metadata,
                "unfurl_links": False,
                "unfurl_media": False,
                **({"thread_ts": thread_ts, "reply_broadcast": broadcast} if thread_ts is not None else {}),
            },
        )

    async def update(self, channel: str, ts: str, message: Message) -> Outcome:
        """Change a message. Text, blocks and metadata always go together: what is left out would be deleted."""
        return await self._try(
            channel,
            UPDATE,
            {
                "channel": channel,
                "ts": ts,
                "text": message.text,
                "blocks": message.blocks,
                "metadata": message.metadata,
            },
        )

    async def find(self, channel: str, thread_ts: str | None, outbox_id: int, since: datetime) -> Outcome | None:
        """Search for a message that an earlier attempt may have left; None when it is certainly not there."""
        oldest = f"{(since - timedelta(seconds=CLOCK_SKEW_SECONDS)).timestamp():.6f}"
        arguments: dict[str, Any] = {"channel": channel, "oldest": oldest, "limit": HISTORY_PAGE}
        if thread_ts is not None:
            arguments["ts"] = thread_ts
        method = "conversations.history" if thread_ts is None else "conversations.replies"
        arguments["include_all_metadata"] = True
        while True:
            try:
                page = await self._client.api_call(method, http_verb="GET", params=_query(arguments))
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                outcome = outcome_of(error, method, channel)
                # Whether the *search* had an effect does not matter: we still do not know about the message.
                return Unknown(outcome.error) if isinstance(outcome, NotSent) else outcome
            for message in page.get("messages") or ():
                if _outbox_id(message) == outbox_id:
                    return Accepted(channel, message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            arguments["cursor"] = cursor

    async def conversation(self, user: str) -> str | Outcome:
        """The direct conversation with one person, opened if need be; what came of it when there is none."""
        if user not in self._conversations:
            try:
                opened = await self._client.conversations_open(users=user)
            except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
                return outcome_of(error, OPEN, user)
            self._conversations[user] = opened["channel"]["id"]
        return self._conversations[user]

    async def permalink(self, channel: str, ts: str) -> str:
        """The address of a message; empty when Slack does not say."""
        try:
            return str((await self._client.chat_getPermalink(channel=channel, message_ts=ts))["permalink"])
        except (SlackClientError, aiohttp.ClientError, TimeoutError, KeyError) as error:
            log.info("no link to %s in %s this time: %s", ts, channel, error)
            return ""

    async def whisper(self, channel: str, user: str, message: Message) -> Outcome:
        """A hint that only ``user`` sees, in the channel or else as a direct message. May be lost: hints only."""
        ephemeral = {"channel": channel, "user": user, "text": message.text, "blocks": message.blocks}
        outcome = await self._try(channel, WHISPER, ephemeral)
        if isinstance(outcome, Accepted | Limited | NotSent | Unknown):
            return outcome
        conversation = await self.conversation(user)
        return await self.post(conversation, message) if isinstance(conversation, str) else conversation

    async def _try(self, channel: str, method: str, arguments: dict[str, Any]) -> Outcome:
        try:
            answer = await self._client.api_call(method, json=arguments)
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            return outcome_of(error, method, channel)
        return Accepted(answer.get("channel") or channel, answer.get("ts") or answer.get("message_ts") or "")


def outcome_of(error: Exception, method: str, channel: str) -> Outcome:
    """What a failed call means for the message it carried."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return NotSent(f"Slack cannot be reached: {error}")
    if not isinstance(error, SlackApiError):
        return Unknown(f"no answer from Slack: {type(error).__name__} {error}".rstrip())
    response = error.response
    data = getattr(response, "data", None)
    word = error_word(error)
    status = getattr(response, "status_code", None) or getattr(response, "status", 0)
    if status == 429 or word in _LIMITED:
        return Limited(method, _retry_after(response))
    if status != 200 or not word or word in _UNCERTAIN:
        return Unknown(f"Slack answered {status} {word}".rstrip())
    if word in _CHANNEL_REMEDIES:
        return Misconfigured(channel, word, _CHANNEL_REMEDIES[word])
    if word in _TOKEN_REMEDIES:
        needed = data.get("needed") if isinstance(data, dict) else None
        return Misconfigured(None, f"{word}: {needed}" if needed else word, _TOKEN_REMEDIES[word])
    if word in _GONE:
        return Gone(word)
    details = (data.get("response_metadata") or {}).get("messages") if isinstance(data, dict) else None
    return Refused(f"{word}: {'; '.join(map(str, details))}" if details else word)


def _retry_after(response: Any) -> float:
    headers = getattr(response, "headers", None) or {}
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return seconds_to_wait(str(value), datetime.now(UTC), otherwise=DEFAULT_RETRY_AFTER_SECONDS)


def _query(arguments: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in arguments.items()}


def _outbox_id(message: Mapping[str, Any]) -> int | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != METADATA_EVENT:
        return None
    number = (metadata.get("event_payload") or {}).get("outbox_id")
    return number if isinstance(number, int) else None
