"""Roll back a deploy: put the last version that worked in place of one that does not.

The version to go to is one that was deployed before the present one was, for the first time, and never one that came
after it; and where a later one exists already, somebody has rolled back before, and there is nothing to do.

What a version has done to data cannot be known here: a migration stays. Neither does configuration that is kept
outside of the deploy go back. The plan says so.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field, JsonValue

from bot.policy.file.fields import Duration, elapsed_text
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Remaining, Rollback, Target
from bot.remediation import (
    OPEN,
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
    TemporaryError,
)
from remediations.application.deploys import Deployed, Deploys, Version, wanted_version, words_of
from remediations.backends.base import UnknownTargetError
from remediations.capability import Through
from remediations.targets import address_of, listed, refuse_protected, together

LOOK_AGAIN_SECONDS = 2.0
TAKEN_WITHIN = timedelta(seconds=60)
"""How long a change is offered to a system that is busy."""
SETTLES_WITHIN = timedelta(minutes=10)
"""How long one version may take to come up before the next deploy is begun."""
PROVEN_AFTER = timedelta(minutes=10)
"""A version that was replaced sooner may not have worked either."""
UNKNOWN_TO_US = (
    "What the version that goes has changed in databases, queues and configuration kept elsewhere stays as it is."
)


class RollBackDeployParameters(Parameters):
    """The policy's ``with`` for ``roll_back_deploy``."""

    backend: str = "kubernetes"
    """Name of the backend."""
    service: str = Field(min_length=1, max_length=255)
    """What the system calls it. Kubernetes: a Deployment's name, or a label (``app=shop``) for all that have it."""
    to: str | None = Field(default=None, min_length=1, max_length=255, json_schema_extra=OPEN)
    """The version to go to: its name, an image, or the end of one (``web:41``); None: the last one that worked."""
    fresh_for: Duration = timedelta(minutes=2)
    """Whoever deployed less than this ago may still be at it, which calls for a person."""
    suspect_for: Duration = timedelta(hours=24)
    """What was deployed longer ago than this is unlikely to be why, which calls for a person."""

    def named(self) -> tuple[str, ...]:
        """The deploy; nothing where a label selects them, which is no name."""
        return () if "=" in self.service else (self.service,)


