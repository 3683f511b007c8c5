"""Whom Watchkeeper itself is connected with at this moment: its database, its monitors, Slack, whoever sends it alerts.

To block one of them would make it blind, deaf or dumb, and nobody would be told what it has done.
"""

import sys
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

_ESTABLISHED = "01"
_WORD_BYTES = 4


def connected_peers() -> frozenset[IPv4Address | IPv6Address]:
    """The far ends of this process's TCP connections. Reads files of the kernel, so call it in a thread.

    Raises:
        OSError: the kernel does not tell us.
        ValueError: it tells us in another way than it does since decades.
    """
    ours = frozenset(_inodes(Path("/proc/self/fd")))
    found: set[IPv4Address | IPv6Address] = set()
    for table in (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6")):
        if table.exists():
            found.update(peers_in(table.read_text(encoding="ascii").splitlines()[1:], ours))
    return frozenset(found)


def peers_in(lines: Iterable[str], inodes: frozenset[str]) -> Iterator[IPv4Address | IPv6Address]:
    """The far ends of the established connections of a table of the kernel whose sockets are among ``inodes``."""
    for line in lines:
        _, _, far, state, *_, inode = line.split()[:10]
        if state == _ESTABLISHED and inode in inodes:
            yield _address(far.partition(":")[0])


def _inodes(folder: Path) -> Iterator[str]:
    for each in folder.iterdir():
        try:
            name = str(each.readlink())
        except OSError:
            continue  # closed in the meantime
        if name.startswith("socket:["):
            yield name.removeprefix("socket:[").removesuffix("]")


def _address(written: str) -> IPv4Address | IPv6Address:
    """The kernel writes addresses as words in the order of the machine's bytes."""
    words = [bytes.fromhex(written[at : at + 2 * _WORD_BYTES]) for at in range(0, len(written), 2 * _WORD_BYTES)]
    address = ip_address(b"".join(int.from_bytes(word).to_bytes(_WORD_BYTES, sys.byteorder) for word in words))
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
