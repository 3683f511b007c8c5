"""One run on the twin: break it as declared, take the alert through the real flows, and say what was seen.

Every run begins with a twin that is mended and well, and ends by mending it, however it ends.
"""

import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.composition.gate_room import GateRoom, gate_room
from bot.evidence.firing import NotToldError, firing_alerts
from bot.evidence.prometheus import PrometheusEvidence
from bot.gates.driving import Drive, can_be_rolled_back, ending_of
from bot.gates.faults import Faults
from bot.gates.missions import Kind, Memory, Mission, Setup, remembered
from bot.gates.report import Ending, Outside, Run
from bot.gates.twin import GateError, Twin
from bot.gates.upkeep import Upkeep, holds_within, named_target
from bot.policy.evidence import Finding
from bot.policy.file.templates import TemplateError
from bot.policy.plan import Exactness, Plan
from bot.policy.situation import AlertFacts
from bot.remediation import PermanentError, Record, Remediation, RemediationError, Snapshot, TemporaryError
from bot.response.assessment.assess import make_plan
from bot.response.model.actions import Action, ActionState
from bot.response.model.records import StoredDecision
from bot.response.model.state_words import would_have
from bot.response.ports.context import utc_now
from handlers.alerts import alertmanager
from remediations.backends.base import Backend
from remediations.catalogue import make_backends
from remediations.targets import address_of

Note = Callable[[str], None]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Seen:
    """What is gathered for the report while it runs."""

    sentences: list[str] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    """Fields of ``Run``."""
    seconds: dict[str, float] = field(default_factory=dict)


