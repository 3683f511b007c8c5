"""An execution whose steps are stored around each change, and which people can halt between any two of them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from bot.remediation import HaltedError, PermanentError, RemediationError, Step, TemporaryError, Underway
from bot.response.execution.brake import against_step
from bot.response.model.actions import Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.notices.report import report
from bot.response.ports.context import Context

ASKED_EVERY_SECONDS = 1.0
"""How often somebody who waits for the next try asks whether it was halted meanwhile."""

Result = TypeVar("Result")


class RecordedExecution:
    """Fulfils ``bot.remediation.Execution`` for one attempt at an action's effect, or at its rollback."""

    def __init__(self, context: Context, action: Action, attempt: str, *, rolled_back_by: str | None = None) -> None:
        """``rolled_back_by``: who wants the rollback that this is; None for the effect itself."""
        self._context = context
        self._action = action
        self._attempt = attempt
        self._rolled_back_by = rolled_back_by
        self._what = "execute" if rolled_back_by is None else "roll_back"
        self._beginning = asyncio.Lock()
        self.begun = 0
        """How many steps have begun: as long as it is 0, nothing was changed."""
        self.halted = ""
        """Why a step was refused, in words for people without a full stop; empty when none was."""

    @property
    def action_id(self) -> str:
        """Whose effect it is."""
        return self._action.id

    @property
    def idempotency_key(self) -> str:
        """The same for every try; it does not tell the id that our buttons carry."""
        return hashlib.sha256(f"{self._action.id}:{self._what}".encode()).hexdigest()[:32]

    @asynccontextmanager
    async def step(self, words: str, target: str = "") -> AsyncIterator[Underway]:
        """See ``bot.remediation.Execution``; what takes too long is a PermanentError that says so."""
        async with self._beginning:
            number = await self._begin(words, target)
        underway, seconds = Underway(), self._action.plan.step_limit_seconds
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield underway
        except HaltedError as error:
            await self._end(number, Step(words=words, target=target, problem=str(error), details=underway.details))
            raise
        except Exception as error:
            cause: Exception = error
            if isinstance(error, TimeoutError) and limit.expired():
                cause = PermanentError(f"“{words}” did not finish within {seconds:g} s; how far it got is unknown.")
            await self._end(number, Step(words=words, target=target, problem=told(cause), details=underway.details))
            if cause is error:
                raise
            raise cause from error
        await self._end(number, Step(words=words, target=target, ended=True, details=underway.details))

    async def retrying(self, change: Callable[[], Awaitable[Result]], *, within: timedelta) -> Result:
        """See ``bot.remediation.Execution``."""
        loop = asyncio.get_running_loop()
        end, last = loop.time() + within.total_seconds(), "It did not answer."
        while True:
            limit = asyncio.timeout_at(end)
            try:
                async with limit:
                    return await change()
            except TemporaryError as error:
                last = str(error)
                if loop.time() + error.retry_after > end:
                    raise PermanentError(_given_up(last, within)) from error
                await self._wait(loop.time() + error.retry_after)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise PermanentError(_given_up(last, within)) from error

    async def _begin(self, words: str, target: str) -> int:
        """Store that it begins, unless anything that is committed by now speaks against it; its number."""
        now, number = self._context.now(), self.begun + 1
        async with self._context.database.begin() as work:
            self._refuse(await against_step(work, self._context, self.action_id, self._rolled_back_by), words)
            await work.steps.begin(self._attempt, number, words, target, now)
            await report(
                work,
                self._context,
                self._action.incident_id,
                AuditKind.ACTION_STEP_BEGUN,
                body=self._body(number, words, target),
                at=now,
            )
            self.begun = number  # before the commit: whoever is cancelled inside it does not know whether it was
        return number

    async def _end(self, number: int, step: Step) -> None:
        now = self._context.now()
        body = self._body(number, step.words, step.target)
        body |= {"problem": step.problem, "details": step.model_dump(mode="json")["details"]}
        async with self._context.database.begin() as work:
            await work.steps.end(self._attempt, number, step, now)
            await report(
                work,
                self._context,
                self._action.incident_id,
                AuditKind.ACTION_STEP_ENDED,
                body=body,
                refresh=False,
                at=now,
            )

    def _body(self, number: int, words: str, target: str) -> dict[str, Any]:
        return {"action": self.action_id, "of": self._what, "number": number, "words": words, "target": target}

    async def _wait(self, until: float) -> None:
        """Wait for the next try; whoever halts it meanwhile ends the wait."""
        loop = asyncio.get_running_loop()
        while True:
            async with self._context.database.read() as work:
                why = await against_step(work, self._context, self.action_id, self._rolled_back_by)
            self._refuse(why, "the next try")
            left = until - loop.time()
            if left <= 0:
                return
            await self._context.closing.wait(min(left, ASKED_EVERY_SECONDS))

    def _refuse(self, why: str, words: str) -> None:
        if why:
            self.halted = self.halted or why
            raise HaltedError(f"{why}, so “{words}” did not begin.")


def told(error: BaseException) -> str:
    """What people are told of a failure. Of one that its author did not foresee the class alone: never its text."""
    if isinstance(error, RemediationError):
        return str(error)
    return f"It failed in a way that its author did not foresee ({type(error).__name__})."


def _given_up(last: str, within: timedelta) -> str:
    return f"{last} It was tried for {within.total_seconds():g} s."
