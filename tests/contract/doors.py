"""Doors that stand where a real system would, and that lie, or break off: what a proxy or a wrong port does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

PAGE = b"<html>It works!</html>"
PLAIN_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 22\r\nConnection: close\r\n\r\n" + PAGE
BROKEN_OFF = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 4000\r\n\r\n<?xml version='1.0'?><metho"


@asynccontextmanager
async def answering(answer: bytes, socket: Path) -> AsyncIterator[str]:
    """A UNIX socket that says the same to every HTTP request, and hangs up; its address."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().casefold()
        _, _, length = head.partition("content-length:")
        await reader.readexactly(int(length.split()[0]) if length else 0)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(answered, socket):
        yield f"unix://{socket}"
