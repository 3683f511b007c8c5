"""One incident from its alert to its end, with whatever people and the world do between any two commits of the act.

The flows run over a real database, one step after the other, without the durable engine: what a step remembered is
kept, and a process that dies is one whose flow begins again from the top. Beside the rows stands a model of the brakes
that were committed; whenever an effect begins, the model is asked.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.policy.evidence import Finding
from bot.policy.file.document import Policy
from bot.policy.situation import AlertFacts, Scope, ScopeKind
from bot.response.deadlines.announcements import announced
from bot.response.deadlines.sweep import sweep
from bot.response.flows import flows
from bot.response.interventions import pauses
from bot.response.interventions.approvals import approve, stop
from bot.response.interventions.clicks import Answer, Press
from bot.response.interventions.take_override import NOTHING, override, take
from bot.response.model.actions import PENDING, UNDER_WAY, Action, ActionState
from bot.response.model.incidents import Alert, AlertStatus
from bot.response.model.notices import CardNotice
from bot.response.notices.card import current_action
from bot.response.ports.context import Context, Timing
from bot.response.ports.flow import FlowName, Json
from bot.response.ports.work import Work
from storage.database import Database
from storage.intake import Intake
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.licences import license_runbook
from tests.promises.walked import Asked, Brakes, Died, Interrupted, Remembering, Watched
from tests.response.outside import People
from tests.response.world import ALICE, BOB, CAROL, written_policy

EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)
BEGINNING = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FLOWS_MAX = 60
FORBIDS_ALL = written_policy("L0")


@dataclass
class Walk:
    """See the module; ``schedule`` says what happens before which transaction of the act."""

    database: Database
    enqueuer: RecordingEnqueuer
    switch: Watched
    level: str
    schedule: Mapping[int, tuple[str, ...]]
    policy: Policy
    brakes: Brakes = field(default_factory=Brakes)
    points: int = 0
    """Transactions of the flow act that were reached so far."""
    happened: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    executed: Counter[str] = field(default_factory=Counter)
    _at: datetime = BEGINNING
    _in_act: bool = False
    _approved: bool = False

    def __post_init__(self) -> None:
        self.senses = Asked(brakes=self.brakes)
        self.switch.begins = self._begins
        self.switch.begins_step = self._begins_step
        self.context = Context(
            database=Interrupted(self.database, self._before),
            policy=lambda: self.policy,
            catalogue={self.switch.name: self.switch},
            evidence=self.senses,
            people=People({"sre-oncall": (ALICE, BOB), "leads": (CAROL,)}),
            timing=Timing(verify_interval_seconds=0),
            now=self.now,
        )
        self.functions = flows(self.context)
        self.intake = Intake(self.database, self.context.policy, self.now)

    def now(self) -> datetime:
        self._at += timedelta(milliseconds=100)
        return self._at

    # -- the way ---------------------------------------------------------------------------------------------------

    async def go(self) -> None:
        """From the alert until nothing leads on by itself."""
        try:
            await self._license()
            await self._alert("f1")
            for _ in range(FLOWS_MAX):
                if not await self._one_more():
                    break
            else:
                self.faults.append("it never comes to an end")
            await self._look_back()
        finally:
            await self.intake.close()

    async def _one_more(self) -> bool:
        await self._deliver()
        if self.enqueuer.calls:
            name, *arguments, _workflow, _queue, _partition = self.enqueuer.calls.pop(0)
            await self._run(name, arguments)
            return True
        if not self._approved and self.level == "L1" and await self._press(approve, ALICE):
            self._approved = True
            return True
        if await sweep(self.context):
            return True
        return bool(self.enqueuer.calls)

    async def _run(self, name: str, arguments: list[Any]) -> None:
        memory: dict[str, Json] = {}
        while True:
            self._in_act = name == FlowName.ACT
            try:
                await self.functions[name](Remembering(Interrupted(self.database, self._before), memory), *arguments)
            except Died:
                continue
            else:
                return
            finally:
                self._in_act = False

    async def _before(self) -> None:
        if not self._in_act:
            return
        events, self.points = self.schedule.get(self.points, ()), self.points + 1
        self._in_act = False
        try:
            for event in events:
                self.happened.append(event)
                await {**EVENTS, **BESIDES}[event](self)
        finally:
            self._in_act = True

    async def _begins(self, effect: str) -> None:
        async with self.database.read() as work:
            (action,) = await work.actions.in_states(frozenset({ActionState.EXECUTING, ActionState.ROLLING_BACK}))
        against = self.brakes.against_act(action) if effect == "execute" else self.brakes.against_rollback()
        if against:
            self.faults.append(f"{effect} began although: {', '.join(against)}")

    async def _begins_step(self, effect: str) -> None:
        async with self.database.read() as work:
            (action,) = await work.actions.in_states(frozenset({ActionState.EXECUTING, ActionState.ROLLING_BACK}))
        against = self.brakes.against_step(action) if effect == "execute" else self.brakes.against_rollback()
        if against:
            self.faults.append(f"a step of {effect} began although: {', '.join(against)}")
        self.executed[f"{effect} {action.id} {action.rollbacks}"] += 1

    async def _look_back(self) -> None:
        async with self.database.read() as work:
            actions = await work.actions.of_incident(1)
            held = await work.locks.held()
            intact = (await work.audit.verify()).intact
        waits = {ActionState.WAITING, ActionState.HELD}
        if any(one.state in (PENDING | UNDER_WAY) - waits for one in actions):
            self.faults.append(f"left behind: {[str(one.state) for one in actions]}")
        if held:
            self.faults.append(f"still locked: {held}")
        if any(count > 1 for count in self.executed.values()):
            self.faults.append(f"begun twice: {self.executed}")
        begun = sum(1 for one in actions if one.begun_at is not None)
        if self.switch.read()["flips"] > begun:
            self.faults.append("an effect that no row knows of")
        if not intact:
            self.faults.append("the record is broken")

    async def _deliver(self) -> None:
        async with self.database.begin() as work:
            for outbox_id in await work.outbox.due(self._at):
                item = await work.outbox.claim(
                    outbox_id, by="walk", now=self._at, until=self._at + timedelta(seconds=9)
                )
                assert item is not None
                ts = f"1700000000.{outbox_id:06}"
                await work.outbox.delivered(outbox_id, channel="C01INC", ts=ts, now=self._at)
                if isinstance(item.notice, CardNotice) and item.incident_id is not None:
                    await announced(work, self.context, item.incident_id, item.notice)

    # -- what may happen -------------------------------------------------------------------------------------------

    async def _press(self, intervention: Callable[..., Awaitable[Answer]], person: str) -> bool:
        roster = await self.context.roster()
        async with self.database.begin() as work:
            incident = await work.incidents.get(1)
            assert incident is not None
            action = await current_action(work, incident)
            press = Press(person, action.id if action else incident.handle, incident.revision)
            return (await intervention(work, self.context, roster, press)).accepted

    async def _present(self) -> Action | None:
        async with self.database.read() as work:
            incident = await work.incidents.get(1)
            return await current_action(work, incident) if incident is not None else None

    async def stop(self) -> None:
        action = await self._present()
        if await self._press(stop, CAROL) and action is not None:
            self.brakes.stopped.add(action.id)
        self.brakes.said_no = True

    async def dont(self) -> None:
        async def nothing(work: Work, context: Context, roster: Any, press: Press) -> Answer:
            return await override(work, context, roster, press, NOTHING, "no")

        action = await self._present()
        if await self._press(nothing, ALICE) and action is not None:
            self.brakes.stopped.add(action.id)
        self.brakes.said_no = True

    async def take(self) -> None:
        if await self._press(take, CAROL):
            self.brakes.taken = True

    async def pause(self) -> None:
        roster = await self.context.roster()
        async with self.database.begin() as work:
            await pauses.pause(work, self.context, roster, BOB, EVERYTHING, None, "release")
        self.brakes.paused = True

    async def pause_elsewhere(self) -> None:
        """By another host, whose clock is ahead, and which does not hold anything itself."""
        async with self.database.begin() as work:
            await pauses.put_on(work, "os:root", EVERYTHING, None, "release", self._at + timedelta(minutes=5))
        self.brakes.paused = True

    async def resume(self) -> None:
        roster = await self.context.roster()
        async with self.database.begin() as work:
            await pauses.resume(work, self.context, roster, BOB, EVERYTHING)
        self.brakes.paused = False

    async def resolve(self) -> None:
        await self._alert("f1", AlertStatus.RESOLVED)

    async def second_alert(self) -> None:
        """It marks customers' money: nothing acts alone any more."""
        await self._alert("f2", billing="true")
        self.brakes.marked = True

    async def change_policy(self) -> None:
        self.policy = FORBIDS_ALL
        self.brakes.forbidden = True

    async def turn_evidence(self) -> None:
        self.senses.evidence = Finding.CONTRADICTS  # from the next look on

    async def be_dead_for_hours(self) -> None:
        async with self.database.read() as work:
            self.brakes.too_old |= {one.id for one in await work.actions.of_incident(1) if one.begun_at is None}
        self._at += timedelta(hours=5)
        raise Died

    async def restart(self) -> None:
        raise Died

    async def set_the_clock_back(self) -> None:
        self._at -= timedelta(seconds=60)

    async def sweep(self) -> None:
        await sweep(replace(self.context, database=self.database))

    async def _alert(self, fingerprint: str, status: AlertStatus = AlertStatus.FIRING, **labels: str) -> None:
        now = self.now()
        facts = AlertFacts(
            source="alertmanager",
            fingerprint=fingerprint,
            name="SwitchOff",
            severity="critical",
            service="lamp",
            labels={"alertname": "SwitchOff", "service": "lamp", "severity": "critical", **labels},
            starts_at=BEGINNING,
        )
        ended = now if status is AlertStatus.RESOLVED else None
        await self.intake.accept([Alert(facts, status, ended, "", now)], [])
        if status is AlertStatus.FIRING:
            self.brakes.firing.add(fingerprint)
        else:
            self.brakes.firing.discard(fingerprint)

    async def _license(self) -> None:
        now = self.now()
        async with self.database.begin() as work:
            await license_runbook(work, self.policy, "flip", now, now + timedelta(days=9))


