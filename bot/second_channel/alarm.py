"""Tells people by the second channel that nothing can be stored: no row can say so, and so no other message can.

What was told is only remembered by this process; after a restart it is told again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from bot.response.ports.context import opaque_id
from bot.second_channel.letters import Letter
from bot.second_channel.route import Delivered, Rejected, Route
from bot.second_channel.telling import Kind

LOOK_SECONDS = 1.0
RETRY_SECONDS = 30.0
SUBJECT = "storage"
"""Stands where messages otherwise have an incident."""
BEGUN = "Watchkeeper can store nothing: it decides nothing and begins nothing until that is mended"
OVER = "Watchkeeper can store again what it decides and does"
_BEGUN_TEXT = """\
The database of Watchkeeper: {problem}.

Alerts are refused meanwhile (503), so that monitors send them again. Nothing is decided and nothing begins; what is
under way may end without being told. It goes on by itself as soon as there is room again; /readyz says when.
"""
_OVER_TEXT = "The database can be written again. Alerts are taken, and what was waiting goes on.\n"

log = logging.getLogger(__name__)


class Alarm:
    """Tells once by each route, and once more when it is over."""

    def __init__(
        self,
        routes: Sequence[Route],
        problem: Callable[[], str],
        *,
        after: timedelta,
        now: Callable[[], datetime],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Nobody is told anything before ``start``.

        Args:
            problem: why nothing can be stored, in fixed words; empty while all is well.
            after: how long it must last; what ends by itself sooner wakes nobody.
        """
        self._routes = routes
        self._problem = problem
        self._after = after
        self._now = now
        self._look_seconds = look_seconds
        self._told: set[str] = set()
        """Routes by which people know of it."""
        self._since: datetime | None = None
        self._failed_at: datetime | None = None
        self._key = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        self._task = asyncio.create_task(self._look_again(), name="alarm of the second channel")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Tell what is to be told now."""
        problem, now = self._problem(), self._now()
        if not problem:
            if self._told:
                await self._tell("", now)
            self._since = None
            return
        if self._since is None:
            self._since, self._key = now, opaque_id()
        if now - self._since >= self._after:
            await self._tell(problem, now)

    async def _look_again(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("people could not be told that nothing can be stored; trying again")
            await asyncio.sleep(self._look_seconds)

    async def _tell(self, problem: str, now: datetime) -> None:
        if self._failed_at is not None and now - self._failed_at < timedelta(seconds=RETRY_SECONDS):
            return
        wanted = [route for route in self._routes if (route.name in self._told) is not bool(problem)]
        outcomes = await asyncio.gather(*(route.send(self._letter(route, problem, now)) for route in wanted))
        self._failed_at = None
        for route, outcome in zip(wanted, outcomes, strict=True):
            if isinstance(outcome, Delivered | Rejected):
                self._told ^= {route.name}
            else:
                self._failed_at = now
            if not isinstance(outcome, Delivered):
                log.error("people could not be told by %s: %s", route.in_words, outcome.error)

    def _letter(self, route: Route, problem: str, now: datetime) -> Letter:
        """``problem``: empty where it is over."""
        over = Kind.OVER if route.takes(Kind.OVER) else Kind.OUTCOME
        return Letter(
            key=f"{self._key}.{'begun' if problem else 'over'}",
            kind=Kind.CALL if problem else over,
            incident=SUBJECT,
            service="watchkeeper",
            alert_name="nothing can be stored",
            severity="critical",
            title=f"[Watchkeeper] {BEGUN if problem else OVER}",
            text=_BEGUN_TEXT.format(problem=problem) if problem else _OVER_TEXT,
            links=(),
            written_at=now,
        )
