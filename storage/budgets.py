"""The shared ledger of actions, over all runbooks and replicas.

Counting and taking happen in one writer's transaction, and writers take turns on both databases, so two actions can
never both take the last of a budget.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.file.document import Budget, BudgetScope, Policy, Service
from bot.policy.situation import BudgetState
from storage.once import insert_once
from storage.tables import BUDGET_ENTRIES


class Budgets:
    """Implements ``bot.response.ports.rows.Budgets``."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def states(self, policy: Policy, service: str, runbook: str, now: datetime) -> tuple[BudgetState, ...]:
        """Every budget of the policy as it stands for this service and runbook, in the policy's order."""
        tier = tier_of(policy, service)
        return tuple([await self._state(budget, service, tier, runbook, now) for budget in policy.budgets])

    async def take(
        self, policy: Policy, action_id: str, service: str, runbook: str, now: datetime
    ) -> BudgetState | None:
        """Record one action in every budget that covers it, atomically; the exhausted budget if one refuses.

        Taking again for the same action (after a crash) takes nothing more.
        """
        if await self._taken(action_id):
            return None
        for state in await self.states(policy, service, runbook, now):
            if state.used >= state.limit:
                return state
        await insert_once(
            self._session,
            BUDGET_ENTRIES,
            action_id=action_id,
            service=service,
            tier=tier_of(policy, service),
            runbook=runbook,
            at=now,
        )
        return None

    async def _taken(self, action_id: str) -> bool:
        rows = await self._session.execute(
            select(BUDGET_ENTRIES.c.action_id).where(BUDGET_ENTRIES.c.action_id == action_id)
        )
        return rows.first() is not None

    async def _state(self, budget: Budget, service: str, tier: int, runbook: str, now: datetime) -> BudgetState:
        covered, subject = _covered(budget.scope, service, tier, runbook)
        used = await self._session.scalar(
            select(func.count()).select_from(BUDGET_ENTRIES).where(BUDGET_ENTRIES.c.at > now - budget.per, covered)
        )
        return BudgetState(
            scope=budget.scope,
            subject=subject,
            limit=budget.actions,
            used=used or 0,
            window_seconds=int(budget.per.total_seconds()),
        )


def tier_of(policy: Policy, service: str) -> int:
    """The service's tier; a service the policy does not name has the default one."""
    return policy.services.get(service, Service()).tier


def _covered(scope: BudgetScope, service: str, tier: int, runbook: str) -> tuple[ColumnElement[bool], str]:
    """Which entries a budget counts, and the name of what it covers."""
    match scope:
        case BudgetScope.ALL:
            return true(), ""
        case BudgetScope.SERVICE:
            return BUDGET_ENTRIES.c.service == service, service
        case BudgetScope.TIER:
            return BUDGET_ENTRIES.c.tier == tier, str(tier)
        case BudgetScope.RUNBOOK:
            return BUDGET_ENTRIES.c.runbook == runbook, runbook
