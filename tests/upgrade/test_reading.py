"""The present code reads what every landed version has stored: nothing is lost, and nothing written is changed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, select, text, update
from sqlalchemy.exc import DatabaseError

from bot.policy.decide import decide
from bot.policy.file.loading import load_policy
from bot.policy.situation import SCHEMA, Situation
from bot.policy.stored import AlteredError, seal_of
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import NOTICE
from handlers.slack.arrival import recognise
from storage.columns import Row
from storage.migrations import configuration
from storage.tables import DECISIONS
from storage.unit_of_work import UnitOfWork
from tests.upgrade.landed import Landed, landed, rows
from tests.upgrade.legacy import Legacy, as_written, said_again

NOW = datetime(2025, 2, 1, tzinfo=UTC)
ENGINES = {"workflow", "operation", "datasource", "dbos", "queues", "notifications", "streams", "application"}
"""How the names of the durable engine's tables begin."""
NOT_REACHED = {
    "audit_anchors",  # nothing of ours puts anything there yet
    "used_links",  # it takes a mail that was delivered, and a link in it that was pressed
}


def agrees(found: object, row: Any, *unlike: str) -> bool:
    """Whether a value has what its row holds, in every column that it has a field for, but those named."""
    assert found is not None
    same = [name for name in row.keys() if hasattr(found, name) and name not in unlike]  # noqa: SIM118 - a row
    assert same
    return all(as_written(getattr(found, name)) == row[name] for name in same)


async def test_the_tables_are_those_that_the_code_expects(legacy: Legacy) -> None:
    def check(connection: Connection) -> None:
        command.check(configuration(connection))
        assert set(inspect(connection).get_table_names()) >= set(Row.metadata.tables)

    async with legacy.database.outside_the_line() as connection:
        await connection.run_sync(check)


