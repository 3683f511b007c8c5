"""A small world for the flows: a real database, the real durable engine, and a remediation that acts on a file.

The file survives the process and counts what was done to it, so that "at most once" can be checked by looking.
Slack is played by ``deliver``: it takes the outbox as the courier does and says that the message was accepted.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from dbos import DBOS
from pydantic import Field

from bot.policy.file.document import Policy
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Rollback, Target
from bot.policy.situation import AlertFacts
from bot.remediation import (
    OPEN,
    About,
    Condition,
    Execution,
    Health,
    Parameters,
    PermanentError,
    Record,
    Remediation,
    Report,
    Snapshot,
    TemporaryError,
)
from bot.response.deadlines.announcements import announced
from bot.response.engine.dbos import Engine
from bot.response.failures import flow_failed
from bot.response.flows import flows
from bot.response.interventions.clicks import Press
from bot.response.model.actions import Action, ActionState
from bot.response.model.incidents import Alert, AlertStatus, Incident
from bot.response.model.notices import CardNotice, ThreadNotice, Told
from bot.response.notices.card import current_action
from bot.response.ports.context import Context, Timing, utc_now
from storage.database import Database
from storage.held_leases import HeldLeases
from storage.intake import Intake
from storage.migrations import migrate
from tests.fixtures.audit_document import recorded_as_documented
from tests.fixtures.database import AUDIT_KEY
from tests.fixtures.licences import license_runbook
from tests.response.outside import People, Senses

ALICE, BOB, CAROL, DAVE = "U01ALICE", "U02BOB", "U03CAROL", "U04DAVE"


class SwitchParameters(Parameters):
    switch: str = Field(json_schema_extra=OPEN)


@dataclass
class Switch(Remediation):
    """A remediation over a JSON file: ``{"position": ..., "flips": n, "restores": n}``."""

    name: ClassVar[str] = "flip_switch"
    title: ClassVar[str] = "Flip a switch"
    parameters: ClassVar[type[Parameters]] = SwitchParameters
    effects: ClassVar[frozenset[Effect] | None] = frozenset({Effect.RESTART})

    path: Path
    before_execute: Callable[[], Awaitable[None]] | None = None
    refuses_to_plan: str = ""
    breaks: Exception | None = None

    def read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {"position": "off", "flips": 0, "restores": 0}
        return dict(json.loads(self.path.read_text()))

    def write(self, **changes: Any) -> None:
        self.path.write_text(json.dumps(self.read() | changes))

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        assert isinstance(parameters, SwitchParameters)
        if self.refuses_to_plan:
            raise PermanentError(self.refuses_to_plan)
        position = self.read()["position"]
        return Plan(
            remediation=self.name,
            summary=f"Flip {parameters.switch} on",
            parameters=parameters.model_dump(),
            service=about.service,
            targets=(Target(key=f"switch:{parameters.switch}", label=parameters.switch, state={"position": position}),),
            effects=frozenset({Effect.RESTART}),
            blast_radius=BlastRadius(targets=1, share=1 / about.fleet if about.fleet else None),
            rollback=Rollback(summary=f"Flip {parameters.switch} back to {position}", exactness=Exactness.EXACT),
        )

    async def rehearse(self, plan: Plan) -> Report:
        return Report(summary="The switch can be flipped.")

    async def snapshot(self, plan: Plan) -> Snapshot:
        return Snapshot(state={"position": self.read()["position"]})

    async def before(self, what: str) -> None:
        """What happens before the step of ``execute`` or ``roll_back``."""
        if what == "execute" and isinstance(self.breaks, TemporaryError):
            raise self.breaks

    async def inside(self, what: str) -> None:
        """What happens inside that step."""
        if what == "execute" and self.before_execute is not None:
            await self.before_execute()
        if what == "execute" and self.breaks is not None:
            raise self.breaks

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        await self.before("execute")
        async with execution.step("Flip it on", plan.targets[0].key):
            await self.inside("execute")
            self.write(position="on", flips=self.read()["flips"] + 1)
        return Report(summary="Flipped it on.")

    async def health(self, plan: Plan, record: Record) -> Health:
        return Health(condition=Condition.UNKNOWN, summary="A switch cannot tell.")

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        position = record.snapshot.state["position"]
        await self.before("roll_back")
        async with execution.step(f"Flip it back to {position}", plan.targets[0].key):
            await self.inside("roll_back")
            self.write(position=position, restores=self.read()["restores"] + 1)
        return Report(summary=f"Flipped it back to {position}.")

    def left(self, plan: Plan, record: Record) -> Snapshot | None:
        """It takes one flip, so where nobody knows whether that was made, nobody knows how it was left."""
        done = all(step.ended for step in record.steps)
        return Snapshot(state={"position": "on"}) if record.steps and done else None


class SwitchBoard(Switch):
    """The same with a file for each switch, for stories in which many are flipped."""

    def at(self, switch: str) -> Switch:
        return Switch(self.path.with_name(f"{switch}.json"), breaks=self.breaks)

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        assert isinstance(parameters, SwitchParameters)
        return await self.at(parameters.switch).plan(parameters, about)

    async def snapshot(self, plan: Plan) -> Snapshot:
        return await self.at(plan.parameters["switch"]).snapshot(plan)

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        return await self.at(plan.parameters["switch"]).execute(plan, snapshot, execution)

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        return await self.at(plan.parameters["switch"]).roll_back(plan, record, execution)


def written_policy(level: str = "L1", **runbook: Any) -> Policy:
    """A policy with one runbook, ``flip``, for the alert SwitchOff."""
    return Policy.model_validate(
        {
            "version": 1,
            "channels": {"incidents": "C01INC"},
            "people": {"sre-oncall": {"users": [ALICE, BOB]}, "leads": {"users": [CAROL]}},
            "defaults": {"approvals": {"from": ["sre-oncall"]}, "watch_after": "10m"},
            "services": {"lamp": {"tier": 2, "fleet": 4}, "room": {"depends_on": ["lamp"]}},
            "budgets": [{"scope": "all", "actions": 20, "per": "1h"}],
            "runbooks": {
                "flip": {
                    "summary": "Flip the switch",
                    "when": "alert.name == 'SwitchOff'",
                    "level": level,
                    "remediation": "flip_switch",
                    "with": {"switch": "${alert.labels.service}"},
                    "blast_radius": {"targets": 1, "share": 0.34},
                    "evidence": {"dark": "light == 0"},
                    "verify": {"within": "1s", "healthy": "light == 1", "stable": 1},
                    "veto_window": "1s",
                }
                | runbook
            },
        }
    )


@dataclass
class World:
    """Everything a test of the flows needs; see ``world``."""

    database: Database
    context: Context
    intake: Intake
    switch: Switch
    senses: Senses
    delivered: list[Told] = field(default_factory=list)
    slack_answers: bool = True
    engine: Engine | None = None

    @property
    def people(self) -> People:
        assert isinstance(self.context.people, People)
        return self.context.people

    async def fire(self, name: str = "SwitchOff", service: str = "lamp", fingerprint: str = "f1") -> None:
        await self._alert(name, service, fingerprint, AlertStatus.FIRING)

    async def resolve(self, name: str = "SwitchOff", service: str = "lamp", fingerprint: str = "f1") -> None:
        await self._alert(name, service, fingerprint, AlertStatus.RESOLVED)

    async def _alert(self, name: str, service: str, fingerprint: str, status: AlertStatus) -> None:
        now = self.context.now()
        started = self._started.setdefault(fingerprint, now)
        facts = AlertFacts(
            source="alertmanager",
            fingerprint=fingerprint,
            name=name,
            severity="critical",
            service=service,
            labels={"alertname": name, "service": service, "severity": "critical"},
            annotations={"summary": f"{service} is dark"},
            starts_at=started,
        )
        ended = now if status is AlertStatus.RESOLVED else None
        await self.intake.accept([Alert(facts, status, ended, "", now)], [])

    _started: dict[str, datetime] = field(default_factory=dict)

    async def deliver(self) -> None:
        """Play the courier until cancelled."""
        number = 0
        while True:
            now = self.context.now()
            if self.slack_answers:
                async with self.database.begin() as work:
                    for outbox_id in await work.outbox.due(now):
                        item = await work.outbox.claim(outbox_id, by="test", now=now, until=now + timedelta(seconds=9))
                        if item is None:
                            continue
                        number += 1
                        await work.outbox.delivered(outbox_id, channel="C01INC", ts=f"1700000000.{number:06}", now=now)
                        if isinstance(item.notice, CardNotice) and item.incident_id is not None:
                            await announced(work, self.context, item.incident_id, item.notice)
                        self.delivered.append(item.notice)
            await asyncio.sleep(0.02)

    async def until(self, state: ActionState, incident_id: int = 1) -> Action:
        """Wait until the incident's present action is in ``state``."""
        async with asyncio.timeout(20):
            while True:
                action = await self.action(incident_id)
                if action is not None and action.state is state:
                    return action
                await asyncio.sleep(0.02)

    async def until_thread(self, title: str) -> ThreadNotice:
        """Wait until the thread says ``title`` (as a beginning)."""
        async with asyncio.timeout(20):
            while True:
                for notice in self.delivered:
                    if isinstance(notice, ThreadNotice) and notice.title.startswith(title):
                        return notice
                await asyncio.sleep(0.02)

    async def until_card(self, true: Callable[[CardNotice], bool]) -> CardNotice:
        """Wait until the newest delivered card is such that ``true`` holds."""
        async with asyncio.timeout(20):
            while True:
                cards = [n for n in self.delivered if isinstance(n, CardNotice)]
                if cards and true(cards[-1]):
                    return cards[-1]
                await asyncio.sleep(0.02)

    async def idle(self) -> None:
        """Wait until every flow that was asked for has come to its end, and all that was said is delivered."""
        async with asyncio.timeout(20):
            unfinished = ["DELAYED", "ENQUEUED", "PENDING"]
            while await DBOS.list_workflows_async(status=unfinished) or await self._undelivered():
                await asyncio.sleep(0.02)

    async def _undelivered(self) -> int:
        async with self.database.read() as work:
            return await work.outbox.undelivered()

    async def action(self, incident_id: int = 1) -> Action | None:
        async with self.database.read() as work:
            incident = await work.incidents.get(incident_id)
            return await current_action(work, incident) if incident else None

    async def incident(self, incident_id: int = 1) -> Incident:
        async with self.database.read() as work:
            incident = await work.incidents.get(incident_id)
            assert incident is not None
            return incident

    async def press(self, person: str, incident_id: int = 1) -> Press:
        """What this person's click on the present card carries."""
        incident, action = await self.incident(incident_id), await self.action(incident_id)
        return Press(person, action.id if action else incident.handle, incident.revision)

    async def license(self, runbook: str = "flip") -> None:
        """It has passed every gate."""
        now, policy = self.context.now(), self.context.policy()
        async with self.database.begin() as work:
            await license_runbook(work, policy, runbook, now, now + timedelta(days=1))


