"""Builds the one Web API client, and keeps a Socket Mode connection that does not go deaf unnoticed.

The SDK reconnects by itself in most cases. Connections nevertheless have been seen to stay open and silent, or to retry
for ever inside the SDK; the watchdog here checks signs of life and, when they stay away, builds everything anew with
a bounded teardown. One that answers pings but brings nothing for long is renewed on suspicion, the new one first.
/readyz and ``/watch status`` tell what it sees.

Must not know: listeners, the outbox.
"""

import asyncio
import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.failures import error_word

SLACK_API_URL = AsyncWebClient.BASE_URL
CALL_TIMEOUT_SECONDS = 10
PING_INTERVAL_SECONDS = 10.0
CHECK_SECONDS = 1.0
REBUILD_AFTER_SECONDS = 45.0
"""The SDK gives up a silent connection after four pings; we step in when that has not helped."""
RENEW_AFTER_SECONDS = 900.0
"""A forgotten connection answers pings but gets no envelopes; this bounds how long nobody can notice."""
ACK_SECONDS = 3.0
"""How long Slack waits for an acknowledgement."""
CONNECT_SECONDS = 20.0
TEARDOWN_SECONDS = 5.0
RECONNECT_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
FAREWELLS = {
    "link_disabled": "Socket Mode is switched off in the app's settings",
    "too_many_websockets": "the app has ten connections already; stop a replica",
    "warning": "Slack is about to move the connection",
    "refresh_requested": "Slack moves the connection",
}
"""Why Slack ends a connection, in words."""

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
        client.proxy = None  # the SDK takes HTTP_PROXY for any address and never reads NO_PROXY
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
    """What the watchdog saw at its last check."""

    connected: bool
    connected_since: datetime | None
    """When the present connection was made; None while there is none."""
    seconds_since_sign: float | None
    """Since the last envelope or pong; None before the first."""
    rebuilds: int
    """How often everything had to be built anew because the connection was not well; renewals do not count."""
    problem: str
    """In words, empty when all is well."""


