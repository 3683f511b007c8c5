"""One XML-RPC request to a supervisord, over its UNIX socket or TCP, with an end in time and an answer of bounded size.

Each request has a connection of its own, which costs a millisecond and leaves no state behind; cancelling it closes the
connection. What went wrong is told apart by what the server can have seen of the request.
"""

import asyncio
import xmlrpc.client
from base64 import b64encode
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

import aiohttp

ANSWER_LIMIT_BYTES = 4_000_000
"""supervisord needs 1.5 kB to tell of one process."""
PARSED_AT_ONCE_BYTES = 64_000
"""A longer answer is parsed in a thread, so that it does not hold up everything else."""
CHUNK_BYTES = 65_536
UNREADABLE = (ExpatError, xmlrpc.client.Error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What Python's parser makes of XML that is no XML-RPC."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The server has understood, and refused."""

    code: int


class NotConnectedError(Exception):
    """There was no connection, so the server has seen nothing of the request; the cause says why."""


class LostError(Exception):
    """Whether the server has done what it was asked for is unknown; the cause says how it was lost."""


class ForeignError(Exception):
    """What answered is no supervisord; the text says what came: "more than 4 MB"."""


class StatusError(Exception):
    """It answered with a status of HTTP that means no."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


async def request(
    server: str, credentials: tuple[str, str] | None, method: str, arguments: tuple[Any, ...], seconds: float
) -> Any:
    """What the server answers, as Python has it, or a ``Fault``; all of it within ``seconds``.

    Raises:
        NotConnectedError, LostError, ForeignError, StatusError: there is no answer.
    """
    body = xmlrpc.client.dumps(arguments, method, encoding="utf-8", allow_none=False).encode()
    connected = asyncio.Event()
    try:
        async with asyncio.timeout(seconds), _session(server, credentials, connected) as session:
            async with session.post("/RPC2", data=body, allow_redirects=False) as response:
                if response.status != HTTPStatus.OK:
                    raise StatusError(response.status)
                answer = await _bounded(response.content)
            if len(answer) <= PARSED_AT_ONCE_BYTES:
                return _parsed(answer)
            return await asyncio.to_thread(_parsed, answer)
    except aiohttp.ClientConnectorError as error:
        raise NotConnectedError from error.os_error
    except (aiohttp.ClientError, OSError, ValueError) as error:  # a time-out is an OSError
        if not connected.is_set():
            raise NotConnectedError from error
        raise LostError from error


def _session(server: str, credentials: tuple[str, str] | None, connected: asyncio.Event) -> aiohttp.ClientSession:
    async def note(*_: Any) -> None:
        connected.set()

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(note)
    address = urlsplit(server)
    local = address.scheme == "unix"
    return aiohttp.ClientSession(
        "http://localhost" if local else f"http://{address.netloc}",
        connector=aiohttp.UnixConnector(address.path) if local else aiohttp.TCPConnector(),
        headers={"Content-Type": "text/xml", "Accept-Encoding": "identity", **_authority(credentials)},
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[tracing],
    )


def _authority(credentials: tuple[str, str] | None) -> dict[str, str]:
    if credentials is None:
        return {}
    return {"Authorization": f"Basic {b64encode(':'.join(credentials).encode()).decode()}"}


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    answer = b""
    async for chunk in content.iter_chunked(CHUNK_BYTES):
        answer += chunk
        if len(answer) > ANSWER_LIMIT_BYTES:
            raise ForeignError(f"more than {ANSWER_LIMIT_BYTES // 1_000_000} MB")
    return answer


def _parsed(answer: bytes) -> Any:
    try:
        values, _ = xmlrpc.client.loads(answer)
        return values[0]
    except xmlrpc.client.Fault as fault:
        if isinstance(fault.faultCode, int):
            return Fault(fault.faultCode)
        raise ForeignError("an unreadable fault") from fault
    except UNREADABLE as error:
        raise ForeignError("something else") from error
