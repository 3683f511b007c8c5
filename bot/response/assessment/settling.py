"""Whether an incident may still heal by itself before anybody is told of it, as its runbook says with ``settle``."""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.file.document import Policy
from bot.policy.rules.matching import match_incident
from bot.policy.settling import Settled, settled
from bot.response.model.incidents import Alert, AlertStatus, Incident


def settling(policy: Policy, incident: Incident, alerts: Sequence[Alert], now: datetime) -> tuple[Settled, str]:
    """Where it stands, and the runbook that says how long to wait; empty where none does.

    The wait is counted from when the incident was opened, so no alert that joins prolongs it. ``alerts``: all of it.
    """
    firing = tuple(alert.facts for alert in alerts if alert.status is AlertStatus.FIRING)
    runbook = match_incident(policy, firing or tuple(alert.facts for alert in alerts)).runbook or ""
    entry = policy.runbooks.get(runbook)
    waits = entry is not None and entry.settle is not None
    began = min((alert.received_at for alert in alerts), default=None)
    standing = settled(
        firing,
        incident.opened_at,
        entry.settle if entry is not None else None,
        now,
        told=bool(incident.revision) or incident.thread_ts is not None,
        first=[alert.facts for alert in alerts if alert.received_at == began],
    )
    return standing, runbook if waits else ""
