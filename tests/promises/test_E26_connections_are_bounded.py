"""E26: whoever opens connections and sends nothing, or half of something, keeps nobody out."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

from handlers.web.listener import CONNECTIONS_MAX, FILES_SHARE, SERVER_SETTINGS, affordable_connections, listening

MOST = 8
PATIENCE_SECONDS = 60
HALF = (b"", b"GET /hea", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
HALF_A_BODY = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"


class Lines:
    """A listener with places for ``MOST``, and connections to it."""

    def __init__(self) -> None:
        self.address = ("", 0)
        self.go_on = asyncio.Event()
        self.begun = asyncio.Semaphore(0)
        self._opened: list[asyncio.StreamWriter] = []

    async def open(self, sent: bytes) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(*self.address)
        self._opened.append(writer)
        writer.write(sent)
        return reader

    async def ask(self, path: str) -> int:
        reader = await self.open(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
        return int((await reader.read()).split()[1])

    async def alive(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def read(self, request: web.Request) -> web.Response:
        return web.Response(text=await request.text())

    async def work(self, _request: web.Request) -> web.Response:
        self.begun.release()
        await self.go_on.wait()
        return web.Response(status=201)

    async def close(self) -> None:
        for writer in self._opened:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def lines(**settings: Any) -> AsyncIterator[Lines]:
    app = web.Application()
    async with asyncio.timeout(PATIENCE_SECONDS):
        here = Lines()
        app.router.add_get("/healthz", here.alive)
        app.router.add_get("/work", here.work)
        app.router.add_post("/read", here.read)
        async with listening(app, "127.0.0.1", 0, shutdown_seconds=0, **settings) as address:
            here.address = address
            yield here
            await here.close()


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the other side closed or cut the line."""
    with suppress(ConnectionError):
        return await reader.read()
    return b""


@pytest.mark.parametrize("half", [*HALF, HALF_A_BODY])
async def test_many_half_sent_requests_keep_nobody_out(half: bytes) -> None:
    async with lines(connections_max=MOST) as here:
        idle = [await here.open(half) for _ in range(5 * MOST)]
        assert [await here.ask("/healthz") for _ in range(2 * MOST)] == [200] * 2 * MOST
        for reader in idle[:MOST]:
            await ended(reader)


async def test_whoever_is_being_served_is_never_cut_off_for_a_newcomer() -> None:
    async with lines(connections_max=MOST) as here:
        served = [asyncio.create_task(here.ask("/work")) for _ in range(MOST)]
        for _ in served:
            await here.begun.acquire()
        assert await ended(await here.open(HALF[-1])) == b"", "there is no room, so it must come again"
        here.go_on.set()
        assert await asyncio.gather(*served) == [201] * MOST
        assert await here.ask("/healthz") == 200


async def test_places_that_were_given_up_are_free_again() -> None:
    async with lines(connections_max=1) as here:
        for _ in range(3 * MOST):
            assert await here.ask("/healthz") == 200


@pytest.mark.parametrize("half", HALF)
async def test_time_to_send_a_request_and_to_send_another_is_bounded(
    half: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 0 < SERVER_SETTINGS["keepalive_timeout"] <= 30
    monkeypatch.setitem(SERVER_SETTINGS, "keepalive_timeout", 0.05)
    async with lines() as here:
        answer = await ended(await here.open(half))
    assert answer.startswith(b"HTTP/1.1 200" if half == HALF[-1] else b"")


async def test_what_goes_on_coming_after_the_answer_is_not_read_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < SERVER_SETTINGS["lingering_time"] <= 5
    monkeypatch.setitem(SERVER_SETTINGS, "lingering_time", 0.05)
    async with lines() as here:
        head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        assert (await ended(await here.open(head))).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("files", "connections"),
    [(1024, 512), (256, 128), (100_000, CONNECTIONS_MAX), (resource.RLIM_INFINITY, CONNECTIONS_MAX), (1, 1)],
)
def test_connections_leave_files_for_everything_else(
    files: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (files, files))
    assert affordable_connections() == connections
    assert connections == 1 or files == resource.RLIM_INFINITY or connections * FILES_SHARE <= files
