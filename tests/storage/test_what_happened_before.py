"""What confidence is drawn from: how a runbook's runs ended on which kind of incident, and when alerts began."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, update

from bot.policy.situation import Beginning, Run
from bot.response.model.actions import ActionState, Result
from bot.response.model.incidents import AlertStatus
from storage.database import Database
from storage.incidents import alert_columns
from storage.tables import ACTIONS, ALERTS
from storage.unit_of_work import UnitOfWork
from tests.fixtures.incidents import NOW, action, alert, open_incident

HOUR = timedelta(hours=1)


async def ended(
    work: UnitOfWork, incident_id: int, name: str, state: ActionState, hours_ago: float, result: str
) -> None:
    at = NOW - hours_ago * HOUR
    await work.actions.add(action(incident_id, name))
    await work.session.execute(
        update(ACTIONS).where(ACTIONS.c.id == name).values(state=state, finished_at=at, result=result or None)
    )


async def test_runs_are_told_newest_first_with_what_their_incident_was_about(database: Database) -> None:
    async with database.begin() as work:
        down = await open_incident(work, group_key="down", alert_name="ServiceDown")
        full = await open_incident(work, group_key="full", alert_name="DiskFull")
        await ended(work, down, "old", ActionState.SUCCEEDED, 3, Result.VERIFIED)
        await ended(work, full, "new", ActionState.ROLLED_BACK, 1, Result.ROLLED_BACK)
        await ended(work, down, "never ran", ActionState.STOPPED, 1, "")
        await ended(work, down, "long ago", ActionState.SUCCEEDED, 99, Result.VERIFIED)
        await ended(work, down, "of another", ActionState.FAILED, 2, Result.UNKNOWN)
        await work.session.execute(update(ACTIONS).where(ACTIONS.c.id == "of another").values(runbook="another"))
    async with database.read() as work:
        assert await work.actions.runs("restart-checkout", NOW - 24 * HOUR) == (
            Run(action_id="new", kind="DiskFull", result="rolled_back", at=NOW - HOUR),
            Run(action_id="old", kind="ServiceDown", result="verified", at=NOW - 3 * HOUR),
        )
        assert [run.action_id for run in await work.actions.runs("restart-checkout", NOW - 24 * HOUR, 1)] == ["new"]


@pytest.mark.parametrize(("state", "result"), [(ActionState.SUCCEEDED, "verified"), (ActionState.FAILED, "unknown")])
async def test_of_rows_without_a_result_the_state_tells_it(database: Database, state: ActionState, result: str) -> None:
    async with database.begin() as work:
        await ended(work, await open_incident(work), "a1", state, 1, "")
        assert [run.result for run in await work.actions.runs("restart-checkout", NOW - 24 * HOUR)] == [result]


async def test_every_beginning_of_an_alert_is_told_whatever_incident_it_was_in(database: Database) -> None:
    async with database.begin() as work:
        first = await open_incident(work, group_key="one", state="resolved")
        second = await open_incident(work, group_key="two")
        for incident_id, minutes, fingerprint, status in (
            (first, 50, "f1", AlertStatus.RESOLVED),
            (second, 1, "f1", AlertStatus.FIRING),
            (first, 90, "f1", AlertStatus.RESOLVED),
            (first, 5, "another", AlertStatus.FIRING),
        ):
            began = alert(fingerprint, status=status, starts_at=NOW - timedelta(minutes=minutes))
            await work.session.execute(insert(ALERTS).values(**alert_columns(began, incident_id)))
        (facts,) = [each.facts for each in await work.incidents.alerts(second)]
        assert await work.incidents.beginnings([facts], NOW - HOUR) == (
            Beginning(alert=facts.key, at=NOW - timedelta(minutes=50)),
            Beginning(alert=facts.key, at=NOW - timedelta(minutes=1)),
        )
        other = facts.model_copy(update={"source": "elsewhere"})
        assert await work.incidents.beginnings([other], NOW - HOUR) == ()
        assert await work.incidents.beginnings([], NOW - HOUR) == ()
