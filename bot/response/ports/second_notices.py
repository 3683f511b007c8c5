"""What Slack has not taken, on its way to people by the second channel: the rows, and what is done with them.

Storage keeps them, ``bot.second_channel`` sends them.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.response.model.notices import Told
from bot.response.ports.work import Work


@dataclass(frozen=True, slots=True)
class Untold:
    """A notice of the outbox that Slack has not taken in time."""

    outbox_id: int
    incident_id: int
    notice: Told


@dataclass(frozen=True, slots=True)
class Known:
    """A row that was made before, whatever became of it."""

    incident_id: int
    kind: str
    subject: str
    route: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SecondNotice:
    """One notice on its way to one recipient."""

    id: int
    key: str
    """Unguessable; the message and its links are made from it, so that sending it again says the very same."""
    incident_id: int
    kind: str
    subject: str
    """What it is about: an action, or the incident's handle; empty for the incident as a whole."""
    route: str
    outbox_id: int | None
    notice: Told | None
    """None for the word that the incident is over, which only routes that keep count want."""
    attempts: int
    """Deliveries begun, this one included."""
    created_at: datetime


class SecondNotices(Protocol):
    """``retry``, ``failed`` and ``unneeded`` answer False, and do nothing, when the lease was lost meanwhile."""

    async def untold(self, *, since: datetime, given_up_since: datetime) -> Sequence[Untold]:
        """Cards, calls and outcomes of the incidents whose first notice waits since before ``since``, in their order.

        A row that nobody has tried in vain only waits for its turn while Slack takes others. Notices that Slack has
        refused for good count from ``given_up_since`` on.
        """
        ...

    async def known(self, incidents: Collection[int]) -> Sequence[Known]:
        """Every row of these incidents."""
        ...

    async def told_lately(self, kind: str, *, since: datetime) -> Mapping[str, int]:
        """How many rows of this kind, of all incidents, each route delivered or got to send since ``since``."""
        ...

    async def add(self, untold: Untold, *, kind: str, subject: str, route: str, now: datetime) -> bool:
        """Queue it for one route; False when this was told (or queued) there before."""
        ...

    async def unclosed(self, *, kind: str, route: str) -> Sequence[int]:
        """Resolved incidents that the route was told of, and not yet (by a row of this ``kind``) that they are over."""
        ...

    async def add_closing(self, incident_id: int, *, kind: str, route: str, now: datetime) -> bool:
        """Queue the word that the incident is over; False when it was queued before."""
        ...

    async def due(self, route: str, now: datetime) -> Sequence[int]:
        """Ids that can be leased now: of each incident only its first on this route, oldest first."""
        ...

    async def claim(self, notice_id: int, *, by: str, now: datetime, until: datetime) -> SecondNotice | None:
        """Lease the row to ``by`` until ``until``; None when somebody else was first."""
        ...

    async def taken_by_slack(self, notice: SecondNotice) -> bool:
        """Whether Slack has meanwhile taken what this row was made for."""
        ...

    async def told_before(self, notice: SecondNotice) -> bool:
        """Whether this row's recipient was told of the same subject before."""
        ...

    async def delivered(self, notice_id: int, *, now: datetime) -> bool:
        """Record an accepted delivery, whoever holds the lease by now; False when it is known already."""
        ...

    async def retry(self, notice_id: int, *, by: str, at: datetime, error: str) -> bool:
        """End the lease; the row is tried again at ``at``."""
        ...

    async def failed(self, notice_id: int, *, by: str, error: str) -> bool:
        """Give the row up for good, so that those behind it go on."""
        ...

    async def unneeded(self, notice_id: int, *, by: str) -> bool:
        """The row need not be sent any more."""
        ...

    async def told(self, incident_id: int, kind: str, subject: str) -> int:
        """On how many routes this was delivered."""
        ...


class SecondWork(Work, Protocol):
    """One transaction, as far as the second channel sees it."""

    @property
    def second_notices(self) -> SecondNotices:
        """Notices on their way by the second channel."""
        ...


class SecondDatabase(Protocol):
    """Where the rows are."""

    def begin(self) -> AbstractAsyncContextManager[SecondWork]:
        """One transaction: commits when the block ends well, else rolls back. Never open one inside another."""
        ...

    def read(self) -> AbstractAsyncContextManager[SecondWork]:
        """One consistent view in which writing is refused and nobody is kept waiting."""
        ...
