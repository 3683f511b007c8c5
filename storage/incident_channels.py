"""Channels of their own: each row is one incident's channel and the next step to do with it.

A step is claimed by one process at a time (``storage.leases``), done, and then the row moves to the next; every move is
a conditional update, so a step that a dead process began is simply begun again. Where the incident lives
(``incidents.channel``) changes in the same statements as the row.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.incident_channel import ENDS, Announcement, ChannelBrief, ChannelStep, OwnChannel, step_after
from storage.leases import Leases
from storage.once import insert_once
from storage.tables import INCIDENT_CHANNELS, INCIDENTS

STEP_LEASES = Leases(INCIDENT_CHANNELS, INCIDENT_CHANNELS.c.due_at.is_not(None))
_FIRST_THINGS_FIRST = case({step: number for number, step in enumerate(ChannelStep)}, value=INCIDENT_CHANNELS.c.step)


class IncidentChannels:
    """Implements ``bot.response.ports.places.OwnChannels``, and the side of whoever does the steps."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(
        self, incident_id: int, brief: ChannelBrief, announcement: Announcement, *, now: datetime, hold_until: datetime
    ) -> bool:
        """Want a channel for the incident, once; False when it has (or had) one. News waits for it meanwhile."""
        return await insert_once(
            self._session,
            INCIDENT_CHANNELS,
            incident_id=incident_id,
            step=ChannelStep.CREATE,
            brief=brief.model_dump(mode="json"),
            announced_channel=announcement.channel,
            announced_ts=announcement.ts,
            hold_until=hold_until,
            due_at=now,
            created_at=now,
            name_attempt=0,
            attempts=0,
            error="",
        )

    async def get(self, incident_id: int) -> OwnChannel | None:
        """The incident's channel, whatever became of it; None when it was never to have one."""
        row = (await self._session.execute(select(INCIDENT_CHANNELS).where(_of(incident_id)))).one_or_none()
        return None if row is None else _own_channel(row)

    async def opened(self, incident_id: int, channel: str, *, now: datetime) -> bool:
        """It is there: the incident lives in it from here on, and its card has no message there yet."""
        row = await STEP_LEASES.release(
            self._session,
            incident_id,
            INCIDENT_CHANNELS.c.step == ChannelStep.CREATE,
            channel=channel,
            hold_until=None,
            **_begun(step_after(ChannelStep.CREATE), now),
        )
        if row is None:
            return False
        await self._live(incident_id, channel, None)
        return True

    async def give_up(self, incident_id: int, error: str) -> bool:
        """It cannot be, or is no more: the incident lives in its first card's thread; False when it did already."""
        row = await STEP_LEASES.release(
            self._session,
            incident_id,
            INCIDENT_CHANNELS.c.step.not_in(ENDS),
            step=ChannelStep.GIVEN_UP,
            due_at=None,
            hold_until=None,
            error=error,
        )
        return row is not None and await self._live(incident_id, row.announced_channel, row.announced_ts)

    async def archived(self, incident_id: int) -> bool:
        """It is archived: what is still told goes to the first card's thread; False when it was already."""
        row = await STEP_LEASES.release(
            self._session,
            incident_id,
            INCIDENT_CHANNELS.c.step == ChannelStep.ARCHIVE,
            step=ChannelStep.ARCHIVED,
            due_at=None,
        )
        return row is not None and await self._live(incident_id, row.announced_channel, row.announced_ts)

    async def archive_at(self, incident_id: int, at: datetime) -> bool:
        """The incident is over: archive the channel at ``at``; False when there is none, or that is settled already."""
        row = await self._session.execute(
            update(INCIDENT_CHANNELS)
            .where(
                _of(incident_id),
                INCIDENT_CHANNELS.c.channel.is_not(None),
                INCIDENT_CHANNELS.c.step.not_in(ENDS),
                INCIDENT_CHANNELS.c.archive_at.is_(None),
            )
            .values(
                archive_at=at,
                due_at=case((INCIDENT_CHANNELS.c.step == ChannelStep.ARCHIVE, at), else_=INCIDENT_CHANNELS.c.due_at),
            )
            .returning(INCIDENT_CHANNELS.c.incident_id)
        )
        return row.first() is not None

    async def card_delivered(self, incident_id: int, channel: str, ts: str) -> None:
        """The card's message is the incident's thread, unless the incident moved while the card was on its way."""
        own = await self.get(incident_id)
        if own is not None and own.channel is not None and (channel == own.channel) is not own.is_home:
            return
        await self._live(incident_id, channel, ts)

    async def pointer_delivered(self, incident_id: int, ts: str) -> None:
        """Which message points to the channel; another than before where somebody deleted that."""
        await self._session.execute(update(INCIDENT_CHANNELS).where(_of(incident_id)).values(announced_ts=ts))

    # -- doing the steps ---------------------------------------------------------------------------------------------

    async def due(self, now: datetime, limit: int = 100) -> Sequence[OwnChannel]:
        """Those with a step to do now; what is not open yet comes first."""
        rows = await self._session.execute(
            select(INCIDENT_CHANNELS)
            .where(STEP_LEASES.free(now))
            .order_by(_FIRST_THINGS_FIRST, INCIDENT_CHANNELS.c.due_at, INCIDENT_CHANNELS.c.incident_id)
            .limit(limit)
        )
        return [_own_channel(row) for row in rows]

    async def claim(self, incident_id: int, *, by: str, now: datetime, until: datetime) -> OwnChannel | None:
        """Make the present step the caller's business until ``until``; None when somebody else was first."""
        row = await STEP_LEASES.claim(self._session, incident_id, by=by, now=now, until=until)
        return None if row is None else _own_channel(row)

    async def step_done(self, incident_id: int, step: ChannelStep, *, by: str, now: datetime) -> bool:
        """``step`` is done, the next is due; False when the lease was lost meanwhile."""
        following = step_after(step)
        values = _begun(following, now)
        if following is ChannelStep.ARCHIVE:
            values["due_at"] = INCIDENT_CHANNELS.c.archive_at
        return await self._release(incident_id, INCIDENT_CHANNELS.c.step == step, by=by, **values)

    async def wait(self, incident_id: int, *, by: str, until: datetime, error: str) -> bool:
        """Try the present step again at ``until``; False when the lease was lost meanwhile."""
        return await self._release(incident_id, by=by, due_at=until, error=error)

    async def try_next_name(self, incident_id: int, *, by: str, now: datetime) -> bool:
        """The name belongs to another channel; False when the lease was lost meanwhile."""
        attempt = INCIDENT_CHANNELS.c.name_attempt + 1
        return await self._release(incident_id, by=by, name_attempt=attempt, **_begun(ChannelStep.CREATE, now))

    async def _release(self, incident_id: int, *conditions: ColumnElement[bool], **changes: Any) -> bool:
        return await STEP_LEASES.release(self._session, incident_id, *conditions, **changes) is not None

    async def _live(self, incident_id: int, channel: str, thread_ts: str | None) -> bool:
        await self._session.execute(
            update(INCIDENTS).where(INCIDENTS.c.id == incident_id).values(channel=channel, thread_ts=thread_ts)
        )
        return True


def _of(incident_id: int) -> Any:
    return INCIDENT_CHANNELS.c.incident_id == incident_id


def _begun(step: ChannelStep, now: datetime) -> dict[str, Any]:
    return {"step": step, "due_at": now, "attempts": 0, "error": ""}


def _own_channel(row: Row[Any]) -> OwnChannel:
    return OwnChannel(
        incident_id=row.incident_id,
        step=ChannelStep(row.step),
        brief=ChannelBrief.model_validate(row.brief),
        announcement=Announcement(row.announced_channel, row.announced_ts),
        channel=row.channel,
        name_attempt=row.name_attempt,
        attempts=row.attempts,
        created_at=row.created_at,
        archive_at=row.archive_at,
    )
