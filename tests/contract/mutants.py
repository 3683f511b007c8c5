"""Remediations that break one promise each, as authors do: the sample's, with one thing wrong."""

import asyncio
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, cast
from uuid import uuid4

from pydantic import ConfigDict

from bot.policy.file.protected import Protected
from bot.policy.plan import Effect, Plan
from bot.remediation import (
    About,
    Condition,
    Execution,
    Health,
    NothingToDoError,
    Parameters,
    PermanentError,
    Record,
    Remediation,
    Report,
    Snapshot,
)
from remediations.capability import Capability, RemediationClass
from tests.contract.sample import Flag, FlagFile, FlagFileSettings, FlagsInAFile, SetFlag, SetFlagParameters

US = "watchkeeper"
SECRET = "canary-3f9c1b7d"


def mutated(mutant: RemediationClass, settings: Mapping[str, Any]) -> Remediation:
    """A mutant over one flag file. A function of this module, so that another process can find it."""
    file = FlagFile("flag_file", FlagFileSettings.model_validate(settings))
    return Capability(mutant, {FlagFile: lambda same: same}).make({"flag_file": file})


class MutantInAFile(FlagsInAFile):
    """The sample's subject, with another remediation in its place."""

    mutant: RemediationClass = SetFlag

    def make(self) -> Callable[[], Remediation]:
        return partial(mutated, self.mutant, self.backends()["flag_file"])


class Mutant(SetFlag):
    """What mutants need: the file itself, and the plan with other values."""

    async def write(self, plan: Plan, name: str, becomes: Flag) -> None:
        flags = self._flags(plan)
        known = await flags.all()
        await flags.switch(name, known[name], becomes)

    async def plan_with(self, parameters: SetFlagParameters, about: About, **values: Any) -> Plan:
        return (await SetFlag.plan(self, parameters, about)).model_copy(update=values)


# --- planning ---------------------------------------------------------------------------------------------------------


