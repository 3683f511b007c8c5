"""What a durable flow may do, without naming the engine.

``consider``, ``act`` and ``roll_back`` are ordinary functions over this protocol: every read of the world and every
write happens inside a named transaction or step whose JSON result is remembered, so that after a crash the function
runs again from the top and continues where it was. What crosses a step is a typed fact: the flow reads it back with
``recall``, whichever release has stored it.

All names here are stored with running work. A value never changes; a flow whose steps change is a new flow beside the
old one, until that has drained.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from bot.policy.plan import Facts
from bot.response.ports.work import Work

Json = Any
"""dict, list, str, int, float, bool or None: what survives a restart."""


class FlowName(StrEnum):
    """The flows, each with its version."""

    CONSIDER = "consider.v1"
    ACT = "act.v2"
    ROLL_BACK = "roll_back.v2"
    ACT_V1 = "act.v1"
    """As older releases have queued it; so is the next."""
    ROLL_BACK_V1 = "roll_back.v1"


class QueueName(StrEnum):
    """Where flows wait for their turn."""

    INCIDENTS = "incidents"
    """One flow at a time per incident."""
    TARGETS = "targets"
    """One flow at a time per target."""


class StepName(StrEnum):
    """The transactions and steps of the flows. Some keep older words than the code around them: they are stored."""

    CONSIDER_BEGIN = "begin"
    CONSIDER_ASSESS = "look"
    CONSIDER_SETTLE = "settle"

    ACT_BRIEF = "brief"
    ACT_ASSESS = "look again"
    ACT_CLAIM = "claim"
    ACT_SNAPSHOT = "snapshot"
    ACT_REMEMBER = "remember"
    ACT_EXECUTE = "execute"
    ACT_EXECUTED = "executed"
    ACT_VERIFY = "verify"
    ACT_CONCLUDE = "conclude"

    ROLL_BACK_CLAIM = "claim way back"
    ROLL_BACK_RESTORE = "roll back"
    ROLL_BACK_CONCLUDE = "conclude way back"


class Flow(Protocol):
    """The durable engine as a flow sees it."""

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Json]]) -> Json:
        """Run ``body`` in one transaction, exactly once; its result is remembered with the commit."""
        ...

    async def step(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """Run ``body`` outside any transaction, at least once; its result is remembered afterwards."""
        ...


Fact = TypeVar("Fact", bound=Facts)


def recall(kind: type[Fact], stored: Json) -> Fact:
    """What a step, or whoever queued the flow, has stored. Fields that a newer release has added are left out.

    Raises:
        ValidationError: it is not a fact of this kind.
    """
    return kind.model_validate(stored, extra="ignore")


async def fact_of_step(flow: Flow, name: StepName, kind: type[Fact], body: Callable[[], Awaitable[Fact]]) -> Fact:
    """As ``flow.step``, for a fact."""

    async def run() -> Json:
        return (await body()).model_dump(mode="json")

    return recall(kind, await flow.step(name, run))


async def fact_of_transaction(
    flow: Flow, name: StepName, kind: type[Fact], body: Callable[[Work], Awaitable[Fact | None]]
) -> Fact | None:
    """As ``flow.transaction``, for a fact, or None where there is nothing to go on with."""

    async def run(work: Work) -> Json:
        fact = await body(work)
        return None if fact is None else fact.model_dump(mode="json")

    stored = await flow.transaction(name, run)
    return None if stored is None else recall(kind, stored)


FlowFunction = Callable[..., Awaitable[None]]
"""``async def flow(flow: Flow, *arguments)``."""
