"""Blocking addresses in the packet filter of one network."""

from datetime import UTC, datetime

from remediations.backends.nftables import Nftables
from remediations.backends.nftables.table import Element
from remediations.security.addresses import Network
from remediations.security.blocked import Block, Sight


class NftablesBlocks:
    """Fulfils ``Blocks``. The kernel ends every block by itself, also when Watchkeeper is gone."""

    def __init__(self, nftables: Nftables) -> None:
        self._nftables = nftables

    def __str__(self) -> str:
        return str(self._nftables)

    async def look(self) -> Sight:
        """The two sets, and whether the rules drop what is in them."""
        table = await self._nftables.table()
        now = datetime.now(UTC)
        return Sight(
            blocks=tuple(_block(element, now) for element in table.elements),
            weaknesses={version: f"{self} {weakness}" for version, weakness in table.weaknesses.items()},
        )

    async def own(self, network: Network) -> str:
        """The network's own addresses and its gateways; those behind it, only the policy knows."""
        for own in await self._nftables.own():
            if own.network.version == network.version and own.network.overlaps(network):
                return f"{own.network.network_address} is {own.what}"
        return ""

    async def change(self, out: Network | None, into: Block | None) -> None:
        """One transaction of the kernel. Between our look and it, somebody may still step in for a few milliseconds."""
        await self._nftables.change(out=out, into=_element(into))

    async def rehearse(self, out: Network | None, into: Block | None) -> None:
        """The same transaction, which the kernel checks and throws away."""
        await self._nftables.rehearse(out=out, into=_element(into))


def _block(element: Element, now: datetime) -> Block:
    return Block(
        network=element.network,
        lasts=element.timeout,
        until=now + element.expires_in if element.expires_in is not None else None,
        mark=element.comment,
        whole=element.whole,
    )


def _element(block: Block | None) -> Element | None:
    if block is None:
        return None
    left = block.until - datetime.now(UTC) if block.until is not None else None
    return Element(network=block.network, timeout=block.lasts, expires_in=left, comment=block.mark)