@dataclass(slots=True, eq=False)
class _Line:
    """One connection with Slack, and what came in on it."""

    handler: AsyncSocketModeHandler
    heard_at: float = field(default_factory=time.monotonic)
    """Monotonic; the last frame from Slack that is no pong."""
    spoken: asyncio.Event = field(default_factory=asyncio.Event)
    """Slack has said hello, or that there will be no connection."""
    farewell: str = ""
    """Why Slack wants to end it, in Slack's word."""
    being_answered: int = 0
    """Envelopes that are not acknowledged yet."""
    all_answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, message: aiohttp.WSMessage) -> None:
        """Any frame with text: hello, an envelope, or Slack's wish to hang up."""
        self.heard_at = time.monotonic()
        with suppress(ValueError):  # what is no JSON is the SDK's to complain of
            match json.loads(message.data):
                case {"type": "hello"}:
                    self.farewell = ""
                    self.spoken.set()
                case {"type": "disconnect", "reason": str(reason)}:
                    self.farewell = reason
                    self.spoken.set()

    async def answer(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Let Bolt handle an envelope, and remember that it is being handled."""
        if not isinstance(client, SocketModeClient):
            raise TypeError(f"the envelope came from {client!r}, which is not our client")
        self.being_answered += 1
        self.all_answered.clear()
        try:
            await self.handler.handle(client, request)
        finally:
            self.being_answered -= 1
            if not self.being_answered:
                self.all_answered.set()

    def last_words(self) -> str:
        """Why Slack wants to end it, in ours."""
        return FAREWELLS.get(self.farewell, self.farewell)

    async def finish_answering(self) -> None:
        """Wait until everything that came in is acknowledged, but no longer than Slack waits for it."""
        if self.being_answered:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.all_answered.wait(), ACK_SECONDS)

    async def hang_up(self, within_seconds: float) -> None:
        """Close, or where the other side does not take part in that, cut."""
        try:
            async with asyncio.timeout(within_seconds):
                await self.handler.close_async()  # type: ignore[no-untyped-call] # slack_bolt leaves it open
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("the old connection did not close in time (%s); leaving it behind", type(error).__name__)
            client = self.handler.client
            for task in (client.message_processor, client.current_session_monitor, client.message_receiver):
                if task is not None:
                    task.cancel()
            await client.aiohttp_client_session.close()


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
        renew_after_seconds: float = RENEW_AFTER_SECONDS,
        teardown_seconds: float = TEARDOWN_SECONDS,
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._client = client
        self._ping_interval_seconds = ping_interval_seconds
        self._check_seconds = check_seconds
        self._rebuild_after_seconds = rebuild_after_seconds
        self._renew_after_seconds = renew_after_seconds
        self._teardown_seconds = teardown_seconds
        self._line: _Line | None = None
        self._watchdog: asyncio.Task[None] | None = None
        self._well_at = 0.0
        """Monotonic; when the connection last looked well."""
        self._renewal_tried_at = 0.0
        """Monotonic."""
        self._lines_lost = 0
        self._session: object = None
        """The WebSocket at the last check; the SDK replaces it by itself when Slack asks for it."""
        self._connected_since: datetime | None = None
        self._problem = "not started"
        self._address = ""
        """Where Slack wants to be called once; empty when it was not asked yet."""

    @property
    def state(self) -> ConnectionState:
        """How the connection stood when it was last checked."""
        return ConnectionState(
            connected=self.healthy,
            connected_since=self._connected_since,
            seconds_since_sign=self._seconds_since_sign(),
            rebuilds=self._lines_lost,
            problem=self._problem,
        )

    @property
    def healthy(self) -> bool:
        """Whether the last check found it well."""
        return self._connected_since is not None

    async def start(self) -> None:
        """Begin connecting. Does not wait until it is done: Slack may be away when we start."""
        self._problem = "connecting"
        self._watchdog = asyncio.create_task(self._keep_connected(), name="slack connection watchdog")

    async def ask_where(self) -> None:
        """Ask Slack where to connect; the next dial, and no later one, goes there.

        Raises:
            SlackApiError: Slack refuses, such as a token of another kind.
        """
        opened = await self._client.apps_connections_open(app_token=self._app_token)
        self._address = str(opened["url"])

    async def close(self) -> None:
        """Acknowledge what came in, and hang up. What it leads to is not waited for: drain that afterwards."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            with suppress(asyncio.CancelledError):
                await self._watchdog
        if self._line is not None:
            await self._line.finish_answering()
        await self._tear_down()
        self._note_trouble("closed")

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            try:
                pause = await self._tend(failures)
            except Exception:  # the watchdog outlives whatever the SDK comes up with
                log.exception("the connection to Slack failed; building it anew")
                await self._tear_down()
                self._note_trouble("the connection to Slack failed; see the log")
                pause = RECONNECT_SECONDS[-1]
            failures = failures + 1 if self._line is None else 0
            await asyncio.sleep(pause)

    async def _tend(self, failures: int) -> float:
        """Connect if there is no connection, else check it; how long to wait until the next time."""
        if self._line is None:
            self._line, problem = await self._dial()
            if self._line is None:
                self._note_trouble(problem)
                log.warning("no connection to Slack: %s", problem)
                return RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
        await self._look(self._line)
        return self._check_seconds

    async def _look(self, line: _Line) -> None:
        """One check of the connection; take it down when it has not been well for too long."""
        now = time.monotonic()
        if await line.handler.client.is_connected():
            self._note_well(line, now)
            if now - max(line.heard_at, self._renewal_tried_at) > self._renew_after_seconds:
                await self._renew(line)
            return
        silent = now - self._well_at
        why = f" ({line.last_words()})" if line.farewell else ""
        self._note_trouble(f"no sign of life from Slack for {silent:.0f} s{why}")
        if silent > self._rebuild_after_seconds:
            log.warning("%s; building the connection anew", self._problem)
            self._lines_lost += 1
            await self._tear_down()

    async def _renew(self, old: _Line) -> None:
        """Replace a connection on which nothing but pongs has come in for long; the old one stays until then.

        It may be a quiet night, or a connection that Slack has forgotten: nobody can tell the two apart.
        """
        self._renewal_tried_at = time.monotonic()
        line, problem = await self._dial()
        if line is None:
            log.warning("a connection on which little is heard could not be renewed: %s", problem)
            return
        self._line = line
        self._note_well(line, time.monotonic())
        await old.finish_answering()
        await old.hang_up(self._teardown_seconds)

    async def _dial(self) -> tuple[_Line | None, str]:
        """Connect anew, up to Slack's hello; without a line, what went wrong in words."""
        line = self._new_line()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                # Asked for here: the SDK's loop would hide the reason, retry for ever, and trip over an answer
                # that is not JSON.
                if not self._address:
                    await self.ask_where()
                line.handler.client.wss_uri, self._address = self._address, ""
                await line.handler.connect_async()  # type: ignore[no-untyped-call] # slack_bolt leaves it open
                await line.spoken.wait()
            if not line.farewell:
                return line, ""
            problem = f"Slack hangs up at once: {line.last_words()}"
        except SlackApiError as error:
            word = error_word(error)
            problem = f"Slack refuses the connection: {word}; check SLACK_APP_TOKEN" if word else f"{error}"
        except (SlackClientError, aiohttp.ClientError, TimeoutError, OSError) as error:
            problem = f"Slack cannot be reached: {type(error).__name__} {error}".rstrip()
        except BaseException:
            await line.hang_up(self._teardown_seconds)
            raise
        await line.hang_up(self._teardown_seconds)
        return None, problem

    def _new_line(self) -> _Line:
        handler = AsyncSocketModeHandler(
            self._app, self._app_token, web_client=self._client, ping_interval=self._ping_interval_seconds
        )
        if on_this_machine(self._client.base_url):
            handler.client.proxy = None
        line = _Line(handler)
        handler.client.on_message_listeners.append(line.hear)
        handler.client.socket_mode_request_listeners = [line.answer]
        return line

    async def _tear_down(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.hang_up(self._teardown_seconds)

    def _note_well(self, line: _Line, now: float) -> None:
        self._problem, self._well_at = "", now
        if self._connected_since is None or line.handler.client.current_session is not self._session:
            self._connected_since, self._session = datetime.now(UTC), line.handler.client.current_session

    def _note_trouble(self, problem: str) -> None:
        self._problem, self._connected_since = problem, None

    def _seconds_since_sign(self) -> float | None:
        if self._line is None:
            return None
        signs = [time.monotonic() - self._line.heard_at]
        pong_at = self._line.handler.client.last_ping_pong_time
        if pong_at is not None:
            signs.append(time.time() - pong_at)
        return max(0.0, min(signs))
