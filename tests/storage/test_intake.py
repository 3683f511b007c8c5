"""Alerts on their way in: nothing answered is lost, nothing stored is doubled, nobody pays for another's mistake."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.policy.file.document import Policy
from bot.response.model.incidents import Alert, AlertStatus, IncidentEvent
from storage.alert_keys import group_key
from storage.database import Database
from storage.deliveries import RejectedAlert
from storage.intake import WAITING_ALERTS_MAX, Intake, IntakeUnavailableError
from storage.queue import ASSESSMENTS_PER_TRANSACTION
from storage.tables import ALERTS, AUDIT_ENTRIES, INCIDENTS, QUARANTINED_ALERTS
from tests.fixtures.database import RecordingEnqueuer
from tests.fixtures.incidents import NOW, alert, open_incident

FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


class PolicyHolder:
    """The policy in force, which a test may change."""

    def __init__(self) -> None:
        self.policy = Policy.model_validate({"version": 1, "channels": {"incidents": "C01INC"}, "people": {}})

    def __call__(self) -> Policy:
        return self.policy


@pytest.fixture
def written_policy() -> PolicyHolder:
    return PolicyHolder()


@pytest.fixture
async def intake(database: Database, written_policy: PolicyHolder) -> AsyncIterator[Intake]:
    intake = Intake(database, written_policy, lambda: NOW)
    yield intake
    await intake.close()


async def rows(database: Database, table: Any) -> int:
    async with database.read() as work:
        return await work.session.scalar(select(func.count()).select_from(table)) or 0


async def entries(database: Database) -> list[tuple[str, int | None, dict[str, Any]]]:
    async with database.read() as work:
        return [(entry.kind, entry.incident_id, dict(entry.body)) async for entry in work.audit.entries()]


def assessments(enqueuer: RecordingEnqueuer) -> list[int]:
    return [call[1] for call in enqueuer.calls]


async def begin_look(database: Database, incident_id: int) -> None:
    async with database.begin() as work:
        await work.incidents.begin_consideration(incident_id, NOW)


async def test_a_firing_alert_opens_an_incident_and_asks_for_an_assessment(
    database: Database, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    result = await intake.accept([alert()])
    assert (result.accepted, result.duplicates, result.quarantined) == (1, 0, 0)
    async with database.read() as work:
        [incident] = await work.incidents.unresolved()
        assert result.incidents == (incident.name,)
        assert (incident.service, incident.alert_name, incident.severity) == ("checkout", "ServiceDown", "critical")
        assert incident.opened_at == NOW
        assert len(incident.handle) >= 20
        assert await work.incidents.alerts(incident.id) == [alert()]
        assert await work.incidents.firing(incident.id) == 1
        assert (await work.audit.verify()).intact
    assert assessments(enqueuer) == [incident.id]
    assert [(kind, incident_id) for kind, incident_id, _ in await entries(database)] == [
        ("incident.opened", incident.id),
        ("alert.received", incident.id),
    ]


async def test_a_duplicate_is_recognised_by_what_is_stored(
    database: Database, written_policy: PolicyHolder, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    first = await intake.accept([alert()])
    await begin_look(database, 1)
    after_a_restart = Intake(database, written_policy, lambda: NOW)
    again = await after_a_restart.accept([alert(), alert()])
    assert (again.accepted, again.duplicates, again.incidents) == (0, 2, first.incidents)
    assert assessments(enqueuer) == [1]
    assert len(await entries(database)) == 2, "a duplicate is no news"
    await after_a_restart.close()


async def test_alerts_of_one_group_share_the_unresolved_incident(
    database: Database, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    results = [
        await intake.accept([alert("f1"), alert("f2", instance="2")]),
        await intake.accept([alert("f3")]),
        await intake.accept([alert("f4", service="orders")]),
    ]
    assert [result.incidents for result in results] == [("INC-1",), ("INC-1",), ("INC-2",)]
    assert assessments(enqueuer) == [1, 2], "an assessment of INC-1 was wanted already"


async def test_a_new_alert_after_the_incident_is_resolved_opens_another(database: Database, intake: Intake) -> None:
    await intake.accept([alert("f1")])
    async with database.begin() as work:
        await work.incidents.move(1, IncidentEvent.RESOLVE, now=NOW)
    assert (await intake.accept([alert("f2")])).incidents == ("INC-2",)


async def test_the_policy_says_what_belongs_together(
    database: Database, written_policy: PolicyHolder, intake: Intake
) -> None:
    written_policy.policy = written_policy.policy.model_copy(update={"group_by": ("cluster",)})
    result = await intake.accept(
        [alert("f1", cluster="eu"), alert("f2", service="orders", cluster="eu"), alert("f3", cluster="us"), alert("f4")]
    )
    assert result.incidents == ("INC-1", "INC-2", "INC-3")


async def test_every_end_of_an_alert_asks_for_an_assessment_since_what_still_fires_may_be_judged_otherwise(
    database: Database, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    await intake.accept([alert("f1"), alert("f2")])
    await begin_look(database, 1)
    first = await intake.accept([alert("f1", status=RESOLVED)])
    assert (first.accepted, assessments(enqueuer)) == (1, [1, 1])
    await intake.accept([alert("f2", status=RESOLVED)])
    assert assessments(enqueuer) == [1, 1], "the one that waits will see this as well"
    async with database.read() as work:
        assert await work.incidents.firing(1) == 0
        assert {a.status for a in await work.incidents.alerts(1)} == {RESOLVED}
        assert {a.ends_at for a in await work.incidents.alerts(1)} == {NOW}


async def test_a_resolved_alert_of_a_resolved_incident_asks_for_nothing(
    database: Database, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    await intake.accept([alert()])
    async with database.begin() as work:
        await work.incidents.begin_consideration(1, NOW)
        await work.incidents.move(1, IncidentEvent.RESOLVE, now=NOW)
    assert (await intake.accept([alert(status=RESOLVED)])).accepted == 1
    assert assessments(enqueuer) == [1]


async def test_a_resolved_alert_that_never_fired_is_kept_without_an_incident(
    database: Database, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    result = await intake.accept([alert(status=RESOLVED)])
    assert (result.accepted, result.incidents) == (1, ())
    assert (await rows(database, ALERTS), await rows(database, INCIDENTS), assessments(enqueuer)) == (1, 0, [])
    assert [(kind, incident) for kind, incident, _ in await entries(database)] == [("alert.received", None)]
    assert (await intake.accept([alert(status=RESOLVED)])).duplicates == 1


async def test_an_alert_that_fires_again_is_news(database: Database, intake: Intake) -> None:
    await intake.accept([alert()])
    await intake.accept([alert(status=RESOLVED)])
    async with database.begin() as work:
        await work.incidents.move(1, IncidentEvent.RESOLVE, now=NOW)
    again = await intake.accept([alert()])
    assert (again.accepted, again.incidents) == (1, ("INC-2",))
    async with database.read() as work:
        assert await work.incidents.firing(2) == 1
        assert await work.incidents.alerts(1) == []


async def test_firing_and_resolved_in_one_request_are_applied_in_order(database: Database, intake: Intake) -> None:
    result = await intake.accept([alert(), alert(status=RESOLVED), alert("f2", status=RESOLVED), alert("f2")])
    assert (result.accepted, result.incidents) == (4, ("INC-1",))
    async with database.read() as work:
        assert {a.facts.fingerprint: a.status for a in await work.incidents.alerts(1)} == {"f1": RESOLVED, "f2": FIRING}


async def test_the_same_alert_from_another_start_or_source_is_another_alert(database: Database, intake: Intake) -> None:
    elsewhere = alert()
    elsewhere = replace(elsewhere, facts=elsewhere.facts.model_copy(update={"source": "grafana"}))
    result = await intake.accept([alert(), alert(starts_at=NOW + timedelta(minutes=1)), elsewhere])
    assert result.accepted == 3


async def test_what_cannot_be_read_is_kept_for_people(database: Database, intake: Intake) -> None:
    unreadable = RejectedAlert("alertmanager", "labels is not an object", '{"labels": 7, "\0": 1}', NOW)
    too_long = alert("f" * 10_000)
    result = await intake.accept([alert(), too_long], [unreadable])
    assert (result.accepted, result.quarantined) == (1, 2)
    assert await rows(database, QUARANTINED_ALERTS) == 2
    assert [(kind, body) for kind, _, body in await entries(database) if kind == "alert.quarantined"] == [
        (
            "alert.quarantined",
            {
                "count": 2,
                "reasons": [
                    "labels is not an object",
                    "the fingerprint or source is longer than 512 characters",
                ],
            },
        )
    ]


async def test_hostile_text_is_stored_and_recognised(database: Database, intake: Intake) -> None:
    hostile = alert(
        "f\0", service="<!channel>\0" * 500, name="'; DROP TABLE alerts; --", label="\N{PILE OF POO}" * 9_999
    )
    first, again = await intake.accept([hostile]), await intake.accept([hostile])
    assert (first.accepted, again.duplicates, again.incidents) == (1, 1, first.incidents)


async def test_a_storm_is_a_few_audit_entries_and_assessments(
    database: Database, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    result = await intake.accept([alert(f"f{number}", instance=f"{number}") for number in range(2_000)])
    assert result.accepted == 2_000
    assert assessments(enqueuer) == [1]
    [opened, received] = await entries(database)
    assert opened[0] == "incident.opened"
    assert (received[2]["firing"], len(received[2]["fingerprints"])) == (2_000, 5)


async def test_a_storm_over_many_services_queues_its_assessments_after_the_answer(
    database: Database, intake: Intake, enqueuer: RecordingEnqueuer
) -> None:
    many = ASSESSMENTS_PER_TRANSACTION * 2 + 7
    result = await intake.accept([alert(f"f{number}", service=f"s{number}") for number in range(many)])
    assert len(result.incidents) == many
    assert len(enqueuer.calls) >= ASSESSMENTS_PER_TRANSACTION
    await intake.close()
    assert sorted(assessments(enqueuer)) == list(range(1, many + 1))
    assert len({call[2] for call in enqueuer.calls}) == many


async def test_assessments_that_a_dead_process_left_are_queued_by_the_next(
    database: Database, written_policy: PolicyHolder, enqueuer: RecordingEnqueuer
) -> None:
    async with database.begin() as work:
        for number in range(3):
            await open_incident(work, f"{number}", consideration_deferred=True)
    intake = Intake(database, written_policy, lambda: NOW)
    await intake.accept([alert()])
    await intake.close()
    assert sorted(assessments(enqueuer)) == [1, 2, 3, 4]


async def test_concurrent_callers_share_commits_and_each_gets_its_own_answer(
    database: Database, intake: Intake
) -> None:
    async def caller(number: int) -> tuple[int, int]:
        result = await intake.accept([alert(f"f{number % 40}", service=f"s{number % 4}")])
        return result.accepted, result.duplicates

    answers = await asyncio.gather(*(caller(number) for number in range(80)))
    assert sum(accepted for accepted, _ in answers) == 40
    assert sum(duplicates for _, duplicates in answers) == 40
    assert await rows(database, ALERTS) == 40
    assert await rows(database, INCIDENTS) == 4
    assert await rows(database, AUDIT_ENTRIES) <= 2 * 4 + 4, "few commits, however many callers"


async def test_replicas_that_take_the_same_alerts_in_store_each_once(
    database: Database, written_policy: PolicyHolder
) -> None:
    replicas = [Intake(database, written_policy, lambda: NOW) for _ in range(4)]
    alerts = [alert(f"f{number}", service=f"s{number % 5}") for number in range(50)]
    results = await asyncio.gather(*(replica.accept(alerts) for replica in replicas))
    assert sum(result.accepted for result in results) == 50
    assert len({result.incidents for result in results}) == 1
    assert await rows(database, INCIDENTS) == 5
    for replica in replicas:
        await replica.close()


async def test_one_poisoned_delivery_fails_alone(database: Database, intake: Intake) -> None:
    without_zone = replace(alert("poison"), received_at=datetime(2026, 11, 23))  # noqa: DTZ001
    deliveries: list[Sequence[Alert]] = [[alert("f1")], [without_zone], [alert("f2")]]
    results = await asyncio.gather(*(intake.accept(delivery) for delivery in deliveries), return_exceptions=True)
    assert [getattr(result, "accepted", None) for result in results] == [1, None, 1]
    assert isinstance(results[1], Exception)
    assert await rows(database, ALERTS) == 2


async def test_a_caller_that_goes_away_takes_nothing_with_it(database: Database, intake: Intake) -> None:
    gone = asyncio.create_task(intake.accept([alert("f1")]))
    stays = asyncio.create_task(intake.accept([alert("f2")]))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).accepted == 1
    assert await rows(database, ALERTS) == 2


async def test_closing_finishes_what_waits_and_refuses_what_comes(database: Database, intake: Intake) -> None:
    waiting = [asyncio.create_task(intake.accept([alert(f"f{number}")])) for number in range(10)]
    await asyncio.sleep(0)
    await intake.close()
    assert [result.accepted for result in await asyncio.gather(*waiting)] == [1] * 10
    with pytest.raises(IntakeUnavailableError, match="shutting down"):
        await intake.accept([alert("late")])


async def test_too_much_waiting_is_refused_before_memory_runs_out(database: Database, intake: Intake) -> None:
    one = alert()
    flood = asyncio.create_task(intake.accept([one] * WAITING_ALERTS_MAX))
    await asyncio.sleep(0)
    with pytest.raises(IntakeUnavailableError, match="send these again"):
        await intake.accept([one])
    assert (await flood).accepted == 1


async def test_an_unreachable_database_is_told_to_every_caller() -> None:
    unreachable = Database("postgresql+psycopg://127.0.0.1:1/nowhere", RecordingEnqueuer(), b"k" * 32)
    intake = Intake(unreachable, PolicyHolder(), lambda: NOW)
    results = await asyncio.gather(*(intake.accept([alert(f"f{n}")]) for n in range(3)), return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)
    await intake.close()
    await unreachable.close()


async def test_everything_that_was_answered_survives_a_kill(database_url: str, database: Database) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.storage.intake_process", database_url, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    answered = [(await process.stdout.readline()).decode().strip() for _ in range(300)]
    process.kill()
    rest, _ = await process.communicate()
    answered += [line for line in rest.decode().split("\n")[:-1] if line]
    async with database.read() as work:
        stored = set(await work.session.scalars(select(ALERTS.c.fingerprint)))
        assert len(answered) >= 300
        assert set(answered) <= stored
        assert (await work.audit.verify()).intact


def test_a_group_is_told_apart_by_every_value_and_fits_an_index() -> None:
    names = ("service", "alertname", "zone")
    keys = {
        group_key(alert(service="a", name="b"), names),
        group_key(alert(service="ab", name=""), names),
        group_key(alert(service="a", name="b", zone="eu"), names),
        group_key(alert(service="x" * 10_000, name="b"), names),
        group_key(alert(service="x" * 10_001, name="b"), names),
    }
    assert len(keys) == 5
    assert max(map(len, keys)) <= 512
