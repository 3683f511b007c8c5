"""A gate with the table that we ship: what the tests of blocking stand on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import JsonValue

from bot.policy.file.protected import Protected
from bot.policy.plan import Facts, Plan
from bot.remediation import About, Health, Record, Report, Snapshot
from remediations.backends import program
from remediations.backends.nftables import Nftables, NftablesSettings
from remediations.backends.nftables.blocks import NftablesBlocks
from remediations.capability import Capability
from remediations.security.block_ip import BlockIp, BlockIpParameters
from remediations.testing.execution import ExecutionInMemory
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


def block_ip_at(*gates: Nftables) -> BlockIp:
    """The remediation over these gates, as the catalogue makes it."""
    made = Capability(BlockIp, {Nftables: NftablesBlocks}).make({each.name: each for each in gates})
    assert isinstance(made, BlockIp)
    return made


def wanted(address: str, duration: str = "1h", **more: Any) -> BlockIpParameters:
    """The policy's ``with``, after an alert has filled it."""
    return BlockIpParameters.model_validate({"address": address, "duration": duration, **more})


def about(**protected: Any) -> About:
    """Now, with what no plan may touch."""
    return About(service="checkout", now=datetime.now(UTC), protected=Protected(**protected))


@dataclass
class Acted:
    """What one action has left: its plan, and what is stored of its execution."""

    remediation: BlockIp
    plan: Plan
    record: Record

    async def health(self) -> Health:
        return await self.remediation.health(self.plan, self.record)

    async def roll_back(self) -> Report:
        return await self.remediation.roll_back(self.plan, self.record, ExecutionInMemory(key="of the rollback"))

    async def moved_on(self) -> bool:
        """Whether somebody has changed the target since, as the flow finds out before it rolls back."""
        assert self.record.after is not None
        now = await self.remediation.snapshot(self.plan)
        return self.compared(now) != self.compared(self.record.after)

    def compared(self, snapshot: Snapshot) -> JsonValue:
        return self.remediation.compared(self.plan, snapshot)


async def acted(remediation: BlockIp, parameters: BlockIpParameters, key: str = "A-17") -> Acted:
    """Plan, snapshot, execute and look, as the flow does."""
    plan = await remediation.plan(parameters, about())
    before, execution = await remediation.snapshot(plan), ExecutionInMemory(key=key)
    report = await remediation.execute(plan, before, execution)
    after = await remediation.snapshot(plan)
    return Acted(
        remediation,
        through_json(plan),
        through_json(Record(snapshot=before, after=after, steps=tuple(execution.steps), report=report)),
    )


Stored = TypeVar("Stored", bound=Facts)


def through_json(facts: Stored) -> Stored:
    """As it comes back from the database."""
    return type(facts).model_validate_json(facts.model_dump_json())


async def held(wire: Wire) -> list[str]:
    """What the gate's two sets hold, without times."""
    return [f"{each.network} {each.comment}".strip() for each in (await nftables_in(wire).table()).elements]


def write_nft(folder: Path, patch: pytest.MonkeyPatch, text: str) -> None:
    """A program named nft that is found before the real one."""
    written = folder / "nft"
    written.write_text(text)
    written.chmod(0o755)
    patch.setattr(program, "FOLDERS", f"{folder}:{program.FOLDERS}")
