"""The record, as the flows need it; ``storage.audit`` implements it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.response.model.audit_kinds import AuditKind
from bot.response.model.records import AuditEntry


class Head(Protocol):
    """The end of the record."""

    @property
    def number(self) -> int:
        """Of the last entry; 0 before the first."""
        ...

    @property
    def hash(self) -> str:
        """Its seal, as hexadecimal."""
        ...


class Audit(Protocol):
    """The record of everything people and Watchkeeper did: appended to, never changed."""

    async def append(
        self, *, kind: AuditKind, actor: str, at: datetime, body: Mapping[str, Any], incident_id: int | None = None
    ) -> int:
        """Add an entry to the keyed hash chain; its number."""
        ...

    async def of_incident(self, incident_id: int) -> Sequence[AuditEntry]:
        """Oldest first."""
        ...

    async def head(self) -> Head:
        """The last entry's number and seal."""
        ...

    async def anchor(self, now: datetime) -> object:
        """Remember the present head here, as it is given away."""
        ...

    async def count(self) -> int:
        """How many entries there are."""
        ...

    async def kinds_after(self, number: int) -> Mapping[str, int]:
        """How many entries of each kind have a higher number; the commonest first."""
        ...

    async def seal_of(self, number: int) -> str:
        """The entry's link in the hash chain, as hexadecimal; empty for a number that no entry has."""
        ...
