"""What was found out about each part of a set-up, and how the checks are asked: side by side, and not for long."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

LIMIT_SECONDS = 5.0
"""For one check, with everything that it asks."""
ANSWER_SECONDS = 4.0
"""For one question over the network, so that what did not answer is named before its check ends."""
PATIENCE_SECONDS = 2.0
"""After that, whoever waits is told for what."""

Value = TypeVar("Value")


class Grade(StrEnum):
    """How a part is, the worst first."""

    BROKEN = "broken"
    UNKNOWN = "cannot tell"
    """It could not be asked, mostly because of something that is broken."""
    REMARK = "remark"
    """It works, and somebody may wish to know."""
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is so, or is wrong, with one part."""

    part: str
    """As people know it: "Prometheus"."""
    grade: Grade
    told: str
    """What is so; names the thing and the value, never a secret."""
    remedy: str = ""
    """What to do, in one sentence; empty where all is well."""


@dataclass(frozen=True, slots=True)
class Check:
    """How one part is asked."""

    part: str
    ask: Callable[[], Awaitable[Sequence[Diagnosis]]]


Waiting = Callable[[Sequence[str]], AbstractContextManager[object]]
"""What is shown as long as these parts have not answered yet."""


class Once(Generic[Value]):
    """What several checks wait for and is asked once; one that gives up waiting does not end it for the others."""

    def __init__(self, ask: Callable[[], Awaitable[Value]]) -> None:
        self._ask = ask
        self._asked: asyncio.Future[Value] | None = None

    async def __call__(self) -> Value:
        """What came of it, or the error that it ended with."""
        if self._asked is None:
            self._asked = asyncio.ensure_future(self._ask())
            self._asked.add_done_callback(_forget)
        return await asyncio.shield(self._asked)


async def answered(checks: Sequence[Check], waiting: Waiting) -> tuple[Diagnosis, ...]:
    """What every check found, in their order."""
    tasks = {asyncio.create_task(_asked(check), name=check.part): check.part for check in checks}
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
        if late:
            with waiting([part for task, part in tasks.items() if task in late]):
                await asyncio.wait(late)
    return tuple(diagnosis for task in tasks for diagnosis in task.result())


def by_weight(diagnoses: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """The worst first; what weighs the same stays in its order."""
    weights = list(Grade)
    return tuple(sorted(diagnoses, key=lambda diagnosis: weights.index(diagnosis.grade)))


async def _asked(check: Check) -> tuple[Diagnosis, ...]:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            return tuple(await check.ask())
    except TimeoutError:
        told = f"no answer within {LIMIT_SECONDS:g} s"
        remedy = "see whether that system is overloaded or a firewall drops what we send, and ask again"
        return (Diagnosis(check.part, Grade.UNKNOWN, told, remedy),)
    except Exception as error:  # noqa: BLE001 - whatever one check comes upon, the others are told
        told = f"the check itself failed ({type(error).__name__})"
        return (Diagnosis(check.part, Grade.UNKNOWN, told, "report this as a defect of Watchkeeper"),)


def _forget(asked: "asyncio.Future[Value]") -> None:
    """Take note of an error that nobody waits for any more."""
    if not asked.cancelled():
        asked.exception()