class Runner:
    """Carries one mission out."""

    def __init__(self, setup: Setup, twin: Twin, mission: Mission, note: Note) -> None:
        self._setup, self._twin, self._mission, self._tell = setup, twin, mission, note
        mission.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        memory = remembered(mission.folder)
        self._resumed = memory is not None
        self._memory = memory or Memory(began=utc_now())
        self._seen = Seen(sentences=list(self._memory.seen), parts={"would": self._memory.would})
        self._faults = Faults(None if self._resumed else mission.fault)
        self._backends: dict[str, Backend] = dict(make_backends(twin.policy.backends))
        self._evidence = PrometheusEvidence(setup.prometheus_url)
        self._noticed_within = timedelta(seconds=setup.fires_within_seconds)
        self._upkeep = Upkeep(twin, self._backends, self._evidence)

    async def run(self) -> Run:
        """Carry it out; the twin is mended when this returns, or the report says that it is not."""
        problem = ""
        try:
            async with self._room() as room:
                problem = await self._carried_out(room)
        except (GateError, RemediationError, NotToldError, TemplateError) as error:
            problem = str(error)
        except TimeoutError:
            problem = "Staging did not answer in time."
        finally:
            left = await self.mend()
            self._evidence.close()
        problem = " ".join(filter(None, (problem, left)))
        return Run(
            gate=self._mission.gate,
            name=self._mission.name,
            passed=not problem,
            problem=problem,
            left_broken=left,
            seen=tuple(self._seen.sentences),
            began=self._memory.began,
            ended=utc_now(),
            calls=tuple(self._faults.calls),
            seconds={name: round(seconds, 2) for name, seconds in self._seen.seconds.items()},
            **self._seen.parts,
        )

    async def mend(self) -> str:
        """Mend what this run, or the process before it, has broken; why that failed, and empty when it did not."""
        if not self._memory.target:
            return ""
        problem = await self._upkeep.mend(self._memory.backend, self._memory.target)
        self._note(problem or f"{self._memory.target} is mended.")
        return problem

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[GateRoom]:
        async with gate_room(
            self._mission.folder,
            self._twin.policy,
            prometheus_url=self._setup.prometheus_url,
            audit_key=self._setup.audit_key.encode(),
            verify_interval_seconds=self._setup.verify_interval_seconds,
            around_port=self._faults.around_port,
            around=self._faults.around,
        ) as room:
            yield room

    async def _carried_out(self, room: GateRoom) -> str:
        """Why it does not pass; empty where it does."""
        if self._mission.kind is Kind.DRY_RUN:
            return await self._rehearsed(room)
        drive = Drive(room, self._twin)
        async with drive.listening():
            if not self._resumed:
                await self._made_ready(room)
            problem = await self._acted(room, drive)
            self._seen.parts |= {"told": tuple(drive.told), "record": await drive.record()}
        if not problem and not self._seen.parts["record"].whole:
            problem = "The run's own record is not whole."
        return problem

    # The dry run

    async def _rehearsed(self, room: GateRoom) -> str:
        alert = self._mission.alert or self._twin.alert(utc_now())
        remediation = room.context.catalogue[self._twin.runbook.remediation]
        plan = await self._something_to_plan(room, alert)
        self._upkeep.refuse_outside_staging(plan)
        before = await self._upkeep.look(remediation, plan)
        await self._plan(room, alert)
        self._note((await remediation.rehearse(plan)).summary)
        health = await remediation.health(plan, Record(snapshot=Snapshot(state=before.snapshot)))
        self._note(f"It sees: {health.summary}")
        after = await self._upkeep.look(remediation, plan)
        self._seen.parts |= {"plan": plan, "before": before, "after": after, "ending": Ending.NOTHING_RUN}
        changed = _differences(before, after)
        if changed:
            return f"Planning, rehearsing and looking has changed something: {changed}."
        self._note(f"Nothing was changed, {_by_what(before)}.")
        return ""

    async def _something_to_plan(self, room: GateRoom, alert: AlertFacts) -> Plan:
        """The plan; where staging that is well leaves nothing to plan, it is broken as declared first."""
        try:
            return await self._plan(room, alert)
        except PermanentError as error:
            if self._twin.fault is None:
                raise
            self._note(f"Nothing could be planned where all is well: {error}")
            try:
                await self._break(*named_target(self._twin, room.context.catalogue))
            except GateError as refused:
                raise GateError(f"{error} {refused}") from refused
        await self._upkeep.until_unwell(alert, self._noticed_within)
        made: list[Plan] = []

        async def plans() -> bool:
            with suppress(TemporaryError):  # the system has not taken note of the fault yet
                made.append(await self._plan(room, alert))
            return bool(made)

        if not await holds_within(plans, self._noticed_within):
            raise GateError("With the fault there no plan can be made.")
        return made[0]

    async def _break(self, backend: str, target: str) -> None:
        """Break it as declared, so that whoever goes on knows of it."""
        self._remember(backend=backend, target=target)
        await self._upkeep.break_it(backend, target)
        self._note(f"Injected {self._twin.fault!r} into {target}.")

    # What acts

    async def _made_ready(self, room: GateRoom) -> None:
        """The twin is well; then it is broken as declared, and the monitor has noticed."""
        alert, fault = self._mission.alert or self._twin.alert(utc_now()), self._twin.fault
        breaks = self._mission.kind is not Kind.REPEAT and fault is not None
        backend, target = await self._aim(room, alert) if fault is not None else ("", "")
        if fault is not None and (problem := await self._upkeep.mend(backend, target)):
            raise GateError(problem)
        await self._upkeep.until_well(alert, self._noticed_within)
        if self._mission.kind is Kind.SIMULATE:
            await self._quiet_before(alert)
        if breaks:
            await self._break(backend, target)
        if self._mission.kind is Kind.SIMULATE:
            alert = await self._fired()
        elif breaks:
            await self._upkeep.until_unwell(alert, self._noticed_within)
        if mismatch := self._twin.mismatch(alert):
            raise GateError(f"Production would not do this: {mismatch}.")
        self._remember(alert=alert)

    async def _acted(self, room: GateRoom, drive: Drive) -> str:
        alert = self._memory.alert
        if alert is None:
            raise GateError("Its process died before the alert was there.")
        remediation = room.context.catalogue[self._twin.runbook.remediation]
        self._seen.parts["alert"] = alert

        async def before(action: Action, stored: StoredDecision) -> None:
            await self._before(remediation, action, stored)

        began = utc_now()
        await drive.raise_alert(alert)
        action = await drive.to_its_end(before)
        self._seen.parts["ending"] = ending_of(action)
        if action is None:
            self._note("Everything is as wanted already, so nothing was run.")
            return "" if self._mission.kind is Kind.REPEAT else "There was nothing to repair."
        self._seen.seconds["repair"] = (utc_now() - began).total_seconds()
        steps = (await drive.effect(action)).steps
        self._seen.parts |= {"plan": action.plan, "steps": steps, "before": self._memory.before}
        self._note(f"It ended {self._seen.parts['ending'].value}: {action.outcome}")
        problem = await drive.against(action)
        if problem:
            return problem
        if self._mission.kind is not Kind.DISTURB and action.state is not ActionState.SUCCEEDED:
            return f"It was not verified: {action.outcome}"
        if self._mission.fault is not None and not (self._faults.happened or self._resumed):
            return f"It never came to what was to happen: {self._mission.fault.words}."
        if self._mission.kind is Kind.ROLL_BACK:
            return await self._rolled_back(drive, remediation, action)
        if can_be_rolled_back(action, steps):
            action = await drive.roll_it_back(action)
            self._note(f"A person could roll it back: {action.outcome}")
            if action.state is not ActionState.ROLLED_BACK:
                return f"Nobody could roll back what it left half done: {action.outcome}"
            if problem := await drive.against(action):
                return problem
        return await self._left(remediation, action)

    async def _before(self, remediation: Remediation, action: Action, stored: StoredDecision) -> None:
        """Before a question is answered: nothing but staging is touched, and what is there is noted."""
        self._upkeep.refuse_outside_staging(action.plan)
        if self._mission.kind is Kind.SIMULATE:
            for name, finding in (await self._upkeep.evidence(stored.alert)).items():
                if finding is not Finding.SUPPORTS:
                    raise GateError(f"The fault is there, and the evidence {name!r} says {finding.value}.")
        decision = self._twin.with_licence(stored.situation)
        would = f"{would_have(decision.verdict)}: {decision.headline}"
        before = await self._upkeep.look(remediation, action.plan)
        self._seen.parts["would"] = would
        self._note(f"Planned: {action.plan.summary}")
        self._remember(before=before, would=would)

    async def _rolled_back(self, drive: Drive, remediation: Remediation, action: Action) -> str:
        began = utc_now()
        rolled = await drive.roll_it_back(action)
        self._seen.seconds["rollback"] = (utc_now() - began).total_seconds()
        if rolled.state is not ActionState.ROLLED_BACK:
            return f"It could not be rolled back: {rolled.outcome}"
        self._seen.parts["ending"] = Ending.ROLLED_BACK
        if problem := await drive.against(rolled):
            return problem
        return await self._left(remediation, rolled)

    async def _left(self, remediation: Remediation, action: Action) -> str:
        """How outside was left, against how it was right before the act."""
        before, after = self._memory.before, await self._upkeep.look(remediation, action.plan)
        self._seen.parts["after"] = after
        if before is None:
            return "How it was before is not known."
        own = {address_of(action.plan, target) for target in action.plan.targets}
        exact = action.plan.rollback.exactness is Exactness.EXACT
        if action.state is ActionState.ROLLED_BACK:
            states = [remediation.compared(action.plan, Snapshot(state=each.snapshot)) for each in (before, after)]
            if states[0] != states[1] or (exact and _differences(before, after, only_survey=True)):
                return f"After the rollback it is not as before: {_differences(before, after)}."
            self._note(f"After the rollback it is as before, {_by_what(before)}.")
        others = _differences(before, after, only_survey=True, apart_from=own)
        if others:
            return f"What the plan does not name has changed as well: {others}."
        return ""

    # Pieces

    async def _quiet_before(self, alert: AlertFacts) -> None:
        """Nothing fires before the fault is there; else nobody could tell what made it fire."""

        async def quiet() -> bool:
            return await self._alert_of_the_twin() is None

        if not await holds_within(quiet, self._noticed_within):
            raise GateError("An alert about staging fires although staging is well, so the fault cannot be told by it.")
        for name, finding in (await self._upkeep.evidence(alert)).items():
            if finding is Finding.SUPPORTS:
                raise GateError(
                    f"The evidence {name!r} is there although staging is well: it asks about something else."
                )

    async def _fired(self) -> AlertFacts:
        began, found = utc_now(), list[AlertFacts]()

        async def fires() -> bool:
            alert = await self._alert_of_the_twin()
            if alert is not None:
                found.append(alert)
            return alert is not None

        if not await holds_within(fires, self._noticed_within):
            labels = ", ".join(f"{name}={value!r}" for name, value in sorted(self._twin.labels.items()))
            raise GateError(
                f"No alert with {labels} fired within {self._setup.fires_within_seconds:g} s after the fault: "
                "the trigger does not see it, or `staging.alert` names other labels."
            )
        self._seen.seconds["firing"] = (utc_now() - began).total_seconds()
        self._note(f"The monitor fired {found[0].name!r}.")
        return found[0]

    async def _alert_of_the_twin(self) -> AlertFacts | None:
        """What Prometheus says about the twin at this moment, read as its webhook would be."""
        try:
            document = await firing_alerts(self._setup.prometheus_url)
        except NotToldError as error:
            if self._setup.prometheus_url is None:
                raise
            log.warning("asking again: %s", error)
            return None
        parsed = alertmanager.parse(document, utc_now())
        return next((each.facts for each in parsed.alerts if self._twin.is_about_it(each.facts.labels)), None)

    async def _aim(self, room: GateRoom, alert: AlertFacts) -> tuple[str, str]:
        """Backend and address of what is broken: the plan's first target, else what the parameters name."""
        try:
            plan = await self._plan(room, alert)
        except RemediationError as error:
            log.info("no plan to aim by: %s", error)
            return named_target(self._twin, room.context.catalogue)
        self._upkeep.refuse_outside_staging(plan)
        if not plan.targets:
            return named_target(self._twin, room.context.catalogue)
        return self._upkeep.backend_of(plan), address_of(plan, plan.targets[0])

    async def _plan(self, room: GateRoom, alert: AlertFacts) -> Plan:
        return await make_plan(room.context, self._twin.policy, self._twin.runbook, alert, {})

    def _remember(self, **known: Any) -> None:
        """For whoever goes on when this process is dead."""
        self._memory = self._memory.model_copy(update={**known, "seen": tuple(self._seen.sentences)})
        self._memory.keep(self._mission.folder)

    def _note(self, text: str) -> None:
        self._seen.sentences.append(text)
        self._tell(text)


def _differences(
    before: Outside, after: Outside, *, only_survey: bool = False, apart_from: Collection[str] = ()
) -> str:
    """What is otherwise, in words; empty when nothing is."""
    found: list[str] = []
    if not only_survey and before.snapshot != after.snapshot:
        found.append("what the remediation sees of its targets")
    old, new = before.survey or {}, after.survey or {}
    for address in sorted((old.keys() | new.keys()) - set(apart_from)):
        if old.get(address) != new.get(address):
            found.append(f"{address} was {old.get(address, 'not there')} and is {new.get(address, 'not there')}")
    return ", ".join(found)


def _by_what(outside: Outside) -> str:
    if outside.survey is None:
        return "by the remediation's own snapshot alone, as its backend cannot show staging otherwise"
    return f"by the remediation's own snapshot and by all {len(outside.survey)} on staging that its backend shows"