EVENTS: Mapping[str, Callable[[Walk], Awaitable[None]]] = {
    "stop": Walk.stop,
    "don't": Walk.dont,
    "take": Walk.take,
    "pause": Walk.pause,
    "pause elsewhere": Walk.pause_elsewhere,
    "resolve": Walk.resolve,
    "second alert": Walk.second_alert,
    "policy change": Walk.change_policy,
    "evidence turns": Walk.turn_evidence,
    "dead for hours": Walk.be_dead_for_hours,
    "restart": Walk.restart,
}
"""What may keep an effect from beginning, and a process that dies."""
BESIDES: Mapping[str, Callable[[Walk], Awaitable[None]]] = {
    "resume": Walk.resume,
    "clock set back": Walk.set_the_clock_back,
    "sweep": Walk.sweep,
}
"""What changes how the others end."""


async def walked(database: Path, level: str, schedule: Mapping[int, tuple[str, ...]], *, helps: bool) -> Walk:
    """One walk over ``database``, which has no row; ``helps``: whether the act does what it should."""
    enqueuer = RecordingEnqueuer()
    opened = Database(f"sqlite+aiosqlite:///{database}", enqueuer, AUDIT_KEY)
    await opened.open()
    try:
        policy = written_policy(level, veto_window="0s")
        walk = Walk(opened, enqueuer, Watched(database.with_name("switch.json")), level, schedule, policy)
        walk.senses.health = Finding.SUPPORTS if helps else Finding.CONTRADICTS
        await walk.go()
    finally:
        await opened.close()
    return walk
