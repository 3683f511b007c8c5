"""An execution in memory, for the tests of a remediation: it notes the steps, and halts where it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from bot.remediation import HaltedError, PermanentError, RemediationError, Step, TemporaryError, Underway

Result = TypeVar("Result")


class ExecutionInMemory:
    """Fulfils ``bot.remediation.Execution``."""

    def __init__(self, *, halt_before: int | None = None, key: str = "key-of-the-action") -> None:
        """``halt_before``: the step, counted from 0, that a person keeps from beginning; None: nobody halts it."""
        self._halt_before = halt_before
        self._key = key
        self.steps: list[Step] = []
        """Every step that was begun, as far as it got."""

    @property
    def idempotency_key(self) -> str:
        """The same for every try."""
        return self._key

    @asynccontextmanager
    async def step(self, words: str, target: str = "") -> AsyncIterator[Underway]:
        """Note the step before and after what is inside."""
        self._check(words)
        place = len(self.steps)
        self.steps.append(Step(words=words, target=target))
        underway = Underway()
        try:
            yield underway
        except RemediationError as error:
            self.steps[place] = Step(words=words, target=target, problem=str(error), details=underway.details)
            raise
        self.steps[place] = Step(words=words, target=target, ended=True, details=underway.details)

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

    def _check(self, words: str) -> None:
        if self._halt_before is not None and len(self.steps) >= self._halt_before:
            raise HaltedError(f"Stopped before “{words}”.")
