"""Budgets: how often Watchkeeper may act, over all runbooks and replicas together, counted from the ledger.

The same count decides here and at the claim: there the ledger is read in the transaction that enters the action, and
writers line up, so two replicas never spend the same last action.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from bot.policy.file.document import Budget, BudgetScope, Policy, Service
from bot.policy.file.fields import duration_text
from bot.policy.rules.case import BudgetState, Case, Ruling, escalates, passed
from bot.policy.rules.services import UNKNOWN_SERVICE
from bot.policy.situation import LedgerEntry

Subject = TypeVar("Subject", str, int)


def states_of(
    policy: Policy,
    ledger: Sequence[LedgerEntry],
    services: frozenset[str],
    runbook: str,
    now: datetime,
    *,
    targets: Collection[str] = (),
) -> tuple[BudgetState, ...]:
    """Every budget of the policy as it stands for an action by this runbook on these, in the policy's order.

    An action that touches several services counts in each; one whose service nobody knows counts once, as such, and
    needs room in each budget that is used up, as it may be the one; one that touches no service counts in no budget of
    a service or tier. Which services: ``Services.counted``, or what is on the ledger. Targets go by their keys.
    """
    act = _Act(services, frozenset(targets), runbook)
    return tuple(state for budget in policy.budgets for state in _states(policy, budget, ledger, act, now))


def longest_window(policy: Policy) -> timedelta:
    """How far back the ledger must be read."""
    return max((budget.per for budget in policy.budgets), default=timedelta(0))


def budgets(case: Case) -> Ruling:
    """Every budget of the policy must be known and have an action left."""
    states = case.budgets
    if states is None:
        return escalates("The action budgets could not be read.", {"budgets": None})
    inputs = {"budgets": [_text(state) for state in states]}
    exhausted = [state for state in states if state.used >= state.limit]
    if exhausted:
        return escalates(f"The action budget is used up: {', '.join(_text(state) for state in exhausted)}.", inputs)
    if not states:
        return passed("The policy sets no action budgets.", inputs)
    return passed(f"Every action budget has room: {', '.join(_text(state) for state in states)}.", inputs)


def tiers_of(policy: Policy, services: Collection[str]) -> frozenset[int]:
    """The tiers of these services; one that the policy does not name has the default tier."""
    return frozenset(policy.services.get(name, Service()).tier for name in services)


@dataclass(frozen=True, slots=True)
class _Act:
    """What is to be counted."""

    services: frozenset[str]
    targets: frozenset[str]
    runbook: str


def _states(
    policy: Policy, budget: Budget, ledger: Sequence[LedgerEntry], act: _Act, now: datetime
) -> list[BudgetState]:
    recent = [entry for entry in ledger if entry.at > now - budget.per]
    services = act.services

    def state(subject: str, used: int) -> BudgetState:
        return BudgetState(budget.scope, subject, budget.actions, used, int(budget.per.total_seconds()))

    def may_be(used: Counter[Subject]) -> frozenset[Subject]:
        """Whose budget is used up, where the service that is touched may be any."""
        exhausted = frozenset(subject for subject, count in used.items() if count >= budget.actions)
        return exhausted if UNKNOWN_SERVICE in services else frozenset()

    match budget.scope:
        case BudgetScope.ALL:
            return [state("", len(recent))]
        case BudgetScope.SERVICE:
            used = Counter(name for entry in recent for name in set(entry.services))
            return [state(name, used[name]) for name in sorted(services | may_be(used))]
        case BudgetScope.TIER:
            by_tier = Counter(tier for entry in recent for tier in tiers_of(policy, entry.services))
            return [state(str(tier), by_tier[tier]) for tier in sorted(tiers_of(policy, services) | may_be(by_tier))]
        case BudgetScope.TARGET:
            by_target = Counter(key for entry in recent for key in set(entry.targets))
            return [state(key, by_target[key]) for key in sorted(act.targets)]
        case _:  # the runbook's own
            return [state(act.runbook, sum(entry.runbook == act.runbook for entry in recent))]


def _text(state: BudgetState) -> str:
    window = duration_text(timedelta(seconds=state.window_seconds))
    return f"{state.used} of {state.limit} per {window} for {_subject(state)}"


def _subject(state: BudgetState) -> str:
    match state.scope:
        case BudgetScope.ALL:
            return "all"
        case BudgetScope.TIER:
            return f"tier {state.subject}"
        case _:
            return state.subject or "an unknown service"
