"""An incident: alerts that belong together. It owns one Slack thread, and one current question at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.policy.situation import AlertFacts, Refusal
from bot.response.model.lifecycle import Lifecycle

NAMED = 10
"""Incidents that a list in a sentence names; it counts the rest."""


class IncidentState(StrEnum):
    """Who has taken the incident on, if anybody."""

    OPEN = "open"
    """Nobody has said that they are on it."""
    TAKEN = "taken"
    """A person said "I am on it": nothing is asked of others, and nothing acts by itself."""
    RESOLVED = "resolved"
    """None of its alerts fires any more. The next one of its group opens another incident."""

    @classmethod
    def _missing_(cls, value: object) -> "IncidentState":
        """A word of a newer release: somebody there is on it, so nothing acts by itself here."""
        return cls.TAKEN


class IncidentEvent(StrEnum):
    """What moves an incident from state to state."""

    TAKE = "take"
    """A person takes it over, also from another who had taken it."""
    RESOLVE = "resolve"
    """Its last firing alert has ended."""


INCIDENT_LIFECYCLE: Lifecycle[IncidentState, IncidentEvent] = Lifecycle(
    name="incident",
    table={
        IncidentEvent.TAKE: (frozenset({IncidentState.OPEN, IncidentState.TAKEN}), IncidentState.TAKEN),
        IncidentEvent.RESOLVE: (frozenset({IncidentState.OPEN, IncidentState.TAKEN}), IncidentState.RESOLVED),
    },
    beginnings=frozenset({IncidentState.OPEN}),
)


class AlertStatus(StrEnum):
    """What the monitor said last about an alert."""

    FIRING = "firing"
    RESOLVED = "resolved"

    @classmethod
    def _missing_(cls, value: object) -> "AlertStatus":
        """A word of a newer release: as long as nobody says that it has ended, it fires."""
        return cls.FIRING


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as stored: the facts, its status, and links for people."""

    facts: AlertFacts
    status: AlertStatus
    ends_at: datetime | None
    generator_url: str
    received_at: datetime
    start_untold: bool = False
    """Its monitor has not said when it began, so its start is a substitute; not stored."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One row of ``incidents``."""

    id: int
    handle: str
    """Opaque and unguessable; what buttons carry."""
    group_key: str
    """service + alert name (or as the policy's grouping says); one unresolved incident per key."""
    service: str
    alert_name: str
    severity: str
    state: IncidentState
    revision: int
    """Number of the present question. Rises with every new decision; a click on an older card is refused."""
    opened_at: datetime
    resolved_at: datetime | None
    taken_by: str | None
    channel: str | None
    """Slack channel of the thread, once the card is there."""
    thread_ts: str | None
    taken_at: datetime | None = None
    """When somebody took over; None in rows of older releases."""
    refusal: Refusal | None = None
    """The last no that a person said where no action was left to carry it."""
    told_firing_at: datetime | None = None
    """When people were last told that it goes on firing although an act was verified or a question expired."""
    truncated: int = 0
    """How many further alerts of its group the monitor left out of its last delivery."""

    @property
    def name(self) -> str:
        """What people call it: ``INC-7``."""
        return incident_name(self.id)


def incident_name(number: int) -> str:
    """7 -> ``INC-7``."""
    return f"INC-{number}"


def names_of(incidents: Sequence[Incident]) -> str:
    """As many names as a person reads, and how many more there are: "INC-7, INC-8 and 2 more"."""
    more = f" and {len(incidents) - NAMED} more" if len(incidents) > NAMED else ""
    return ", ".join(incident.name for incident in incidents[:NAMED]) + more


def incident_number(name: str) -> int | None:
    """``INC-7``, ``inc-7`` or ``7`` -> 7; None when it is not an incident's name."""
    digits = name.strip().upper().removeprefix("INC-")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None
