"""Builds the one Web API client, and keeps a Socket Mode connection that does not go deaf unnoticed.

The SDK reconnects by itself in most cases. Connections nevertheless have been seen to stay open and silent, or to retry
for ever inside the SDK; the watchdog here looks at signs of life and, when they stay away, builds everything anew with
a bounded teardown. /readyz tells what it sees.

Must not know: listeners, the outbox.
"""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.failures import error_word

SLACK_API_URL = AsyncWebClient.BASE_URL
CALL_TIMEOUT_SECONDS = 10
PING_INTERVAL_SECONDS = 10.0
CHECK_SECONDS = 1.0
REBUILD_AFTER_SECONDS = 45.0
"""The SDK gives up a silent connection after four pings; we step in when that has not helped."""
CONNECT_SECONDS = 20.0
TEARDOWN_SECONDS = 5.0
RECONNECT_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)

log = logging.getLogger(__name__)


def build_client(
    token: str, api_url: str = SLACK_API_URL, session: aiohttp.ClientSession | None = None
) -> AsyncWebClient:
    """The Web API client: one time-out, and neither retries nor sleeps inside a call.

    A repeated POST can post twice, and a sleeping 429 handler would hold up its caller; the courier does both
    knowingly. ``api_url`` other than Slack's leads to a local workspace or a test. With a ``session``, which the
    caller closes, connections are kept; without one, every call opens its own.
    """
    client = AsyncWebClient(
        token=token, base_url=api_url, timeout=CALL_TIMEOUT_SECONDS, session=session, retry_handlers=[]
    )
    if on_this_machine(api_url):
        client.proxy = None  # the SDK takes HTTP_PROXY for any address and never looks at NO_PROXY
    return client


def on_this_machine(url: str) -> bool:
    """Whether a URL names the loopback interface."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """What the watchdog saw at its last look."""

    connected: bool
    seconds_since_sign: float | None
    """Since the last envelope or pong; None before the first."""
    rebuilds: int
    problem: str
    """In words, empty when all is well."""


class Connection:
    """One Socket Mode connection for one Bolt app, watched."""

    def __init__(
        self,
        app: AsyncApp,
        app_token: str,
        client: AsyncWebClient,
        *,
        ping_interval_seconds: float = PING_INTERVAL_SECONDS,
        check_seconds: float = CHECK_SECONDS,
        rebuild_after_seconds: float = REBUILD_AFTER_SECONDS,
        teardown_seconds: float = TEARDOWN_SECONDS,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._client = client
        self._ping_interval_seconds = ping_interval_seconds
        self._check_seconds = check_seconds
        self._rebuild_after_seconds = rebuild_after_seconds
        self._teardown_seconds = teardown_seconds
        self._handler: AsyncSocketModeHandler | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._heard_at: float | None = None
        """Monotonic; the last envelope of any kind."""
        self._well_at = 0.0
        """Monotonic; when the connection last looked well."""
        self._builds = 0
        self._connected = False
        self._problem = "not started"

    @property
    def state(self) -> ConnectionState:
        return ConnectionState(
            connected=self._connected,
            seconds_since_sign=self._seconds_since_sign(),
            rebuilds=max(0, self._builds - 1),
            problem=self._problem,
        )

    @property
    def healthy(self) -> bool:
        """Whether the last look found it well."""
        return self._connected

    async def start(self) -> None:
        """Begin connecting. Does not wait until it is done: Slack may be away when we start."""
        self._problem = "connecting"
        self._watchdog = asyncio.create_task(self._watch(), name="slack connection watchdog")

    async def close(self) -> None:
        """Hang up. Listeners in flight are not waited for: drain them first."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            with suppress(asyncio.CancelledError):
                await self._watchdog
        await self._tear_down()
        self._connected, self._problem = False, "closed"

    async def _watch(self) -> None:
        failures = 0
        while True:
            try:
                pause = await self._tend(failures)
            except Exception:  # the watchdog outlives whatever the SDK comes up with
                log.exception("the connection to Slack failed; building it anew")
                await self._tear_down()
                pause = RECONNECT_SECONDS[-1]
            failures = failures + 1 if self._handler is None else 0
            await asyncio.sleep(pause)

    async def _tend(self, failures: int) -> float:
        """Connect if there is no connection, else look at it; how long to wait until the next time."""
        if self._handler is None:
            self._problem = await self._build()
        if self._handler is None:
            self._connected = False
            log.warning("no connection to Slack: %s", self._problem)
            return RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
        await self._look(self._handler)
        return self._check_seconds

    async def _look(self, handler: AsyncSocketModeHandler) -> None:
        """One look at the connection; take it down when it has not been well for too long."""
        now = time.monotonic()
        if await handler.client.is_connected() and self._heard_at is not None:
            self._connected, self._problem, self._well_at = True, "", now
            return
        self._connected = False
        silent = now - self._well_at
        self._problem = f"no sign of life from Slack for {silent:.0f} s"
        if silent > self._rebuild_after_seconds:
            log.warning("%s; building the connection anew", self._problem)
            await self._tear_down()

    async def _build(self) -> str:
        """Connect anew; what went wrong in words, or nothing."""
        handler = AsyncSocketModeHandler(
            self._app, self._app_token, web_client=self._client, ping_interval=self._ping_interval_seconds
        )
        if on_this_machine(self._client.base_url):
            handler.client.proxy = None
        handler.client.message_listeners.append(self._heard)
        self._heard_at = None
        self._handler = handler
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # Asked for here: the SDK's loop would hide the reason, retry for ever, and trip over an answer
                # that is not JSON.
                opened = await self._client.apps_connections_open(app_token=self._app_token)
                handler.client.wss_uri = opened["url"]
                await handler.connect_async()  # type: ignore[no-untyped-call] # slack_bolt leaves it open
        except SlackApiError as error:
            word = error_word(error)
            problem = f"Slack refuses the connection: {word}; check SLACK_APP_TOKEN" if word else f"{error}"
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = f"Slack cannot be reached: {type(error).__name__} {error}".rstrip()
        else:
            self._builds += 1
            self._well_at = time.monotonic()
            return ""
        await self._tear_down()
        return problem

    async def _tear_down(self) -> None:
        handler, self._handler = self._handler, None
        if handler is None:
            return
        try:
            async with asyncio.timeout(self._teardown_seconds):
                await handler.close_async()  # type: ignore[no-untyped-call] # slack_bolt leaves it open
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("the old connection did not close in time (%s); leaving it behind", type(error).__name__)
            await handler.client.aiohttp_client_session.close()

    async def _heard(self, _client: Any, _message: dict[str, Any], _raw: str | None) -> None:
        self._heard_at = time.monotonic()

    def _seconds_since_sign(self) -> float | None:
        signs = []
        if self._heard_at is not None:
            signs.append(time.monotonic() - self._heard_at)
        pong_at = self._handler.client.last_ping_pong_time if self._handler is not None else None
        if pong_at is not None:
            signs.append(time.time() - pong_at)
        return max(0.0, min(signs)) if signs else None
