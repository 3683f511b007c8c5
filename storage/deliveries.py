"""What one request of a monitor brought, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.response.model.incidents import Alert


@dataclass(frozen=True, slots=True)
class RejectedAlert:
    """A signal that could not be read as an alert; ``payload`` is what came, as text."""

    source: str
    reason: str
    payload: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one request brought."""

    alerts: Sequence[Alert]
    rejected: Sequence[RejectedAlert] = ()
    truncated: int = 0
    """How many further alerts of the same group the monitor says it left out."""


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What became of one delivery, once it is committed."""

    accepted: int
    """Alerts that said something new."""
    duplicates: int
    quarantined: int
    incidents: tuple[str, ...]
    """Names of the incidents its alerts belong to, in the order of the alerts."""
