"""Budgets: how much Watchkeeper may do, over all runbooks and replicas together, counted from one ledger.

The same count decides here and at the claim: there the ledger, and what is under way, are read in the transaction that
enters the action, and writers line up, so two replicas never spend the same last action.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.policy.file.budget import Budget, BudgetScope
from bot.policy.file.document import Policy, Service
from bot.policy.file.fields import duration_text
from bot.policy.percent import percent
from bot.policy.rules.case import ROUNDING, BudgetState, Case, Ruling, escalates, passed
from bot.policy.rules.services import UNKNOWN_SERVICE
from bot.policy.situation import LedgerEntry, UnderWay

OF_SERVICES = frozenset({BudgetScope.SERVICE, BudgetScope.TIER})
"""Scopes in which an act on an unknown service may count for any."""


def states_of(
    policy: Policy,
    ledger: Sequence[LedgerEntry],
    services: frozenset[str],
    runbook: str,
    now: datetime,
    *,
    targets: Collection[str] = (),
    instances: int | None = None,
    under_way: Sequence[UnderWay] | None = (),
) -> tuple[BudgetState, ...]:
    """Every budget of the policy as it stands for an action by this runbook on these, in the policy's order.

    An action that touches several services counts in each; one whose service nobody knows counts once, as such, and
    needs room in each budget that is used up, as it may be the one; one that touches no service counts in no budget of
    a service or tier, and in no share. Which services: ``Services.counted``, or what is on the ledger. Targets go by
    their keys; ``instances`` are what they come to together, each one where nobody says. ``under_way``: what other
    actions do at this moment; None where nobody knows.
    """
    act = _Act(services, frozenset(targets), runbook, len(targets) if instances is None else instances)
    acts = [(entry.at, _of_entry(entry)) for entry in ledger]
    busy = None if under_way is None else [_of_one_under_way(each) for each in under_way]
    states: list[BudgetState] = []
    for budget in policy.budgets:
        recent = [done for at, done in acts if at > now - budget.window]
        if budget.share is not None:
            states += _shares(policy, budget, recent, act)
        else:
            states += _counts(policy, budget, recent if budget.concurrent is None else busy, act)
    return tuple(states)


def longest_window(policy: Policy) -> timedelta:
    """How far back the ledger must be read."""
    return max((budget.window for budget in policy.budgets), default=timedelta(0))


def budgets(case: Case) -> Ruling:
    """Every budget of the policy must be known and have room for this action."""
    states = case.budgets
    if states is None:
        return escalates("The action budgets could not be read.", {"budgets": None})
    inputs = {"budgets": [_text(state) for state in states]}
    if unknown := [state for state in states if state.used is None]:
        return escalates(f"An action budget cannot be counted: {', '.join(_text(one) for one in unknown)}.", inputs)
    exhausted = [state for state in states if state.exhausted]
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
    """What is to be counted, or was. None where older releases did not say: then it may be any."""

    services: frozenset[str]
    targets: frozenset[str] | None
    runbook: str | None
    instances: int = 0


def _of_entry(entry: LedgerEntry) -> _Act:
    targets = frozenset(entry.targets)
    instances = max(len(targets), entry.instances or 0)
    return _Act(frozenset(entry.services), targets, entry.runbook, instances)


def _of_one_under_way(each: UnderWay) -> _Act:
    targets = None if each.targets is None else frozenset(each.targets)
    return _Act(frozenset(each.services), targets, each.runbook)


def _counts(policy: Policy, budget: Budget, acts: Sequence[_Act] | None, act: _Act) -> list[BudgetState]:
    """How many of ``acts`` count for each subject of ``act``."""
    limit = budget.actions if budget.concurrent is None else budget.concurrent
    own = _subjects(policy, budget.scope, act) or frozenset()
    if acts is None or limit is None:
        return [BudgetState(budget, subject, None) for subject in sorted(own)]
    used, any_of_them = Counter[str](), 0
    for one in acts:
        subjects = _subjects(policy, budget.scope, one)
        if subjects is None:
            any_of_them += 1
        else:
            used.update(subjects)
    if budget.scope in OF_SERVICES and UNKNOWN_SERVICE in act.services:
        own |= frozenset(subject for subject, count in used.items() if count >= limit)  # it may be the one
    return [BudgetState(budget, subject, used[subject] + any_of_them) for subject in sorted(own)]


def _shares(policy: Policy, budget: Budget, acts: Sequence[_Act], act: _Act) -> list[BudgetState]:
    """How many instances of each subject are touched, this action's among them."""
    if not act.services:
        return []
    states = []
    for subject in sorted(_subjects(policy, budget.scope, act) or ()):
        felt = [one for one in acts if one.services and subject in (_subjects(policy, budget.scope, one) or ())]
        fleet = _fleet(policy, budget.scope, subject)
        states.append(BudgetState(budget, subject, None if fleet is None else _instances((*felt, act)), fleet))
    return states


def _subjects(policy: Policy, scope: BudgetScope, act: _Act) -> frozenset[str] | None:
    """For whom the act counts; None where it may be for any."""
    match scope:
        case BudgetScope.ALL:
            return frozenset({""})
        case BudgetScope.SERVICE:
            return act.services
        case BudgetScope.TIER:
            return frozenset(str(tier) for tier in tiers_of(policy, act.services))
        case BudgetScope.TARGET:
            return act.targets
        case _:
            return None if act.runbook is None else frozenset({act.runbook})


def _fleet(policy: Policy, scope: BudgetScope, subject: str) -> int | None:
    """How many instances there are; None where that is not written of every service that counts."""
    match scope:
        case BudgetScope.SERVICE:
            fleets = [policy.services.get(subject, Service()).fleet]
        case BudgetScope.TIER:
            fleets = [entry.fleet for entry in policy.services.values() if str(entry.tier) == subject]
        case _:
            fleets = [entry.fleet for entry in policy.services.values()]
    known = [fleet for fleet in fleets if fleet is not None]
    return sum(known) if known and len(known) == len(fleets) else None


def _instances(acts: Iterable[_Act]) -> int:
    """How many different instances these touch together.

    The same target twice is one. A target that stands for several instances (a deployment) counts with as many as any
    of the acts says; what has no targets on record counts with its instances.
    """
    each: dict[str, float] = {}
    unnamed = 0
    for act in acts:
        if not act.targets:
            unnamed += max(1, act.instances)
            continue
        weight = max(1.0, act.instances / len(act.targets))
        for target in act.targets:
            each[target] = max(each.get(target, 0.0), weight)
    return unnamed + math.ceil(sum(each.values()) - ROUNDING)


def _text(state: BudgetState) -> str:
    budget, subject = state.budget, _subject(state)
    per = f" per {duration_text(budget.per)}" if budget.per is not None else ""
    if budget.share is not None:
        share = percent(budget.share)
        if state.fleet is None:
            return f"how many instances there are for {subject} is not known, of which {share} may be touched"
        return f"{state.used} of {state.fleet} instances{per} for {subject}, of which {share} may be"
    limit = budget.concurrent if budget.concurrent is not None else budget.actions
    when = " at once" if budget.concurrent is not None else per
    used = "an unknown number" if state.used is None else state.used
    return f"{used} of {limit}{when} for {subject}"


def _subject(state: BudgetState) -> str:
    match state.budget.scope:
        case BudgetScope.ALL:
            return "all"
        case BudgetScope.TIER:
            return f"tier {state.subject}"
        case _:
            return state.subject or "an unknown service"
