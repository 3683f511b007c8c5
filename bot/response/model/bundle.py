"""Questions that came in a storm and are put to people together: what a bundle is, and where bundles are kept.

A bundle is one card about many incidents of one runbook. Each incident keeps its own decision, action, votes and
record; only the asking is shared.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.response.model.actions import Action, ActionState
from bot.response.model.incidents import Incident, IncidentState

MEMBERS_MAX = 100
"""As many as Slack's widest menu can offer; more begin another bundle."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One row of ``bundles``."""

    id: int
    handle: str
    """Opaque and unguessable; what its buttons carry."""
    runbook: str
    """Empty for incidents that no runbook covers."""
    founder_id: int
    """The incident whose question began it."""
    revision: int
    """Raised whenever another question stands in it: a card with a lower one does not speak for that question."""
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """One incident of a bundle, as it stands now."""

    incident: Incident
    action: Action | None
    """Of its present question; None where there is nothing to run."""
    joined_revision: int
    """The bundle's revision that first showed this question."""
    headline: str
    """Which rule settled it, in words."""

    @property
    def waits(self) -> bool:
        """Whether it waits for a person's approval."""
        return self.action is not None and self.action.state is ActionState.WAITING

    @property
    def is_open(self) -> bool:
        """Whether somebody has to answer or take over, and nobody has said that they do."""
        return self.incident.state is IncidentState.OPEN and (self.waits or self.action is None)
