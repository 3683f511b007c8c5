"""Restart what runs a service: the oldest fix, for a service that hangs or crashed.

What is restarted is an *instance*: whatever a system restarts as a whole, be it a supervised process, a systemd unit,
or a Deployment with all its pods. What counts as "the same state" between planning and acting is for the system to say
(``Instance.state``): another incarnation of what ran makes the plan stale, because somebody has restarted it since;
what is down may go through all that a crash loop goes through. What people have stopped is never restarted.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import Field, JsonValue

from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Remaining, Rollback, Target
from bot.remediation import (
    About,
    Condition,
    Execution,
    Health,
    Parameters,
    PermanentError,
    Record,
    Remediation,
    RemediationError,
    Report,
    Snapshot,
    TemporaryError,
)
from remediations.backends.base import UnknownTargetError
from remediations.capability import Through
from remediations.targets import address_of, listed, refuse_protected, together

NOTHING_TO_UNDO = Rollback(summary="What the processes held in memory is gone.", exactness=Exactness.NOTHING_TO_UNDO)
LOOK_AGAIN_SECONDS = 2.0
SETTLES_WITHIN = timedelta(minutes=10)
"""How long one instance may be settling before the next is begun, where its system does not say."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One thing that its system restarts as a whole, as it is now."""

    address: str
    """Names it within its backend: ``shop:east``, ``web.service``, ``shop/web``."""
    label: str
    """As people see it."""
    condition: Condition
    seen: str
    """The condition in its system's own word, as in "web is FATAL"."""
    state: Mapping[str, JsonValue]
    """What must be the same when acting; sealed. Nothing that changes by itself while it is broken."""
    identity: Mapping[str, JsonValue]
    """What is another one after every restart: a pid, an invocation, a time of a rollout."""
    how: str
    """What restarting it means, for the card: "Stop web, start it, and wait until it runs."; the same every time."""
    takes: int
    """Healthy members of the service that are away at the same time while it is restarted; 0 where it is down."""
    spared: str = ""
    """Why it is left alone although it is of that name, as in "web is stopped on purpose"; empty: it is restarted."""
    remedy: str = ""
    """What brings a spared one back: "`supervisorctl start web`"."""
    intent: JsonValue = None
    """What only people and we change about it, and never the system by itself: how many replicas, stopped or not."""
    within: timedelta | None = None
    """The longest that a restart of it may take; None: as long as every plan may. Sealed, so it must hold still."""
    services: frozenset[str] = frozenset()
    """Services that the system itself says it belongs to."""
    cautions: tuple[str, ...] = ()
    """What speaks against restarting it without a person, in sentences."""
    changing: str = ""
    """What others change about it now, as a sentence that stays the same until it is over; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a name means to a system."""

    instances: tuple[Instance, ...]
    """In the order in which they would be restarted; the same every time."""
    healthy: int | None = None
    """Members of the whole service that are healthy now, also those that are not of that name; None: unknown."""
    total: int = 0
    """Members that the whole service has, or is meant to have."""


class Restarts(Protocol):
    """What a system must offer. ``str()`` of it names it in errors."""

    async def find(self, name: str) -> Found:
        """What ``name`` means; nothing of that name is no error. It may come from an alert: only ever compare it.

        Raises:
            TemporaryError: it cannot be reached, or one of them is in a transition that has to end first.
            PermanentError: refused, the name means several things, or a person must check it first.
        """
        ...

    async def read(self, address: str) -> Instance:
        """One instance as it is now.

        Raises:
            UnknownTargetError: it is gone.
            TemporaryError, PermanentError: it cannot be asked.
        """
        ...

    async def restart(self, instance: Instance, idempotency_key: str) -> None:
        """Restart it, as it was read a moment ago; return when the system has taken it, or when it is done.

        ``idempotency_key`` marks what is written elsewhere: asked twice with the same, it is done once.

        Raises:
            TemporaryError: nothing has been changed.
            PermanentError: refused, failed, or the outcome is unknown.
        """
        ...

    async def every(self) -> Collection[Instance]:
        """Every instance that the system knows."""
        ...


