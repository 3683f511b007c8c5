"""What no plan may touch, whoever asks: networks, accounts and targets that the policy names."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator

from bot.policy.file.fields import Entry

Network = IPv4Network | IPv6Network


def _network(value: str) -> str:
    try:
        return str(ip_network(value.strip()))
    except ValueError as error:
        raise ValueError(f"{error}; write an address or a network such as 10.0.0.0/8") from error


class Protected(Entry):
    """Handed to every plan, and refused before anything else."""

    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    """Addresses and networks that are never blocked or throttled, in CIDR notation."""
    accounts: tuple[str, ...] = ()
    """Accounts, as patterns over their names, that are never locked or limited."""
    targets: tuple[str, ...] = ()
    """Targets, as patterns over their keys and names, that nothing is ever done to: ``supervisor:payments*``."""

    def network(self, wanted: Network) -> str:
        """The protected network that shares an address with ``wanted``; empty when none does.

        An IPv4 address written as IPv6 (``::ffff:10.0.0.1``) is the same address.
        """
        plain = _plain(wanted)
        for text in self.networks:
            other = _plain(ip_network(text))
            if type(plain) is type(other) and plain.overlaps(other):
                return text
        return ""

    def account(self, name: str) -> str:
        """The pattern that protects this account; empty when none does. Upper and lower case are one."""
        return next((p for p in self.accounts if fnmatchcase(name.casefold(), p.casefold())), "")

    def target(self, names: Iterable[str]) -> str:
        """The pattern that protects a target known by these names; empty when none does."""
        known = tuple(names)
        return next((p for p in self.targets if any(fnmatchcase(name, p) for name in known)), "")


_MAPPED_BITS = 96


def _plain(network: Network) -> Network:
    """An IPv4-mapped IPv6 network as the IPv4 network it is."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network
