"""Whatever monitors send in whatever order, what is stored is what a small model says. SQLite, because it is quick."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.policy.file.document import Policy
from bot.response.model.incidents import AlertStatus, IncidentEvent
from storage.database import Database
from storage.intake import Intake
from storage.tables import ALERTS
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW, alert

POLICY = Policy.model_validate({"version": 1, "channels": {"incidents": "C01INC"}, "people": {}})
SERVICES = ("checkout", "orders")

Signal = tuple[int, AlertStatus]
"""Which of a few alerts, and what became of it."""


@dataclass(frozen=True)
class Deliver:
    """One request."""

    signals: Sequence[Signal]


@dataclass(frozen=True)
class Resolve:
    """The incident with this number is resolved, as the flow does."""

    incident: int


@dataclass
class Model:
    """What should be stored."""

    status: dict[int, AlertStatus] = field(default_factory=dict)
    incident: dict[int, int | None] = field(default_factory=dict)
    unresolved: dict[str, int] = field(default_factory=dict)
    opened: int = 0

    def deliver(self, signals: Sequence[Signal]) -> tuple[int, int]:
        """Accepted and duplicate signals."""
        accepted = 0
        for number, status in signals:
            if self.status.get(number) is status:
                continue
            accepted += 1
            self.status[number] = status
            self.incident.setdefault(number, None)
            if status is AlertStatus.FIRING:
                service = service_of(number)
                if service not in self.unresolved:
                    self.opened += 1
                    self.unresolved[service] = self.opened
                self.incident[number] = self.unresolved[service]
        return accepted, len(signals) - accepted

    def resolve(self, incident: int) -> bool:
        for service, number in list(self.unresolved.items()):
            if number == incident:
                del self.unresolved[service]
                return True
        return False


def service_of(number: int) -> str:
    return SERVICES[number % len(SERVICES)]


signals = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(AlertStatus)), min_size=1, max_size=6)
steps = st.lists(st.builds(Deliver, signals) | st.builds(Resolve, st.integers(1, 4)), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
async def test_what_is_stored_is_what_the_model_says(sqlite_template: Path, steps: list[Deliver | Resolve]) -> None:
    model, enqueuer = Model(), RecordingEnqueuer()
    with TemporaryDirectory() as folder:
        shutil.copy(sqlite_template, folder)
        database = Database(f"sqlite+aiosqlite:///{folder}/{sqlite_template.name}", enqueuer, AUDIT_KEY)
        await database.open()
        intake = Intake(database, lambda: POLICY, lambda: NOW)
        for step in steps:
            if isinstance(step, Resolve):
                async with database.begin() as work:
                    moved = await work.incidents.move(step.incident, IncidentEvent.RESOLVE, now=NOW)
                assert moved == model.resolve(step.incident)
            else:
                result = await intake.accept(
                    [alert(f"f{number}", service=service_of(number), status=status) for number, status in step.signals]
                )
                assert (result.accepted, result.duplicates) == model.deliver(step.signals)
        async with database.read() as work:
            stored = await work.session.execute(select(ALERTS.c.fingerprint, ALERTS.c.status, ALERTS.c.incident_id))
            found = {row.fingerprint: (row.status, row.incident_id) for row in stored}
            unresolved = {incident.service: incident.id for incident in await work.incidents.unresolved()}
            chain = await work.audit.verify()
        await intake.close()
        await database.close()
    assert found == {f"f{number}": (model.status[number], model.incident[number]) for number in model.status}
    assert unresolved == model.unresolved
    assert chain.intact
    assert len({call[2] for call in enqueuer.calls}) == len(enqueuer.calls), "every assessment has its own id"
