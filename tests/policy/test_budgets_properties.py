"""What must hold of budgets whatever is on the ledger: never one over, and unknown is no room."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.rules.budgets import states_of
from bot.policy.situation import LedgerEntry, UnderWay
from tests.policy.calm import ANOTHER, CALM_POLICY, NOW, RUNBOOK, calm_policy

SERVICES = {**CALM_POLICY["services"], "ledger": {"fleet": 5, "tier": 1}}
BUDGETS: Sequence[dict[str, Any]] = (
    {"scope": "all", "actions": 4, "per": "1h"},
    {"scope": "service", "actions": 2, "per": "1h"},
    {"scope": "tier", "actions": 3, "per": "30m"},
    {"scope": "runbook", "actions": 3, "per": "2h"},
    {"scope": "target", "actions": 1, "per": "10m"},
)
POLICY = calm_policy(services=SERVICES, budgets=list(BUDGETS))
AT_ONCE = calm_policy(services=SERVICES, budgets=[{"scope": one["scope"], "concurrent": 1} for one in BUDGETS])
SHARES = calm_policy(
    services=SERVICES, budgets=[{"scope": scope, "share": 0.4, "per": "1h"} for scope in ("all", "service", "tier")]
)
NAMES = st.sampled_from((("checkout",), ("orders",), ("checkout", "orders"), ("ledger",), ("",), ()))
KEYS = st.sampled_from((("a",), ("b",), ("a", "b"), ()))
RUNBOOKS = st.sampled_from((RUNBOOK, ANOTHER))
Act = tuple[tuple[str, ...], tuple[str, ...], str]
acts = st.tuples(NAMES, KEYS, RUNBOOKS)


@st.composite
def entries(draw: st.DrawFn) -> LedgerEntry:
    services, targets, runbook = draw(acts)
    return entry((services, targets, runbook), NOW - timedelta(minutes=draw(st.integers(0, 150))))


def entry(act: Act, at: datetime) -> LedgerEntry:
    services, targets, runbook = act
    return LedgerEntry(action_id="a", runbook=runbook, services=services, targets=targets, at=at)


def full(ledger: Sequence[LedgerEntry], act: Act, *, policy: Any = POLICY, now: datetime = NOW) -> set[tuple[Any, str]]:
    """The budgets that have no room for the act, each with for whom."""
    services, targets, runbook = act
    states = states_of(policy, ledger, frozenset(services), runbook, now, targets=targets)
    return {(state.budget.scope, state.subject) for state in states if state.exhausted}


ledgers = st.lists(entries(), max_size=8)


@given(ledgers, entries(), acts)
def test_what_was_done_never_makes_room(ledger: list[LedgerEntry], one_more: LedgerEntry, act: Act) -> None:
    for policy in (POLICY, SHARES):
        assert full([*ledger, one_more], act, policy=policy) >= full(ledger, act, policy=policy)


@given(ledgers, acts, st.randoms(use_true_random=False))
def test_the_order_of_the_ledger_changes_nothing(ledger: list[LedgerEntry], act: Act, random: Any) -> None:
    shuffled = list(ledger)
    random.shuffle(shuffled)
    for policy in (POLICY, SHARES):
        assert full(ledger, act, policy=policy) == full(shuffled, act, policy=policy)


@given(ledgers, acts, st.timedeltas(timedelta(0), timedelta(hours=3)))
def test_time_alone_never_uses_anything_up(ledger: list[LedgerEntry], act: Act, later: timedelta) -> None:
    for policy in (POLICY, SHARES):
        assert full(ledger, act, policy=policy, now=NOW + later) <= full(ledger, act, policy=policy)


@given(ledgers, st.sampled_from(("checkout", "orders", "ledger")), KEYS)
def test_where_nobody_knows_the_service_no_service_that_is_used_up_has_room(
    ledger: list[LedgerEntry], service: str, keys: tuple[str, ...]
) -> None:
    assert full(ledger, (("",), keys, RUNBOOK)) >= {
        (scope, subject)
        for scope, subject in full(ledger, ((service,), keys, RUNBOOK))
        if scope.value in ("all", "service", "target", "runbook")
    }


@given(acts)
def test_what_is_under_way_and_nobody_knows_leaves_no_room(act: Act) -> None:
    services, targets, runbook = act
    states = states_of(AT_ONCE, (), frozenset(services), runbook, NOW, targets=targets, under_way=None)
    assert all(state.used is None and state.exhausted for state in states)
    assert states
    busy = UnderWay(action_id="a9", services=services, taken=0, targets=targets, runbook=runbook)
    states = states_of(AT_ONCE, (), frozenset(services), runbook, NOW, targets=targets, under_way=(busy,))
    assert all(state.exhausted for state in states)


@given(st.lists(st.tuples(acts, st.integers(0, 40)), min_size=1, max_size=30))
@settings(max_examples=150)
def test_of_whatever_is_asked_for_never_one_more_is_let_through_than_fits_into_any_window(
    asked: list[tuple[Act, int]],
) -> None:
    ledger: list[LedgerEntry] = []
    now = NOW
    for act, minutes in asked:
        now += timedelta(minutes=minutes)
        if not full(ledger, act, now=now):
            ledger.append(entry(act, now))
    for let in ledger:
        window = [one for one in ledger if let.at - timedelta(hours=1) < one.at <= let.at]
        assert len(window) <= 4
        for service in let.services:
            assert sum(service in one.services for one in window) <= 2
        lately = [one for one in ledger if let.at - timedelta(minutes=10) < one.at <= let.at]
        for target in let.targets:
            assert sum(target in one.targets for one in lately) == 1
        long = [one for one in ledger if let.at - timedelta(hours=2) < one.at <= let.at]
        assert sum(one.runbook == let.runbook for one in long) <= 3
