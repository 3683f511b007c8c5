"""The listening socket, and what whoever reaches it may cost: connections, time to send a request, memory.

A connection that has not sent a whole request costs little, and gives way when there are too many: the one that has
waited longest goes first. So those who send nothing can never keep out those who do.
Must not know: what is asked for.
"""

import asyncio
import logging
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

CONNECTIONS_MAX = 512
FILES_SHARE = 2
"""No more connections than this part of the files that the process may open: databases and Slack need some too."""
SERVER_SETTINGS: dict[str, Any] = {
    "keepalive_timeout": 20.0,  # for the first request's headers to come whole, and for a further request to begin
    "lingering_time": 2.0,  # of what is sent after the answer, so that the answer is read
    "read_bufsize": 64 * 1024,
    "max_headers": 64,
    "auto_decompress": False,  # whoever sends it is not known yet
    "access_log": None,
}
"""How aiohttp serves; in seconds and bytes."""
TOLD_EVERY_SECONDS = 60.0
NO_HTTP = "This is no request in HTTP that is read here."
"""All that whoever sends one is told: aiohttp would quote it, and a credential may be in it."""
NOT_EXPECTED = "Nothing but 100-continue can be expected here."

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = logging.getLogger(__name__)


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, *, shutdown_seconds: float, connections_max: int | None = None
) -> AsyncIterator[tuple[str, int]]:
    """Serves ``app`` while the block runs; yields the address that was bound.

    Args:
        port: 0 for any that is free.
        shutdown_seconds: how long requests may take to end afterwards.
        connections_max: at once; None for as many as the process can afford.

    Raises:
        OSError: the address cannot be listened on.
    """
    lines = _Lines(connections_max or affordable_connections())
    app.middlewares.append(lines.middleware)
    app.on_response_prepare.insert(0, _unquoted)
    runner = web.AppRunner(app, shutdown_timeout=shutdown_seconds, **SERVER_SETTINGS)
    await runner.setup()
    try:
        http, loop, unreadable = cast("web.Server", runner.server), asyncio.get_running_loop(), _Unreadable()
        lines.serve = lambda: _Speaker(http, unreadable, loop)
        server = await asyncio.get_running_loop().create_server(lines.accept, host, port)
        try:
            bound_host, bound_port = server.sockets[0].getsockname()[:2]
            yield bound_host, bound_port
        finally:
            server.close()
    finally:
        await runner.cleanup()


def affordable_connections() -> int:
    """As many as ``CONNECTIONS_MAX``, or fewer where few files may be open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CONNECTIONS_MAX if files == resource.RLIM_INFINITY else max(1, min(CONNECTIONS_MAX, files // FILES_SHARE))


async def _unquoted(_request: web.Request, response: web.StreamResponse) -> None:
    """Answer in our words where aiohttp would repeat what was sent."""
    if isinstance(response, web.HTTPExpectationFailed):
        response.text = NOT_EXPECTED
        response.headers["Content-Length"] = str(len(NOT_EXPECTED))  # of the other text until now


class _Unreadable:
    """Counts requests that are no HTTP, and says so once in a while: anybody can send as many as they like."""

    def __init__(self) -> None:
        self._count = 0
        self._told_at: float | None = None

    def add(self, error: HttpProcessingError, now: float) -> None:
        """One more, at ``now`` (seconds of any clock)."""
        self._count += 1
        if self._told_at is None or now - self._told_at >= TOLD_EVERY_SECONDS:
            log.warning("%d request(s) were no HTTP that is read here; the last: %s", self._count, type(error).__name__)
            self._count, self._told_at = 0, now


class _Speaker(web.RequestHandler):
    """Speaks HTTP on one connection, and quotes nobody."""

    __slots__ = ("_unreadable",)

    def __init__(self, http: web.Server, unreadable: _Unreadable, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(http, loop=loop, **SERVER_SETTINGS)
        self._unreadable = unreadable

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be answered otherwise; the connection is closed then."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._unreadable.add(exc, asyncio.get_running_loop().time())
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent already")  # aiohttp then ends the connection
        response = web.Response(status=status, text=NO_HTTP)
        response.force_close()
        return response


class _Lines:
    """The open connections; whichever moved last stands last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[asyncio.BaseTransport, _Line] = {}
        self.serve: Callable[[], asyncio.Protocol]
        """Makes the protocol that speaks HTTP on one of them."""

    def accept(self) -> "_Line":
        """A connection is there: what is told of it from now on."""
        return _Line(self, self.serve())

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Knows which request a line is busy with."""
        line = None if request.transport is None else self._open.get(request.transport)
        if line is None:
            raise web.HTTPServiceUnavailable  # cut while its request was on its way: nobody reads this
        line.request = request
        self._moved(line)
        try:
            return await handler(request)
        finally:
            line.request = None
            self._moved(line)

    def opened(self, line: "_Line") -> None:
        """Make room for it where there is none; where everybody is being served, it must come again."""
        if len(self._open) >= self._most:
            slowest = next((other for other in self._open.values() if not other.served), line)
            self.closed(slowest)
            slowest.transport.abort()
            if slowest is line:
                return
        self._open[line.transport] = line

    def closed(self, line: "_Line") -> None:
        """It is, or is about to be."""
        self._open.pop(line.transport, None)

    def _moved(self, line: "_Line") -> None:
        if self._open.pop(line.transport, None) is not None:
            self._open[line.transport] = line


class _Line(asyncio.Protocol):
    """One connection: hands on to aiohttp whatever asyncio says of it."""

    transport: asyncio.Transport

    def __init__(self, lines: _Lines, http: asyncio.Protocol) -> None:
        self._lines = lines
        self._http = http
        self.request: web.Request | None = None

    @property
    def served(self) -> bool:
        """Its request has come whole, and the answer is being made."""
        return self.request is not None and self.request.content.is_eof()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._http.connection_made(transport)
        self._lines.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lines.closed(self)
        self._http.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        return self._http.eof_received()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()
