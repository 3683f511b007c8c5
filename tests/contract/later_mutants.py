"""More of them: of what comes after an act, of broken systems, of secrets, and of staging."""

import asyncio
import logging
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import ClassVar, cast

from bot.policy.plan import Exactness, Plan, Rollback
from bot.remediation import (
    About,
    Execution,
    PermanentError,
    Record,
    Remediation,
    Report,
    Snapshot,
)
from remediations.capability import Through
from remediations.testing import Ability
from tests.contract.mutants import SECRET, US, Mutant, MutantInAFile
from tests.contract.sample import Flag, FlagFile, FlagFileSettings, SetFlagParameters

# --- rolling back -----------------------------------------------------------------------------------------------------


class TogglesToRollBack(Mutant):
    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        known = await self._flags(plan).all()
        for target in plan.targets:
            if target.key in record.touched:
                becomes = Flag(on=not known[target.label].on, by=record.snapshot.state[target.key]["by"])
                async with execution.step(f"Toggle {target.label}", target.key):
                    await self.write(plan, target.label, becomes)
        return Report(summary="Toggled.")


class AlmostExact(Mutant):
    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        for target in plan.targets:
            if target.key in record.touched:
                await self.write(plan, target.label, Flag(on=record.snapshot.state[target.key]["on"], by=US))
        return Report(summary="Restored, almost.")


class RollsBackWhatWasNotDone(Mutant):
    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        for target in plan.targets:
            await self.write(plan, target.label, Flag(on=not target.becomes["on"], by=US))
        return Report(summary="Restored.")


class NeedsEverythingDone(Mutant):
    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        if record.report is None:
            raise PermanentError("It was not carried out, so there is nothing to restore.")
        return await super().roll_back(plan, record, execution)


class CannotBeStoppedGoingBack(Mutant):
    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        for target in plan.targets:
            if target.key in record.touched:
                await self.write(plan, target.label, Flag(**record.snapshot.state[target.key]))
        return Report(summary="Restored.")


class RestoresAll(Mutant):
    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        for target in plan.targets:
            await self.write(plan, target.label, Flag(**record.snapshot.state[target.key]))
        return Report(summary="Restored.")


class ComparesTheTime(Mutant):
    async def snapshot(self, plan: Plan) -> Snapshot:
        changed = cast(FlagFile, self._flags(plan))._path.stat().st_mtime_ns
        return Snapshot(state={**(await super().snapshot(plan)).state, "changed": changed})


class NothingToUndoAndNotRepeatable(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        way = Rollback(summary="Nothing is lost.", exactness=Exactness.NOTHING_TO_UNDO)
        return await self.plan_with(parameters, about, rollback=way)


# --- broken systems, secrets, staging ---------------------------------------------------------------------------------


class Faulty:
    """A port whose every call fails."""

    def __init__(self, error: Exception, *, reads: FlagFile | None = None) -> None:
        self._error, self._reads = error, reads

    async def all(self) -> Mapping[str, Flag]:
        if self._reads is not None:
            return await self._reads.all()
        raise self._error

    async def switch(self, name: str, was: Flag, becomes: Flag) -> None:
        raise self._error


class BrokenInAFile(MutantInAFile):
    """The subject whose system fails as it is told to, however it is to be broken."""

    error: Exception
    reads = False

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        settings = FlagFileSettings.model_validate(self.backends()["flag_file"])
        reads = FlagFile("flag_file", settings) if self.reads else None
        yield self.mutant(Through({"flag_file": Faulty(self.error, reads=reads)}, ("flag_file",)))


class LogsItsSecret(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        logging.getLogger("flags").debug("connected with %s", SECRET)
        return await super().execute(plan, snapshot, execution)


class ASecretInThePlan(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await self.plan_with(parameters, about, steps=(f"Connect with {SECRET}.",))


class ASecretAsAnArgument(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        await (await asyncio.create_subprocess_exec("true", f"--password={SECRET}")).wait()
        return await super().execute(plan, snapshot, execution)


class ASecretInAnEnvironment(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        subprocess.run(["true"], env={"PASSWORD": SECRET}, check=True)  # noqa: ASYNC221
        return await super().execute(plan, snapshot, execution)


class NeverEnds(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await self.plan_with(parameters, about, ends_after_seconds=0.1)


class InjectsAnywhere(FlagFile):
    """A backend whose fault knows no staging."""

    faults: ClassVar[Mapping[str, str]] = {"flip": "somebody switches the flag"}

    async def inject(self, fault: str, target: str) -> None:
        flags = await self.all()
        await self.switch(target, flags[target], Flag(on=not flags[target].on, by="a fault"))


class MendsNothing(FlagFile):
    """A backend that cannot mend what it has injected."""

    faults: ClassVar[Mapping[str, str]] = {"flip": "somebody switches the flag"}

    async def _inject(self, fault: str, target: str) -> None:
        flags = await self.all()
        await self.switch(target, flags[target], Flag(on=not flags[target].on, by="a fault"))

    async def _mend(self, fault: str, target: str) -> None:
        """Nothing."""


class ForgetsOldRecords(Mutant):
    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        if any("was" not in step.details for step in record.steps):
            raise PermanentError("The steps do not say what was there before.")
        return await super().roll_back(plan, record, execution)


class WithoutAnOldPlan(Mutant):
    version: ClassVar[int] = 2

    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await self.plan_with(parameters, about, version=2)
