"""The shared ledger of actions, over all runbooks and replicas.

It is read and entered in one writer's transaction, and writers line up on both databases, so two actions can never
both take the last of a budget. What a budget allows is the policy's business.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.file.document import Policy
from bot.policy.rules.budgets import tiers_of
from bot.policy.rules.services import UNKNOWN_SERVICE
from bot.policy.situation import LedgerEntry
from storage.once import insert_once
from storage.tables import ACTIONS, BUDGET_ENTRIES


class Budgets:
    """Implements ``bot.response.ports.rows.Budgets``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def ledger(self, now: datetime, window: timedelta) -> tuple[LedgerEntry, ...]:
        """Every action begun since ``window`` before ``now`` (after ``now``, too: clocks differ), oldest first.

        What an action's targets were is on record with its plan, that of older releases included.
        """
        rows = await self._session.execute(
            select(BUDGET_ENTRIES, ACTIONS.c.plan)
            .join(ACTIONS, ACTIONS.c.id == BUDGET_ENTRIES.c.action_id)
            .where(BUDGET_ENTRIES.c.at > now - window)
            .order_by(BUDGET_ENTRIES.c.at, BUDGET_ENTRIES.c.action_id)
        )
        return tuple(
            LedgerEntry(
                action_id=row.action_id,
                runbook=row.runbook,
                services=tuple(row.services) if row.services is not None else (row.service,),
                targets=tuple(target["key"] for target in row.plan["targets"]),
                instances=row.plan["blast_radius"]["targets"],
                at=row.at,
            )
            for row in rows
        )

    async def enter(self, policy: Policy, action_id: str, services: Sequence[str], runbook: str, now: datetime) -> bool:
        """Count this action, whoever let it act; False when it is counted already (after a crash)."""
        names = sorted(services)
        return await insert_once(
            self._session,
            BUDGET_ENTRIES,
            action_id=action_id,
            service=names[0] if names else "",
            tier=min(tiers_of(policy, names or [UNKNOWN_SERVICE])),  # the column of older releases, which knew one
            runbook=runbook,
            services=names,
            at=now,
        )
