"""A network namespace with one door: ``python room.py DOOR PORT``.

A control plane belongs into a network of its own: its parts take well-known ports, and write what they think the
machine's packet filter should say. This process makes that network, which has nothing but a loopback, and is its only
door: it listens on the loopback port ``DOOR`` of the network it was started in, and connects from there to the loopback
port ``PORT`` inside. That needs no address, no route and no interface in the machine's network, for a socket stays in
the network in which it was made. The namespace has no name, so nothing is left of it when the last process in it ends.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys

CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1
"""From Linux's headers: a new network; to change an interface; that it is up."""
CHUNK_BYTES = 65_536


def enter_network_of_its_own() -> None:
    """Move this process into a new network namespace that has its loopback up.

    Raises:
        OSError: it may not; needs root.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, f"cannot make a network namespace: {os.strerror(error)}")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH", b"lo", IFF_UP))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):  # the other side ended first, which ends both
        while chunk := await source.read(CHUNK_BYTES):
            sink.write(chunk)
            await sink.drain()
    sink.close()


async def keep_door(door: socket.socket, port: int) -> None:
    """Pass on what comes through the door to the port inside, and back, until the process ends."""

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # nobody listens inside (yet), which the caller sees as a connection that is closed
            writer.close()
            return
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    server = await asyncio.start_server(passed_on, sock=door)
    await server.serve_forever()


def main(door_port: int, port: int) -> None:
    """Make the network, then the door: whoever can connect knows that the network is there."""
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", door_port))
        enter_network_of_its_own()
        asyncio.run(keep_door(door, port))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
