"""Asking over HTTP: one deadline for all of it, an answer of bounded size, and one kind of error for all else.

Nothing of an answer is trusted. It comes as bytes, neither unpacked nor decoded as it says itself, and whatever a
library makes of a broken one is a ``NoAnswerError``. Each request has a connection of its own, which costs a
millisecond and leaves no state behind; cancelling it closes the connection. This module must not know who asks.
"""

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn

import aiohttp

from bot.connecting import why

CHUNK_BYTES = 65_536


class Lost(Enum):
    """How there came to be no answer."""

    ADDRESS = "the address cannot be used"
    UNREACHABLE = "not reachable"
    """There was no connection, so the other side has seen nothing."""
    SILENT = "no answer in time"
    BROKEN = "it broke off or speaks no HTTP"
    TOO_LARGE = "the answer is too large"


class NoAnswerError(Exception):
    """There is no answer; the text says why in a few words of ours, without addresses or credentials."""

    def __init__(self, lost: Lost, cause: Exception | None = None, *, connected: bool = True) -> None:
        named = cause is not None and lost is not Lost.SILENT
        super().__init__(f"{lost.value} ({why(cause)})" if named else lost.value)
        self.lost = lost
        self.cause = cause
        self.connected = connected
        """False: the other side has seen nothing of the request."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What was answered, whatever its status."""

    status: int
    body: bytes
    date: str = ""
    """When the other side says it is, as it came; empty where it does not say."""


async def answer_of(
    method: str,
    url: str,
    *,
    within_seconds: float,
    limit_bytes: int,
    cut: bool = False,
    only: int | None = None,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    connector: aiohttp.BaseConnector | None = None,
) -> HttpAnswer:
    """Ask once, follow nothing, and have the answer within ``within_seconds``.

    Args:
        limit_bytes: the most that a body may be.
        cut: what is beyond the limit is left unread, and is no error.
        only: where the status is another, the body is left unread.
        connector: another way than TCP; closed with the request.

    Raises:
        NoAnswerError: whatever else came of it.
    """
    connected = asyncio.Event()
    given = {"Accept-Encoding": "identity", **(headers or {})}
    try:
        async with (
            asyncio.timeout(within_seconds),
            _session(connector, connected) as session,
            session.request(method, url, data=data, headers=given, allow_redirects=False) as response,
        ):
            date = response.headers.get("Date", "")
            if only not in (None, response.status):
                return HttpAnswer(response.status, b"", date)
            return HttpAnswer(response.status, await _body(response.content, limit_bytes, cut), date)
    except NoAnswerError:
        raise
    except Exception as error:  # whatever a library makes of what came
        raise NoAnswerError(_lost(error, connected.is_set()), error, connected=connected.is_set()) from error


def json_in(body: bytes) -> Any:
    """What a body says in JSON, which can then be stored and hashed.

    Raises:
        ValueError: it is none, however it is broken; numbers that are none and lone surrogates included.
    """
    try:
        text = body.decode()
        found = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        if "\\ud" in text.lower():  # a pair makes one character, and half of one nothing that UTF-8 can write
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested without end") from error
    return found


def _finite(digits: str) -> float:
    found = float(digits)
    return found if math.isfinite(found) else _no_number(digits[:40])


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _session(connector: aiohttp.BaseConnector | None, connected: asyncio.Event) -> aiohttp.ClientSession:
    async def note(*_: Any) -> None:
        connected.set()

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(note)
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,  # a small answer cannot unpack into a large one
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # there is one for all of it
        trace_configs=[tracing],
    )


async def _body(content: aiohttp.StreamReader, limit_bytes: int, cut: bool) -> bytes:
    body = b""
    while len(body) < limit_bytes or not cut:
        chunk = await content.read(CHUNK_BYTES)
        if not chunk:
            break
        body += chunk
        if len(body) > limit_bytes and not cut:
            raise NoAnswerError(Lost.TOO_LARGE)
    return body[:limit_bytes]


def _lost(error: Exception, connected: bool) -> Lost:
    match error:
        case TimeoutError():
            return Lost.SILENT
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | aiohttp.ClientConnectorDNSError():
            return Lost.ADDRESS
        case ValueError() if not connected:  # such as a name that no host can have
            return Lost.ADDRESS
    return Lost.BROKEN if connected else Lost.UNREACHABLE
