"""Budgets that count what is under way at once, and those that bound a share of the fleet."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.file.document import Policy
from bot.policy.plan import BlastRadius
from bot.policy.rules.budgets import longest_window, states_of
from bot.policy.rules.case import BudgetState
from bot.policy.situation import LedgerEntry, UnderWay
from tests.policy.calm import ANOTHER, CALM_POLICY, NOW, RUNBOOK, calm_alert, calm_plan, calm_policy, entries, targets
from tests.policy.edges import ESCALATES, PASSED, said
from tests.policy.small_file import GOOD, errors_of


def at_once(scope: str, limit: int = 1, **document: Any) -> Policy:
    return calm_policy(budgets=[{"scope": scope, "concurrent": limit}], **document)


def busy(number: int = 1, **changes: Any) -> UnderWay:
    facts: dict[str, Any] = {"services": ("orders",), "runbook": ANOTHER, "targets": (f"supervisor:db{number}",)}
    return UnderWay(action_id=f"b{number}", taken=1, **{**facts, **changes})


def of_fleet(scope: str, share: float = 0.5, **document: Any) -> Policy:
    return calm_policy(budgets=[{"scope": scope, "share": share, "per": "1h"}], **document)


@pytest.mark.parametrize(
    ("scope", "here", "elsewhere"),
    [
        ("all", {}, None),
        ("service", {"services": ("checkout", "orders")}, {"services": ("orders",)}),
        ("runbook", {"runbook": RUNBOOK}, {"runbook": ANOTHER}),
        ("target", {"targets": ("supervisor:web0", "supervisor:db")}, {"targets": ("supervisor:db",)}),
    ],
)
def test_so_many_at_once_are_counted_for_each_of_the_scope(
    scope: str, here: dict[str, Any], elsewhere: dict[str, Any] | None
) -> None:
    assert said("budgets", at_once(scope, 2), under_way=(busy(**here),)).result is PASSED
    reason = said("budgets", at_once(scope, 2), under_way=(busy(1, **here), busy(2, **here)))
    assert reason.result is ESCALATES
    assert "2 of 2 at once" in reason.text
    if elsewhere is not None:
        assert said("budgets", at_once(scope), under_way=(busy(**elsewhere),)).result is PASSED


def test_at_once_counts_a_tier_together_and_what_was_done_before_not_at_all() -> None:
    services = {"checkout": {"tier": 1}, "orders": {"tier": 1}, "search": {"tier": 2}}
    policy = at_once("tier", services=services)
    assert said("budgets", policy, under_way=(busy(services=("search",)),), ledger=entries(9)).result is PASSED
    reason = said("budgets", policy, under_way=(busy(),))
    assert (reason.result, reason.text) == (ESCALATES, "The action budget is used up: 1 of 1 at once for tier 1.")


@pytest.mark.parametrize("scope", ["all", "service", "tier", "runbook", "target"])
def test_what_is_under_way_and_cannot_be_known_asks(scope: str) -> None:
    reason = said("budgets", at_once(scope, 9), under_way=None)
    assert reason.result is ESCALATES
    assert reason.text.startswith("An action budget cannot be counted: an unknown number of 9 at once for ")
    (budget,) = at_once(scope, 9).budgets
    assert BudgetState(budget, "", used=None).exhausted, "nobody knows that there is room"


@pytest.mark.parametrize("scope", ["runbook", "target"])
def test_what_an_older_release_has_under_way_may_be_any_runbook_and_any_target(scope: str) -> None:
    assert said("budgets", at_once(scope), under_way=(busy(runbook=None, targets=None),)).result is ESCALATES


@pytest.mark.parametrize("scope", ["service", "tier"])
def test_an_act_on_an_unknown_service_needs_room_wherever_something_is_under_way(scope: str) -> None:
    policy = at_once(scope, services={"checkout": {"tier": 1}, "orders": {"tier": 2}})
    unknown: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="")}
    assert said("budgets", policy, **unknown, under_way=()).result is PASSED
    assert said("budgets", policy, **unknown, under_way=(busy(),)).result is ESCALATES


def test_a_share_counts_the_instances_touched_with_those_of_the_act_itself() -> None:
    policy = of_fleet("service")  # of four
    assert said("budgets", policy).inputs == {"budgets": ["1 of 4 instances per 1h for checkout, of which 50 % may be"]}
    once = entries(1, services=("checkout",), targets=("supervisor:web1",))
    assert said("budgets", policy, ledger=once).result is PASSED
    again = (*once, *entries(1, services=("checkout",), targets=("supervisor:web0",)))
    assert said("budgets", policy, ledger=again).result is PASSED, "the same instance again is no other one"
    twice = (*once, *entries(1, services=("checkout",), targets=("supervisor:web2",)))
    reason = said("budgets", policy, ledger=twice)
    assert (reason.result, reason.text) == (
        ESCALATES,
        "The action budget is used up: 3 of 4 instances per 1h for checkout, of which 50 % may be.",
    )
    elsewhere = entries(9, targets=("supervisor:db",))
    assert said("budgets", policy, ledger=elsewhere).result is PASSED


def test_a_target_that_stands_for_several_instances_counts_with_all_of_them() -> None:
    policy = of_fleet("service")
    three = calm_plan(blast_radius=BlastRadius(targets=3, share=0.5))
    assert said("budgets", policy, plan=three).text.startswith("The action budget is used up: 3 of 4 instances")
    before = entries(1, services=("checkout",), targets=("supervisor:web1",), instances=2)
    assert said("budgets", policy, ledger=before).text.startswith("The action budget is used up: 3 of 4 instances")
    unnamed = entries(2, services=("checkout",))
    assert said("budgets", policy, ledger=unnamed).result is ESCALATES, "rows of old do not say which, so each counts"


def test_the_fleet_of_a_tier_and_of_all_is_that_of_its_services() -> None:
    services = {"checkout": {"tier": 1, "fleet": 4}, "orders": {"tier": 1, "fleet": 4}, "search": {"fleet": 92}}
    assert said("budgets", of_fleet("tier", 0.25, services=services)).inputs == {
        "budgets": ["1 of 8 instances per 1h for tier 1, of which 25 % may be"]
    }
    other = entries(1, targets=("supervisor:db",), instances=2)
    assert said("budgets", of_fleet("tier", 0.25, services=services), ledger=other).result is ESCALATES
    assert said("budgets", of_fleet("all", 0.03, services=services), ledger=other).result is PASSED
    assert said("budgets", of_fleet("all", 0.02, services=services), ledger=other).result is ESCALATES


@pytest.mark.parametrize("scope", ["all", "service", "tier"])
def test_a_share_of_a_fleet_that_nobody_has_written_down_asks(scope: str) -> None:
    policy = of_fleet(scope, services={**CALM_POLICY["services"], "checkout": {}})
    reason = said("budgets", policy)
    assert reason.result is ESCALATES
    assert "An action budget cannot be counted: how many instances there are for" in reason.text
    unknown: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="")}
    assert said("budgets", of_fleet("service"), **unknown).result is ESCALATES


@pytest.mark.parametrize("scope", ["all", "service", "tier"])
def test_what_no_service_feels_has_no_share_of_a_fleet(scope: str) -> None:
    ticket: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="", touches_service=False)}
    assert said("budgets", of_fleet(scope), **ticket).inputs == {"budgets": []}
    nothing = entries(9, services=(), targets=("supervisor:web1",), instances=4)
    assert said("budgets", of_fleet(scope), ledger=nothing).result is PASSED


def test_only_what_is_counted_in_a_time_needs_the_ledger() -> None:
    assert longest_window(at_once("all")).total_seconds() == 0
    assert longest_window(of_fleet("all")).total_seconds() == 3600


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{scope: all, per: 1h}", "a budget needs exactly one of actions, concurrent and share"),
        ("{scope: all, actions: 1, concurrent: 1, per: 1h}", "a budget needs exactly one of"),
        ("{scope: all, actions: 1}", "per is missing"),
        ("{scope: service, share: 0.5}", "per is missing"),
        ("{scope: all, concurrent: 1, per: 1h}", "concurrent counts what is under way at the moment"),
        ("{scope: target, share: 0.5, per: 1h}", "of a target nobody knows how many instances there are"),
        ("{scope: runbook, share: 0.5, per: 1h}", "of a runbook nobody knows how many instances"),
    ],
)
def test_a_budget_that_says_no_limit_or_two_is_an_error_with_its_remedy(written: str, told: str) -> None:
    (problem,) = errors_of(GOOD + f"budgets:\n  - {written}\n")
    assert problem[0] == 20
    assert told in problem[2]


# The ledger, over whatever was done

NAMES = ("checkout", "orders", "search")
SERVICES = {"checkout": {"tier": 1, "fleet": 4}, "orders": {"tier": 1, "fleet": 3}, "search": {"tier": 2, "fleet": 9}}
SCOPES = st.sampled_from(["all", "service", "tier", "runbook", "target"])
ACTS = st.builds(
    lambda services, keys, runbook: LedgerEntry(
        action_id="a", runbook=runbook, services=tuple(services), targets=tuple(keys), instances=len(keys), at=NOW
    ),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True),
    st.lists(st.sampled_from([target.key for target in targets(4)]), min_size=1, max_size=2, unique=True),
    st.sampled_from([RUNBOOK, ANOTHER]),
)


@st.composite
def limits(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["actions", "concurrent", "share"]))
    if kind == "share":
        scope = draw(st.sampled_from(["all", "service", "tier"]))
        return {"scope": scope, "share": draw(st.sampled_from([0.1, 0.34, 0.5, 1])), "per": "1h"}
    limit = {"scope": draw(SCOPES), kind: draw(st.integers(1, 4))}
    return limit | ({"per": "1h"} if kind == "actions" else {})


def admitted(policy: Policy, asking: list[LedgerEntry]) -> list[LedgerEntry]:
    """Those that act when each asks in turn, and none of them ends."""
    done: list[LedgerEntry] = []
    for one in asking:
        under_way = [
            UnderWay(action_id="a", services=d.services, taken=0, runbook=d.runbook, targets=d.targets) for d in done
        ]
        states = states_of(
            policy, done, frozenset(one.services), one.runbook, NOW, targets=one.targets, under_way=under_way
        )
        if not any(state.exhausted for state in states):
            done.append(one)
    return done


def used_by(scope: str, done: list[LedgerEntry]) -> dict[str, list[LedgerEntry]]:
    """What counts for each subject, worked out in another way than the rule does."""
    tiers = {name: str(entry["tier"]) for name, entry in SERVICES.items()}
    of: dict[str, list[LedgerEntry]] = {}
    for one in done:
        subjects = {
            "all": {""},
            "service": set(one.services),
            "tier": {tiers[name] for name in one.services},
            "runbook": {one.runbook},
            "target": set(one.targets),
        }[scope]
        for subject in subjects:
            of.setdefault(subject, []).append(one)
    return of


@given(limits(), st.lists(ACTS, max_size=12))
def test_whoever_asks_in_whatever_order_no_limit_is_ever_passed(
    limit: dict[str, Any], asking: list[LedgerEntry]
) -> None:
    policy = calm_policy(budgets=[limit], services=SERVICES)
    for subject, acts in used_by(limit["scope"], admitted(policy, asking)).items():
        if "share" in limit:
            fleets = {
                "all": 16,
                "service": SERVICES.get(subject, {}).get("fleet"),
                "tier": {"1": 7, "2": 9}.get(subject),
            }
            touched = {key for one in acts for key in one.targets}
            assert len(touched) <= limit["share"] * (fleets[limit["scope"]] or 0) + 1e-6
        else:
            assert len(acts) <= limit.get("actions", limit.get("concurrent", 0))


@given(limits(), st.lists(ACTS, max_size=8), ACTS)
def test_more_on_the_ledger_never_makes_room(limit: dict[str, Any], done: list[LedgerEntry], one: LedgerEntry) -> None:
    policy = calm_policy(budgets=[limit], services=SERVICES)

    def full(ledger: list[LedgerEntry]) -> bool:
        under_way = [
            UnderWay(action_id="a", services=d.services, taken=0, runbook=d.runbook, targets=d.targets) for d in ledger
        ]
        states = states_of(
            policy, ledger, frozenset(one.services), one.runbook, NOW, targets=one.targets, under_way=under_way
        )
        return any(state.exhausted for state in states)

    for more in range(len(done)):
        assert not full(done[:more]) or full(done[: more + 1])
