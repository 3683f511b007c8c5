"""What heals by itself: nobody hears of it, and what does not is decided then, whatever becomes of the process."""

import asyncio
from datetime import timedelta
from pathlib import Path

from dbos import DBOS

from bot.policy.situation import AlertFacts, Request
from bot.response.model.actions import ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, AlertStatus, IncidentState
from tests.response.world import ALICE, World, world, written_policy

LONG, SHORT = {"settle": "10m"}, {"settle": "2s"}


async def kinds(here: World) -> list[str]:
    async with here.database.read() as work:
        return [entry.kind async for entry in work.audit.entries()]


async def until_resolved(here: World) -> None:
    async with asyncio.timeout(20):
        while (await here.incident()).state is not IncidentState.RESOLVED:
            await asyncio.sleep(0.02)


async def until_it_settles(here: World, number: int = 1) -> None:
    """Until it was assessed once and the next assessment waits for its time."""
    async with asyncio.timeout(20):
        while len(await DBOS.list_workflows_async(status=["DELAYED"])) < number:
            await asyncio.sleep(0.02)


async def assess_now(here: World) -> None:
    """As soon as it can be, as if it had become worse."""
    async with here.database.begin() as work:
        await work.queue.consider(1)


async def test_what_ends_before_its_time_is_told_to_nobody_and_stands_on_the_record(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **LONG)) as here:
        await here.fire()
        await until_it_settles(here)
        await here.resolve()
        await assess_now(here)
        await until_resolved(here)
        assert here.delivered == []
        assert (await kinds(here))[-1] == AuditKind.INCIDENT_HEALED
        assert AuditKind.DECISION_MADE not in await kinds(here)
        assert await here.action() is None


async def test_what_fires_on_is_decided_when_the_time_is_over(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **SHORT)) as here:
        await here.fire()
        action = await here.until(ActionState.WAITING)
        assert action.created_at - (await here.incident()).opened_at >= timedelta(seconds=2)
        await here.resolve()
        await here.until_thread("Resolved")
        assert AuditKind.INCIDENT_RESOLVED in await kinds(here), "people were told, so its end is news"


async def test_the_wait_survives_the_process_and_is_not_prolonged_by_what_joins(tmp_path: Path) -> None:
    policy = written_policy("L1", **SHORT)
    async with world(tmp_path, policy) as here:
        await here.fire()
    async with world(tmp_path, policy) as here:
        await here.fire(fingerprint="f2")
        action = await here.until(ActionState.WAITING)
        assert action.created_at - (await here.incident()).opened_at >= timedelta(seconds=2)
        await here.idle()
        assert (await kinds(here)).count(AuditKind.DECISION_MADE) == 1


async def test_what_becomes_worse_does_not_wait(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **LONG)) as here:
        await here.intake.accept([of_severity(here, "warning", "f1")])
        await until_it_settles(here)
        await here.intake.accept([of_severity(here, "critical", "f2")])
        await here.until(ActionState.WAITING)


async def test_a_person_who_asks_does_not_wait(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **LONG)) as here:
        await here.fire()
        await until_it_settles(here)
        async with here.database.begin() as work:
            await work.queue.consider(1, Request(runbook="flip", by=ALICE, reason="it is dark"))
        await here.until(ActionState.WAITING)


def of_severity(here: World, severity: str, fingerprint: str) -> Alert:
    now = here.context.now()
    facts = AlertFacts(
        source="alertmanager",
        fingerprint=fingerprint,
        name="SwitchOff",
        severity=severity,
        service="lamp",
        labels={"alertname": "SwitchOff", "service": "lamp"},
        starts_at=now,
    )
    return Alert(facts, AlertStatus.FIRING, None, "", now)
