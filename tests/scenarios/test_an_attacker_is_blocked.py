"""Somebody attacks: who is asked, what the packet filter does with real packets, and what the record says of it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remediations.backends.nftables import Nftables, NftablesSettings
from tests.fixtures.network import ATTACKER, BYSTANDER, Wire, running_wire
from tests.scenarios.small_stage import Json, SmallStage, moment, small_stage
from tests.scenarios.stage import ROOT, in_order, said

TABLE = ROOT / "deploy" / "watchkeeper.nft"


def blocking(wire: Wire, **runbook: Any) -> Any:
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


@dataclass
class Gate:
    """The stage, with two namespaces and a wire between them."""

    stage: SmallStage
    wire: Wire

    async def attack(self, address: str) -> str:
        """The monitor tells of an attacker; the name of the incident."""
        labels = {"alertname": "BruteForce", "service": "login", "severity": "critical", "attacker": address}
        return await self.stage.fire("login", f"by-{address}", labels=labels)

    async def approve(self, incident: str) -> None:
        card = await self.stage.card_of(incident, "'action_id': 'approve'")
        assert (await self.stage.workspace.person("alice").click(card, "approve")).acked

    async def blocked(self) -> list[str]:
        """What the gate blocks."""
        nftables = Nftables("gate", NftablesSettings.model_validate({"namespace": self.wire.gate.path}))
        return [str(each.network.network_address) for each in (await nftables.table()).elements]


@asynccontextmanager
async def gate(folder: Path, **runbook: Any) -> AsyncIterator[Gate]:
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(running_wire())
        await wire.gate.run("nft", "-f", "-", text=TABLE.read_text())
        stage = await stack.enter_async_context(small_stage(folder, change_policy=blocking(wire, **runbook)))
        yield Gate(stage, wire)


async def test_alice_approves_and_an_attackers_packets_are_dropped_verified_and_told(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        assert await here.wire.passes(ATTACKER[4])
        incident = await here.attack(ATTACKER[4])
        await here.stage.card_of(incident, f"Block {ATTACKER[4]} for 1h through nftables", "1 target")
        assert await here.wire.passes(ATTACKER[4]), "nothing is done before somebody has approved it"
        await here.approve(incident)
        texts = await here.stage.thread_of(incident, "Approved", "Done and verified")
        assert any(f"{ATTACKER[4]} is blocked until" in text for text in texts), "the gate's own view is told"
        assert not await here.wire.passes(ATTACKER[4])
        assert await here.wire.passes(BYSTANDER[4])
        assert in_order(
            await here.stage.kinds(), "action.vote", "action.claimed", "action.executed", "action.succeeded"
        )


async def test_a_second_attacker_at_once_is_another_incident_and_no_harm_of_the_first_block(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        first = await here.attack(ATTACKER[4])
        await here.approve(first)
        await here.stage.thread_of(first, "Done and verified")
        second = await here.attack(BYSTANDER[4])
        assert second != first
        await here.approve(second)
        await here.stage.thread_of(second, "Done and verified")
        assert sorted(await here.blocked()) == sorted([ATTACKER[4], BYSTANDER[4]])
        for address in (ATTACKER[4], BYSTANDER[4]):
            assert not await here.wire.passes(address)
        kinds = [*await here.stage.kinds(1), *await here.stage.kinds(2)]
        assert "automation.paused" not in kinds, "the second attack is none of our doing"
        assert "action.rolled_back" not in kinds


async def test_two_attackers_in_one_delivery_are_both_asked_about(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        alerts = [alert(ATTACKER[4]), alert(BYSTANDER[4])]
        answer = await here.stage.post(*alerts)
        incidents = [str(each) for each in answer["incidents"]]
        assert len(incidents) == 2
        for incident, address in zip(incidents, (ATTACKER[4], BYSTANDER[4]), strict=True):
            card = await here.stage.card_of(incident, "'action_id': 'approve'")
            assert f"Block {address} for" in said(card)


async def test_a_protected_address_is_never_blocked_whoever_attacks_with_it(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        incident = await here.attack("203.0.113.7")
        card = await here.stage.card_of(incident, "protected.networks")
        assert "'action_id': 'approve'" not in said(card)
        assert await here.blocked() == []


async def test_carol_rolls_it_back_and_the_packets_pass_again(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        incident = await here.attack(ATTACKER[6])
        await here.approve(incident)
        await here.stage.thread_of(incident, "Done and verified")
        assert not await here.wire.passes(ATTACKER[6])
        card = await here.stage.card_of(incident, "'action_id': 'roll_back'")
        assert (await here.stage.workspace.person("alice").click(card, "roll_back")).acked
        await here.stage.thread_of(incident, "Rolled back")
        assert await here.wire.passes(ATTACKER[6])
        assert await here.blocked() == []


def alert(address: str) -> Json:
    labels = {"alertname": "BruteForce", "service": "login", "severity": "critical", "attacker": address}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{address} tries passwords"},
        "startsAt": moment(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://monitor.example/graph",
        "fingerprint": f"by-{address}",
    }
