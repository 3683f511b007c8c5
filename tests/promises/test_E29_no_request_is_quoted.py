"""E29: what a stranger sends is repeated neither to them nor in the log: a credential may be in it.

However broken the request is.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request

from handlers.bodies import Bodies, BodyError
from handlers.web import listener
from handlers.web.listener import NO_HTTP, listening
from tests.fixtures.canaries import MARKER, Watch, gathering
from tests.scenarios.small_stage import small_stage

SECRET = f"{MARKER}of-a-stranger"
HOST = "Host: watch.example.com\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
REQUESTS = {
    "a control character in a header": f"GET /healthz HTTP/1.1\r\n{HOST}Authorization: Bearer {SECRET}\1\r\n\r\n",
    "a header without a colon": f"GET /healthz HTTP/1.1\r\n{HOST}Authorization Bearer {SECRET}\r\n\r\n",
    "a folded header": f"GET /healthz HTTP/1.1\r\n{HOST}Authorization: Bearer\r\n {SECRET}\r\n\r\n",
    "a header that is too long": f"GET /healthz HTTP/1.1\r\n{HOST}Authorization: {SECRET * 1000}\r\n\r\n",
    "an address that is too long": f"GET /{SECRET * 1000} HTTP/1.1\r\n{HOST}\r\n",
    "an address that is none": f"GET http://[{SECRET}/ HTTP/1.1\r\n{HOST}\r\n",
    "a NUL in an address": f"GET /\0{SECRET} HTTP/1.1\r\n{HOST}\r\n",
    "an unknown method": f"{SECRET} /healthz HTTP/1.1\r\n{HOST}\r\n",
    "no HTTP at all": f"{SECRET}\r\n\r\n",
    "an unknown version": f"GET /?token={SECRET} HTTP/9.9\r\n{HOST}\r\n",
    "a length that is none": f"POST /changes HTTP/1.1\r\n{HOST}Content-Length: {SECRET}\r\n\r\n",
    "an unknown transfer encoding": f"POST /changes HTTP/1.1\r\n{HOST}Transfer-Encoding: {SECRET}\r\n\r\n",
    "a chunk that is none": f"POST /changes HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{SECRET}\r\n\r\n",
    "an expectation": f"POST /changes HTTP/1.1\r\n{HOST}Expect: {SECRET}\r\nContent-Length: 0\r\n\r\n",
    "a content encoding": f"POST /changes HTTP/1.1\r\n{HOST}Content-Encoding: {SECRET}\r\nContent-Length: 0\r\n\r\n",
    "a monitor": f"POST /alerts/{SECRET} HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n",
    "a wrong token": f"POST /alerts/alertmanager HTTP/1.1\r\n{HOST}Authorization: Bearer {SECRET}\r\n"
    "Content-Length: 0\r\n\r\n",
    "a wrong signature": f"POST /changes HTTP/1.1\r\n{HOST}X-Watchkeeper-Signature: {SECRET}\r\n"
    f"X-Watchkeeper-Request-Timestamp: {SECRET}\r\nContent-Length: 0\r\n\r\n",
    "a link": f"GET /links/{SECRET} HTTP/1.1\r\n{HOST}\r\n",
    "no page": f"GET /{SECRET}?token={SECRET} HTTP/1.1\r\n{HOST}Referer: {SECRET}\r\nCookie: a={SECRET}\r\n\r\n",
    "HTTP/2": f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SECRET}",
}


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with gathering(tmp_path) as watch:
        yield watch


async def answered(address: tuple[str, int], request: str) -> str:
    """The whole answer; before it, what was answered to the headers alone."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request.encode("latin-1"))
    answer = b""
    async with asyncio.timeout(20):
        while answer.endswith(CONTINUE) or not answer:
            answer += await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", answer)
        assert length, answer
        answer += await reader.readexactly(int(length[1]))
    writer.close()
    return answer.decode("latin-1")


async def test_nobody_is_told_what_they_sent_and_neither_is_the_log(tmp_path: Path, watch: Watch) -> None:
    async with small_stage(tmp_path) as here:
        host, _, port = here.bot_url.removeprefix("http://").rpartition(":")
        for what, request in REQUESTS.items():
            answer = await answered((host, int(port)), request)
            assert answer.startswith("HTTP/1."), what
            assert answer[9] == "4", f"{what}: {answer}"
            watch.saw(f"the answer to {what}", answer)
    assert watch.leaks() == []


async def answers_well(_request: web.Request) -> web.Response:
    return web.Response(text="well")


@asynccontextmanager
async def a_listener() -> AsyncIterator[tuple[str, int]]:
    app = web.Application()
    app.router.add_get("/healthz", answers_well)
    app.router.add_post("/healthz", answers_well)
    async with listening(app, "127.0.0.1", 0, shutdown_seconds=1) as address:
        yield address


async def test_many_such_requests_are_few_lines_of_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "TOLD_EVERY_SECONDS", 10_000.0)
    async with a_listener() as address:
        for _ in range(20):
            answer = await answered(address, REQUESTS["a header without a colon"])
            assert answer.startswith("HTTP/1.0 400 ")
            assert answer.endswith(f"\r\n\r\n{NO_HTTP}")
    (entry,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert entry.getMessage() == "1 request(s) were no HTTP that is read here; the last: BadHttpMessage"


async def test_they_are_counted_until_they_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_listener() as address:
        for _ in range(3):
            await answered(address, REQUESTS["no HTTP at all"])
        monkeypatch.setattr(listener, "TOLD_EVERY_SECONDS", 0.0)
        await answered(address, REQUESTS["a NUL in an address"])
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert told[1:] == ["3 request(s) were no HTTP that is read here; the last: InvalidURLError"]


async def test_an_expectation_is_answered_whole_and_the_usual_one_is_met() -> None:
    async with a_listener() as address:
        refused = await answered(address, f"POST /healthz HTTP/1.1\r\n{HOST}Expect: {SECRET}\r\n\r\n")
        assert refused.endswith(f"\r\n\r\n{listener.NOT_EXPECTED}")
        assert f"Content-Length: {len(listener.NOT_EXPECTED)}\r\n" in refused
        met = await answered(address, f"POST /healthz HTTP/1.1\r\n{HOST}Expect: 100-continue\r\n\r\n")
        assert met.startswith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


async def test_a_body_that_is_not_what_its_headers_say_is_not_quoted() -> None:
    loop = asyncio.get_running_loop()
    content = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    content.set_exception(web.RequestPayloadError(f"400, message: Invalid character in chunk size: {SECRET}"))
    with pytest.raises(BodyError) as refused:
        await Bodies(1000).read(make_mocked_request("POST", "/alerts/alertmanager", payload=content))
    assert str(refused.value) == "the body is not what its headers say"
