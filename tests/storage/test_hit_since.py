"""Where alerts came after a moment: what an act may have hurt while it ran."""

from datetime import datetime, timedelta

from sqlalchemy import update

from bot.policy.situation import AlertFacts
from bot.response.model.incidents import Alert, AlertStatus, IncidentEvent
from storage.database import Database
from storage.tables import ALERTS
from tests.fixtures.incidents import NOW

MINUTE = timedelta(minutes=1)


def firing(service: str, received_at: datetime) -> Alert:
    facts = AlertFacts(source="alertmanager", fingerprint=service, name="Slow", service=service, starts_at=NOW)
    return Alert(facts, AlertStatus.FIRING, None, "", received_at)


async def test_it_is_told_by_incident_and_service_of_what_fires_and_is_not_over(database: Database) -> None:
    async with database.begin() as work:
        numbers = {}
        for name in ("old", "cart", "over", "ended"):
            received_at = NOW if name == "old" else NOW + MINUTE
            numbers[name] = await work.incidents.open_requested(firing(name, received_at), name, received_at)
        await work.incidents.move(numbers["over"], IncidentEvent.RESOLVE, now=NOW + MINUTE)
        await work.session.execute(
            update(ALERTS).where(ALERTS.c.incident_id == numbers["ended"]).values(status=AlertStatus.RESOLVED)
        )
        assert await work.incidents.hit_since(NOW) == [(numbers["cart"], "cart")]
        assert await work.incidents.hit_since(NOW + MINUTE) == []
