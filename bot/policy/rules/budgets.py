"""Budgets: how often Watchkeeper may act, over all runbooks and replicas together.

This rule only reads. The budget is taken atomically in the database at the moment of acting, so reading here can
never let two replicas spend the same last action.
"""

from datetime import timedelta

from bot.policy.file.document import Budget
from bot.policy.file.fields import duration_text
from bot.policy.rules.case import Case, Ruling, escalates, passed
from bot.policy.situation import BudgetState


def budgets(case: Case) -> Ruling:
    """Every budget of the policy must be known and have an action left."""
    states = case.situation.budgets
    if states is None:
        return escalates("The action budgets could not be read.", {"budgets": None})
    inputs = {"budgets": [state.model_dump(mode="json") for state in states]}
    unread = [budget for budget in case.policy.budgets if not any(_is_of(state, budget) for state in states)]
    if unread:
        names = ", ".join(f"{budget.scope} per {duration_text(budget.per)}" for budget in unread)
        return escalates(f"The state of these action budgets is unknown: {names}.", inputs)
    exhausted = [state for state in states if state.used >= state.limit]
    if exhausted:
        return escalates(f"The action budget is used up: {', '.join(_text(state) for state in exhausted)}.", inputs)
    if not states:
        return passed("The policy sets no action budgets.", inputs)
    return passed(f"Every action budget has room: {', '.join(_text(state) for state in states)}.", inputs)


def _is_of(state: BudgetState, budget: Budget) -> bool:
    return (state.scope, state.limit, state.window_seconds) == (
        budget.scope.value,
        budget.actions,
        int(budget.per.total_seconds()),
    )


def _text(state: BudgetState) -> str:
    window = duration_text(timedelta(seconds=state.window_seconds))
    return f"{state.used} of {state.limit} per {window} for {state.subject or state.scope}"
