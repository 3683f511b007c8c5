"""Alerts about what stands in for production, through the real webhook: a run's alone while it goes on."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from bot.response.model.candidacies import CandidacyEvent, CandidacyKind, Findings
from bot.response.ports.context import utc_now
from storage.database import Database
from storage.tables import CANDIDACIES
from tests.fixtures.database import RecordingEnqueuer
from tests.handlers.rising import TWIN, rising
from tests.handlers.ship import RUNBOOK
from tests.handlers.test_alert_webhook import Monitor, listening, stored
from tests.handlers.webhooks import alert, webhook

STAGED = {"alertname": "ServiceDown", "service": TWIN, "severity": "critical"}


@pytest.fixture
async def monitor(database: Database) -> AsyncIterator[Monitor]:
    muted = {"when": "alert.name == 'ServiceDown'", "reason": "mutes come later"}
    policy = rising().model_dump(by_alias=True, exclude_unset=True) | {"mute": [muted]}
    async with listening(database, policy=type(rising()).model_validate(policy)) as monitor:
        yield monitor


async def begun(database: Database, *, claimed: bool = True) -> int:
    now = utc_now()
    async with database.begin() as work:
        one = await work.candidacies.begin(
            "c1", RUNBOOK, CandidacyKind.GATES, by="U01ALICE", findings=Findings(), now=now
        )
        assert one is not None
        if claimed:
            await work.candidacies.claim(one.id, by="us", now=now, until=now + timedelta(minutes=2))
        return one.id


async def ended(database: Database, number: int) -> None:
    event = CandidacyEvent.NOT_PASSED
    async with database.begin() as work:
        assert await work.candidacies.move(number, event, findings=Findings(), now=utc_now(), holder="us")


async def kinds(database: Database) -> list[str]:
    async with database.read() as work:
        return [entry.kind async for entry in work.audit.entries()]


async def test_during_a_run_the_twins_alerts_are_the_runs_alone(
    monitor: Monitor, database: Database, enqueuer: RecordingEnqueuer
) -> None:
    number = await begun(database)
    both = [alert("f1", labels=STAGED), alert("f2")]
    code, answer = await monitor.send(webhook(both))
    assert (code, answer["accepted"], answer["incidents"]) == (200, 2, ["INC-1"])
    assert await stored(database, "alerts WHERE fingerprint = 'f1'") == 0
    assert await stored(database, "incidents") == 1
    assert len(enqueuer.calls) == 1
    async with database.read() as work:
        (entry,) = [each async for each in work.audit.entries() if each.kind == "gates.alert_received"]
    assert entry.actor == "alertmanager"
    assert entry.body == {
        "runbook": RUNBOOK,
        "candidacy": "c1",
        "firing": 1,
        "resolved": 0,
        "fingerprints": ["f1"],
    }
    await monitor.send(webhook([alert("f1", labels=STAGED)]))
    assert (await kinds(database)).count("gates.alert_received") == 1, "a repetition is no news"

    await ended(database, number)
    resolved = {"status": "resolved", "endsAt": "2026-11-23T03:01:00Z"}
    await monitor.send(webhook([alert("f1", labels=STAGED)]))
    await monitor.send(webhook([alert("f1", labels=STAGED, **resolved)]))
    assert await stored(database, "alerts WHERE fingerprint = 'f1'") == 0, "what began in the run is the run's"
    await monitor.send(webhook([alert("f1", labels=STAGED, startsAt="2026-11-23T04:00:00Z")]))
    assert await stored(database, "alerts WHERE fingerprint = 'f1'") == 1
    assert await stored(database, "incidents") == 2


async def test_outside_a_run_and_under_a_lost_lease_they_are_as_always(monitor: Monitor, database: Database) -> None:
    await monitor.send(webhook([alert("f1", labels=STAGED)]))
    number = await begun(database, claimed=False)
    await monitor.send(webhook([alert("f2", labels=STAGED)]))
    async with database.begin() as work:
        past = utc_now() - timedelta(seconds=1)
        await work.session.execute(
            update(CANDIDACIES).where(CANDIDACIES.c.id == number).values(claimed_by="dead", claimed_until=past)
        )
    await monitor.send(webhook([alert("f3", labels=STAGED)]))
    assert await stored(database, "alerts") == 3
    assert "gates.alert_received" not in await kinds(database)


async def test_what_fired_in_production_before_the_run_ends_there(monitor: Monitor, database: Database) -> None:
    await monitor.send(webhook([alert("f1", labels=STAGED)]))
    await begun(database)
    await monitor.send(webhook([alert("f1", labels=STAGED, status="resolved", endsAt="2026-11-23T03:01:00Z")]))
    async with database.read() as work:
        states = await work.session.scalars(text("SELECT status FROM alerts"))
    assert list(states) == ["resolved"]


async def test_what_began_in_the_run_and_is_told_after_its_end_is_the_runs_too(
    monitor: Monitor, database: Database
) -> None:
    number = await begun(database)
    within = utc_now().isoformat()
    await ended(database, number)
    await monitor.send(webhook([alert("f1", labels=STAGED, startsAt=within)]))
    assert await stored(database, "incidents") == 0
    await monitor.send(webhook([alert("f2", labels=STAGED, startsAt=utc_now().isoformat())]))
    assert await stored(database, "incidents") == 1, "what begins afterwards is production's"
