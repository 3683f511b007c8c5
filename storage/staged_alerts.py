"""Alerts about what stands in for production while gates are run: they go to the run alone.

They are told apart before anything else is asked of an alert: no mute, no incident, no budget. An episode that came
during a run is the run's for good, also when its monitor tells of it, repeats it, or says that it has ended, a while
later. What fired before in production goes on there, and so does whatever begins while no gates are run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, or_, select, update

from bot.policy.file.document import Policy
from bot.policy.rules.twin import is_about_twin
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.candidacies import CandidacyState
from bot.response.model.incidents import Alert, AlertStatus
from storage.alert_keys import Key, key_of
from storage.deliveries import Delivery, IntakeResult
from storage.tables import ALERTS, CANDIDACIES
from storage.unit_of_work import UnitOfWork

AFTERWARDS = timedelta(minutes=15)
"""So long after the end of a run a monitor may still speak of what happened in it."""
SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Apart:
    """Deliveries without what belongs to runs of gates."""

    deliveries: Sequence[Delivery]
    taken: Sequence[int]
    """How many alerts of each belong to a run."""

    def results(self, stored: Sequence[IntakeResult]) -> list[IntakeResult]:
        """What became of the whole deliveries."""
        return [replace(one, accepted=one.accepted + taken) for one, taken in zip(stored, self.taken, strict=True)]


async def set_apart(work: UnitOfWork, policy: Policy, now: datetime, deliveries: Sequence[Delivery]) -> Apart:
    """Take out of the deliveries, and put on the record, what belongs to runs of gates."""
    runs = [_Run(row, policy, now) for row in await _present(work, now)]
    if not runs:
        return Apart(deliveries, [0] * len(deliveries))
    left, taken = list[Delivery](), list[int]()
    for delivery in deliveries:
        alerts = [alert for alert in delivery.alerts if not await _goes_to_one(work, runs, alert)]
        left.append(replace(delivery, alerts=alerts))
        taken.append(len(delivery.alerts) - len(alerts))
    for run in runs:
        await run.store(work, now)
    return Apart(left, taken)


class _Run:
    """One run of gates, and what came for it."""

    def __init__(self, row: Row[Any], policy: Policy, now: datetime) -> None:
        self._row = row
        self._entry = policy.runbooks.get(row.runbook)
        self._held = row.state == CandidacyState.RUNNING and row.claimed_until is not None and row.claimed_until > now
        self._episodes = set(row.episodes)
        self._news: list[Alert] = []

    def has(self, alert: Alert) -> bool:
        """Whether it came for this run before."""
        return _episode(key_of(alert)) in self._episodes

    def asks_for(self, alert: Alert) -> bool:
        """Whether it is about the twin and began while the run went on, however late a monitor says so."""
        began, ended = alert.facts.starts_at, self._row.ended_at
        within = self._held or (ended is not None and self._row.begun_at <= began <= ended)
        return within and self._entry is not None and is_about_twin(self._entry, alert.facts.labels)

    def take(self, alert: Alert) -> None:
        """It belongs to this run."""
        if not self.has(alert) or alert.status is not AlertStatus.FIRING:
            self._news.append(alert)
        self._episodes.add(_episode(key_of(alert)))

    async def store(self, work: UnitOfWork, now: datetime) -> None:
        """Keep what came, and put it on the record, once per source."""
        if not self._news:
            return
        of_this = update(CANDIDACIES).where(CANDIDACIES.c.id == self._row.id)
        await work.session.execute(of_this.values(episodes=sorted(self._episodes)))
        for source in dict.fromkeys(alert.facts.source for alert in self._news):
            news = [alert for alert in self._news if alert.facts.source == source]
            firing = sum(alert.status is AlertStatus.FIRING for alert in news)
            await work.audit.append(
                kind=AuditKind.GATES_ALERT_RECEIVED,
                actor=source,
                at=now,
                body={
                    "runbook": self._row.runbook,
                    "candidacy": self._row.handle,
                    "firing": firing,
                    "resolved": len(news) - firing,
                    "fingerprints": [alert.facts.fingerprint for alert in news[:SAMPLES]],
                },
            )


async def _present(work: UnitOfWork, now: datetime) -> Sequence[Row[Any]]:
    running = CANDIDACIES.c.state == CandidacyState.RUNNING
    just_ended = and_(CANDIDACIES.c.attempts > 0, CANDIDACIES.c.ended_at > now - AFTERWARDS)
    rows = await work.session.execute(select(CANDIDACIES).where(or_(running, just_ended)).order_by(CANDIDACIES.c.id))
    return rows.all()


async def _goes_to_one(work: UnitOfWork, runs: Sequence[_Run], alert: Alert) -> bool:
    for run in runs:
        if run.has(alert) or (run.asks_for(alert) and not await _fires_in_production(work, alert)):
            run.take(alert)
            return True
    return False


async def _fires_in_production(work: UnitOfWork, alert: Alert) -> bool:
    """Whether an incident waits for this alert's end."""
    source, fingerprint, _ = key_of(alert)
    fires = select(ALERTS.c.id).where(
        ALERTS.c.source == source, ALERTS.c.fingerprint == fingerprint, ALERTS.c.status == AlertStatus.FIRING
    )
    return await work.session.scalar(fires.limit(1)) is not None


def _episode(key: Key) -> str:
    source, fingerprint, began = key
    return f"{source}/{fingerprint}/{began.isoformat()}"
