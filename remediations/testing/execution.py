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

    def __init__(
        self,
        *,
        halt_before: int | None = None,
        key: str = "key-of-the-action",
        poll_seconds: float | None = None,
        patient: bool = True,
    ) -> None:
        """An execution that nobody halts and that waits as it is asked to, unless it is told otherwise.

        ``halt_before``: the step, counted from 0, that a person keeps from beginning. ``poll_seconds``: the longest
        that it waits before each further try, whatever was asked for. Without ``patient`` it gives up when so much
        waiting was asked for as ``retrying`` allows, though less time has passed.
        """
        self._halt_before = halt_before
        self._key = key
        self._poll_seconds = poll_seconds
        self._patient = patient
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
        clock = asyncio.get_running_loop().time
        begun, asked = clock(), 0.0
        while True:
            try:
                return await change()
            except TemporaryError as error:
                asked += error.retry_after
                spent = clock() - begun + error.retry_after if self._patient else asked
                if spent > within.total_seconds():
                    raise PermanentError(f"{error} Tried for {within.total_seconds():g} s.") from error
                await asyncio.sleep(min(error.retry_after, self._poll_seconds or error.retry_after))

    def _check(self, words: str) -> None:
        if self._halt_before is not None and len(self.steps) >= self._halt_before:
            raise HaltedError(f"Stopped before “{words}”.")
