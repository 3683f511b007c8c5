"""Every conditional update, raced: exactly one of the contenders wins, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.policy.rules.demotion import Cause, Due
from bot.policy.rules.seal import digest_of_seal
from bot.policy.situation import Gate, GatePass, Scope, ScopeKind
from bot.policy.track_record import Seal, SealedPart
from bot.response.model.actions import ACTION_LIFECYCLE, ActionEvent, ActionState
from bot.response.model.incidents import IncidentEvent
from bot.response.model.records import AttemptState, Ballot, Vote
from storage.database import Database
from storage.unit_of_work import UnitOfWork
from tests.fixtures.database import RecordingEnqueuer
from tests.fixtures.incidents import NOW, action, card, open_incident

CONTENDERS = 8
Body = Callable[[UnitOfWork, int], Awaitable[Any]]
HOUR = timedelta(hours=1)


async def race(database: Database, body: Body) -> list[Any]:
    """Run ``body(work, number)`` in as many transactions at once; what each of them said."""
    start = asyncio.Event()

    async def contend(number: int) -> Any:
        await start.wait()
        async with database.begin() as work:
            return await body(work, number)

    tasks = [asyncio.create_task(contend(number)) for number in range(CONTENDERS)]
    start.set()
    return await asyncio.gather(*tasks)


@pytest.fixture
async def incident_id(database: Database) -> int:
    async with database.begin() as work:
        opened = await open_incident(work)
        for number in range(CONTENDERS):
            await work.actions.add(action(opened, f"other {number}"))
        await work.actions.add(action(opened, "a1"))
    return opened


async def test_a_click_and_a_timer_never_both_win(database: Database, incident_id: int) -> None:
    async def approve_or_expire(work: UnitOfWork, number: int) -> ActionState | None:
        if number % 2 == 0:
            due = [overdue.id for overdue in await work.actions.due(ActionState.WAITING, NOW)]
            moved = await work.actions.move("a1", ActionEvent.EXPIRE) if "a1" in due else None
        else:
            moved = await work.actions.move("a1", ActionEvent.APPROVE, due_at=None)
        return None if moved is None else moved.state

    [winner] = [state for state in await race(database, approve_or_expire) if state is not None]
    async with database.read() as work:
        settled = await work.actions.get("a1")
    assert settled is not None
    assert settled.state is winner


async def test_an_approved_action_is_claimed_by_one_worker(database: Database, incident_id: int) -> None:
    async with database.begin() as work:
        await work.actions.move("a1", ActionEvent.APPROVE)
    claimed = await race(database, lambda work, n: work.actions.move("a1", ActionEvent.CLAIM))
    assert sum(found is not None for found in claimed) == 1


async def test_an_incident_is_resolved_once(database: Database, incident_id: int) -> None:
    moved = await race(database, lambda work, n: work.incidents.move(incident_id, IncidentEvent.RESOLVE, now=NOW))
    assert moved.count(True) == 1


async def test_revisions_are_never_given_out_twice(database: Database, incident_id: int) -> None:
    revisions = await race(database, lambda work, n: work.incidents.next_revision(incident_id))
    assert sorted(revisions) == list(range(1, CONTENDERS + 1))


async def test_an_effect_is_started_by_one_caller_ever(database: Database, incident_id: int) -> None:
    await race(database, lambda work, n: work.attempts.claim("a1:execute", None))
    assert (await race(database, lambda work, n: work.attempts.start_once("a1:execute"))).count(True) == 1
    assert (await race(database, lambda work, n: work.attempts.start_once("a1:execute"))).count(True) == 0
    await race(database, lambda work, n: work.attempts.finish("a1:execute", AttemptState.DONE, f"{n}"))
    async with database.read() as work:
        attempt = await work.attempts.get("a1:execute")
    assert attempt is not None
    assert attempt.state is AttemptState.DONE


async def test_a_double_click_is_one_vote(database: Database, incident_id: int) -> None:
    vote = Vote("U01ALICE", Ballot.APPROVE, NOW, opened_evidence=False)
    assert (await race(database, lambda work, n: work.votes.cast("a1", vote))).count(True) == 1


async def test_all_votes_are_counted_by_the_one_that_completes_the_quorum(database: Database, incident_id: int) -> None:
    async def vote(work: UnitOfWork, number: int) -> int:
        await work.votes.cast("a1", Vote(f"U{number}", Ballot.APPROVE, NOW, opened_evidence=True))
        return len(await work.votes.of("a1"))

    assert sorted(await race(database, vote)) == list(range(1, CONTENDERS + 1))


async def test_overlapping_targets_are_locked_by_one_action(database: Database, incident_id: int) -> None:
    targets = [f"web:{number}" for number in range(CONTENDERS + 1)]
    holders = await race(
        database, lambda work, n: work.locks.take([targets[n + 1], "shared", targets[n]], f"other {n}")
    )
    assert holders.count(None) == 1
    winner = f"other {holders.index(None)}"
    assert {holder for holder in holders if holder is not None} == {winner}
    async with database.read() as work:
        assert set((await work.locks.held()).values()) == {winner}


async def test_a_pause_is_ended_once(database: Database, incident_id: int) -> None:
    scope = Scope(kind=ScopeKind.SERVICE, name="checkout")
    async with database.begin() as work:
        await work.pauses.add(scope, "U01ALICE", "migration", NOW, None)
    ended = await race(database, lambda work, n: work.pauses.end(scope, f"U{n}", NOW))
    assert sum(map(len, ended)) == 1


async def test_a_review_is_completed_once(database: Database, incident_id: int) -> None:
    async with database.begin() as work:
        await work.reviews.ask("a1", NOW)
    done = await race(database, lambda work, n: work.reviews.complete("a1", f"U{n}", {}, NOW))
    assert done.count(True) == 1


async def test_a_runbook_is_demoted_once_for_one_cause_and_promoted_once(database: Database, incident_id: int) -> None:
    due = Due(Cause.HARMED, "harmed:a1", "it did harm")
    assert (await race(database, lambda work, n: work.licences.demote("r", due, NOW))).count(True) == 1
    promoted = await race(database, lambda work, n: work.licences.promote("r", f"U{n}", NOW))
    assert sorted(promoted) == [()] * (CONTENDERS - 1) + [("harmed:a1",)]


async def test_harm_is_noted_once(database: Database, incident_id: int) -> None:
    assert (await race(database, lambda work, n: work.actions.harmed("a1"))).count(True) == 1


async def test_a_gate_that_is_passed_many_times_at_once_is_one_row(database: Database, incident_id: int) -> None:
    seal = Seal(parts={"runbook": SealedPart(digest="d")})
    name = digest_of_seal(seal)

    async def once_more(work: UnitOfWork, number: int) -> None:
        row = GatePass(gate=Gate.CHAOS_TEST, digest="v1", passed_at=NOW, until=NOW + timedelta(hours=number), seal=name)
        await work.licences.pass_gate("r", row, seal)
        await work.licences.keep_report("r", "v1", {"number": number}, NOW)

    await race(database, once_more)
    async with database.read() as work:
        assert len((await work.licences.of("r")).gates) == 1


async def test_an_assessment_is_queued_once(database: Database, incident_id: int, enqueuer: RecordingEnqueuer) -> None:
    await race(database, lambda work, n: work.queue.consider(incident_id))
    assert len(enqueuer.calls) == 1


async def test_an_envelope_delivered_twice_is_saved_once(database: Database, incident_id: int) -> None:
    saved = await race(database, lambda work, n: work.arrivals.save("button", "k1", {}, NOW))
    assert saved.count(True) == 1
    assert (await race(database, lambda work, n: work.arrivals.done("k1", NOW))).count(True) == 1


async def test_a_card_that_is_queued_twice_at_once_is_one_row(database: Database, incident_id: int) -> None:
    ids = await race(database, lambda work, n: work.outbox.add(incident_id, card(incident_id, f"{n}"), NOW))
    assert len(set(ids)) == 1


async def test_every_event_moves_from_its_sources_and_from_nowhere_else(database: Database, incident_id: int) -> None:
    async with database.begin() as work:
        for event in ActionEvent:
            for state in ActionState:
                name = f"{event} from {state}"
                await work.actions.add(action(incident_id, name, state=state))
                moved = await work.actions.move(name, event)
                assert (moved is not None) == ACTION_LIFECYCLE.allows(state, event)
                assert moved is None or moved.state is ACTION_LIFECYCLE.target(event)
