"""Signals of a monitor as a story needs them: with any label, start and time of arrival."""

from collections.abc import Mapping
from datetime import datetime

from bot.policy.situation import AlertFacts
from bot.response.model.incidents import Alert, AlertStatus
from tests.response.world import World


async def send(
    here: World,
    name: str = "SwitchOff",
    service: str = "lamp",
    fingerprint: str = "f1",
    *,
    severity: str = "critical",
    labels: Mapping[str, str] | None = None,
    starts_at: datetime | None = None,
    received_at: datetime | None = None,
) -> None:
    """One alert fires, by default now."""
    now = here.context.now()
    facts = AlertFacts(
        source="alertmanager",
        fingerprint=fingerprint,
        name=name,
        severity=severity,
        service=service,
        labels={"alertname": name, "service": service, "severity": severity, **(labels or {})},
        starts_at=starts_at or now,
    )
    await here.intake.accept([Alert(facts, AlertStatus.FIRING, None, "", received_at or now)], [])
