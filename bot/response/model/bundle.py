"""Questions that came in a storm and are put to people together: what a bundle is, and where bundles are kept.

A bundle is one card about many incidents of one runbook. Each incident keeps its own decision, action, votes and
record; only the asking is shared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

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
        """Whether a person's yes is what it waits for."""
        return self.action is not None and self.action.state is ActionState.WAITING

    @property
    def is_open(self) -> bool:
        """Whether somebody has to answer or look, and nobody has said that they do."""
        return self.incident.state is IncidentState.OPEN and (self.waits or self.action is None)


class Bundles(Protocol):
    async def asked_since(self, runbook: str, since: datetime) -> int:
        """How many incidents of this runbook have become a question since then."""
        ...

    async def ask(self, incident_id: int, runbook: str, headline: str, now: datetime) -> None:
        """Count the incident's first question; once."""
        ...

    async def get(self, handle: str) -> Bundle | None: ...

    async def of(self, incident_id: int) -> Bundle | None:
        """The bundle that the incident is asked about in; None while it has a card of its own."""
        ...

    async def by_thread(self, channel: str, thread_ts: str) -> Bundle | None:
        """The bundle whose card, or thread, this is."""
        ...

    async def with_room(self, runbook: str, since: datetime) -> Bundle | None:
        """The newest bundle of the runbook that was opened since then and is not full."""
        ...

    async def open(self, handle: str, runbook: str, founder_id: int, now: datetime) -> Bundle: ...

    async def join(self, bundle: Bundle, incident_id: int) -> None:
        """The incident is asked about there from here on, under a new revision."""
        ...

    async def renew(self, bundle: Bundle, incident_id: int, headline: str) -> None:
        """The member's question is another one now: cards with an older revision do not speak for it."""
        ...

    async def leave(self, incident_id: int) -> bool:
        """The incident gets a card of its own, and lives in its thread once it is delivered; False when it has one."""
        ...

    async def members(self, bundle: Bundle) -> Sequence[Member]:
        """In the order in which they joined."""
        ...

    async def say_once(self, bundle: Bundle, what: str) -> bool:
        """Whether ``what`` was not said to people about this bundle yet; from here on it was."""
        ...
