"""A stage with a gate: two namespaces with a wire between them, and a runbook that blocks attackers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from sqlalchemy import update

from bot.response.ports.context import utc_now
from remediations.backends.nftables import Nftables, NftablesSettings
from remediations.backends.nftables.table import Element
from storage.database import Database
from storage.tables import WEAR_OFFS
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.network import Wire, running_wire
from tests.fixtures.servers import until
from tests.scenarios.small_stage import Json, SmallStage, firing, small_stage
from tests.scenarios.stage import ROOT

TABLE = ROOT / "deploy" / "watchkeeper.nft"


def blocking(wire: Wire, **runbook: Any) -> Callable[[Json], None]:
    """The policy of somebody with a gate; ``runbook`` changes block-attacker."""

    def change(document: Json) -> None:
        document["backends"]["nftables"] = {"namespace": str(wire.gate.path), "timeout": "30s"}
        document["group_by"] = ["service", "alertname", "attacker"]
        document["protected"] = {"networks": ["203.0.113.0/24"]}
        document["runbooks"]["block-attacker"] = {
            "summary": "Keep an attacker out for an hour",
            "when": "alert.name == 'BruteForce'",
            "level": "L1",
            "remediation": "block_ip",
            "with": {"backend": "nftables", "address": "${alert.labels.attacker}", "duration": "1h"},
            "blast_radius": {"targets": 1},
            "verify": {"within": "30s", "own": True, "stable": 1},
        } | runbook

    return change


def attacked_by(address: str) -> Json:
    """What the monitor tells of an attacker."""
    labels = {"alertname": "BruteForce", "attacker": address}
    return firing("login", f"by-{address}", labels=labels, annotations={"summary": f"{address} tries passwords"})


@dataclass
class Gate:
    """What a story at the gate needs."""

    stage: SmallStage
    wire: Wire

    async def attack(self, *addresses: str) -> list[str]:
        """The monitor tells of attackers, in one delivery; the names of the incidents."""
        answer = await self.stage.post(*(attacked_by(address) for address in addresses))
        return [str(each) for each in answer["incidents"]]

    async def press(self, incident: str, button: str) -> None:
        """Alice presses it on the incident's card, once it is there."""
        card = await self.stage.card_of(incident, f"'action_id': '{button}'")
        assert (await self.stage.workspace.person("alice").click(card, button)).acked

    async def time_is_over(self, address: str) -> None:
        """The hour of a block is over: for the kernel within a second, and for our row about it at once."""
        nftables = self._nftables()
        (blocked,) = [each for each in (await nftables.table()).elements if each.network == ip_network(address)]
        last_second = Element(blocked.network, blocked.timeout, timedelta(seconds=1), blocked.comment)
        await nftables.change(out=blocked.network, into=last_second)

        async def ended() -> bool:
            return await self.blocked() == []

        await until(ended, "the kernel has ended the block")
        database = Database(self.stage.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            async with database.begin() as work:
                await work.session.execute(update(WEAR_OFFS).values(due_at=utc_now()))
        finally:
            await database.close()

    async def blocked(self) -> list[str]:
        """The addresses that the gate blocks."""
        return [str(each.network.network_address) for each in (await self._nftables().table()).elements]

    def _nftables(self) -> Nftables:
        return Nftables("gate", NftablesSettings.model_validate({"namespace": self.wire.gate.path, "timeout": "30s"}))


@asynccontextmanager
async def gate(folder: Path, **runbook: Any) -> AsyncIterator[Gate]:
    """Start it; ``runbook`` changes block-attacker."""
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(running_wire())
        await wire.gate.run("nft", "-f", "-", text=TABLE.read_text())
        stage = await stack.enter_async_context(small_stage(folder, change_policy=blocking(wire, **runbook)))
        yield Gate(stage, wire)
