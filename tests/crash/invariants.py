"""What must hold at the end, wherever the bot was killed: nothing lost, nothing doubled, nothing left over."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Table, select

from bot.local.workspace import Message
from bot.policy.situation import ScopeKind
from bot.response.model.actions import SETTLED_BY_PEOPLE, ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import IncidentState
from bot.response.model.records import AuditEntry
from storage.database import Database
from storage.tables import (
    ACTIONS,
    ALERTS,
    ARRIVALS,
    ATTEMPTS,
    BUDGET_ENTRIES,
    DECISIONS,
    INCIDENTS,
    OUTBOX,
    PAUSES,
    REVIEWS,
    TARGET_LOCKS,
    VOTES,
)
from storage.unit_of_work import UnitOfWork
from tests.crash.scene import Scene
from tests.crash.story import ENDINGS, PATIENCE_SECONDS, RETRY_SECONDS, Deed, Outcome, Trouble
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer

BEGUN, ENDED = AuditKind.ACTION_STEP_BEGUN, AuditKind.ACTION_STEP_ENDED
STEPS = frozenset({BEGUN, ENDED})


async def check_invariants(here: Scene, outcomes: dict[Trouble, Outcome]) -> None:
    """Wait until the bot has nothing left to do, then look at everything it leaves behind.

    Args:
        here: where everything happened.
        outcomes: everything that happened, with what came of it.
    """
    database = Database(here.environment["DATABASE_URL"], RecordingEnqueuer(), AUDIT_KEY)
    try:
        await _all_quiet(here, database)
        async with database.read() as work:
            verification = await work.audit.verify()
            assert verification.intact, verification.problems
            for table in (INCIDENTS, ALERTS, BUDGET_ENTRIES):
                assert len(await _rows(work, table)) == len(outcomes), table.name
            assert len(await _rows(work, REVIEWS)) == sum(_reviews(trouble) for trouble in outcomes)
            for table in (ACTIONS, DECISIONS):
                assert len(await _rows(work, table)) == sum(_questions(trouble) for trouble in outcomes), table.name
            assert all(row.state in ("done", "failed") for row in await _rows(work, ATTEMPTS))
            assert {row.state for row in await _rows(work, OUTBOX)} == {"delivered"}
            for trouble, outcome in outcomes.items():
                incident_id = await _rows_are_right(work, trouble, outcome)
                await _record_is_right(work, incident_id, trouble, outcome)
                await _slack_shows_the_outbox(work, incident_id, trouble, outcome)
            await _each_pause_was_asked_for(work)
    finally:
        await database.close()


async def _all_quiet(here: Scene, database: Database) -> None:
    left: dict[str, Any] = {}
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while left := await _left_to_do(here, database):
                await asyncio.sleep(RETRY_SECONDS)
    except TimeoutError:
        raise AssertionError(f"left undone: {left}") from None


async def _left_to_do(here: Scene, database: Database) -> dict[str, Any]:
    async with database.read() as work:
        left: dict[str, Any] = {
            "outbox": [row.notice for row in await _rows(work, OUTBOX) if row.state == "queued"],
            "arrivals": [row.dedupe_key for row in await _rows(work, ARRIVALS) if row.done_at is None],
            "locks": [row.target for row in await _rows(work, TARGET_LOCKS)],
        }
    with closing(sqlite3.connect(here.database)) as connection:
        unfinished = "SELECT workflow_uuid, status FROM workflow_status WHERE status != 'SUCCESS'"
        left["flows"] = connection.execute(unfinished).fetchall()
    return {what: those for what, those in left.items() if those}


async def _rows(work: UnitOfWork, table: Table, **wanted: Any) -> list[Any]:
    return list(await work.session.execute(select(table).filter_by(**wanted)))


def _questions(trouble: Trouble) -> int:
    """How often something was proposed."""
    return len(trouble.story.set_aside) + 1


def _reviews(trouble: Trouble) -> int:
    """How much is to be reviewed: what was carried out, and what people kept from it."""
    return 1 + sum(state in SETTLED_BY_PEOPLE for state in trouble.story.set_aside)


async def _rows_are_right(work: UnitOfWork, trouble: Trouble, outcome: Outcome) -> int:
    """One alert and incident, one action that ran, and one vote where one was asked for. The incident's id."""
    (incident,) = await _rows(work, INCIDENTS, service=trouble.service)
    (alert,) = await _rows(work, ALERTS, incident_id=incident.id)
    *set_aside, action = sorted(await _rows(work, ACTIONS, incident_id=incident.id), key=lambda row: row.revision)
    assert (incident.state, incident.revision) == (IncidentState.RESOLVED, _questions(trouble))
    assert tuple(row.state for row in set_aside) == trouble.story.set_aside
    assert alert.status == "resolved"
    assert action.state == outcome.ending
    votes = [(vote.person, vote.ballot) for vote in await _rows(work, VOTES, action_id=action.id)]
    assert votes == ([("U01ALICE", "approve")] if Deed.APPROVE in trouble.story.deeds else [])
    return int(incident.id)


