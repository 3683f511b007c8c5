"""The courier's side of the rows, as protocols: what is to be delivered, and what became of it."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from bot.response.model.notices import Told


class OutboxItem(Protocol):
    """One claimed row."""

    @property
    def id(self) -> int:
        """The row's number; it travels in the message's metadata, by which the message is found again."""
        ...

    @property
    def incident_id(self) -> int | None:
        """Whose news it is; the founder's for a card that many share. None: it is of no incident."""
        ...

    @property
    def notice(self) -> Told:
        """What people are to be told."""
        ...

    @property
    def attempts(self) -> int:
        """Deliveries begun, this one included."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was queued: with the commit whose news it is."""
        ...

    @property
    def channel(self) -> str | None:
        """Where it goes; None before the incident's first card."""
        ...

    @property
    def thread_ts(self) -> str | None:
        """The message to change, or the thread to answer in; None for a new message in the channel."""
        ...

    @property
    def in_own_channel(self) -> bool:
        """Whether ``channel`` is the incident's own, without which it can do."""
        ...


class CourierOutbox(Protocol):
    """The courier's side of the outbox; ``retry`` and ``failed`` do nothing when the lease was lost meanwhile."""

    async def due(self, now: datetime, limit: int = 100) -> Sequence[int]:
        """Ids that can be claimed now, oldest first: of what must keep its order, only the first undelivered."""
        ...

    async def claim(self, outbox_id: int, *, by: str, now: datetime, until: datetime) -> OutboxItem | None:
        """Take a lease on the row: until ``until``, ``by`` alone delivers it; None when somebody else was first."""
        ...

    async def delivered(self, outbox_id: int, *, channel: str, ts: str, now: datetime) -> bool:
        """Record where Slack has accepted it, whoever holds the lease by now; False when that is known already."""
        ...

    async def retry(self, outbox_id: int, *, by: str, at: datetime, error: str) -> bool:
        """Give the row back, to be tried again at ``at``."""
        ...

    async def failed(self, outbox_id: int, *, by: str, error: str) -> bool:
        """Give the row up for good, so that those behind it go on."""
        ...


class CourierWork(Protocol):
    """One transaction, as far as the courier sees it."""

    @property
    def outbox(self) -> CourierOutbox:
        """Notices on their way to Slack."""
        ...


Work = TypeVar("Work", bound=CourierWork)
Work_co = TypeVar("Work_co", bound=CourierWork, covariant=True)


class CourierDatabase(Protocol[Work_co]):
    """Where the rows are."""

    @property
    def outbox_wakeup(self) -> asyncio.Event:
        """Set after each commit that queued or delivered something here."""
        ...

    def begin(self) -> AbstractAsyncContextManager[Work_co]:
        """One transaction: commits when the block ends well, else rolls back. Never open one inside another."""
        ...

    def read(self) -> AbstractAsyncContextManager[Work_co]:
        """One consistent view in which writing is refused and nobody is kept waiting."""
        ...
