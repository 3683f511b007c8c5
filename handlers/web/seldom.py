"""Asking others how they are, seldom: however often we are asked ourselves, and without keeping anybody waiting.

Must not know: who is asked.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

EVERY_SECONDS = 30.0
LIMIT_SECONDS = 10.0
"""For one question; after that it counts as not answered."""
PATIENCE_SECONDS = 0.5
"""Whoever wants to know waits so long for a question on its way, and is then told what was known before."""
NOT_ASKED_YET = "not asked yet"
NOT_WELL = "it cannot be used; see the log, or `watchkeeper doctor`"
"""Anybody can read what is answered, so it has no word of what is wrong: addresses and names may be in it."""

log = logging.getLogger(__name__)


class Seldom:
    """A check of one other system; calling it gives what is wrong in fixed words, or None. Lives on one loop."""

    def __init__(
        self,
        what: str,
        ask: Callable[[], Awaitable[str | None]],
        *,
        every_seconds: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ask`` says what is wrong in words for the log; nothing where all is well, or nobody can tell."""
        self._what, self._ask = what, ask
        self._every_seconds, self._clock = every_seconds, clock
        self._due_at = clock()
        self._question: asyncio.Task[None] | None = None
        self._known: str | None = NOT_ASKED_YET
        self._logged = ""

    async def __call__(self) -> str | None:
        """What is known; asked anew when the last question was long ago and none is on its way."""
        if self._question is None and self._clock() >= self._due_at:
            self._due_at = self._clock() + self._every_seconds
            self._question = asyncio.create_task(self._find_out(), name=f"how {self._what} is")
        if self._question is not None:
            await asyncio.wait({self._question}, timeout=PATIENCE_SECONDS)
        return self._known

    async def _find_out(self) -> None:
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                trouble = await self._ask() or ""
        except TimeoutError:
            trouble = f"no answer within {LIMIT_SECONDS:g} s"
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told as trouble
            trouble = f"it could not be asked ({type(error).__name__})"
        finally:
            self._question = None
        if trouble != self._logged:
            log.warning("%s: %s", self._what, trouble or "it can be used again")
        self._logged = trouble
        self._known = NOT_WELL if trouble else None
