"""Something happens between two steps of an act: while it is planned, or while the state to return to is recorded."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot.policy.file.document import Policy
from tests.response.world import Switch, World


class Interrupted(Switch):
    """A switch at which something happens while it is planned, or while its state is recorded."""

    on_plan: Callable[[], Awaitable[None]] | None = None
    on_snapshot: Callable[[], Awaitable[None]] | None = None

    async def plan(self, *asked: Any) -> Any:
        happens, self.on_plan = self.on_plan, None
        if happens is not None:
            await happens()
        return await super().plan(*asked)

    async def snapshot(self, plan: Any) -> Any:
        happens, self.on_snapshot = self.on_snapshot, None
        if happens is not None:
            await happens()
        return await super().snapshot(plan)


def from_now_on(here: World, policy: Policy) -> Callable[[], Awaitable[None]]:
    async def change() -> None:
        object.__setattr__(here.context, "policy", lambda: policy)

    return change
