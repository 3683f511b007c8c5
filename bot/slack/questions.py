"""Questions to Slack that change nothing, each with whatever came of it as a value: for whoever checks a set-up.

Must not know: what the answers are compared with.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.connecting import why
from bot.slack.failures import error_word

SCOPES, DATE = "x-oauth-scopes", "date"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one question."""

    at: datetime
    """Our clock when it came."""
    error: str = ""
    """Slack's own word for no; empty where it answered."""
    lost: str = ""
    """Why nothing of Slack's came, in a few words without addresses; empty where something did."""
    data: Mapping[str, Any] = field(default_factory=dict)
    scopes: frozenset[str] | None = None
    """What the token was granted; None where that is not said."""
    date: str = ""
    """When Slack says it is, as it came."""


class Questions:
    """Asks with one bot token."""

    def __init__(self, client: AsyncWebClient, now: Callable[[], datetime]) -> None:
        self._client = client
        self._now = now

    async def who_we_are(self) -> Reply:
        """Whether Slack knows the bot token, and what it was granted."""
        return await self._reply(self._client.auth_test())

    async def where_to_connect(self, app_token: str) -> Reply:
        """Whether Slack would let us connect with the app-level token. Nothing is connected."""
        return await self._reply(self._client.apps_connections_open(app_token=app_token))

    async def channel(self, channel: str) -> Reply:
        """One conversation, by its id."""
        return await self._reply(self._client.conversations_info(channel=channel))

    async def person(self, user: str) -> Reply:
        """One account, by its id."""
        return await self._reply(self._client.users_info(user=user))

    async def members(self, usergroup: str) -> Reply:
        """Who is in a user group, by its id."""
        return await self._reply(self._client.usergroups_users_list(usergroup=usergroup))

    async def _reply(self, call: Awaitable[Any]) -> Reply:
        try:
            answer = await call
        except SlackApiError as error:
            word, response = error_word(error), error.response
            if not word:
                return Reply(self._now(), lost="what answers there does not answer as Slack does")
            return self._read(response, word)
        except TimeoutError:
            return Reply(self._now(), lost="not answering in time")
        except (SlackClientError, aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(self._now(), lost=f"not reachable ({why(error)})")
        return self._read(answer, "")

    def _read(self, answer: Any, error: str) -> Reply:
        told = {str(name).lower(): str(value) for name, value in dict(answer.headers or {}).items()}
        scopes = told.get(SCOPES)
        return Reply(
            self._now(),
            error=error,
            data=answer.data if isinstance(answer.data, dict) else {},
            scopes=None if scopes is None else frozenset(scopes.replace(" ", "").split(",")) - {""},
            date=told.get(DATE, ""),
        )