@runtime_checkable
class StartsAgain(Protocol):
    """A system that served before a restart had nothing to undo: plans are stored that start what ran before."""

    async def start_again(self, address: str, recorded: Mapping[str, JsonValue]) -> bool:
        """Make it run if it ran when it was recorded; whether anything was done. What runs is never stopped."""
        ...


class RestartServiceParameters(Parameters):
    """The policy's ``with`` for ``restart_service``."""

    backend: str = "supervisor"
    """Name of the backend."""
    service: str = Field(min_length=1, max_length=255)
    """What the system calls it. supervisor: ``process``, ``group:process``, ``group:*``, or a group's name for all its
    processes. systemd: ``web`` or ``web.service``, ``web@east``, ``web@*`` for every instance of a template."""

    def named(self) -> tuple[str, ...]:
        """The service, as written."""
        return (self.service,)


class RestartService(Remediation):
    """Restart one instance after the other, so that the others go on serving."""

    name: ClassVar[str] = "restart_service"
    title: ClassVar[str] = "Restart a service"
    parameters: ClassVar[type[Parameters]] = RestartServiceParameters
    effects: ClassVar[frozenset[Effect] | None] = frozenset({Effect.RESTART})
    repeatable: ClassVar[bool] = True

    def __init__(self, through: Through[Restarts]) -> None:
        self._through = through

    async def plan(self, parameters: RestartServiceParameters, about: About) -> Plan:
        """Find the instances and say what would happen to them.

        Those that are stopped on purpose are left out, and the plan says so; when nothing else is left it is refused.

        Raises:
            TemporaryError, PermanentError: as ``Restarts.find``.
            PermanentError: one of them is protected, or all are stopped on purpose.
        """
        system = self._through.get(parameters.backend)
        found = await system.find(parameters.service)
        for each in found.instances:
            refuse_protected(about, parameters.backend, each.address, each.label)
        if found.instances and all(each.spared for each in found.instances):
            first = found.instances[0]
            raise PermanentError(
                f"{_labels(found.instances)} on {system} is {first.spared}, so it is not restarted. To bring it back: "
                f"{first.remedy}."
            )
        return _plan(parameters, about, found)

    async def rehearse(self, plan: Plan) -> Report:
        """Find every target in the state it was planned in, with our credentials; errors as for ``execute``."""
        system = self._system(plan)
        seen = [await _look_again(system, address_of(plan, target), target) for target in plan.targets]
        return Report(
            summary=f"{system} is reachable and would restart {_labels(seen)}.",
            details={"instances": [each.address for each in seen]},
        )

    async def snapshot(self, plan: Plan) -> Snapshot:
        """How every target runs; errors as ``Restarts.read``."""
        system = self._system(plan)
        seen = [await system.read(address_of(plan, target)) for target in plan.targets]
        recorded = {each.address: {"state": each.seen, **each.identity, "intent": each.intent} for each in seen}
        return Snapshot(state={"instances": recorded})

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        """Restart the targets one after the other, the next when the one before has come back.

        Each is read again right before it is touched, because a long restart leaves people time to step in. The first
        failure ends it; later targets stay untouched.

        Raises:
            TemporaryError: nothing has been changed yet.
            PermanentError: an instance did not come back or has changed since planning, or its system was lost.
        """
        system = self._system(plan)
        for target in plan.targets:
            await _look_again(system, address_of(plan, target), target)
        restarted = _Restarted(system, execution)
        for number, target in enumerate(plan.targets, start=1):
            place = f" ({number} of {len(plan.targets)})" if len(plan.targets) > 1 else ""
            async with execution.step(f"Restart {target.label}{place}", target.key):
                await restarted.add(address_of(plan, target), target, wait=number < len(plan.targets))
        return Report(summary=f"Restarted {_labels(restarted.instances)}.", details={"restarted": restarted.details})

    async def health(self, plan: Plan, record: Record) -> Health:
        """Whether every target runs and is another than before, as its system sees it; what hangs looks healthy."""
        system, before = self._system(plan), _recorded(record.snapshot)
        conditions: set[Condition] = set()
        told: list[str] = []
        for target in plan.targets:
            try:
                seen = await system.read(address_of(plan, target))
            except UnknownTargetError:
                conditions.add(Condition.UNHEALTHY)
                told.append(f"{target.label} is gone")
            except RemediationError as error:
                return Health(condition=Condition.UNKNOWN, summary=str(error))
            else:
                same = _is_the_same(seen, before.get(seen.address, {})) and seen.condition is Condition.HEALTHY
                conditions.add(Condition.UNHEALTHY if same else seen.condition)
                told.append(f"{seen.label} was not restarted" if same else f"{seen.label} is {seen.seen}")
        return Health(condition=together(conditions), summary=", ".join(told) or "There are no targets.")

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        """Start what ran and does not any more; what runs now is never stopped, whatever was recorded.

        Only plans of older releases offer a rollback; their executions have no steps, so every target is read. A
        failure with one does not keep the others from being started.

        Raises:
            TemporaryError: the system cannot be reached; nothing has been changed.
            PermanentError: something could not be restored; the text names each.
        """
        system = self._system(plan)
        if not isinstance(system, StartsAgain):
            raise PermanentError(f"A restart on {system} leaves nothing to undo.")
        await system.every()  # whoever cannot be reached is asked again later, and no step was begun
        recorded = _recorded(record.snapshot)
        restored: dict[str, str] = {}
        problems: list[RemediationError] = []
        for target in plan.targets:
            address = address_of(plan, target)
            if address not in recorded:
                continue
            try:
                async with execution.step(f"Start {target.label} again if it ran", target.key):
                    started = await system.start_again(address, recorded[address])
            except RemediationError as error:
                problems.append(error)
            else:
                restored[address] = "started" if started else "unchanged"
        labels = {address_of(plan, target): target.label for target in plan.targets}
        if problems:
            done = f" Restored: {listed([labels[address] for address in restored])}." if restored else ""
            raise PermanentError(" ".join(str(problem) for problem in problems) + done) from problems[0]
        again = [labels[address] for address, what in restored.items() if what == "started"]
        summary = f"Started {listed(again)} again." if again else "Nothing had to be started; what runs goes on."
        return Report(summary=summary, details={"restored": restored})

    def compared(self, plan: Plan, snapshot: Snapshot) -> JsonValue:
        """What people have changed; that a system restarts by itself what crashes is nobody's doing."""
        return {address: _intent(each) for address, each in _recorded(snapshot).items()}

    def left(self, plan: Plan, record: Record) -> Snapshot | None:
        """A restart changes nothing of what is compared."""
        return record.snapshot

    async def targets(self) -> Collection[str]:
        """Everything that can be restarted, as plans and people call it; errors as ``Restarts.read``."""
        names: set[str] = set()
        for name, system in self._through.every().items():
            for each in await system.every():
                names |= {f"{name}:{each.address}", each.label}
        return names

    def _system(self, plan: Plan) -> Restarts:
        return self._through.get(plan.parameters["backend"])


