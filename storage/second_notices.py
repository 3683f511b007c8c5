"""What Slack has not taken and people must see, on its way to each recipient of the second channel.

A row is made once per incident, kind, subject and route, so nobody is told the same thing twice, however often a round
of planning is repeated and by whichever replica. Order is strict within an incident and route, as in the outbox.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.incidents import IncidentState
from bot.response.model.notices import NOTICE
from bot.response.ports.second_notices import Known, SecondNotice, Untold
from storage.leases import Leases
from storage.once import insert_once
from storage.outbox import OutboxState
from storage.tables import INCIDENTS, OUTBOX, SECOND_NOTICES

LINE_LOOKED_AT = 2000
"""Whether Slack takes anything at all is seen from this many newest notices."""


class SecondNoticeState(StrEnum):
    """Whether a notice is still on its way by the second channel."""

    QUEUED = "queued"
    """To be sent, or being sent under somebody's lease."""
    DELIVERED = "delivered"
    """The recipient's side has accepted it."""
    FAILED = "failed"
    """Given up: the recipient's side will never take it."""
    UNNEEDED = "unneeded"
    """Not true any more, or taken by Slack, before it could be sent."""


SECOND_NOTICE_LEASES = Leases(SECOND_NOTICES, SECOND_NOTICES.c.state == SecondNoticeState.QUEUED)


class SecondNotices:
    """Implements ``bot.response.ports.second_notices.SecondNotices``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def untold(self, *, since: datetime, given_up_since: datetime, limit: int = 5000) -> Sequence[Untold]:
        """Cards, calls and outcomes of the incidents whose first notice waits since before ``since``, in their order.

        A row that nobody has tried in vain only waits for its turn while Slack takes others. Notices that Slack has
        refused for good count from ``given_up_since`` on.
        """
        rows = await self._session.execute(
            select(OUTBOX.c.id, OUTBOX.c.incident_id, OUTBOX.c.notice)
            .where(
                OUTBOX.c.incident_id.is_not(None),
                _for_everybody(),
                or_(
                    and_(OUTBOX.c.state == OutboxState.QUEUED, OUTBOX.c.incident_id.in_(_stuck(since))),
                    and_(OUTBOX.c.state == OutboxState.FAILED, OUTBOX.c.created_at >= given_up_since),
                ),
            )
            .order_by(OUTBOX.c.id)
            .limit(limit)
        )
        return [Untold(row.id, row.incident_id, NOTICE.validate_python(row.notice)) for row in rows]

    async def known(self, incidents: Collection[int]) -> Sequence[Known]:
        """Every row of these incidents, whatever became of it."""
        columns = (SECOND_NOTICES.c[name] for name in ("incident_id", "kind", "subject", "route", "created_at"))
        rows = await self._session.execute(
            select(*columns).where(SECOND_NOTICES.c.incident_id.in_(incidents)).order_by(SECOND_NOTICES.c.id)
        )
        return [Known(*row) for row in rows]

    async def told_lately(self, kind: str, *, since: datetime) -> Mapping[str, int]:
        """How many rows of this kind, of all incidents, each route delivered or got to send since ``since``.

        One that has waited for longer counts no more: what cannot be sent is no reason to ask nothing new.
        """
        to_come = and_(SECOND_NOTICES.c.state == SecondNoticeState.QUEUED, SECOND_NOTICES.c.created_at > since)
        came = and_(SECOND_NOTICES.c.state == SecondNoticeState.DELIVERED, SECOND_NOTICES.c.delivered_at > since)
        rows = await self._session.execute(
            select(SECOND_NOTICES.c.route, func.count().label("told"))
            .where(SECOND_NOTICES.c.kind == kind, or_(to_come, came))
            .group_by(SECOND_NOTICES.c.route)
        )
        return {row.route: row.told for row in rows}

    async def add(self, untold: Untold, *, kind: str, subject: str, route: str, now: datetime) -> bool:
        """Queue it for one route; False when this was told (or queued) there before."""
        document = untold.notice.model_dump(mode="json")
        return await self._insert(
            untold.incident_id, kind, subject, route, now, outbox_id=untold.outbox_id, notice=document
        )

    async def unclosed(self, *, kind: str, route: str) -> Sequence[int]:
        """Resolved incidents that the route was told of, and not yet (by a row of this ``kind``) that they are over."""
        closing = SECOND_NOTICES.alias()
        closed = exists().where(
            closing.c.incident_id == SECOND_NOTICES.c.incident_id, closing.c.route == route, closing.c.kind == kind
        )
        open_there = await self._session.scalars(
            select(SECOND_NOTICES.c.incident_id)
            .join(INCIDENTS, INCIDENTS.c.id == SECOND_NOTICES.c.incident_id)
            .where(
                SECOND_NOTICES.c.route == route,
                SECOND_NOTICES.c.state == SecondNoticeState.DELIVERED,
                INCIDENTS.c.state == IncidentState.RESOLVED,
                ~closed,
            )
            .distinct()
        )
        return [int(incident) for incident in open_there]

    async def add_closing(self, incident_id: int, *, kind: str, route: str, now: datetime) -> bool:
        """Queue the word that the incident is over; False when it was queued before."""
        return await self._insert(incident_id, kind, "", route, now)

    async def due(self, route: str, now: datetime, limit: int = 50) -> Sequence[int]:
        """Ids that can be leased now: of each incident only its first on this route, oldest first."""
        rows = await self._session.scalars(
            select(SECOND_NOTICES.c.id)
            .where(SECOND_NOTICES.c.route == route, SECOND_NOTICE_LEASES.free(now), _first())
            .order_by(SECOND_NOTICES.c.id)
            .limit(limit)
        )
        return [int(one) for one in rows]

    async def claim(self, notice_id: int, *, by: str, now: datetime, until: datetime) -> SecondNotice | None:
        """Make sending this row the caller's business until ``until``; None when somebody else was first."""
        row = await SECOND_NOTICE_LEASES.claim(self._session, notice_id, _first(), by=by, now=now, until=until)
        return None if row is None else _second_notice(row)

    async def taken_by_slack(self, notice: SecondNotice) -> bool:
        """Whether Slack has meanwhile taken what this row was made for."""
        if notice.outbox_id is None:
            return False
        state = await self._session.scalar(select(OUTBOX.c.state).where(OUTBOX.c.id == notice.outbox_id))
        return state == OutboxState.DELIVERED

    async def told_before(self, notice: SecondNotice) -> bool:
        """Whether this row's recipient was told of the same subject before."""
        found = await self._session.scalar(
            select(SECOND_NOTICES.c.id)
            .where(
                SECOND_NOTICES.c.incident_id == notice.incident_id,
                SECOND_NOTICES.c.subject == notice.subject,
                SECOND_NOTICES.c.route == notice.route,
                SECOND_NOTICES.c.state == SecondNoticeState.DELIVERED,
            )
            .limit(1)
        )
        return found is not None

    async def delivered(self, notice_id: int, *, now: datetime) -> bool:
        """Record an accepted delivery, whoever holds the lease by now; False when it is known already."""
        return await self._release(
            notice_id,
            SECOND_NOTICES.c.state != SecondNoticeState.DELIVERED,
            state=SecondNoticeState.DELIVERED,
            delivered_at=now,
            error="",
        )

    async def retry(self, notice_id: int, *, by: str, at: datetime, error: str) -> bool:
        """Give a claimed row back, to be tried again at ``at``; False when the lease was lost meanwhile."""
        return await self._release(notice_id, by=by, due_at=at, error=error)

    async def failed(self, notice_id: int, *, by: str, error: str) -> bool:
        """Give a claimed row up for good; False when the lease was lost meanwhile."""
        return await self._release(notice_id, by=by, state=SecondNoticeState.FAILED, error=error)

    async def unneeded(self, notice_id: int, *, by: str) -> bool:
        """A claimed row need not be sent any more; False when the lease was lost meanwhile."""
        return await self._release(notice_id, by=by, state=SecondNoticeState.UNNEEDED)

    async def told(self, incident_id: int, kind: str, subject: str) -> int:
        """On how many routes this was delivered."""
        return (
            await self._session.scalar(
                select(func.count()).where(
                    SECOND_NOTICES.c.incident_id == incident_id,
                    SECOND_NOTICES.c.kind == kind,
                    SECOND_NOTICES.c.subject == subject,
                    SECOND_NOTICES.c.state == SecondNoticeState.DELIVERED,
                )
            )
            or 0
        )

    async def waiting(self) -> int:
        """How many rows are still to be sent."""
        return (
            await self._session.scalar(select(func.count()).where(SECOND_NOTICES.c.state == SecondNoticeState.QUEUED))
            or 0
        )

    async def _insert(
        self, incident_id: int, kind: str, subject: str, route: str, now: datetime, **values: Any
    ) -> bool:
        return await insert_once(
            self._session,
            SECOND_NOTICES,
            key=secrets.token_urlsafe(16),
            incident_id=incident_id,
            kind=kind,
            subject=subject,
            route=route,
            state=SecondNoticeState.QUEUED,
            created_at=now,
            due_at=now,
            attempts=0,
            error="",
            **values,
        )

    async def _release(self, notice_id: int, *conditions: ColumnElement[bool], **changes: Any) -> bool:
        return await SECOND_NOTICE_LEASES.release(self._session, notice_id, *conditions, **changes) is not None


