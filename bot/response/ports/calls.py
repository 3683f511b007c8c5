"""Calls: incidents that a person must check, and that nobody has taken yet."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.response.model.calls import Call
from bot.response.model.incidents import Incident


class Calls(Protocol):
    """One call per incident at most."""

    async def open(self, call: Call) -> None:
        """People are called from this commit on; a call of the same incident that was there is replaced."""
        ...

    async def of(self, incident: Incident) -> Call | None:
        """The call that stands about the incident's present question; None once somebody has taken it, or it is over.

        A call about an earlier question does not stand any more.
        """
        ...

    async def last(self, incident_id: int) -> Call | None:
        """The incident's call that nobody has ended, be it about an earlier question."""
        ...

    async def standing(self, limit: int = 1000) -> Sequence[Call]:
        """Those that stand, oldest first."""
        ...

    async def due(self, now: datetime, limit: int = 100) -> Sequence[Call]:
        """Those not ended of which somebody is to be reminded or called by ``now``, longest overdue first."""
        ...

    async def amend(self, call: Call, **changes: Any) -> Call | None:
        """Change it where it is still as it was read; None when somebody else was faster."""
        ...

    async def end(self, incident_id: int) -> None:
        """Nobody is called about this incident any more."""
        ...