@dataclass(slots=True)
class _Restarted:
    """What one execution has restarted so far."""

    system: Restarts
    execution: Execution
    instances: list[Instance] = field(default_factory=list)
    details: dict[str, dict[str, JsonValue]] = field(default_factory=dict)

    async def add(self, address: str, target: Target, *, wait: bool) -> None:
        """Restart one more, and with ``wait`` see it come back. From here on nothing is temporary."""
        try:
            before = await _look_again(self.system, address, target)
            await self.system.restart(before, self.execution.idempotency_key)
            if wait:
                within = before.within or SETTLES_WITHIN
                await self.execution.retrying(lambda: self._settled(address), within=within)
            after = await self.system.read(address)
            if _is_the_same(after, before.identity):
                raise PermanentError(
                    f"{before.label} on {self.system} was told to restart, and is still the same as before: look there."
                )
        except RemediationError as error:
            done = f"Restarted before that: {_labels(self.instances)}." if self.instances else "Nothing else was done."
            raise PermanentError(f"{error} {done}") from error
        self.instances.append(after)
        self.details[after.address] = {
            **{f"{name}_before": value for name, value in before.identity.items()},
            **{f"{name}_after": value for name, value in after.identity.items()},
        }

    async def _settled(self, address: str) -> None:
        seen = await self.system.read(address)
        if seen.condition is Condition.SETTLING:
            raise TemporaryError(f"{seen.label} is still {seen.seen}.", retry_after=LOOK_AGAIN_SECONDS)
        if seen.condition is not Condition.HEALTHY:
            raise PermanentError(f"{seen.label} on {self.system} did not come back: it is {seen.seen}.")


