"""What came of a runbook's plans in production, as cases: acts by how they ended, and plans that people refused."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bot.policy.situation import Trigger
from bot.policy.track_record import Ending, Judged, PastCase
from bot.response.model.actions import ActionState, Result
from bot.response.model.incidents import IncidentEvent
from storage import cases
from storage.database import Database
from storage.tables import ACTIONS
from storage.unit_of_work import UnitOfWork
from tests.fixtures.incidents import NOW, action, open_incident

RUNBOOK = "restart-checkout"
HOUR = timedelta(hours=1)


async def ended(work: UnitOfWork, name: str, state: ActionState, *, hours_ago: float = 1, **changes: Any) -> None:
    incident = changes.pop("incident_id", None) or await open_incident(work, group_key=name)
    await work.actions.add(action(incident, name, state, finished_at=NOW - hours_ago * HOUR, **changes))


async def found(work: UnitOfWork) -> tuple[PastCase, ...]:
    return (await work.licences.of(RUNBOOK)).cases or ()


async def test_acts_are_told_newest_first_with_what_they_were_for(database: Database) -> None:
    async with database.begin() as work:
        down = await open_incident(work, group_key="down", alert_name="ServiceDown")
        full = await open_incident(work, group_key="full", alert_name="DiskFull")
        verified: dict[str, Any] = {"result": Result.VERIFIED, "ending": Ending.VERIFIED, "runbook_digest": "v1"}
        await ended(work, "old", ActionState.SUCCEEDED, hours_ago=3, incident_id=down, **verified)
        await ended(work, "new", ActionState.ROLLED_BACK, incident_id=full, ending=Ending.FAILED)
        await ended(work, "of another", ActionState.SUCCEEDED, runbook="another", **verified)
        assert await found(work) == (
            PastCase(key="new", incident=f"INC-{full}", alert="DiskFull", ending=Ending.FAILED, at=NOW - HOUR),
            PastCase(
                key="old",
                incident=f"INC-{down}",
                alert="ServiceDown",
                ending=Ending.VERIFIED,
                at=NOW - 3 * HOUR,
                digest="v1",
            ),
        )


@pytest.mark.parametrize(
    ("state", "result", "ending"),
    [
        (ActionState.SUCCEEDED, None, Ending.VERIFIED),
        (ActionState.SUCCEEDED, Result.VERIFIED, Ending.VERIFIED),
        (ActionState.ROLLED_BACK, None, Ending.FAILED),
        (ActionState.ROLLED_BACK, Result.ROLLED_BACK, Ending.FAILED),
        (ActionState.FAILED, None, Ending.UNKNOWN),
        (ActionState.FAILED, Result.UNKNOWN, Ending.UNKNOWN),
        (ActionState.FAILED, Result.NOT_RESTORED, Ending.FAILED),
        (ActionState.FAILED, Result.INTERRUPTED, Ending.UNKNOWN),
    ],
)
async def test_of_rows_of_older_releases_state_and_result_tell_the_ending(
    database: Database, state: ActionState, result: Result | None, ending: Ending
) -> None:
    async with database.begin() as work:
        await ended(work, "a1", state, result=result)
        assert [(case.ending, case.digest, case.acted) for case in await found(work)] == [(ending, "", True)]


async def test_where_nothing_was_changed_there_is_no_case(database: Database) -> None:
    async with database.begin() as work:
        await ended(work, "a1", ActionState.FAILED, result=Result.NOTHING_CHANGED)
        await ended(work, "a2", ActionState.EXPIRED)
        await ended(work, "a3", ActionState.SUPERSEDED)
        assert await found(work) == ()


async def test_an_ending_that_only_a_newer_release_knows_is_unknown(database: Database) -> None:
    async with database.begin() as work:
        await ended(work, "a1", ActionState.SUCCEEDED, result=Result.VERIFIED)
        await work.session.execute(update(ACTIONS).values(ending="dreamt"))
        assert [case.ending for case in await found(work)] == [Ending.UNKNOWN]


async def test_harm_is_on_record_once_whatever_becomes_of_the_act(database: Database) -> None:
    async with database.begin() as work:
        await ended(work, "a1", ActionState.SUCCEEDED, result=Result.VERIFIED, ending=Ending.VERIFIED)
        assert await work.actions.harmed("a1")
        assert not await work.actions.harmed("a1")
        assert [case.ending for case in await found(work)] == [Ending.HARMED]
        await work.session.execute(update(ACTIONS).values(state=ActionState.ROLLING_BACK))
        assert [case.ending for case in await found(work)] == [Ending.HARMED], "also while it is rolled back"


@pytest.mark.parametrize("state", [ActionState.STOPPED, ActionState.OVERRIDDEN])
async def test_a_plan_that_people_refused_is_overridden_though_it_never_began(
    database: Database, state: ActionState
) -> None:
    async with database.begin() as work:
        await ended(work, "a1", state)
        assert [(case.ending, case.acted) for case in await found(work)] == [(Ending.OVERRIDDEN, False)]


async def test_what_a_person_asked_for_and_another_stopped_is_between_the_two(database: Database) -> None:
    async with database.begin() as work:
        await ended(work, "a1", ActionState.STOPPED, trigger=Trigger.PERSON, requested_by="U01ALICE")
        assert await found(work) == ()


@pytest.mark.parametrize(
    ("state", "revision", "asked_at", "refused"),
    [
        (ActionState.WAITING, 0, NOW, True),
        (ActionState.EXPIRED, 0, NOW, True),
        (ActionState.SUPERSEDED, 0, NOW, True),
        (ActionState.HELD, 0, NOW, False),
        (ActionState.WAITING, 1, NOW, False),
        (ActionState.WAITING, 0, NOW + 2 * HOUR, False),
    ],
)
async def test_taking_an_incident_over_refuses_the_plan_that_stood_on_its_card_then(
    database: Database, state: ActionState, revision: int, asked_at: datetime, refused: bool
) -> None:
    async with database.begin() as work:
        incident = await open_incident(work)
        waits = action(incident, "a1", state, revision=revision, created_at=asked_at)
        await work.actions.add(waits)
        assert await found(work) == ()
        await work.incidents.move(incident, IncidentEvent.TAKE, now=NOW + HOUR, by="U01ALICE")
        told = [(case.ending, case.acted, case.at) for case in await found(work)]
        assert told == ([(Ending.OVERRIDDEN, False, NOW + HOUR)] if refused else [])


async def test_a_case_says_how_it_was_reviewed_or_until_when_it_is_to_be(database: Database) -> None:
    async with database.begin() as work:
        for name in ("a1", "a2", "a3"):
            await ended(work, name, ActionState.SUCCEEDED, result=Result.VERIFIED, ending=Ending.VERIFIED)
        await work.reviews.ask("a1", NOW)
        await work.reviews.ask("a2", NOW)
        await work.reviews.complete("a2", "U01ALICE", {"judgement": "wrong", "text": "No."}, NOW)
        told = {case.key: (case.judged, case.review_due) for case in await found(work)}
        assert told == {"a1": (None, NOW), "a2": (Judged.HARMFUL, NOW), "a3": (None, None)}


async def test_the_newest_count_and_refusals_hide_no_act(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "LIMIT", 2)
    async with database.begin() as work:
        for number in range(3):
            await ended(work, f"act {number}", ActionState.SUCCEEDED, hours_ago=9 - number, result=Result.VERIFIED)
            at = NOW - (4 - number) * HOUR
            await ended(work, f"no {number}", ActionState.STOPPED, hours_ago=3 - number, created_at=at)
        assert [case.key for case in await found(work)] == ["no 2", "no 1", "act 2", "act 1"]