def _for_everybody() -> ColumnElement[bool]:
    """All but the thread's small talk, of which there is much in a long outage."""
    notice = OUTBOX.c.notice
    return or_(
        OUTBOX.c.kind.in_(("card", "bundle")),
        notice["broadcast"].as_boolean().is_(True),
        notice[("to", 0)].as_string().is_not(None),
    )


def _stuck(since: datetime) -> Any:
    """Incidents whose first undelivered notice is too old and was tried in vain, or stands in a line that stands."""
    firsts = select(func.min(OUTBOX.c.id)).where(OUTBOX.c.state == OutboxState.QUEUED).group_by(OUTBOX.c.incident_id)
    taken = OUTBOX.alias("taken")
    newest = select(func.max(OUTBOX.c.id)).scalar_subquery()
    line_moves = exists().where(taken.c.id > newest - LINE_LOOKED_AT, taken.c.delivered_at > since)
    return select(OUTBOX.c.incident_id).where(
        OUTBOX.c.incident_id.is_not(None),
        OUTBOX.c.id.in_(firsts.scalar_subquery()),
        OUTBOX.c.created_at <= since,
        or_(OUTBOX.c.error != "", ~line_moves),
    )


def _first() -> ColumnElement[bool]:
    """The first row that is still to be sent, of its incident and route."""
    firsts = (
        select(func.min(SECOND_NOTICES.c.id))
        .where(SECOND_NOTICES.c.state == SecondNoticeState.QUEUED)
        .group_by(SECOND_NOTICES.c.incident_id, SECOND_NOTICES.c.route)
    )
    return SECOND_NOTICES.c.id.in_(firsts.scalar_subquery())


def _second_notice(row: Row[Any]) -> SecondNotice:
    return SecondNotice(
        id=row.id,
        key=row.key,
        incident_id=row.incident_id,
        kind=row.kind,
        subject=row.subject,
        route=row.route,
        outbox_id=row.outbox_id,
        notice=None if row.notice is None else NOTICE.validate_python(row.notice),
        attempts=row.attempts,
        created_at=row.created_at,
    )
