"""Appending to the audit chain, in the transaction of what is recorded, and reading it back.

Numbers are strictly gapless because writers take turns and the head row is part of the transaction: a rollback gives
its numbers back. How entries are sealed and verified is ``audit_chain``; how they are exported is ``audit_export``.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.response.model.audit_kinds import AuditKind
from bot.response.model.records import AuditEntry
from storage.audit_chain import Head, Reader, SealedEntry, Verification, key_id, other_key, plain, seal
from storage.columns import nul_free
from storage.tables import AUDIT_ANCHORS, AUDIT_ENTRIES, AUDIT_HEAD

PAGE_ENTRIES = 1000
"""How many entries are in memory at once while the chain is read."""
_NO_ENTRY = (ValueError, TypeError, OverflowError, RecursionError)
"""What reading a row raises that somebody has written into: no JSON, no time."""
_TEXTS = (AUDIT_ENTRIES.c.number, AUDIT_ENTRIES.c.previous, AUDIT_ENTRIES.c.hash)
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


class AuditKeyError(Exception):
    """The chain was begun with another key than the one configured."""


class AuditRowError(Exception):
    """A row of the chain holds no entry any more; the text names it and says what to do."""


def unreadable_row(number: int, error: Exception) -> AuditRowError:
    """What is said of a row that holds no entry."""
    return AuditRowError(
        f"entry {number} of the record cannot be read: {error}; `watchkeeper audit verify` names everything that is "
        "wrong with it"
    )


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What ``append_all`` records; see ``bot.response.model.records.AuditEntry`` for the fields."""

    kind: AuditKind
    actor: str
    at: datetime
    body: Mapping[str, Any]
    incident_id: int | None = None


