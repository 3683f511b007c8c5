"""One external effect, run behind its fence, with every ending turned into a result that people can be told."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from bot.policy.plan import Facts
from bot.remediation import RemediationError, Report, Snapshot, TemporaryError


class EffectResult(StrEnum):
    """How an effect can end. After ``unknown`` nobody guesses and nobody tries again: verify decides."""

    DONE = "done"
    UNCHANGED = "unchanged"
    FAILED = "failed"
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


async def run_effect(effect: Callable[[], Awaitable[Report]], timeout_seconds: float) -> EffectReport:
    """Run ``effect``; a report whatever happens, cancellation excepted."""
    try:
        async with asyncio.timeout(timeout_seconds):
            report = await effect()
    except TemporaryError as error:
        return EffectReport(result=EffectResult.UNCHANGED, summary=f"Nothing was changed: {error}")
    except TimeoutError:
        text = f"It did not finish within {timeout_seconds:.0f} s; how far it got is unknown."
        return EffectReport(result=EffectResult.UNKNOWN, summary=text)
    except RemediationError as error:
        return EffectReport(result=EffectResult.FAILED, summary=str(error))
    except Exception as error:  # noqa: BLE001 - an author's bug must reach people as a failed action, never silently
        return EffectReport(result=EffectResult.FAILED, summary=f"Unexpected {type(error).__name__}: {error}")
    return EffectReport(result=EffectResult.DONE, summary=report.summary, details=report.details)