async def test_every_incident_is_there_with_its_alerts(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("incidents"):
            incident = await work.incidents.get(row["id"])
            assert agrees(incident, row)
            alerts = await work.incidents.alerts(row["id"])
            stored = {one["fingerprint"]: one for one in legacy.stored("alerts") if one["incident_id"] == row["id"]}
            assert stored.keys() == {one.facts.fingerprint for one in alerts}
            for one in alerts:
                mine = stored[one.facts.fingerprint]
                assert agrees(one, mine)
                assert agrees(one.facts, mine, "labels", "annotations")
                assert (dict(one.facts.labels), dict(one.facts.annotations)) == (
                    json.loads(mine["labels"]),
                    json.loads(mine["annotations"]),
                )


async def test_every_decision_is_there_with_the_situation_it_rests_on(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("decisions"):
            found = await work.decisions.at_revision(row["incident_id"], row["revision"])
            assert found is not None
            assert agrees(found, row, "situation", "decision")
            assert said_again(found.decision.model_dump(mode="json"), json.loads(row["decision"]))
            assert_holds_what_stood_there(found.situation, json.loads(row["situation"]))


def assert_holds_what_stood_there(situation: Situation, then: dict[str, Any]) -> None:
    """Schema 1, which had one alert, one runbook with its plan, and findings, is in the present shape, whole."""
    assert situation.schema_version == SCHEMA
    now = situation.model_dump(mode="json")
    for name in ("now", "incident", "history", "pauses"):
        assert said_again(now[name], then[name]), name
    assert said_again(now["alerts"], [then["alert"]])
    assert (situation.trigger.value, situation.requested_by) == (then["trigger"], then["requested_by"])
    assert situation.oversight.audited == then["oversight"]["audited"]
    assert situation.oversight.notification.value == then["oversight"]["notification"]
    found = {query: (answer.judged, answer.detail) for query, answer in situation.answers.items()}
    assert found == {piece["query"]: (piece["finding"], piece["detail"]) for piece in then["evidence"]}
    if then["runbook"] is None:
        assert situation.plans == {}
        return
    (planned,) = [planned for name, planned in now["plans"].items() if name == then["runbook"]]
    assert said_again(planned["plan"], then["plan"])
    assert planned["problem"] == then["plan_problem"]


async def test_every_situation_keeps_the_very_text_that_the_record_sealed(legacy: Legacy) -> None:
    bodies = {row["number"]: json.loads(row["body"]) for row in legacy.stored("audit_entries", "number")}
    async with legacy.database.read() as work:
        decisions = await work.session.execute(select(DECISIONS))
        kept = {(row.incident_id, row.revision): (row.text, row.seal) for row in decisions}
    for row in legacy.stored("decisions"):
        sealed = bodies[row["audit_entry"]]["situation_sha256"]
        assert kept[row["incident_id"], row["revision"]] == (row["situation"], sealed)
        assert seal_of(row["situation"]) == sealed


async def test_a_situation_of_then_that_is_altered_afterwards_is_not_read(legacy: Legacy) -> None:
    (first, *_) = legacy.stored("decisions")
    this = (DECISIONS.c.incident_id == first["incident_id"]) & (DECISIONS.c.revision == first["revision"])
    async with legacy.database.begin() as work:
        await work.session.execute(update(DECISIONS).where(this).values(text=f"{first['situation']} "))
    async with legacy.database.read() as work:
        with pytest.raises(AlteredError, match="not what was sealed"):
            await work.decisions.at_revision(first["incident_id"], first["revision"])


async def test_what_a_situation_of_then_did_not_hold_permits_nothing_now(legacy: Legacy) -> None:
    """It was judged with budgets and a licence that are not rows: nobody can count them again."""
    text = legacy.version.policy(supervisor="unix:///run/supervisor.sock", mail="127.0.0.1:25")
    policy = load_policy(text, filename="policy.yml")
    async with legacy.database.read() as work:
        for row in legacy.stored("decisions"):
            found = await work.decisions.at_revision(row["incident_id"], row["revision"])
            assert found is not None
            assert found.situation.ledger is None
            assert not decide(found.situation, policy).verdict.autonomous
            assert await work.decisions.policy(row["policy_digest"]) is None, "it was not kept: it cannot be known"


async def test_every_action_is_there_and_its_plan_still_fits_its_seal(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("actions"):
            action = await work.actions.get(row["id"])
            assert action is not None
            assert agrees(action, row, "plan", "asked", "decided_by")
            assert said_again(action.plan.model_dump(mode="json"), json.loads(row["plan"]))
            assert action.plan.digest == action.plan_digest, (
                "the same plan has another digest now, so no approval of then would hold: leave new fields out of the "
                "digest while they say nothing"
            )
            assert [one.group for one in action.asked] == [one["group"] for one in json.loads(row["asked"])]
            assert list(action.decided_by) == json.loads(row["decided_by"])
            votes = [one for one in legacy.stored("votes") if one["action_id"] == action.id]
            assert all(map(agrees, sorted(await work.votes.of(action.id), key=lambda one: one.at), votes))


async def test_what_was_begun_is_there_with_the_state_to_return_to(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("attempts"):
            attempt = await work.attempts.get(row["key"])
            assert attempt is not None
            assert agrees(attempt, row, "snapshot")
            assert attempt.snapshot is not None
            assert said_again(attempt.snapshot.model_dump(mode="json"), json.loads(row["snapshot"]))
        assert await work.locks.held() == {row["target"]: row["action_id"] for row in legacy.stored("target_locks")}


async def test_every_notice_can_still_be_told(legacy: Legacy) -> None:
    told = [row["notice"] for row in [*legacy.stored("outbox"), *legacy.stored("second_notices")] if row["notice"]]
    for stored in map(json.loads, told):
        assert said_again(NOTICE.validate_python(stored).model_dump(mode="json"), stored)
    async with legacy.database.begin() as work:
        queued = [row for row in legacy.stored("outbox") if row["state"] == "queued"]
        assert await work.outbox.undelivered() == len(queued)
        first = {row["stream"]: row["id"] for row in reversed(queued)}
        assert set(await work.outbox.due(NOW)) == set(first.values())
        for outbox_id in first.values():
            item = await work.outbox.claim(outbox_id, by="test", now=NOW, until=NOW)
            assert item is not None


async def test_what_waits_for_people_is_there(legacy: Legacy) -> None:
    async with legacy.database.begin() as work:
        for row in legacy.stored("bundles"):
            bundle = await work.bundles.get(row["handle"])
            assert bundle is not None
            assert agrees(bundle, row)
            members = {one.incident.id: one for one in await work.bundles.members(bundle)}
            stored = {one["incident_id"]: one for one in legacy.stored("questions") if one["bundle_id"] == row["id"]}
            assert members.keys() == stored.keys()
            assert all(agrees(members[incident], stored[incident]) for incident in members)
        reviews = {one.action_id: one for one in await work.reviews.open()}
        assert reviews.keys() == {row["action_id"] for row in legacy.stored("reviews") if row["done_at"] is None}
        clicks = {one.dedupe_key: one for one in await work.arrivals.unfinished(NOW, NOW)}
        assert clicks.keys() == {row["dedupe_key"] for row in legacy.stored("arrivals") if row["done_at"] is None}
        for row in legacy.stored("arrivals"):
            arrived = recognise(json.loads(row["envelope"]), NOW)
            assert arrived is not None
            assert (arrived.kind, arrived.key) == (row["kind"], row["dedupe_key"]), "the click would count again"


async def test_what_holds_automation_back_is_there(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        pauses = {one.pause_id: one for one in await work.pauses.active(NOW)}
        stored = {row["id"]: row for row in legacy.stored("pauses") if row["ended_at"] is None}
        assert pauses.keys() == stored.keys()
        assert all(agrees(pauses[one], stored[one]) for one in pauses)
        for row in [one for one in legacy.stored("demotions") if one["lifted_at"] is None]:
            demotions = (await work.licences.of(row["runbook"])).demotions
            assert (row["level"], row["reason"]) in [(one.level, one.reason) for one in demotions]


async def test_the_policy_of_then_is_a_policy_still_and_licences_earned_under_it_hold(legacy: Legacy) -> None:
    text = legacy.version.policy(supervisor="unix:///run/supervisor.sock", mail="127.0.0.1:25")
    policy = load_policy(text, filename="policy.yml")
    async with legacy.database.read() as work:
        for row in legacy.stored("licences"):
            digest = policy.runbooks[row["runbook"]].digest
            assert digest == row["runbook_digest"], (
                f"{row['runbook']} as it was written then has another digest now, so every licence is lost with the "
                "upgrade: leave new fields out of the digest while they say nothing"
            )
            gates = (await work.licences.of(row["runbook"])).gates
            assert (row["gate"], digest) in [(one.gate, one.digest) for one in gates]


async def test_channels_and_home_tabs_are_there(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("incident_channels"):
            own = await work.channels.get(row["incident_id"])
            assert own is not None
            assert agrees(own, row, "brief", "claimed_by")
            assert said_again(own.brief.model_dump(mode="json"), json.loads(row["brief"]))
        tabs = {one.person: one for one in await work.home_tabs.watched(datetime(2025, 1, 1, tzinfo=UTC))}
        assert all(agrees(tabs[row["person"]], row) for row in legacy.stored("home_tabs"))


def agrees_with_entry(found: Any, row: Any) -> bool:
    """Whether an entry of the record is what its row says."""
    return agrees(found, row, "body") and dict(found.body) == json.loads(row["body"])


async def written(work: UnitOfWork) -> list[tuple[object, ...]]:
    """Every entry of the record, past what the code makes of it."""
    table = "SELECT number, at, actor, kind, incident_id, CAST(body AS TEXT), previous, hash FROM audit_entries"
    return [tuple(row) for row in await work.session.execute(text(f"{table} ORDER BY number"))]


async def test_the_record_verifies_goes_on_and_what_was_written_stays_as_it_is(legacy: Legacy) -> None:
    stored = legacy.stored("audit_entries", "number")
    async with legacy.database.begin() as work:
        before = await written(work)
        found = await work.audit.verify()
        assert (found.intact, found.entries) == (True, len(stored)), found.problems
        await work.audit.append(kind=AuditKind.INCIDENT_TAKEN, actor="U01ALICE", at=NOW, body={"after": "the upgrade"})
        assert (await work.audit.verify()).intact
        after = await written(work)
    assert after[:-1] == before
    if legacy.database.is_sqlite:
        assert before == [tuple(row) for row in stored], "the migrations have changed entries of the record"
    async with legacy.database.read() as work:
        for incident in legacy.stored("incidents"):
            entries = [row for row in stored if row["incident_id"] == incident["id"]]
            found_again = await work.audit.of_incident(incident["id"])
            assert len(found_again) == len(entries)
            assert all(map(agrees_with_entry, found_again, entries))


@pytest.mark.parametrize("change", ["UPDATE audit_entries SET actor = 'nobody'", "DELETE FROM audit_entries"])
async def test_the_record_can_still_only_grow(legacy: Legacy, change: str) -> None:
    with pytest.raises(DatabaseError, match="audit_entries is append-only"):
        async with legacy.database.begin() as work:
            await work.session.execute(text(change))


def test_the_newest_version_has_left_something_in_every_table(tmp_path: Path) -> None:
    newest: Landed = landed()[-1]
    file = newest.database(tmp_path / "stored.sqlite")
    tables = {row["name"] for row in rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = {name for name in tables if name.split("_")[0] not in ENGINES and not name.startswith("sqlite")}
    empty = {name for name in ours if not rows(file, f'SELECT 1 FROM "{name}" LIMIT 1')}  # noqa: S608 - our own words
    assert empty == NOT_REACHED
