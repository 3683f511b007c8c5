"""The outbox: what people are told, in each incident's order, exactly as the rows that caused it were committed.

A row is queued in the transaction whose news it carries, claimed by one courier at a time (``storage.leases``), and
then delivered or given up. Order is strict within an incident and free between incidents, so a row that cannot be
delivered holds up only its own thread.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Row, event, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from bot.response.model.bulletins import Bulletin, BulletinNotice
from bot.response.model.notices import (
    NOTICE,
    BundleNotice,
    CandidacyNotice,
    CardNotice,
    DirectEndNotice,
    DirectNotice,
    PointerNotice,
    ThreadNotice,
    Told,
    among_many,
)
from bot.response.model.records import SentDirect
from storage.bundles import Bundles
from storage.incident_channels import IncidentChannels
from storage.leases import Leases
from storage.tables import CANDIDACIES, INCIDENT_CHANNELS, INCIDENTS, OUTBOX


class OutboxState(StrEnum):
    """Whether a notice is still on its way to Slack."""

    QUEUED = "queued"
    """To be delivered, or being delivered under somebody's lease."""
    DELIVERED = "delivered"
    """Slack has accepted it."""
    FAILED = "failed"
    """Given up; the rows behind it go on."""


NEWER_RELEASE_PATIENCE = timedelta(minutes=5)
"""How long a notice that we cannot read is left to the newer release that wrote it."""
BULLETIN_STREAMS = {
    Bulletin.RECORD: -(2**40),
    Bulletin.UNREADABLE: -(2**40) - 1,
    Bulletin.LICENCES: -(2**40) - 2,
}
"""Far below those of candidacies: one bulletin never waits for another that its channel does not take."""
DIRECT_ENDS = -(2**41)
"""Below it each end of a direct message has a stream of its own: no thread waits for it."""
UNREADABLE_RETRY = timedelta(seconds=30)

log = logging.getLogger(__name__)

OUTBOX_LEASES = Leases(OUTBOX, OUTBOX.c.state == OutboxState.QUEUED)


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One notice on its way."""

    id: int
    incident_id: int | None
    """None: it is about a candidacy, or a bulletin."""
    notice: Told
    attempts: int
    """Deliveries begun, this one included. Above 1, an earlier one may have got through: search before posting."""
    created_at: datetime
    channel: str | None
    """Where it goes; None before the incident's first card."""
    thread_ts: str | None
    """The message to change, or the thread to answer in; None for a new message in the channel."""
    in_own_channel: bool = False
    """Whether ``channel`` is the incident's own."""


