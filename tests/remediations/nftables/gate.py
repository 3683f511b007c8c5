"""A gate with the table that we ship: what the tests of blocking stand on."""

from pathlib import Path
from typing import Any

from remediations.backends.nftables import Nftables, NftablesSettings
from tests.fixtures.network import Wire

ROOT = Path(__file__).parents[3]
TABLE = ROOT / "deploy" / "watchkeeper.nft"


def nftables_in(wire: Wire, **settings: Any) -> Nftables:
    """The backend over the gate's packet filter."""
    return Nftables("nftables", NftablesSettings.model_validate({"namespace": wire.gate.path, **settings}))


async def load_table(wire: Wire) -> None:
    """As an administrator loads it."""
    await wire.gate.run("nft", "-f", "-", text=TABLE.read_text())


async def nft(wire: Wire, command: str) -> str:
    """What a person types at the gate."""
    return await wire.gate.run("nft", *command.split(" "))
