"""A call: a person must look, people are called, and nobody has taken it yet."""

from dataclasses import dataclass
from datetime import datetime

from bot.response.model.actions import AskedGroup


@dataclass(frozen=True, slots=True)
class Call:
    """One row of ``calls``: as long as it stands, somebody is reminded, and the next are called."""

    incident_id: int
    revision: int
    """Of the incident, when it was opened: a newer question has its own."""
    runbook: str
    """Whose chain is followed; empty: that of the defaults."""
    asked: tuple[AskedGroup, ...]
    """Groups called so far, in order, with the people who were in them then."""
    began_at: datetime
    remind_at: datetime | None
    """When those who were called are reminded; None: not, or by what tells that it goes on firing."""
    due_at: datetime | None
    """When the next are called; None once nobody is left."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups called so far."""
        return tuple(one.group for one in self.asked)