class Audit:
    """Implements ``bot.response.ports.rows.Audit``."""

    def __init__(self, session: AsyncSession, key: bytes) -> None:
        self._session = session
        self._key = key

    async def append(
        self, *, kind: AuditKind, actor: str, at: datetime, body: Mapping[str, Any], incident_id: int | None = None
    ) -> int:
        """Add an entry to the keyed hash chain; its number.

        Values of keys that look like secrets are replaced before they are sealed.

        Raises:
            AuditKeyError: the chain was begun with another key.
            TypeError: the body holds something that is not JSON.
        """
        return await self.append_all([NewEntry(kind, actor, at, body, incident_id)])

    async def append_all(self, entries: Sequence[NewEntry]) -> int:
        """Add entries in this order at the price of few statements; the number of the last."""
        head = await self._lock_head()
        number, previous = head.number, head.hash
        rows = []
        for entry in entries:
            number += 1
            document: dict[str, Any] = {
                "number": number,
                "at": entry.at,
                "actor": nul_free(entry.actor),  # as it will be read
                "kind": entry.kind.value,
                "incident_id": entry.incident_id,
                "body": plain(entry.body),
                "previous": previous,
            }
            previous = seal(self._key, **document)
            rows.append({**document, "hash": previous})
        if rows:
            await self._session.execute(insert(AUDIT_ENTRIES), rows)
            await self._session.execute(
                update(AUDIT_HEAD).values(number=number, hash=previous, key_id=key_id(self._key))
            )
        return number

    async def of_incident(self, incident_id: int) -> Sequence[AuditEntry]:
        """Oldest first."""
        rows = await self._session.execute(
            select(AUDIT_ENTRIES).where(AUDIT_ENTRIES.c.incident_id == incident_id).order_by(AUDIT_ENTRIES.c.number)
        )
        return [_entry(row) for row in rows]

    async def seal_of(self, number: int) -> str:
        """The entry's link in the hash chain, as hexadecimal; empty for a number that no entry has."""
        return await self._session.scalar(select(AUDIT_ENTRIES.c.hash).where(AUDIT_ENTRIES.c.number == number)) or ""

    async def latest(self, limit: int = 50) -> Sequence[AuditEntry]:
        """Newest first, of everything."""
        rows = await self._session.execute(select(AUDIT_ENTRIES).order_by(AUDIT_ENTRIES.c.number.desc()).limit(limit))
        return [_entry(row) for row in rows]

    async def entries(self, *, damaged: bool = False) -> AsyncIterator[SealedEntry]:
        """The whole chain in the order of its numbers, a page at a time.

        ``damaged``: a row that holds no entry any more is given as one that fits no seal, for whoever checks seals.

        Raises:
            AuditRowError: a row holds no entry any more.
        """
        after = 0
        while True:
            page = (
                select(AUDIT_ENTRIES)
                .where(AUDIT_ENTRIES.c.number > after)
                .order_by(AUDIT_ENTRIES.c.number)
                .limit(PAGE_ENTRIES)
            )
            try:
                rows = (await self._session.execute(page)).all()
                entries = [_sealed(row) for row in rows]
            except _NO_ENTRY:  # one of them, or several
                rows = (await self._session.execute(page.with_only_columns(*_TEXTS))).all()
                entries = [await self._alone(row, damaged=damaged) for row in rows]
            for entry in entries:
                yield entry
            if len(rows) < PAGE_ENTRIES:
                return
            after = rows[-1].number

    async def _alone(self, texts: Row[Any], *, damaged: bool) -> SealedEntry:
        row = select(AUDIT_ENTRIES).where(AUDIT_ENTRIES.c.number == texts.number)
        try:
            return _sealed((await self._session.execute(row)).one())
        except _NO_ENTRY as error:
            if not damaged:
                raise unreadable_row(texts.number, error) from error
        return SealedEntry(
            number=texts.number,
            at=_NEVER,
            actor="",
            kind="",
            incident_id=None,
            body={},
            previous=texts.previous,
            hash=texts.hash,
        )

    async def head(self) -> Head:
        """The last entry's number and seal."""
        row = (await self._session.execute(select(AUDIT_HEAD))).one()
        return Head(row.number, row.hash)

    async def count(self) -> int:
        """How many entries there are; as many as the last one's number, unless some are missing."""
        return await self._session.scalar(select(func.count()).select_from(AUDIT_ENTRIES)) or 0

    async def kinds_after(self, number: int) -> Mapping[str, int]:
        """How many entries of each kind have a higher number; the commonest first."""
        often = func.count()
        rows = await self._session.execute(
            select(AUDIT_ENTRIES.c.kind, often)
            .where(AUDIT_ENTRIES.c.number > number)
            .group_by(AUDIT_ENTRIES.c.kind)
            .order_by(often.desc(), AUDIT_ENTRIES.c.kind)
        )
        return {row[0]: row[1] for row in rows}

    async def verify(
        self, published: Sequence[Head] = (), reached: Callable[[int], None] | None = None
    ) -> Verification:
        """Read the whole chain and name what is wrong with it.

        Args:
            published: anchors as they were published outside. Those kept here are checked as well, but whoever can
                change the entries can change them too.
            reached: told after each entry how many have been read.
        """
        reader = Reader(self._key, [*await self.anchors(), *published])
        count = 0
        async for entry in self.entries(damaged=True):
            reader.read(entry)
            count += 1
            if reached is not None:
                reached(count)
        return reader.close(await self.head(), await self.named_key())

    async def named_key(self) -> str:
        """What recognises the key that the chain was begun with; empty before the first entry."""
        return await self._session.scalar(select(AUDIT_HEAD.c.key_id)) or ""

    async def anchor(self, now: datetime) -> Head | None:
        """Remember the present head, to be published outside by the caller; None when it has been already."""
        head = await self._lock_head()
        anchored = await self._session.scalar(
            select(AUDIT_ANCHORS.c.number).order_by(AUDIT_ANCHORS.c.number.desc()).limit(1)
        )
        if head.number == (anchored or 0):
            return None
        await self._session.execute(insert(AUDIT_ANCHORS).values(number=head.number, hash=head.hash, at=now))
        return head

    async def anchors(self) -> Sequence[Head]:
        """The heads remembered here, oldest first. Those that were published are the better witnesses."""
        rows = await self._session.execute(select(AUDIT_ANCHORS).order_by(AUDIT_ANCHORS.c.number))
        return [Head(row.number, row.hash) for row in rows]

    async def _lock_head(self) -> Head:
        row = (await self._session.execute(select(AUDIT_HEAD).with_for_update())).one()
        if trouble := other_key(row.key_id, self._key):
            raise AuditKeyError(": ".join(trouble))
        return Head(row.number, row.hash)


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        number=row.number, at=row.at, actor=row.actor, kind=row.kind, incident_id=row.incident_id, body=row.body
    )


def _sealed(row: Row[Any]) -> SealedEntry:
    return SealedEntry(
        number=row.number,
        at=row.at,
        actor=row.actor,
        kind=row.kind,
        incident_id=row.incident_id,
        body=row.body,
        previous=row.previous,
        hash=row.hash,
    )
