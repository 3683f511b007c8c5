"""How long the assessments of all incidents together wait for systems that do not answer.

Assessments run a few at a time. Without a bound, as many plans that hang would keep every other incident unheard. So
only some of them may wait their full time, the others give up sooner; and a system that did not answer at all is left
alone for a while.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

MAY_BE_SLOW = 3
"""Plans that may wait their full time at once: fewer than assessments that run at once."""
SOON_SECONDS = 2.0
"""How long every other one may take."""
LEFT_ALONE_SECONDS = 15.0
"""How long a system that has not answered is not asked again."""
CANCELLED_WITHIN_SECONDS = 1.0
"""How long a question may take to end once it is cancelled; one that does not obey is left behind."""

Answer = TypeVar("Answer")


class NotAnsweredError(Exception):
    """A system did not answer in time; the text says so, for people."""


@dataclass(slots=True)
class Patience:
    """What one process knows of slow systems. It forgets them when it ends."""

    may_be_slow: int = MAY_BE_SLOW
    soon_seconds: float = SOON_SECONDS
    _slow: int = 0
    _silent: dict[str, float] = field(default_factory=dict)
    """When each silent system is asked again, on the loop's clock."""

    async def ask(self, system: str, question: Callable[[], Awaitable[Answer]], limit_seconds: float) -> Answer:
        """The answer of ``question``, put to ``system``; it is cancelled when the time is over.

        Raises:
            NotAnsweredError: it took too long, or it has just been silent and is left alone.
        """
        now = asyncio.get_running_loop().time
        again = self._silent.get(system, 0.0)
        if now() < again:
            raise NotAnsweredError(f"has not answered, and is asked again in {again - now():.0f} s")
        asked = asyncio.ensure_future(question())
        try:
            within = await self._waited(asked, limit_seconds)
            if not asked.done():
                self._silent[system] = now() + LEFT_ALONE_SECONDS
                raise NotAnsweredError(f"did not answer within {within:g} s")
            self._silent.pop(system, None)
            return asked.result()
        finally:
            await _ended(asked)

    async def _waited(self, asked: asyncio.Future[Answer], limit_seconds: float) -> float:
        """Wait for the answer as long as that is right; how many seconds that was."""
        soon = min(self.soon_seconds, limit_seconds)
        await asyncio.wait({asked}, timeout=soon)
        if asked.done() or self._slow >= self.may_be_slow:
            return soon
        self._slow += 1
        try:
            await asyncio.wait({asked}, timeout=limit_seconds - soon)
        finally:
            self._slow -= 1
        return limit_seconds


async def _ended(asked: asyncio.Future[Answer]) -> None:
    """Cancel what still runs, and see that it ends: nothing goes on behind our back."""
    if asked.cancel():
        await asyncio.wait({asked}, timeout=CANCELLED_WITHIN_SECONDS)