async def _record_is_right(work: UnitOfWork, incident_id: int, trouble: Trouble, outcome: Outcome) -> None:
    """Everything once, in the order in which it happened."""
    succeeded = outcome.ending is ActionState.SUCCEEDED
    failed = ["action.unhealthy", f"action.{outcome.ending}", "incident.called", "automation.paused", "licence.demoted"]
    entries = list(await work.audit.of_incident(incident_id))
    _each_step_once([entry for entry in entries if entry.kind in STEPS])
    assert [entry.kind for entry in entries if entry.kind not in STEPS] == [
        "incident.opened",
        "alert.received",
        *trouble.story.recorded,
        "action.claimed",
        "action.executed",
        *(["action.succeeded"] if succeeded else failed),
        "alert.received",
        "incident.resolved",
    ]


def _each_step_once(entries: Sequence[AuditEntry]) -> None:
    """None begins twice, and none ends that has not begun; where the bot died inside one, it has no end."""
    begun = [(entry.body["of"], entry.body["number"]) for entry in entries if entry.kind == BEGUN]
    ended = [(entry.body["of"], entry.body["number"]) for entry in entries if entry.kind == ENDED]
    assert len(set(begun)) == len(begun)
    assert len(set(ended)) == len(ended)
    assert set(ended) <= set(begun)


async def _each_pause_was_asked_for(work: UnitOfWork) -> None:
    """As often as somebody typed it, and all of them are over; harm pauses a runbook, which stays so."""
    typed = [row for row in await _rows(work, ARRIVALS) if row.envelope.get("text", "").startswith("pause everything")]
    pauses = await _rows(work, PAUSES, scope_kind=ScopeKind.EVERYTHING)
    assert len(pauses) == len(typed)
    assert all(row.ended_at for row in pauses)


async def _slack_shows_the_outbox(work: UnitOfWork, incident_id: int, trouble: Trouble, outcome: Outcome) -> None:
    """One card, showing the newest state, and under it every entry once, in the order of the outbox."""
    rows = sorted(await _rows(work, OUTBOX, incident_id=incident_id), key=lambda row: row.id)
    (card,) = trouble.cards()
    newest = [row for row in rows if row.kind == "card"][-1]
    assert _outbox_id(card) == newest.id
    assert (newest.notice["incident_state"], newest.notice["action_state"]) == ("resolved", outcome.ending)
    entries = [row for row in rows if row.kind == "thread"]
    assert [_outbox_id(entry) for entry in trouble.entries()] == [row.id for row in entries]
    *before, ending, last = [row.notice["title"] for row in entries]
    assert ENDINGS[ending] is outcome.ending
    assert (*before, last) == (*trouble.story.told, "Resolved")


def _outbox_id(message: Message) -> int:
    assert message.metadata is not None
    return int(message.metadata["event_payload"]["outbox_id"])
