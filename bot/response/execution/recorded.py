"""An execution whose steps are stored around each change."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from bot.remediation import PermanentError, TemporaryError, Underway

Result = TypeVar("Result")


class RecordedExecution:
    """Fulfils ``bot.remediation.Execution``."""

    def __init__(self, idempotency_key: str) -> None:
        self._key = idempotency_key

    @property
    def idempotency_key(self) -> str:
        """The same for every try."""
        return self._key

    @asynccontextmanager
    async def step(self, words: str, target: str = "") -> AsyncIterator[Underway]:
        """One change."""
        yield Underway()

    async def retrying(self, change: Callable[[], Awaitable[Result]], *, within: timedelta) -> Result:
        """Try again after each TemporaryError, at the longest for ``within``."""
        end = asyncio.get_running_loop().time() + within.total_seconds()
        while True:
            try:
                return await change()
            except TemporaryError as error:
                if asyncio.get_running_loop().time() + error.retry_after > end:
                    raise PermanentError(f"{error} Tried for {within.total_seconds():g} s.") from error
                await asyncio.sleep(error.retry_after)
