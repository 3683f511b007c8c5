"""What confidence is drawn from: when alerts began."""

from datetime import timedelta

from sqlalchemy import insert

from bot.policy.situation import Beginning
from bot.response.model.incidents import AlertStatus
from storage.database import Database
from storage.incidents import alert_columns
from storage.tables import ALERTS
from tests.fixtures.incidents import NOW, alert, open_incident

HOUR = timedelta(hours=1)


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
