"""One external effect, run behind its fence, with every ending turned into a result that people can be told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from bot.policy.plan import Facts
from bot.remediation import HaltedError, MovedOnError, RemediationError, Report, Snapshot, TemporaryError
from bot.response.execution.recorded import RecordedExecution, told

log = logging.getLogger(__name__)


class EffectResult(StrEnum):
    """How an effect can end. After ``unknown`` nobody guesses and nobody tries again: verify decides."""

    DONE = "done"
    UNCHANGED = "unchanged"
    """None of its steps has begun, so nothing was changed."""
    FAILED = "failed"
    HALTED = "halted"
    """Somebody, or a shutdown, kept a further step from beginning; what was done until then stays."""
    UNKNOWN = "unknown"
    NOT_BEGUN = "not begun"
    HELD = "held"
    """A rollback that a person's pause keeps from beginning by itself."""
    MOVED_ON = "moved on"
    """A rollback that would overwrite what somebody did since."""


class AsSaid(Facts):
    """A fact that is stored with the fields that were given, and no others."""

    @model_serializer(mode="wrap")
    def _given(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if name in self.model_fields_set}


class EffectReport(AsSaid):
    """What became of an effect, as the step that ran it remembers."""

    result: EffectResult
    summary: str = ""
    """One sentence for people; empty where nothing was begun."""
    details: dict[str, Any] = Field(default_factory=dict)
    """The remediation's own, where it is done."""
    interrupted: bool = False
    """The process that ran it died inside."""
    retry_after: float | None = None
    """Nothing was changed, and it may work after so many seconds."""


class SnapshotReport(AsSaid):
    """The state to return to, or else why it could not be recorded, as the step that tried remembers."""

    state: dict[str, Any] = Field(default_factory=dict)
    problem: str | None = None

    @property
    def snapshot(self) -> Snapshot | None:
        """None when there is a problem."""
        return Snapshot(state=self.state) if self.problem is None else None


def died() -> EffectReport:
    """The answer when the fence says that the effect was begun before, by a process that did not live to tell."""
    text = "The process died while it ran; how far it got is unknown."
    return EffectReport(result=EffectResult.UNKNOWN, summary=text, interrupted=True)


async def run_effect(
    execution: RecordedExecution, effect: Callable[[], Awaitable[Report]], timeout_seconds: float
) -> EffectReport:
    """Run ``effect``, whose steps are ``execution``'s; a report whatever happens, cancellation excepted.

    Of an error that its author did not foresee people are told the class alone: its text may hold anything.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            report = await effect()
    except (HaltedError, BaseExceptionGroup) as error:
        if not execution.halted and not isinstance(error, Exception):
            raise
        return _ended(execution, EffectResult.FAILED, told(error))
    except TemporaryError as error:
        ended = _ended(execution, EffectResult.FAILED, str(error))
        unchanged = ended.result is EffectResult.UNCHANGED
        return ended.model_copy(update={"retry_after": error.retry_after}) if unchanged else ended
    except TimeoutError:
        text = f"It did not finish within {timeout_seconds:.0f} s; how far it got is unknown."
        return _ended(execution, EffectResult.UNKNOWN, text)
    except MovedOnError as error:
        return EffectReport(result=EffectResult.MOVED_ON, summary=str(error))
    except RemediationError as error:
        return _ended(execution, EffectResult.FAILED, str(error))
    except Exception as error:
        log.exception("an effect of action %s failed in a way that its author did not foresee", execution.action_id)
        return _ended(execution, EffectResult.FAILED, told(error))
    if execution.halted:
        return _ended(execution, EffectResult.HALTED, "")
    return EffectReport(result=EffectResult.DONE, summary=report.summary, details=report.details)


def _ended(execution: RecordedExecution, result: EffectResult, text: str) -> EffectReport:
    """How it ended when it did not end well; whoever halted it is the reason, whatever its author made of that."""
    if not execution.begun:
        if execution.halted:
            text = f"{execution.halted}."
        elif result is EffectResult.UNKNOWN:
            text = "it did not begin in time."
        return EffectReport(result=EffectResult.UNCHANGED, summary=f"Nothing was changed: {text}")
    if execution.halted:
        return EffectReport(
            result=EffectResult.HALTED, summary=f"{execution.halted}, after {_counted(execution.begun)}."
        )
    return EffectReport(result=result, summary=text)


def _counted(steps: int) -> str:
    return "1 step" if steps == 1 else f"{steps} steps"