class SwitchesWhilePlanning(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        plan = await super().plan(parameters, about)
        await self.write(plan, plan.targets[0].label, Flag(on=True, by="somebody who only wanted to see"))
        return plan


class SwitchesWhenAskedForHealth(Mutant):
    async def health(self, plan: Plan, record: Record) -> Health:
        await self.write(plan, plan.targets[0].label, Flag(on=False, by=US))
        return await super().health(plan, record)


class NeverTheSamePlan(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await self.plan_with(parameters, about, summary=f"Request {uuid4()}")


class InTheOrderOfASet(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await self.plan_with(parameters, about, steps=tuple({f"Step {number}" for number in range(9)}))


class ATupleInThePlan(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        plan = await super().plan(parameters, about)
        odd = tuple(target.model_copy(update={"state": {**target.state, "at": (1, 2)}}) for target in plan.targets)
        return plan.model_copy(update={"targets": odd})


class ATimeInTheSnapshot(Mutant):
    async def snapshot(self, plan: Plan) -> Snapshot:
        return Snapshot(state={**(await super().snapshot(plan)).state, "read": str(uuid4())})


class TakesAnyParameter(Mutant):
    class Loose(SetFlagParameters):
        model_config = ConfigDict(extra="ignore")

    parameters: ClassVar[type[Parameters]] = Loose


class TakesAnyText(Mutant):
    class Wide(SetFlagParameters):
        flag: str

    parameters: ClassVar[type[Parameters]] = Wide

    def _matches(self, name: str, wanted: str) -> bool:
        return name.startswith(wanted.rstrip("*"))

    async def plan(self, parameters: Any, about: About) -> Plan:
        known = await self._through.get(parameters.backend).all()
        first = min(name for name in known if self._matches(name, parameters.flag))
        narrow = SetFlagParameters(flag=first, on=parameters.on)
        return (await super().plan(narrow, about)).model_copy(update={"parameters": parameters.model_dump(mode="json")})


class FailsOnOddText(Mutant):
    parameters: ClassVar[type[Parameters]] = TakesAnyText.Wide

    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        if not parameters.flag.strip():
            raise ValueError("empty")
        return await super().plan(parameters, about)


class WithoutEffects(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await self.plan_with(parameters, about, effects=frozenset())


class WithAnotherEffect(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await self.plan_with(parameters, about, effects=frozenset({Effect.BILLING}))


class EverythingWhereNothingMatches(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        plan = await super().plan(parameters, about)
        return plan if plan.targets else await super().plan(parameters.model_copy(update={"flag": "cart-*"}), about)


class WithoutALimit(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        try:
            return await super().plan(parameters, about)
        except PermanentError:
            return await super().plan(parameters.model_copy(update={"flag": "many-1"}), about)


class IgnoresWhatIsProtected(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        return await super().plan(parameters, about.model_copy(update={"protected": Protected()}))


# --- carrying out -----------------------------------------------------------------------------------------------------


class WithoutSteps(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        for target in plan.targets:
            await self.write(plan, target.label, Flag(on=False, by=US))
        return Report(summary="Done.")


class DoesNothing(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        return Report(summary="Done.")


class SaysThatItLeftSomethingElse(Mutant):
    def left(self, plan: Plan, record: Record) -> Snapshot | None:
        return record.snapshot


class SealsNothing(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        plan = await super().plan(parameters, about)
        return plan.model_copy(update={"targets": tuple(t.model_copy(update={"state": {}}) for t in plan.targets)})


class ActsOnWhatHasChanged(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        for target in plan.targets:
            async with execution.step(f"Switch {target.label}", target.key):
                await self.write(plan, target.label, Flag(on=target.becomes["on"], by=US))
        return Report(summary="Done.")


class AlwaysHealthy(Mutant):
    async def health(self, plan: Plan, record: Record) -> Health:
        return Health(condition=Condition.HEALTHY, summary="All is well.")


class HealthyOnceBegun(Mutant):
    async def health(self, plan: Plan, record: Record) -> Health:
        if record.steps:
            return Health(condition=Condition.HEALTHY, summary="It was asked for.")
        return await super().health(plan, record)


class SaysSoAndDoesNothing(HealthyOnceBegun):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        for target in plan.targets:
            async with execution.step(f"Switch {target.label}", target.key):
                pass
        return Report(summary="Done.")


class APlanForNothing(Mutant):
    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        try:
            return await super().plan(parameters, about)
        except NothingToDoError:
            return await super().plan(parameters.model_copy(update={"flag": "no-such-flag"}), about)


class OneMoreEachTime(ActsOnWhatHasChanged):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        report = await super().execute(plan, snapshot, execution)
        number = len([name for name in await self._flags(plan).all() if name.startswith("many-")])
        file = cast(FlagFile, self._flags(plan))
        file._write({**file._read(), f"many-{number}": Flag(on=False, by=US)})
        return report


class SwallowsTheStop(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        try:
            return await super().execute(plan, snapshot, execution)
        except BaseException:  # noqa: BLE001  # the very mistake
            return Report(summary="Done.")


class OneStepForAll(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        async with execution.step("Switch them all", plan.targets[0].key):
            for target in plan.targets:
                await self.write(plan, target.label, Flag(on=target.becomes["on"], by=US))
        return Report(summary="Done.")


class ChangesBeforeTheFirstStep(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        await self.write(plan, "search", Flag(on=True, by=US))
        return await super().execute(plan, snapshot, execution)


class GoesOnAfterAFailure(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        for target in plan.targets:
            try:
                async with execution.step(f"Switch {target.label}", target.key):
                    await self.write(plan, target.label, Flag(on=target.becomes["on"], by=US))
            except PermanentError:
                continue
        return Report(summary="Done, as far as possible.")


class GoesOnWhenCancelled(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        return await super().execute(plan, snapshot, execution)


class LeavesAThread(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        file = cast(FlagFile, self._flags(plan))
        await asyncio.to_thread(lambda: file._write({**file._read(), "search": Flag(on=False, by="a thread")}))
        return await super().execute(plan, snapshot, execution)


class LeavesATask(Mutant):
    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        self._going = asyncio.ensure_future(asyncio.Event().wait())
        await asyncio.sleep(0)
        self._going.cancel()
        return await super().execute(plan, snapshot, execution)


class LeavesAChild(Mutant):
    started: ClassVar[list[subprocess.Popen[bytes]]] = []

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        self.started.append(subprocess.Popen(["sleep", "600"]))  # noqa: ASYNC220
        await asyncio.sleep(0)
        self.end_those_left()
        return await super().execute(plan, snapshot, execution)

    @classmethod
    def end_those_left(cls) -> None:
        """What the mutant itself would have to do."""
        while cls.started:
            child = cls.started.pop()
            child.kill()
            child.wait()
