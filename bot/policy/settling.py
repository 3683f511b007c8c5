"""What heals by itself needs nobody: a runbook may let its alert settle before anybody is asked and anything is done.

A monitor that scraped in the moment of a restart, a leader that was elected anew: after ``settle`` it is over, and
telling people of it would teach them to ignore what they are told. What becomes worse meanwhile does not wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.policy.rules.matching import severity_rank
from bot.policy.situation import AlertFacts


class Settling(StrEnum):
    """Where an incident stands that may still heal by itself."""

    WAITS = "waits"
    """It is assessed again at ``Settled.due_at``; until then nobody is asked."""
    FIRES_ON = "fires_on"
    """It did not heal in time, or must not wait: it is decided now."""
    HEALED = "healed"
    """Every alert ended before anybody was asked: there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Where it stands, and when to assess it again where it waits."""

    standing: Settling
    due_at: datetime | None = None


def settled(
    firing: Sequence[AlertFacts],
    first_received: datetime,
    settle: timedelta | None,
    now: datetime,
    *,
    told: bool = False,
    first: Sequence[AlertFacts] = (),
) -> Settled:
    """Whether to wait, to decide, or to say nothing.

    Args:
        firing: the alerts of the incident that fire now.
        first_received: when its first alert was received, by our clock: what a monitor's clock says makes nobody wait.
        settle: as the runbook writes it; None: nothing waits.
        now: by our clock.
        told: people have been told or asked already, so its end is news as well.
        first: the alerts with which it began. One that joins and is worse than all of these ends the wait.
    """
    if not firing:
        return Settled(Settling.FIRES_ON if told else Settling.HEALED)
    if told or settle is None:
        return Settled(Settling.FIRES_ON)
    worst = max((severity_rank(alert) for alert in first), default=None)
    if worst is not None and any(severity_rank(alert) > worst for alert in firing):
        return Settled(Settling.FIRES_ON)
    due_at = first_received + settle
    return Settled(Settling.WAITS, due_at) if now < due_at else Settled(Settling.FIRES_ON)