class RollBackDeploy(Remediation):
    """Put the last version that worked in place; one deploy after the other."""

    name: ClassVar[str] = "roll_back_deploy"
    title: ClassVar[str] = "Roll back a deploy"
    parameters: ClassVar[type[Parameters]] = RollBackDeployParameters
    effects: ClassVar[frozenset[Effect] | None] = frozenset({Effect.DEPLOY, Effect.RESTART})

    def __init__(self, through: Through[Deploys]) -> None:
        self._through = through

    async def plan(self, parameters: RollBackDeployParameters, about: About) -> Plan:
        """Find the deploys, and for each the version to go to.

        Raises:
            NothingToDoError: all are at the wanted version, or were rolled back already.
            TemporaryError: as ``Deploys.find``.
            PermanentError: one of them is protected or held back, or has no version to go to.
        """
        system = self._through.get(parameters.backend)
        found = await system.find(parameters.service)
        for each in found:
            refuse_protected(about, parameters.backend, each.address, each.label)
        moves: list[_Move] = []
        done: list[str] = []
        for each in found:
            try:
                moves.append(_Move(each, wanted_version(each, parameters.to)))
            except NothingToDoError as error:
                done.append(str(error))
        if done and not moves:
            raise NothingToDoError(" ".join(done))
        for move in moves:
            if move.deployed.held:
                raise PermanentError(
                    f"{move.deployed.label} on {system} is {move.deployed.held}, so no version is put in place. First: "
                    f"{move.deployed.remedy}."
                )
        return _plan(parameters, about, moves, tuple(done))

    async def rehearse(self, plan: Plan) -> Report:
        """Have the system check each change without keeping it.

        Raises:
            TemporaryError: the system cannot be reached.
            PermanentError: refused, or a target is gone or has changed.
        """
        system = self._system(plan)
        for target in plan.targets:
            deployed = await _look_again(system, plan, target)
            await system.put(deployed, target.becomes["name"], "rehearsal", rehearsed=True)
        return Report(summary=f"{system} would roll {listed([target.label for target in plan.targets])} back.")

    async def snapshot(self, plan: Plan) -> Snapshot:
        """Which version of each target is in place. What it consists of stays with its system, secrets and all.

        Raises:
            TemporaryError: the system cannot be reached.
            PermanentError: refused, or a target is gone.
        """
        system = self._system(plan)
        seen = [(target.key, await system.read(address_of(plan, target))) for target in plan.targets]
        return Snapshot(state={"versions": {key: _state(deployed.current) for key, deployed in seen}})

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        """Put the version in place, target by target; the next when the one before serves with all its instances.

        Raises:
            TemporaryError: nothing has been changed yet.
            PermanentError: a target has changed since planning, could not be changed, or does not come up.
        """
        system = self._system(plan)
        for target in plan.targets:
            await _look_again(system, plan, target)
        changes = [
            _Change(t, t.state["content"], t.becomes, f"Roll {t.label} back to {_words(t.becomes)}")
            for t in plan.targets
        ]
        done = await _put_all(system, plan, changes, execution)
        return Report(summary=f"Put in place: {listed(done)}.", details={"put": list(done)})

    async def health(self, plan: Plan, record: Record) -> Health:
        """Whether the wanted version is in place, and how far its rollout has come."""
        system = self._system(plan)
        conditions: set[Condition] = set()
        told: list[str] = []
        for target in plan.targets:
            try:
                now = await system.read(address_of(plan, target))
            except UnknownTargetError:
                conditions.add(Condition.UNHEALTHY)
                told.append(f"{target.label} is gone")
                continue
            except RemediationError as error:
                return Health(condition=Condition.UNKNOWN, summary=str(error))
            in_place = now.current.content == target.becomes["content"]
            conditions.add(now.condition if in_place else Condition.UNHEALTHY)
            told.append(f"{now.label} is {now.seen}" if in_place else f"{now.label} is at {now.current.words}")
        return Health(condition=together(conditions), summary=", ".join(told) or "There are no targets.")

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        """Put the version back that was in place before, where what we left still is.

        Raises:
            TemporaryError: the system cannot be reached; nothing has been changed.
            MovedOnError: somebody has deployed since.
            PermanentError: a version could not be put back; the text names it.
        """
        system = self._system(plan)
        before = record.snapshot.state["versions"]
        left = record.after.state["versions"] if record.after is not None else {}
        changes: list[_Change] = []
        for target in plan.targets:
            if target.key not in record.touched:
                continue
            version, now = before[target.key], await system.read(address_of(plan, target))
            if now.current.content == version["content"]:
                continue
            ours = left.get(target.key, target.becomes)["content"]
            if now.current.content != ours:
                raise MovedOnError(_moved_on(target, now))
            words = f"Bring {target.label} forward to {_words(version)} again"
            changes.append(_Change(target, ours, version, words))
        done = await _put_all(system, plan, changes, execution)
        summary = f"Put in place again: {listed(done)}." if done else "Every version is in place as before."
        return Report(summary=summary, details={"put": list(done)})

    def compared(self, plan: Plan, snapshot: Snapshot) -> JsonValue:
        """What is deployed; that somebody has restarted it is no deploy."""
        return {key: version["content"] for key, version in snapshot.state["versions"].items()}

    def left(self, plan: Plan, record: Record) -> Snapshot | None:
        """The wanted version, where the step has ended. Of one that was begun only, nobody knows."""
        versions = dict(record.snapshot.state["versions"])
        for target in plan.targets:
            steps = [step for step in record.steps if step.target == target.key]
            if any(not step.ended for step in steps):
                return None
            if steps:
                versions[target.key] = dict(target.becomes)
        return Snapshot(state={"versions": versions})

    async def targets(self) -> Collection[str]:
        """Every deploy, as plans and people call it.

        Raises:
            TemporaryError, PermanentError: a system cannot be asked.
        """
        names: set[str] = set()
        for backend, system in self._through.every().items():
            for name in await system.every():
                names |= {f"{backend}:{name}", name}
        return names

    def _system(self, plan: Plan) -> Deploys:
        return self._through.get(plan.parameters["backend"])


@dataclass(frozen=True, slots=True)
class _Move:
    """A deploy, and the version it is to go to."""

    deployed: Deployed
    to: Version


@dataclass(frozen=True, slots=True)
class _Change:
    """A version to put in place of another, in one step."""

    target: Target
    instead_of: str
    """The content that must still be there."""
    version: Mapping[str, Any]
    """As a target's state has it."""
    words: str


async def _put_all(system: Deploys, plan: Plan, changes: Sequence[_Change], execution: Execution) -> tuple[str, ...]:
    """One after the other; the last is left to verification, which has all the time that the policy gives it."""
    done: list[str] = []
    for number, change in enumerate(changes, start=1):
        place = f" ({number} of {len(changes)})" if len(changes) > 1 else ""
        async with execution.step(f"{change.words}{place}", change.target.key) as step:
            step.details["to"] = change.version["name"]
            try:
                await _put(system, plan, change, execution, waits=number < len(changes))
            except RemediationError as error:
                kind = MovedOnError if isinstance(error, MovedOnError) else PermanentError
                before = f"Put in place before that: {listed(done)}." if done else "Nothing else was done."
                raise kind(f"{error} {before}") from error
        done.append(f"{change.target.label} at {_words(change.version)}")
    return tuple(done)


