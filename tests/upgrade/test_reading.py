"""The present code reads what every landed version has stored: nothing is lost, and nothing written is changed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from bot.policy.file.loading import load_policy
from bot.policy.rules.demotion import overdue, unwritten
from bot.policy.track_record import Ending
from bot.response.assessment.situation import memory_of
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import NOTICE
from handlers.slack.arrival import recognise
from storage.columns import Row
from storage.migrations import configuration
from storage.unit_of_work import UnitOfWork
from tests.upgrade.landed import Landed, landed, rows, those_that
from tests.upgrade.legacy import Legacy, agrees, said_again, same

NOW = datetime(2025, 2, 1, tzinfo=UTC)
ENGINES = {"workflow", "operation", "datasource", "dbos", "queues", "notifications", "streams", "application"}
"""How the names of the durable engine's tables begin."""
NOTHING = (None, "", 0, "[]", "{}", "null")
"""What a column holds that has nothing to say."""
NOT_REACHED = {
    "audit_anchors",  # nothing of ours puts anything there yet
    "used_links",  # it takes a mail that was delivered, and a link in it that was pressed
    "second_notices.delivered_at",
    "decisions.situation",  # where older versions kept it
    "incident_channels.channel",  # the channel cannot be opened before the bot is killed
    "incident_channels.name_attempt",
    "incident_channels.archive_at",
    "reviews.done_at",  # the only review that falls due stays open, and what it took stays taken
    "reviews.done_by",
    "reviews.answers",
    "demotions.lifted_at",
    "demotions.lifted_by",
    "home_tabs.claimed_until",  # nobody is at it at the moment when the bot is killed
    "incident_channels.claimed_by",
    "incident_channels.claimed_until",
    "second_notices.claimed_by",
    "second_notices.claimed_until",
    "incidents.consideration_deferred",  # it takes more alerts at once than a story should have
    "bundles.said",
    "assessments.detail",
    "incidents.told_firing_at",  # it takes longer than the story does
    "candidacies",  # the gates need a twin, and half a minute
    "changes",  # what nobody reports; of both the shapes are held by the tests of their migrations
    "causes",  # all fail for reasons of their own
    "burn_watches",  # no service has an objective
    "actions.halted_at",  # nothing is halted while it runs
    "actions.halted_by",
    "actions.halted_why",
    "action_steps.problem",
    "action_steps.details",
    "reviews.earlier",
    "wear_offs",
    "pauses.until",  # such a pause would be over when this is read, or say a time to come
}
"""Tables, and columns of others, in which the story leaves nothing."""


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
                assert agrees(one.facts, mine)


@those_that(lambda stores: stores.refusals)
async def test_whoever_said_no_in_an_incident_is_remembered(legacy: Legacy) -> None:
    refused = [row for row in legacy.stored("incidents") if row["refused_by"]]
    assert refused
    async with legacy.database.read() as work:
        for row in refused:
            incident = await work.incidents.get(row["id"])
            assert incident is not None
            no = incident.refusal
            assert no is not None
            assert same(no.kind, row["refused_how"])
            assert same(no.by, row["refused_by"])
            assert same(no.at, row["refused_at"])
            stopped = {one["id"] for one in legacy.stored("actions") if one["incident_id"] == incident.id}
            noes = (await memory_of(work, incident)).refusals
            assert {one.action_id for one in noes} == {no.action_id, *stopped}


async def test_every_action_is_there_and_its_plan_still_fits_its_seal(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("actions"):
            action = await work.actions.get(row["id"])
            assert action is not None
            assert agrees(action, row, "asked")
            assert action.plan.digest == action.plan_digest, (
                "the same plan has another digest now, so no approval of then would hold: leave new fields out of the "
                "digest while they say nothing"
            )
            asked = [(one.group, list(one.people), one.at) for one in action.asked]
            assert asked == [
                (one["group"], one["people"], datetime.fromisoformat(one["at"])) for one in json.loads(row["asked"])
            ]
            votes = [one for one in legacy.stored("votes") if one["action_id"] == action.id]
            assert all(map(agrees, sorted(await work.votes.of(action.id), key=lambda one: one.at), votes))


async def test_who_has_seen_the_evidence_is_known(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("evidence_views"):
            assert await work.votes.has_opened(row["incident_id"], row["revision"], row["person"])


async def test_what_was_begun_is_there_with_the_state_to_return_to(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("attempts"):
            attempt = await work.attempts.get(row["key"])
            assert attempt is not None
            assert agrees(attempt, row)
            assert attempt.snapshot is not None
        assert await work.locks.held() == {row["target"]: row["action_id"] for row in legacy.stored("target_locks")}


async def test_what_was_done_still_counts_against_budgets(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        ledger = {one.action_id: one for one in await work.budgets.ledger(NOW, timedelta(days=365))}
    stored = legacy.stored("budget_entries")
    assert ledger.keys() == {row["action_id"] for row in stored}
    for row in stored:
        entry = ledger[row["action_id"]]
        assert agrees(entry, row)
        assert entry.services == (row["service"],)


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


async def test_what_came_of_then_is_a_case_and_what_an_overdue_review_took_has_its_cause(legacy: Legacy) -> None:
    ended = {row["id"]: row for row in legacy.stored("actions") if row["state"] in ("succeeded", "rolled_back")}
    assert ended
    async with legacy.database.read() as work:
        known = {name: await work.licences.of(name) for name in {row["runbook"] for row in legacy.stored("actions")}}
    cases = {case.key: case for held in known.values() for case in held.cases or ()}
    for action_id, row in ended.items():
        case = cases[action_id]
        assert case.ending is (Ending.VERIFIED if row["state"] == "succeeded" else Ending.FAILED)
        assert case.acted
        assert bool(case.digest) == legacy.version.stores.evidence, "which version of its runbook it was may be unknown"
    refused = {row["id"] for row in legacy.stored("actions") if row["state"] in ("stopped", "overridden")}
    assert all((cases[one].ending, cases[one].acted) == (Ending.OVERRIDDEN, False) for one in refused)
    for row in [one for one in legacy.stored("demotions") if one["review_of"]]:
        (demotion,) = known[row["runbook"]].demotions
        assert demotion.cause == overdue(row["review_of"], "").key
        assert demotion.cause not in {due.key for due in unwritten(known[row["runbook"]], NOW)}


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
            (passed,) = [one for one in gates if (one.gate, one.digest) == (row["gate"], digest)]
            assert agrees(passed, row)


async def test_channels_and_home_tabs_are_there(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("incident_channels"):
            own = await work.channels.get(row["incident_id"])
            assert own is not None
            assert agrees(own, row, "claimed_by")
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


def test_the_newest_version_has_left_something_in_every_column(tmp_path: Path) -> None:
    newest: Landed = landed()[-1]
    file = newest.database(tmp_path / "stored.sqlite")
    tables = {row["name"] for row in rows(file, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    empty = set[str]()
    for table in tables:
        if table.split("_")[0] in ENGINES or table.startswith("sqlite"):
            continue
        columns = {row["name"] for row in rows(file, "SELECT name FROM pragma_table_info(?)", table)}
        found = [dict(row) for row in rows(file, f'SELECT * FROM "{table}"')]  # noqa: S608 - our own word
        bare = {name for name in columns if all(row[name] in NOTHING for row in found)}
        empty |= {table} if bare == columns else {f"{table}.{name}" for name in bare}
    assert empty == NOT_REACHED
