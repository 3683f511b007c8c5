"""A monitor on loopback that answers each query with the very bytes that a story gives it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


def saying(document: object, status: int = 200, **more: object) -> bytes:
    """A whole HTTP response with this document (or text) as its body."""
    body = document if isinstance(document, str) else json.dumps(document)
    return response(body.encode(), status)


def response(body: bytes, status: int = 200, *, length: int | None = None) -> bytes:
    """``length``: what the headers claim, where the connection ends before that."""
    claimed = len(body) if length is None else length
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, claimed) + body


def vector(*samples: object, **beside: object) -> dict[str, object]:
    """An instant vector as Prometheus answers it, with anything else it says beside the result."""
    series = [{"metric": {"n": str(number)}, "value": [1, sample]} for number, sample in enumerate(samples)]
    return {"status": "success", "data": {"resultType": "vector", "result": series}, **beside}


@asynccontextmanager
async def monitor(answers: Mapping[str, bytes], otherwise: bytes = b"") -> AsyncIterator[str]:
    """Its address; a query that is not among ``answers`` gets ``otherwise``."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.decode().split(" ")[1]
        (query,) = parse_qs(urlsplit(target).query).get("query", [""])
        writer.write(answers.get(query, otherwise))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