async def _put(system: Deploys, plan: Plan, change: _Change, execution: Execution, *, waits: bool) -> None:
    address = address_of(plan, change.target)

    async def put() -> None:
        now = await system.read(address)
        if now.current.content != change.instead_of:
            raise MovedOnError(_moved_on(change.target, now))
        await system.put(now, change.version["name"], execution.idempotency_key)

    async def serves() -> None:
        now = await system.read(address)
        if now.condition is Condition.SETTLING:
            raise TemporaryError(f"{now.label} is still {now.seen}.", retry_after=LOOK_AGAIN_SECONDS)
        if now.condition is not Condition.HEALTHY:
            raise PermanentError(
                f"{now.label} on {system} did not come up at {_words(change.version)}: it is {now.seen}."
            )

    await execution.retrying(put, within=TAKEN_WITHIN)
    if waits:
        await execution.retrying(serves, within=SETTLES_WITHIN)


def _plan(wanted: RollBackDeployParameters, about: About, moves: Sequence[_Move], done: Sequence[str]) -> Plan:
    labels = [move.deployed.label for move in moves]
    moved = [f"Roll {m.deployed.label} back from {m.deployed.current.words} to {m.to.words}" for m in moves]
    step_limit = (TAKEN_WITHIN + SETTLES_WITHIN if len(moves) > 1 else 2 * TAKEN_WITHIN).total_seconds()
    return Plan(
        remediation=RollBackDeploy.name,
        summary=f"{moved[0]} through {wanted.backend}."
        if len(moves) == 1
        else f"Roll {listed(labels)} back to the versions before, through {wanted.backend}."
        if moves
        else f"Nothing to roll back: {wanted.backend} knows nothing called {wanted.service!r}.",
        short=f"Roll {wanted.service} back" if moves else "",
        parameters=wanted.model_dump(mode="json"),
        service=about.service,
        targets=tuple(
            Target(
                key=f"{wanted.backend}:{move.deployed.address}",
                label=move.deployed.label,
                state=_state(move.deployed.current),
                becomes=_state(move.to),
            )
            for move in moves
        ),
        effects=frozenset({Effect.DEPLOY, Effect.RESTART}),
        blast_radius=BlastRadius(targets=len(moves), share=1.0 if about.fleet and moves else None),
        rollback=Rollback(
            summary="The version that was in place before is put in place again, unless somebody has deployed since.",
            exactness=Exactness.EXACT,
        ),
        steps=(*(f"{each}." for each in moved), *done, *((UNKNOWN_TO_US,) if moves else ())),
        services=frozenset().union(*(move.deployed.services for move in moves)),
        limit_seconds=step_limit * len(moves) or None,
        step_limit_seconds=step_limit if moves else None,
        cautions=tuple(caution for move in moves for caution in _cautions(move, wanted, about)),
        remaining=Remaining(
            healthy=sum(move.deployed.healthy for move in moves),
            total=sum(move.deployed.total for move in moves),
            taken=max(move.deployed.taken for move in moves),
        )
        if moves
        else None,
    )


def _cautions(move: _Move, wanted: RollBackDeployParameters, about: About) -> tuple[str, ...]:
    current, age = move.deployed.current, about.now - move.deployed.current.since
    said = list(move.deployed.cautions)
    if age < wanted.fresh_for:
        said.append(f"{current.words} was deployed {elapsed_text(age)} ago: whoever did so may still be at it.")
    if age > wanted.suspect_for:
        said.append(f"{current.words} was deployed {elapsed_text(age)} ago already: it is unlikely to be why.")
    served = move.to.served_at_most
    if not move.to.works and served is not None and served < PROVEN_AFTER:
        said.append(f"{move.to.words} was in service for {elapsed_text(served)} at most: whether it worked is unknown.")
    return tuple(said)


async def _look_again(system: Deploys, plan: Plan, target: Target) -> Deployed:
    now = await system.read(address_of(plan, target))
    if now.current.content != target.state["content"]:
        raise PermanentError(f"{_moved_on(target, now)} Plan again.")
    return now


def _moved_on(target: Target, now: Deployed) -> str:
    return f"Somebody has deployed {target.label} since: it is at {now.current.words} now, so it was left alone."


def _state(version: Version) -> dict[str, JsonValue]:
    return {"content": version.content, "name": version.name, "images": list(version.images)}


def _words(state: Mapping[str, Any]) -> str:
    """A version, of which this is the state, for people."""
    return words_of(state["name"], state["images"])
