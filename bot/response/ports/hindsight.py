"""What was judged beside what came of it, read for people: nothing decides by it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.policy.shadow import Shadow
from bot.response.model.records import Stated

SHADOWS_COUNT_FOR = timedelta(days=30)
"""As long as history is read for, so that both speak of the same time."""
READ_AT_MOST = 1000
"""Rows in all, the newest: Home is drawn from them after every change."""


class Hindsight(Protocol):
    """Stored judgements with what people did and what happened; storage implements it."""

    async def shadows(
        self, runbooks: Collection[str], since: datetime, limit: int = READ_AT_MOST
    ) -> Mapping[str, Sequence[Shadow]]:
        """Questions that ended since then while their runbook ran in shadow, by runbook, newest first.

        A question that only made room for a newer one of its incident is none.
        """
        ...

    async def stated(self, since: datetime, limit: int = READ_AT_MOST) -> Mapping[str, Stated]:
        """How sure we were when we began, of each action that may have changed something and ended since then.

        By the action's id; what the judgement said that let it act.
        """
        ...
