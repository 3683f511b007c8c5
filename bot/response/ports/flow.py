"""What a durable flow may do, without naming the engine.

``consider``, ``act`` and ``roll_back`` are ordinary functions over this protocol: every read of the world and every
write happens inside a named transaction or step whose JSON result is remembered, so that after a crash the function
runs again from the top and continues where it was.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from bot.response.ports.rows import Work

Json = Any
"""dict, list, str, int, float, bool or None: what survives a restart."""


class Flow(Protocol):
    """The durable engine as a flow sees it."""

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Json]]) -> Json:
        """Run ``body`` in one transaction, exactly once; its result is remembered with the commit."""
        ...

    async def step(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """Run ``body`` outside any transaction, at least once; its result is remembered afterwards."""
        ...


FlowFunction = Callable[..., Awaitable[None]]
"""``async def flow(flow: Flow, *arguments)``."""
