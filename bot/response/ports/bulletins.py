"""Bulletins: how far people were told of what belongs to no incident."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.response.model.bulletins import Bulletin


@dataclass(frozen=True, slots=True)
class Told:
    """What the last bulletin about something told of."""

    at: datetime
    up_to: int
    """Number of the last row that it told of."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What monitors have sent since, and nobody can read."""

    count: int
    up_to: int
    """Number of the last of them."""
    reasons: Sequence[tuple[str, str, int]]
    """Source, why, and how often; the commonest first, and not all of them where there are many."""


class Bulletins(Protocol):
    """One row for each thing that bulletins are about."""

    async def last(self, about: Bulletin) -> Told | None:
        """What the last one told of; None before the first."""
        ...

    async def tell(self, about: Bulletin, seen: Told | None, up_to: int, now: datetime) -> bool:
        """People are about to be told up to there; False when somebody else has just told them."""
        ...

    async def unreadable(self, after: int) -> Unreadable:
        """What could not be read and has a higher number."""
        ...
