"""Where an incident is handled when not in a thread of its own: in a channel of its own, or on a card that many share.

Protocols like those in ``rows``, and reached like them through ``Work``; storage implements them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.response.model.bundle import Bundle, Member
from bot.response.model.incident_channel import Announcement, ChannelBrief, OwnChannel


class OwnChannels(Protocol):
    """Channels of their own, for the incidents that the orders want to have one."""

    async def begin(
        self, incident_id: int, brief: ChannelBrief, announcement: Announcement, *, now: datetime, hold_until: datetime
    ) -> bool:
        """Want a channel for the incident, once; False when it has (or had) one. News waits for it meanwhile."""
        ...

    async def get(self, incident_id: int) -> OwnChannel | None:
        """The incident's channel, whatever became of it; None when it was never to have one."""
        ...

    async def opened(self, incident_id: int, channel: str, *, now: datetime) -> bool:
        """It is there: the incident lives in it from here on, and its card has no message there yet."""
        ...

    async def give_up(self, incident_id: int, error: str) -> bool:
        """It cannot be, or is no more: the incident lives in its first card's thread; False when it did already."""
        ...

    async def archived(self, incident_id: int) -> bool:
        """It is archived: what is still told goes to the first card's thread; False when it was already."""
        ...

    async def archive_at(self, incident_id: int, at: datetime) -> bool:
        """The incident is over: archive the channel at ``at``; False when there is none, or that is settled already."""
        ...


class Bundles(Protocol):
    """Incidents of a storm that are asked about together: which share a card, and where that card is."""

    async def asked_since(self, runbook: str, since: datetime) -> int:
        """How many incidents of this runbook have become a question since then."""
        ...

    async def ask(self, incident_id: int, runbook: str, headline: str, now: datetime) -> None:
        """Count the incident's first question; once."""
        ...

    async def get(self, handle: str) -> Bundle | None:
        """The bundle whose buttons carry this handle; None for a handle that we did not give out."""
        ...

    async def of(self, incident_id: int) -> Bundle | None:
        """The bundle that the incident is asked about in; None while it has a card of its own."""
        ...

    async def by_thread(self, channel: str, thread_ts: str) -> Bundle | None:
        """The bundle whose card, or thread, this is."""
        ...

    async def with_room(self, runbook: str, since: datetime) -> Bundle | None:
        """The newest bundle of the runbook that was opened since then and is not full."""
        ...

    async def open(self, handle: str, runbook: str, founder_id: int, now: datetime) -> Bundle:
        """Begin a bundle that nobody has joined yet; ``founder_id`` is the incident whose question begins it."""
        ...

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
