"""Ports for the servers of the demo and the tests: chosen now, and listened on a little later.

In between anybody could choose the same one, and one of the two servers would not come up. So each process has a few
ports that are its alone, and gives them in turn: what it gave comes round again as late as can be.
"""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path

PORTS = range(20_000, 32_000)
"""Below what the kernel hands out for outgoing connections, so that none of those takes a port before its server."""
OWN_PORTS = 200
"""So many one process has; a test takes ten at most."""


class NoPortError(Exception):
    """There is no port left to give."""


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port at this moment."""
    with socket.socket() as probe:
        # As servers do it: a connection that has only just ended does not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port nobody listens on at this moment, and that no other process of this user is given meanwhile.

    Raises:
        NoPortError: there is none; says what takes them.
    """
    for port in islice(_own_ports(os.getpid()), OWN_PORTS):
        if is_free(port):
            return port
    raise NoPortError(f"Something listens on every one of the {OWN_PORTS} ports of this process. End what is left.")


@cache
def _own_ports(_process: int) -> Iterator[int]:
    """This process's ports, again and again. They are its own until it ends: a forked one has others."""
    path = Path(tempfile.gettempdir()) / f"local-world-ports-{os.getuid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)  # never closed: it has the lock
    shares = [PORTS[first : first + OWN_PORTS] for first in range(0, len(PORTS), OWN_PORTS)]
    for number in random.sample(range(len(shares)), len(shares)):
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            continue  # another process's
        return cycle(shares[number])
    os.close(file)
    raise NoPortError(f"{len(shares)} processes have all the ports from {PORTS[0]} on. End what is left over.")