class Outbox:
    """Implements ``bot.response.ports.rows.Outbox``, and the courier's side of it."""

    def __init__(self, session: AsyncSession, wakeup: asyncio.Event) -> None:
        self._session = session
        self._wakeup = wakeup
        self._will_wake = False

    async def add(self, incident_id: int, notice: Told, now: datetime) -> int:
        """Queue a notice for delivery in the incident's order; its outbox id.

        A queued card (or pointer, or bundle) whose delivery has never begun is replaced in content by a newer one of
        the same incident, but keeps its place in the order. 0: nothing is queued, as the card that the incident
        shares with others says it all.
        """
        shared = None if isinstance(notice, BundleNotice) else await Bundles(self._session).of(incident_id)
        if shared is not None:
            left = among_many(notice)
            if left is None:
                return 0
            notice = left
        if isinstance(notice, DirectEndNotice):
            stream = DIRECT_ENDS - notice.of
        else:
            stream = incident_id if shared is None else shared.founder_id
        return await self._queue(notice, now, incident_id, stream)

    async def add_of_candidacy(self, candidacy_id: int, notice: Told, now: datetime) -> None:
        """The same in the order of a candidacy, which belongs to no incident."""
        await self._queue(notice, now, None, -candidacy_id)

    async def add_bulletin(self, about: Bulletin, notice: BulletinNotice, now: datetime) -> None:
        """The same in the order of the bulletins about one thing, which belong to no incident."""
        await self._queue(notice, now, None, BULLETIN_STREAMS[about])

    async def _queue(self, notice: Told, now: datetime, incident_id: int | None, stream: int) -> int:
        self._wake_after_commit()
        document = notice.model_dump(mode="json")
        if isinstance(notice, CardNotice | PointerNotice | BundleNotice | CandidacyNotice):
            own = OUTBOX.c.stream == stream if incident_id is None else OUTBOX.c.incident_id == incident_id
            replaced = await self._session.scalar(
                update(OUTBOX)
                .where(
                    own,
                    OUTBOX.c.kind == notice.kind,
                    OUTBOX.c.state == OutboxState.QUEUED,
                    OUTBOX.c.attempts == 0,
                )
                .values(notice=document)
                .returning(OUTBOX.c.id)
            )
            if replaced is not None:
                return int(replaced)
        added = await self._session.scalar(
            insert(OUTBOX)
            .values(
                incident_id=incident_id,
                stream=stream,
                kind=notice.kind,
                notice=document,
                state=OutboxState.QUEUED,
                created_at=now,
                due_at=now,
            )
            .returning(OUTBOX.c.id)
        )
        if added is None:
            raise LookupError(f"the database gave no id to a notice of {notice.incident}")
        return int(added)

    async def deliver_again(self, incident_id: int, card: CardNotice, now: datetime) -> None:
        """The incident has moved to another channel: its first card is delivered anew, ahead of all that waits."""
        self._wake_after_commit()
        delivered = (OUTBOX.c.incident_id == incident_id) & (OUTBOX.c.state == OutboxState.DELIVERED)
        first = select(func.min(OUTBOX.c.id)).where(delivered, OUTBOX.c.kind == card.kind).scalar_subquery()
        # The attempts stay: whoever delivers it searches first, and so finds what another process may have posted.
        await self._session.execute(
            update(OUTBOX)
            .where(OUTBOX.c.id == first)
            .values(
                notice=card.model_dump(mode="json"),
                state=OutboxState.QUEUED,
                created_at=now,
                due_at=now,
                delivered_at=None,
                channel=None,
                ts=None,
            )
        )

    async def answerable(self, incident_id: int) -> Sequence[SentDirect]:
        """Direct messages of this incident that people have, with buttons that have not been taken away."""
        rows = await self._session.execute(
            select(OUTBOX.c.id, OUTBOX.c.kind, OUTBOX.c.state, OUTBOX.c.notice, OUTBOX.c.channel, OUTBOX.c.ts)
            .where(OUTBOX.c.incident_id == incident_id, OUTBOX.c.kind.in_(("direct", "direct_end")))
            .order_by(OUTBOX.c.id)
        )
        found = rows.all()
        ended = {row.notice["of"] for row in found if row.kind == "direct_end"}
        there = [row for row in found if row.kind == "direct" and row.state == OutboxState.DELIVERED]
        sent = [_sent(row) for row in there if row.id not in ended]
        return [one for one in sent if one is not None and one.notice.buttons]

    async def due(self, now: datetime, limit: int = 100) -> Sequence[int]:
        """Ids that can be leased now: of each stream only its first undelivered row, oldest first."""
        rows = await self._session.scalars(
            select(OUTBOX.c.id)
            .where(OUTBOX_LEASES.free(now), _first(), ~_moving(now))
            .order_by(OUTBOX.c.id)
            .limit(limit)
        )
        return [int(outbox_id) for outbox_id in rows]

    async def claim(self, outbox_id: int, *, by: str, now: datetime, until: datetime) -> OutboxItem | None:
        """Make delivering this row the caller's business until ``until``; None when somebody else was first.

        None also for a notice that only a newer release can read: that one gets some time to deliver it, and then it
        is given up, so that those behind it go on.
        """
        row = await OUTBOX_LEASES.claim(self._session, outbox_id, _first(), ~_moving(now), by=by, now=now, until=until)
        if row is None:
            return None
        try:
            return await self._item(row)
        except ValidationError as error:
            log.warning("outbox row %d cannot be read here, as if it were of a newer release: %s", outbox_id, error)
            if now - row.created_at > NEWER_RELEASE_PATIENCE:
                await self.failed(outbox_id, by=by, error="a newer release wrote it")
            else:
                await self.retry(outbox_id, by=by, at=now + UNREADABLE_RETRY, error="a newer release wrote it")
            return None

    async def delivered(self, outbox_id: int, *, channel: str, ts: str, now: datetime) -> bool:
        """Record an accepted delivery; False when it is known already.

        A card's message is the incident's thread: also when it had to be posted anew because somebody deleted it.
        """
        row = await OUTBOX_LEASES.release(
            self._session,
            outbox_id,
            OUTBOX.c.state != OutboxState.DELIVERED,
            state=OutboxState.DELIVERED,
            delivered_at=now,
            channel=channel,
            ts=ts,
            error="",
        )
        if row is None:
            return False
        if row.kind == "card":
            await IncidentChannels(self._session).card_delivered(row.incident_id, channel, ts)
        elif row.kind == "pointer":
            await IncidentChannels(self._session).pointer_delivered(row.incident_id, ts)
        elif row.kind == "candidacy":
            place = update(CANDIDACIES).where(CANDIDACIES.c.id == -row.stream)
            await self._session.execute(place.values(channel=channel, thread_ts=ts))
        elif row.kind == "bundle":
            await Bundles(self._session).delivered(row.notice["subject"], channel, ts)
        self._wake_after_commit()
        return True

    async def retry(self, outbox_id: int, *, by: str, at: datetime, error: str) -> bool:
        """Give a claimed row back, to be tried again at ``at``; False when the lease was lost meanwhile."""
        return await self._release(outbox_id, by, due_at=at, error=error)

    async def failed(self, outbox_id: int, *, by: str, error: str) -> bool:
        """Give a claimed row up for good, so that those behind it go on; False when the lease was lost meanwhile."""
        self._wake_after_commit()
        return await self._release(outbox_id, by, state=OutboxState.FAILED, error=error)

    async def undelivered(self, incident_id: int | None = None) -> int:
        """How many rows wait, of one incident or of all."""
        waiting = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.state == OutboxState.QUEUED)
        if incident_id is not None:
            waiting = waiting.where(OUTBOX.c.incident_id == incident_id)
        return await self._session.scalar(waiting) or 0

    async def news(self) -> tuple[int, int]:
        """The newest row's number and how many rows wait: another pair once something was queued or delivered."""
        newest = await self._session.scalar(select(func.max(OUTBOX.c.id)))
        return newest or 0, await self.undelivered()

    async def _release(self, outbox_id: int, by: str, **changes: Any) -> bool:
        return await OUTBOX_LEASES.release(self._session, outbox_id, by=by, **changes) is not None

    async def _item(self, row: Row[Any]) -> OutboxItem:
        notice = NOTICE.validate_python(row.notice)
        if isinstance(notice, BulletinNotice):
            return _item_of(row, notice, notice.channel, None)
        if row.incident_id is None:
            place = select(CANDIDACIES.c.channel, CANDIDACIES.c.thread_ts).where(CANDIDACIES.c.id == -row.stream)
            channel, thread_ts = (await self._session.execute(place)).one()
            return _item_of(row, notice, channel, thread_ts)
        thread = (
            await self._session.execute(
                select(INCIDENTS.c.channel, INCIDENTS.c.thread_ts).where(INCIDENTS.c.id == row.incident_id)
            )
        ).one()
        own = await IncidentChannels(self._session).get(row.incident_id)
        channel, thread_ts, in_own = thread.channel, thread.thread_ts, own is not None and own.is_home
        if isinstance(notice, BundleNotice):
            channel, thread_ts = await Bundles(self._session).place(notice.subject)
            in_own = False
        elif isinstance(notice, CardNotice) and await self._is_shared(channel, thread_ts):
            channel, thread_ts = None, None  # it has left the card that it shared, and gets its own
        elif own is not None and isinstance(notice, PointerNotice):
            channel, thread_ts, in_own = own.announcement.channel, own.announcement.ts, False
        elif isinstance(notice, DirectNotice | DirectEndNotice):
            in_own = False  # it goes to a person, and only shows the way to the card
        elif in_own and isinstance(notice, ThreadNotice):
            thread_ts = None  # there the channel itself is the thread
        return _item_of(row, notice, channel, thread_ts, in_own=in_own)

    async def _is_shared(self, channel: str | None, thread_ts: str | None) -> bool:
        if channel is None or thread_ts is None:
            return False
        return await Bundles(self._session).by_thread(channel, thread_ts) is not None

    def _wake_after_commit(self) -> None:
        if self._will_wake:
            return
        self._will_wake = True

        def wake(_session: Session) -> None:
            self._wakeup.set()

        event.listen(self._session.sync_session, "after_commit", wake, once=True)


