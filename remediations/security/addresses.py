"""Addresses as they come from alerts and people: one way to write each, and none that means more than it says.

An address may come from a label of an alert, so it is hostile: a name, a zone, a netmask that is not a length, or a
network that is not the one its text begins with is refused, never interpreted.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network

_WRITTEN = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:/[0-9]{1,3})?", re.ASCII)
_MAPPED = IPv6Network("::ffff:0:0/96")
_SHOWN_MAX_CHARACTERS = 60
SUBSCRIBER_BITS = 64
"""What one subscriber has in IPv6: behind any of its addresses are all of them."""

_NEVER: Mapping[Network, str] = {
    ip_network("0.0.0.0/8"): "is of this network, not of another host",
    ip_network("127.0.0.0/8"): "is this machine itself (loopback)",
    ip_network("169.254.0.0/16"): "is valid on one wire only (link-local)",
    ip_network("224.0.0.0/4"): "is a group of receivers (multicast)",
    ip_network("240.0.0.0/4"): "is reserved",
    ip_network("::/64"): "is unspecified, loopback or reserved",
    ip_network("fe80::/10"): "is valid on one wire only (link-local)",
    ip_network("ff00::/8"): "is a group of receivers (multicast)",
}
"""Where no attacker is, and what a block would hit first."""
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))


def network_of(text: str) -> Network:
    """The address or network that ``text`` writes; an IPv4-mapped IPv6 one is the IPv4 one.

    Raises:
        ValueError: it writes none, or one that nobody outside can have.
    """
    shown = repr(text if len(text) <= _SHOWN_MAX_CHARACTERS else f"{text[:_SHOWN_MAX_CHARACTERS]}…")
    remedy = "write an address or a network, such as 203.0.113.7, 2001:db8::7 or 203.0.113.0/24"
    if not _WRITTEN.fullmatch(text):
        raise ValueError(f"{shown} is no IP address: {remedy}")
    try:
        network = plain(ip_network(text))
    except ValueError as error:
        raise ValueError(f"{shown} is no IP address or network ({_reason(text)}): {remedy}") from error
    for special, why in _NEVER.items():
        if special.version == network.version and special.overlaps(network):
            raise ValueError(f"{shown} {why}, so it is never blocked")
    return network


def _reason(text: str) -> str:
    try:
        whole = ip_network(text, strict=False)
    except ValueError:
        return "it cannot be read as one"
    return f"the network is {whole}"


def plain(network: Network) -> Network:
    """An IPv4-mapped IPv6 network as the IPv4 network it is."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = network.network_address.ipv4_mapped
        if address is not None:
            return IPv4Network((address, network.prefixlen - _MAPPED.prefixlen))
    return network


def written(network: Network) -> str:
    """As people write it: a single address without its length."""
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def is_private(network: Network) -> bool:
    """Whether hosts of somebody's own network may have it."""
    return any(each.version == network.version and each.overlaps(network) for each in _PRIVATE)


def counted(network: Network) -> int:
    """How many a block of it hits: addresses of IPv4, subscribers of IPv6 (a /64 or any part of it is one)."""
    smallest = network.max_prefixlen if network.version == 4 else SUBSCRIBER_BITS
    return int(2 ** max(0, smallest - network.prefixlen))