def _plan(wanted: RestartServiceParameters, about: About, found: Found) -> Plan:
    restarting = [each for each in found.instances if not each.spared]
    spared = [each for each in found.instances if each.spared]
    limits = [each.within.total_seconds() for each in restarting if each.within is not None]
    limited = bool(limits) and len(limits) == len(restarting)
    reasons = dict.fromkeys(each.spared for each in spared)
    share = min(1.0, len(restarting) / about.fleet) if about.fleet else None
    return Plan(
        remediation=RestartService.name,
        summary=f"Restart {_labels(restarting)} through {wanted.backend}."
        if restarting
        else f"Nothing to restart: {wanted.backend} knows nothing called {wanted.service!r}.",
        short=f"Restart {wanted.service}" if restarting else "",
        parameters=wanted.model_dump(mode="json"),
        service=about.service,
        targets=tuple(
            Target(key=f"{wanted.backend}:{each.address}", label=each.label, state=dict(each.state))
            for each in restarting
        ),
        effects=frozenset({Effect.RESTART}),
        blast_radius=BlastRadius(targets=len(restarting), share=share),
        rollback=NOTHING_TO_UNDO,
        steps=(
            *(f"Leave {_labels([e for e in spared if e.spared == reason])} alone: {reason}." for reason in reasons),
            *(each.how for each in restarting),
        ),
        services=frozenset().union(*(each.services for each in restarting)),
        limit_seconds=sum(limits) if limited else None,
        step_limit_seconds=max(limits) if limited else None,
        cautions=tuple(dict.fromkeys(caution for each in restarting for caution in each.cautions)),
        changing=tuple(dict.fromkeys(each.changing for each in restarting if each.changing)),
        remaining=None
        if found.healthy is None
        else Remaining(
            healthy=found.healthy, total=found.total, taken=max((each.takes for each in restarting), default=0)
        ),
    )


async def _look_again(system: Restarts, address: str, target: Target) -> Instance:
    seen = await system.read(address)
    if dict(seen.state) != target.state:
        raise PermanentError(
            f"{seen.label} on {system} has changed since the plan was made (planned: {_words(target.state)}; now: "
            f"{_words(seen.state)}), so it was left alone. Plan again."
        )
    return seen


def _recorded(snapshot: Snapshot) -> Mapping[str, Mapping[str, JsonValue]]:
    """What a snapshot says by address; releases that knew one system only called it processes."""
    return dict(snapshot.state.get("instances", snapshot.state.get("processes", {})))


def _is_the_same(instance: Instance, recorded: Mapping[str, JsonValue]) -> bool:
    """Whether nobody has restarted it since it was recorded."""
    return bool(instance.identity) and all(recorded.get(name) == value for name, value in instance.identity.items())


def _intent(recorded: Mapping[str, JsonValue]) -> JsonValue:
    """Of a snapshot of those older releases, supervisor's word tells it."""
    return recorded.get("intent", "stopped" if recorded.get("state") == "STOPPED" else "started")


def _words(state: Mapping[str, JsonValue]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in state.items())


def _labels(instances: Iterable[Instance]) -> str:
    return listed([each.label for each in instances])
