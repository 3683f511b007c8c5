"""Switch feature flags on or off: what a bad release brought in can often be taken out without another release."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import ClassVar, Protocol

from pydantic import Field

from bot.policy.plan import BlastRadius, Effect, Exactness, Facts, Plan, Rollback, Target
from bot.remediation import (
    About,
    Condition,
    Execution,
    Health,
    MovedOnError,
    NothingToDoError,
    Parameters,
    PermanentError,
    Record,
    Remediation,
    RemediationError,
    Report,
    Snapshot,
)
from remediations.capability import Through

MOST = 5
"""Flags that one plan may switch."""
US = "watchkeeper"
PATIENCE = timedelta(seconds=20)


class Flag(Facts):
    """One feature flag."""

    on: bool
    by: str
    """Who switched it last."""


class Flags(Protocol):
    """The port: what a system with feature flags must be able to do. Errors are those of the contract."""

    async def all(self) -> Mapping[str, Flag]:
        """Every flag by its name."""
        ...

    async def switch(self, name: str, was: Flag, becomes: Flag) -> None:
        """Replace what ``was`` by what it ``becomes``; an error, and nothing changed, where it is not what it was."""
        ...


class SetFlagParameters(Parameters):
    """The policy's ``with`` for ``set_flag``."""

    backend: str = "flag_file"
    flag: str = Field(pattern=r"^[a-z][a-z0-9-]{0,62}\*?$")
    """A name, or the beginning of names with a ``*`` after it."""
    on: bool


class SetFlag(Remediation):
    """Switch the flags that match; what is as wanted already stays as it is."""

    name: ClassVar[str] = "set_flag"
    title: ClassVar[str] = "Switch a feature flag"
    parameters: ClassVar[type[Parameters]] = SetFlagParameters
    effects: ClassVar[frozenset[Effect] | None] = frozenset({Effect.FEATURE_FLAG})

    def __init__(self, through: Through[Flags]) -> None:
        self._through = through

    async def plan(self, parameters: SetFlagParameters, about: About) -> Plan:
        """Find the flags that match and are not as wanted."""
        flags = await self._through.get(parameters.backend).all()
        matching = {name: f"{parameters.backend}:{name}" for name in sorted(flags) if _matches(name, parameters.flag)}
        for name, key in matching.items():
            if pattern := about.protected.target((name, key)):
                raise PermanentError(f"{name} is not switched: {pattern} is protected by the policy.")
        wrong = [name for name in matching if flags[name].on is not parameters.on]
        to = _word(parameters.on)
        if matching and not wrong:
            raise NothingToDoError(f"{', '.join(matching)} of {parameters.backend} is {to} already.")
        if len(wrong) > MOST:
            raise PermanentError(f"{parameters.flag} matches {len(wrong)} flags, and {MOST} is the most: name fewer.")
        return Plan(
            remediation=self.name,
            summary=f"Switch {', '.join(wrong) or 'no flag'} {to} in {parameters.backend}.",
            parameters=parameters.model_dump(mode="json"),
            service=about.service,
            targets=tuple(
                Target(key=matching[name], label=name, state=flags[name].model_dump(), becomes={"on": parameters.on})
                for name in wrong
            ),
            effects=frozenset({Effect.FEATURE_FLAG}),
            blast_radius=BlastRadius(targets=len(wrong)),
            rollback=Rollback(summary="Each flag becomes what it was.", exactness=Exactness.EXACT),
            steps=tuple(f"Switch {name} {to}." for name in wrong),
        )

    async def snapshot(self, plan: Plan) -> Snapshot:
        """What each flag is now."""
        flags = await self._flags(plan).all()
        return Snapshot(
            state={each.key: flags[each.label].model_dump() for each in plan.targets if each.label in flags}
        )

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        """Switch one after the other, if all are as they were planned."""
        for target in plan.targets:
            if snapshot.state.get(target.key) != target.state:
                raise PermanentError(f"{target.label} has changed since the plan was made: plan again.")
        changes = [(each, Flag(**each.state), Flag(on=each.becomes["on"], by=US)) for each in plan.targets]
        return await self._switch(plan, changes, execution)

    async def health(self, plan: Plan, record: Record) -> Health:
        """Whether each flag is as wanted."""
        try:
            flags = await self._flags(plan).all()
        except RemediationError as error:
            return Health(condition=Condition.UNKNOWN, summary=str(error))
        wrong = [e.label for e in plan.targets if e.label not in flags or flags[e.label].on is not e.becomes["on"]]
        if wrong:
            return Health(condition=Condition.UNHEALTHY, summary=f"{', '.join(wrong)} is not as wanted.")
        return Health(condition=Condition.HEALTHY, summary="Every flag is as wanted.")

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        """Give each flag that was touched what it had, unless somebody else has switched it since."""
        now = await self.snapshot(plan)
        changes = []
        for target in plan.targets:
            was, left = record.snapshot.state[target.key], {"on": target.becomes["on"], "by": US}
            if target.key not in record.touched or now.state.get(target.key) == was:
                continue
            if now.state.get(target.key) != left:
                raise MovedOnError(f"Somebody has changed {target.label} since, so it stays as it is.")
            changes.append((target, Flag(**left), Flag(**was)))
        return await self._switch(plan, changes, execution)

    async def _switch(self, plan: Plan, changes: Iterable[tuple[Target, Flag, Flag]], execution: Execution) -> Report:
        flags, switched = self._flags(plan), []
        for target, was, becomes in changes:
            async with execution.step(f"Switch {target.label} {_word(becomes.on)}", target.key):
                await execution.retrying(partial(flags.switch, target.label, was, becomes), within=PATIENCE)
            switched.append(target.label)
        return Report(summary=f"Switched {', '.join(switched) or 'nothing'}.")

    def _flags(self, plan: Plan) -> Flags:
        return self._through.get(SetFlagParameters.model_validate(plan.parameters).backend)


def _matches(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted


def _word(on: bool) -> str:
    return "on" if on else "off"
