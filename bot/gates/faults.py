"""Faults of an action itself: put around every port and the remediation, in force only within a step of the effect.

A port is where each capability meets every system, so whatever a backend is, it can be made to refuse, to say nothing,
or to lose its answer after it has done what it was asked. Nothing here knows which remediation or backend it is.
"""

import asyncio
import copy
import inspect
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar

from bot.gates.missions import Fault, FaultKind
from bot.policy.plan import Plan
from bot.remediation import Execution, PermanentError, Report, Snapshot, TemporaryError, Underway

SILENT_SECONDS = 2.0
"""How long a step may take where a call in it is never answered."""
AGAIN_SECONDS = 0.5
"""When a system that could not be reached once can be."""
Result = TypeVar("Result")


class Faults:
    """Notes what an effect asks of its port, and makes one thing go wrong, once."""

    def __init__(self, fault: Fault | None = None) -> None:
        self._fault = fault
        self._within = 0
        """How many steps of the effect are open."""
        self._steps = 0
        self.happened = False
        self.calls: list[str] = []
        """The port's methods that were called within steps, each once, in order."""

    def around_port(self, port: Any) -> Any:
        """The port, of the same class and more."""
        names = [name for name, _ in inspect.getmembers(type(port), inspect.iscoroutinefunction) if name[0] != "_"]
        return _as_another(port, {name: self._disturbed(type(port), name) for name in names})

    def around(self, remediation: Any) -> Any:
        """The remediation, of the same class and more."""
        kind = type(remediation)

        async def plan(itself: Any, parameters: Any, about: Any) -> Plan:
            made: Plan = await kind.plan(itself, parameters, about)
            return self._shortened(made)

        async def execute(itself: Any, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
            report: Report = await kind.execute(itself, plan, snapshot, _Disturbed(self, execution))
            return report

        return _as_another(remediation, {"plan": plan, "execute": execute})

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Around what is within one step, after it was stored as begun and before it is stored as ended."""
        self._steps += 1
        fault = self._fault
        mine = fault is not None and not fault.call and fault.step == self._steps and not self.happened
        kind = fault.kind if fault is not None and mine else None
        self.happened = self.happened or mine
        self._within += 1
        try:
            match kind:
                case FaultKind.KILLED_BEFORE:
                    os.kill(os.getpid(), signal.SIGKILL)
                case FaultKind.UNREACHABLE:
                    raise TemporaryError(
                        "The step reached nobody, as the chaos test wanted.", retry_after=AGAIN_SECONDS
                    )
                case FaultKind.REFUSED:
                    raise _refused("The step")
                case FaultKind.SILENT:
                    await asyncio.Event().wait()
            yield
            match kind:
                case FaultKind.KILLED_AFTER:
                    os.kill(os.getpid(), signal.SIGKILL)
                case FaultKind.LOST:
                    raise _lost("The step")
        finally:
            self._within -= 1

    async def call(self, name: str, go: Callable[[], Awaitable[Result]]) -> Result:
        """One call of a port."""
        if not self._within:
            return await go()
        if name not in self.calls:
            self.calls.append(name)
        if self._fault is None or self._fault.call != name or self.happened:
            return await go()
        self.happened = True
        match self._fault.kind:
            case FaultKind.UNREACHABLE:
                raise TemporaryError(f"“{name}” reached nobody, as the chaos test wanted.", retry_after=AGAIN_SECONDS)
            case FaultKind.REFUSED:
                raise _refused(f"“{name}”")
            case FaultKind.SILENT:
                await asyncio.Event().wait()
        result = await go()
        if self._fault.kind is FaultKind.LOST:
            raise _lost(f"“{name}”")
        return result

    def _disturbed(self, kind: type, name: str) -> Callable[..., Any]:
        original = getattr(kind, name)

        async def called(itself: Any, *arguments: Any, **options: Any) -> Any:
            return await self.call(name, lambda: original(itself, *arguments, **options))

        return called

    def _shortened(self, plan: Plan) -> Plan:
        """With less patience where a call is not answered, or the run would take as long as the plan allows."""
        if self._fault is None or self._fault.kind is not FaultKind.SILENT:
            return plan
        seconds = min(plan.step_limit_seconds or SILENT_SECONDS, SILENT_SECONDS)
        return plan.model_copy(update={"step_limit_seconds": seconds})


class _Disturbed:
    """Fulfils ``bot.remediation.Execution`` around another."""

    def __init__(self, faults: Faults, execution: Execution) -> None:
        self._faults, self._execution = faults, execution

    @property
    def idempotency_key(self) -> str:
        return self._execution.idempotency_key

    @asynccontextmanager
    async def step(self, words: str, target: str = "") -> AsyncIterator[Underway]:
        async with self._execution.step(words, target) as underway, self._faults.step():
            yield underway

    async def retrying(self, change: Callable[[], Awaitable[Result]], *, within: timedelta) -> Result:
        return await self._execution.retrying(change, within=within)


def _as_another(original: Any, members: dict[str, Any]) -> Any:
    """A copy whose class has these members in place of its own, so that it still is whatever it was."""
    kind = type(original)
    another = copy.copy(original)
    more = type(kind.__name__, (kind,), {**members, "__slots__": (), "__doc__": kind.__doc__})
    object.__setattr__(another, "__class__", more)  # also where its class is frozen
    return another


def _refused(what: str) -> PermanentError:
    return PermanentError(f"{what} was refused, as the chaos test wanted.")


def _lost(what: str) -> PermanentError:
    return PermanentError(f"{what} was done and its answer lost, as the chaos test wanted; how far it got is unknown.")