def _sent(row: Any) -> SentDirect | None:
    """None where only a newer release can read it, which then takes its buttons away itself: nothing else may fail."""
    try:
        return SentDirect(row.id, DirectNotice.model_validate(row.notice), row.channel, row.ts)
    except ValidationError:
        return None


def _item_of(
    row: Row[Any], notice: Told, channel: str | None, thread_ts: str | None, *, in_own: bool = False
) -> OutboxItem:
    return OutboxItem(
        id=row.id,
        incident_id=row.incident_id,
        notice=notice,
        attempts=row.attempts,
        created_at=row.created_at,
        channel=channel,
        thread_ts=thread_ts,
        in_own_channel=in_own,
    )


def _first() -> ColumnElement[bool]:
    """The first undelivered row of its stream."""
    firsts = select(func.min(OUTBOX.c.id)).where(OUTBOX.c.state == OutboxState.QUEUED).group_by(OUTBOX.c.stream)
    return OUTBOX.c.id.in_(firsts.scalar_subquery())


def _moving(now: datetime) -> ColumnElement[bool]:
    """Of an incident that waits for its own channel to open."""
    return exists().where(INCIDENT_CHANNELS.c.incident_id == OUTBOX.c.incident_id, INCIDENT_CHANNELS.c.hold_until > now)
