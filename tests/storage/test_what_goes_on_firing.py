"""What goes on firing after its question is over, and what is marked without an assessment, on both databases."""

from datetime import timedelta

from sqlalchemy import insert

from bot.response.model.actions import ActionState
from storage.database import Database
from storage.incidents import alert_columns
from storage.tables import ALERTS
from tests.fixtures.database import RecordingEnqueuer
from tests.fixtures.incidents import NOW, action, alert, open_incident

ENDS = frozenset({ActionState.SUCCEEDED, ActionState.EXPIRED})
PERIOD = timedelta(minutes=10)


async def test_what_goes_on_firing_is_found_once_in_a_period_and_told_by_one(database: Database) -> None:
    async with database.begin() as work:
        firing, ended, asked = [await open_incident(work, name, revision=1) for name in ("a", "b", "c")]
        for incident_id, state in ((firing, ActionState.EXPIRED), (ended, ActionState.SUCCEEDED)):
            over = action(incident_id, f"of {incident_id}", state, finished_at=NOW)
            await work.actions.add(over)
        await work.actions.add(action(asked, "waits"))
        for incident_id in (firing, asked):
            one = alert(f"f{incident_id}")
            await work.session.execute(insert(ALERTS).values(**alert_columns(one, incident_id)))
    async with database.read() as work:
        assert await work.incidents.still_firing(ENDS, NOW - PERIOD) == []
        (found,) = await work.incidents.still_firing(ENDS, NOW)
    assert found.id == firing
    async with database.begin() as work:
        assert await work.incidents.tell_firing(found, NOW + PERIOD)
        assert not await work.incidents.tell_firing(found, NOW + PERIOD), "somebody has just told them"
    async with database.read() as work:
        assert await work.incidents.still_firing(ENDS, NOW + PERIOD - timedelta(seconds=1)) == []
        assert [one.id for one in await work.incidents.still_firing(ENDS, NOW + PERIOD)] == [firing]


async def test_a_mark_is_found_and_queued_anew_only_while_it_stands(
    database: Database, enqueuer: RecordingEnqueuer
) -> None:
    async with database.begin() as work:
        marked, begun = await open_incident(work, "a"), await open_incident(work, "b")
        await work.queue.consider(marked)
        await work.queue.consider(begun)
        await work.incidents.begin_consideration(begun, NOW)
    async with database.read() as work:
        assert await work.incidents.wanted() == [marked]
    async with database.begin() as work:
        assert await work.queue.consider_anew([marked, begun]) == [marked]
    assert [call[2] for call in enqueuer.calls] == [
        f"consider:{marked}:1",
        f"consider:{begun}:1",
        f"consider:{marked}:2",
    ]
