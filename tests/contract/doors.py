"""Doors that stand where a real system would, and that lie, or break off: what a proxy or a wrong port does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

PAGE = b"<html>It works!</html>"
PLAIN_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\nConnection: close\r\n\r\n" + PAGE
BROKEN_OFF = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 4000\r\n\r\n<?xml version='1.0'?><metho"

Reader = Callable[[asyncio.StreamReader], Awaitable[object]]


async def http_request(reader: asyncio.StreamReader) -> None:
    """Read one request whole."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().casefold()
    _, _, length = head.partition("content-length:")
    await reader.readexactly(int(length.split()[0]) if length else 0)


async def line(reader: asyncio.StreamReader) -> None:
    """Read one line."""
    await reader.readuntil(b"\r\n")


@asynccontextmanager
async def answering(answer: bytes, socket: Path, request: Reader = http_request) -> AsyncIterator[Path]:
    """A UNIX socket that says the same to everybody who has asked, and hangs up."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(answered, socket):
        yield socket


@asynccontextmanager
async def breaking_off(real: Path, after: int, socket: Path) -> AsyncIterator[Path]:
    """A UNIX socket behind which the real one answers, until it has said so many bytes."""

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(real)

        async def ask() -> None:
            while said := await reader.read(4096):
                ours.write(said)

        asking = asyncio.ensure_future(ask())
        left = after
        while left and (said := await theirs.read(left)):
            writer.write(said)
            left -= len(said)
        asking.cancel()
        await asyncio.wait({asking})
        for end in (writer, ours):
            end.close()

    async with await asyncio.start_unix_server(passed, socket):
        yield socket
