"""What each noun stores comes back as it was, on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.situation import Request, Scope, ScopeKind
from bot.remediation import Snapshot
from bot.response.model.actions import ActionEvent, ActionState, AskedGroup
from bot.response.model.incidents import IncidentEvent, IncidentState
from bot.response.model.records import AttemptState, Ballot, Vote
from bot.response.ports.flow import FlowName, QueueName
from bot.response.ports.work import Work
from storage.database import Database
from tests.fixtures.database import RecordingEnqueuer
from tests.fixtures.incidents import NOW, action, decision, open_incident, plan

HOUR = timedelta(hours=1)


def policy(**changes: object) -> Policy:
    return Policy.model_validate(
        {
            "version": 1,
            "channels": {"incidents": "C01INC"},
            "people": {},
            "services": {"checkout": {"tier": 1}, "orders": {"tier": 1}},
            "budgets": [
                {"scope": "all", "actions": 3, "per": "1h"},
                {"scope": "service", "actions": 1, "per": "1h"},
                {"scope": "tier", "actions": 2, "per": "1h"},
            ],
            **changes,
        }
    )


async def test_the_unit_of_work_is_what_the_flows_expect(database: Database) -> None:
    async with database.begin() as opened:
        work: Work = opened
        assert await work.incidents.get(1) is None


async def test_an_incident_is_found_by_id_handle_and_thread(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work, channel="C1", thread_ts="1.2")
    async with database.read() as work:
        incident = await work.incidents.get(incident_id)
        assert incident is not None
        assert incident.name == f"INC-{incident_id}"
        assert incident.opened_at == NOW
        assert await work.incidents.by_handle(incident.handle) == incident
        assert await work.incidents.by_thread("C1", "1.2") == incident
        assert list(await work.incidents.unresolved()) == [incident]


async def test_a_resolved_incident_cannot_be_taken(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        assert await work.incidents.move(incident_id, IncidentEvent.TAKE, now=NOW, by="U01ALICE")
        assert await work.incidents.move(incident_id, IncidentEvent.RESOLVE, now=NOW)
        assert not await work.incidents.move(incident_id, IncidentEvent.TAKE, now=NOW, by="U02BOB")
        incident = await work.incidents.get(incident_id)
        assert incident is not None
        assert (incident.state, incident.taken_by, incident.resolved_at) == (IncidentState.RESOLVED, "U01ALICE", NOW)
        assert await work.incidents.unresolved() == []


async def test_the_revision_of_an_unknown_incident_is_an_error_that_names_it(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        assert [await work.incidents.next_revision(incident_id) for _ in range(2)] == [1, 2]
        with pytest.raises(LookupError, match="INC-999"):
            await work.incidents.next_revision(999)


async def test_a_decision_comes_back_with_its_situation(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        first, second = decision(incident_id, 1), decision(incident_id, 2)
        await work.decisions.add(first)
        await work.decisions.add(second)
        assert await work.decisions.latest(incident_id) == second
        assert await work.decisions.at_revision(incident_id, 1) == first
        assert await work.decisions.at_revision(incident_id, 3) is None


async def test_an_action_comes_back_as_it_was_stored(database: Database) -> None:
    async with database.begin() as work:
        stored = action(await open_incident(work))
        await work.actions.add(stored)
        assert await work.actions.get("a1") == stored
        assert await work.actions.of_incident(stored.incident_id) == [stored]
        assert await work.actions.in_states(frozenset({ActionState.WAITING})) == [stored]


async def test_an_event_that_the_lifecycle_does_not_allow_moves_nothing(database: Database) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work)))
        moved = await work.actions.move(
            "a1", ActionEvent.APPROVE, decided_by=("U01ALICE",), decided_at=NOW, due_at=None
        )
        assert moved is not None
        assert (moved.state, moved.decided_by, moved.due_at) == (ActionState.APPROVED, ("U01ALICE",), None)
        assert await work.actions.move("a1", ActionEvent.APPROVE) is None
        assert await work.actions.get("a1") == moved


async def test_a_change_of_no_field_is_refused_by_name(database: Database) -> None:
    async with database.begin() as work:
        with pytest.raises(TypeError, match="outcme"):
            await work.actions.move("a1", ActionEvent.APPROVE, outcme="typo")


async def test_overdue_actions_come_longest_overdue_first(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        await work.actions.add(action(incident_id, "late", due_at=NOW - HOUR))
        await work.actions.add(action(incident_id, "later", due_at=NOW - 2 * HOUR))
        await work.actions.add(action(incident_id, "not yet", due_at=NOW + HOUR))
        await work.actions.add(action(incident_id, "never", due_at=None))
        assert [a.id for a in await work.actions.due(ActionState.WAITING, NOW)] == ["later", "late"]


async def test_the_history_holds_finished_actions_of_the_runbook_or_the_service(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        done: dict[str, Any] = {"state": ActionState.SUCCEEDED, "finished_at": NOW}
        await work.actions.add(action(incident_id, "same service", runbook="other", **done))
        elsewhere = plan().model_copy(update={"service": "orders"})
        await work.actions.add(action(incident_id, "same runbook", plan=elsewhere, **done))
        await work.actions.add(action(incident_id, "neither", runbook="other", plan=elsewhere, **done))
        await work.actions.add(action(incident_id, "unfinished"))
        history = await work.actions.history(["restart-checkout"], ["checkout"], NOW - HOUR)
        assert [(past.action_id, past.outcome) for past in history.actions] == [
            ("same runbook", "succeeded"),
            ("same service", "succeeded"),
        ]


async def test_a_second_vote_of_the_same_person_counts_once(database: Database) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work)))
        vote = Vote("U01ALICE", Ballot.APPROVE, NOW, opened_evidence=True)
        assert await work.votes.cast("a1", vote)
        assert not await work.votes.cast("a1", Vote("U01ALICE", Ballot.STOP, NOW, opened_evidence=False))
        assert await work.votes.of("a1") == [vote]


async def test_it_is_remembered_who_has_opened_the_evidence(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        assert not await work.votes.has_opened(incident_id, 1, "U01ALICE")
        await work.votes.opened(incident_id, 1, "U01ALICE", NOW)
        await work.votes.opened(incident_id, 1, "U01ALICE", NOW)
        assert await work.votes.has_opened(incident_id, 1, "U01ALICE")
        assert not await work.votes.has_opened(incident_id, 2, "U01ALICE")


async def test_an_attempt_keeps_its_first_snapshot_and_its_first_end(database: Database) -> None:
    async with database.begin() as work:
        first = await work.attempts.claim("a1:execute", Snapshot(state={"replicas": 3}))
        assert first.state is AttemptState.CLAIMED
        assert await work.attempts.start_once("a1:execute")
        again = await work.attempts.claim("a1:execute", Snapshot(state={"replicas": 9}))
        assert again.snapshot == Snapshot(state={"replicas": 3})
        assert again.state is AttemptState.STARTED
        await work.attempts.finish("a1:execute", AttemptState.DONE, "Restarted")
        await work.attempts.finish("a1:execute", AttemptState.FAILED, "A zombie says no")
        ended = await work.attempts.get("a1:execute")
        assert ended is not None
        assert (ended.state, ended.report) == (AttemptState.DONE, "Restarted")


async def test_locks_are_taken_all_or_none(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        await work.actions.add(action(incident_id, "a1"))
        await work.actions.add(action(incident_id, "a2"))
        assert await work.locks.take(["b", "a"], "a1") is None
        assert await work.locks.take(["a", "b"], "a1") is None
        assert await work.locks.take(["0", "b", "c"], "a2") == "a1"
        assert await work.locks.held() == {"a": "a1", "b": "a1"}
        await work.locks.release("a1")
        assert await work.locks.take(["0", "b", "c"], "a2") is None


async def test_the_ledger_counts_each_action_once_with_all_it_touched(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        for name in ("a1", "a2", "a3"):
            await work.actions.add(action(incident_id, name))
        assert await work.budgets.enter(policy(), "a1", ["checkout", "cart"], "r", NOW)
        assert not await work.budgets.enter(policy(), "a1", ["checkout"], "r", NOW), "once per action"
        assert await work.budgets.enter(policy(), "a2", [], "r", NOW + HOUR)
        ledger = await work.budgets.ledger(NOW + HOUR, 2 * HOUR)
        assert [(one.action_id, one.services) for one in ledger] == [("a1", ("cart", "checkout")), ("a2", ())]
        planned = tuple(target.key for target in action(incident_id, "a1").plan.targets)
        assert planned
        assert [one.targets for one in ledger] == [planned, planned]
        assert [one.action_id for one in await work.budgets.ledger(NOW + HOUR, HOUR)] == ["a2"], "the window has passed"


async def test_a_pause_ends_by_its_time_or_by_a_person(database: Database) -> None:
    everything, checkout = Scope(kind=ScopeKind.EVERYTHING), Scope(kind=ScopeKind.SERVICE, name="checkout")
    async with database.begin() as work:
        whole = await work.pauses.add(everything, "U01ALICE", "release", NOW, None)
        part = await work.pauses.add(checkout, "U01ALICE", "migration", NOW, NOW + HOUR)
        assert set(await work.pauses.active(NOW)) == {whole, part}
        assert await work.pauses.active(NOW + HOUR) == (whole,)
        assert await work.pauses.end(everything, "U02BOB", NOW) == (whole,)
        assert await work.pauses.end(everything, "U02BOB", NOW) == ()
        assert await work.pauses.active(NOW) == (part,)


async def test_a_review_is_asked_for_and_answered_once(database: Database) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work)))
        await work.reviews.ask("a1", NOW)
        await work.reviews.ask("a1", NOW + HOUR)
        assert await work.reviews.open_count() == 1
        assert [review.due_at for review in await work.reviews.open()] == [NOW]
        assert await work.reviews.complete("a1", "U01ALICE", {"right": True}, NOW)
        assert not await work.reviews.complete("a1", "U02BOB", {"right": False}, NOW)
        review = await work.reviews.get("a1")
        assert review is not None
        assert (review.done_by, review.answers) == ("U01ALICE", {"right": True})
        assert await work.reviews.open_count() == 0


async def test_a_question_is_amended_only_as_it_was_last_seen(database: Database) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work), remind_at=NOW))
        seen = await work.actions.get("a1")
        assert seen is not None
        leads = AskedGroup("leads", ("U03CAROL",), NOW)
        moved = await work.actions.amend(seen, asked=(*seen.asked, leads), due_at=NOW + HOUR, remind_at=None)
        assert moved is not None
        assert (moved.asked[-1], moved.due_at, moved.remind_at) == (leads, NOW + HOUR, None)
        assert moved.approvers == ("U01ALICE", "U02BOB", "U03CAROL")
        assert await work.actions.amend(seen, remind_at=None) is None, "somebody else was first"
        await work.actions.move("a1", ActionEvent.STOP)
        assert await work.actions.amend(moved, remind_at=NOW) is None, "it is no question any more"
        with pytest.raises(TypeError, match="state"):
            await work.actions.amend(moved, state=ActionState.WAITING)


async def test_questions_are_found_when_people_are_to_be_reminded_or_the_time_is_over(database: Database) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        for name, due_at, remind_at in (
            ("remind", NOW + HOUR, NOW),
            ("over", NOW, None),
            ("later", NOW + HOUR, NOW + HOUR),
            ("reminded", NOW + HOUR, None),
        ):
            await work.actions.add(action(incident_id, name, due_at=due_at, remind_at=remind_at))
        await work.actions.add(action(incident_id, "held", ActionState.HELD, remind_at=NOW))
        assert [each.id for each in await work.actions.unanswered(NOW)] == ["over", "remind"]


async def test_only_an_approval_is_withdrawn_and_may_be_given_again(database: Database) -> None:
    async with database.begin() as work:
        await work.actions.add(action(await open_incident(work)))
        approval = Vote("U01ALICE", Ballot.APPROVE, NOW, opened_evidence=True)
        await work.votes.cast("a1", approval)
        await work.votes.cast("a1", Vote("U02BOB", Ballot.STOP, NOW, opened_evidence=False))
        assert await work.votes.withdraw("a1", "U02BOB") is None
        assert await work.votes.withdraw("a1", "U01ALICE") == approval
        assert await work.votes.withdraw("a1", "U01ALICE") is None
        assert [vote.person for vote in await work.votes.of("a1")] == ["U02BOB"]
        assert await work.votes.cast("a1", approval)


async def test_asking_for_another_assessment_adds_nothing_until_it_has_begun(
    database: Database, enqueuer: RecordingEnqueuer
) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        await work.queue.consider(incident_id)
        await work.queue.consider(incident_id)
        await work.incidents.begin_consideration(incident_id, NOW)
        await work.queue.consider(incident_id)
    text = str(incident_id)
    assert enqueuer.calls == [
        (FlowName.CONSIDER, incident_id, f"consider:{text}:1", QueueName.INCIDENTS, text),
        (FlowName.CONSIDER, incident_id, f"consider:{text}:2", QueueName.INCIDENTS, text),
    ]


async def test_a_persons_request_is_assessed_although_an_assessment_is_wanted(
    database: Database, enqueuer: RecordingEnqueuer
) -> None:
    request = Request(runbook="restart-checkout", by="U01ALICE", reason="it hangs")
    async with database.begin() as work:
        incident_id = await open_incident(work)
        await work.queue.consider(incident_id)
        await work.queue.consider(incident_id, request)
    assert [call[:3] for call in enqueuer.calls] == [
        (FlowName.CONSIDER, incident_id, f"consider:{incident_id}:1"),
        (FlowName.CONSIDER, incident_id, request.model_dump(mode="json")),
    ]


async def test_acting_waits_in_line_for_the_first_target(database: Database, enqueuer: RecordingEnqueuer) -> None:
    async with database.begin() as work:
        incident_id = await open_incident(work)
        both = action(incident_id, "a1", plan=plan("web:2", "web:1"))
        await work.queue.act(both, attempt=3)
        await work.queue.roll_back(both, "U01ALICE", "it made things worse")
    assert enqueuer.calls == [
        (FlowName.ACT, "a1", "act:a1:3", QueueName.TARGETS, "web:1"),
        (FlowName.ROLL_BACK, "a1", "U01ALICE", "it made things worse", "roll_back:a1", QueueName.TARGETS, "web:1"),
    ]


async def test_an_envelope_is_saved_once_and_handed_out_until_it_is_done(database: Database) -> None:
    async with database.begin() as work:
        assert await work.arrivals.save("button", "k1", {"type": "block_actions"}, NOW)
        assert not await work.arrivals.save("button", "k1", {"type": "block_actions"}, NOW)
        assert await work.arrivals.unfinished(NOW, NOW) == []
        handed = await work.arrivals.unfinished(NOW + HOUR, NOW + HOUR)
        assert [(a.dedupe_key, a.kind, a.envelope, a.attempts) for a in handed] == [
            ("k1", "button", {"type": "block_actions"}, 2)
        ]
        assert await work.arrivals.unfinished(NOW + HOUR, NOW + HOUR) == [], "it is in the other's hands"
        assert await work.arrivals.done("k1", NOW)
        assert not await work.arrivals.done("k1", NOW)
        assert await work.arrivals.unfinished(NOW + 9 * HOUR, NOW + 9 * HOUR) == []