@asynccontextmanager
async def world(
    folder: Path,
    policy: Policy,
    url: str | None = None,
    *,
    now: Callable[[], datetime] = utc_now,
    remediation: type[Switch] = Switch,
    **timing: Any,
) -> AsyncIterator[World]:
    """Start everything on ``folder`` (or on the database at ``url``); starting again continues what was there.

    ``now``: the clock, for stories that take a night.
    """
    url = url or f"sqlite+aiosqlite:///{folder / 'watch.db'}"
    engine = Engine(url)
    database = Database(url, engine, AUDIT_KEY)
    await database.open()
    await migrate(database)
    await engine.prepare()
    switch, senses = remediation(folder / "switch.json"), Senses()
    people = People({"sre-oncall": (ALICE, BOB), "leads": (CAROL,)})
    context = Context(
        database=database,
        policy=lambda: policy,
        catalogue={switch.name: switch},
        evidence=senses,
        people=people,
        timing=Timing(verify_interval_seconds=0.05, **timing),
        now=now,
    )
    intake = Intake(database, context.policy, context.now)
    built = World(database, context, intake, switch, senses, engine=engine)
    failed, leases = partial(flow_failed, context), HeldLeases(database, now)
    await engine.launch(database, flows(context), failed, leases, on_closing=context.closing.begin)
    courier = asyncio.create_task(built.deliver())
    try:
        yield built
        await recorded_as_documented(database)
    finally:
        courier.cancel()
        await asyncio.gather(courier, return_exceptions=True)
        await intake.close()
        await engine.close()
        await database.close()
