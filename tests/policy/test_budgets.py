"""Budgets are counted from the ledger: every act, over all runbooks, by what it touched."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.decision import RuleResult
from bot.policy.file.document import Policy
from bot.policy.plan import BlastRadius
from bot.policy.rules.budgets import longest_window, states_of
from bot.policy.situation import LedgerEntry
from tests.policy.calm import ANOTHER, NOW, RUNBOOK, calm_alert, calm_plan, calm_policy, entries, targets
from tests.policy.edges import ESCALATES, PASSED, decided, said

HOUR = timedelta(hours=1)


def of_scope(scope: str, actions: int = 2, **document: Any) -> Policy:
    return calm_policy(budgets=[{"scope": scope, "actions": actions, "per": "1h"}], **document)


@pytest.mark.parametrize(("used", "result"), [(0, PASSED), (4, PASSED), (5, ESCALATES), (6, ESCALATES)])
def test_a_budget_needs_an_action_left(used: int, result: RuleResult) -> None:
    assert said("budgets", ledger=entries(used)).result is result


def test_a_ledger_that_could_not_be_read_asks() -> None:
    reason = said("budgets", ledger=None)
    assert (reason.result, reason.text) == (ESCALATES, "The action budgets could not be read.")


def test_a_policy_without_budgets_has_none_to_exhaust() -> None:
    reason = said("budgets", calm_policy(budgets=[]), ledger=entries(99))
    assert (reason.result, reason.text) == (PASSED, "The policy sets no action budgets.")
    assert said("budgets").text == "Every action budget has room: 0 of 5 per 1h for all."


@pytest.mark.parametrize(
    ("age", "result"),
    [
        (timedelta(minutes=59, seconds=59), ESCALATES),
        (HOUR, PASSED),
        (-HOUR, ESCALATES),  # entered by a host whose clock is ahead
    ],
)
def test_an_entry_counts_within_the_window_however_clocks_differ(age: timedelta, result: RuleResult) -> None:
    assert said("budgets", ledger=entries(5, at=NOW - age)).result is result


def test_a_budget_over_all_counts_every_runbook_and_service() -> None:
    mixed = (*entries(1), *entries(1, runbook=RUNBOOK, services=("checkout",)), *entries(1, services=("",)))
    assert said("budgets", of_scope("all", 3), ledger=mixed).result is ESCALATES
    assert said("budgets", of_scope("all", 4), ledger=mixed).result is PASSED


def test_a_budget_per_service_counts_what_touched_the_service() -> None:
    policy = of_scope("service")
    assert said("budgets", policy, ledger=entries(9, services=("orders",))).result is PASSED
    reason = said("budgets", policy, ledger=entries(2, services=("orders", "checkout")))
    assert (reason.result, reason.text) == (ESCALATES, "The action budget is used up: 2 of 2 per 1h for checkout.")


def test_an_act_on_several_services_needs_room_in_each() -> None:
    firing = (calm_alert(), calm_alert(fingerprint="f2", service="orders"))
    reason = said("budgets", of_scope("service"), alerts=firing, ledger=entries(2, services=("orders",)))
    assert (reason.result, reason.text) == (ESCALATES, "The action budget is used up: 2 of 2 per 1h for orders.")
    assert reason.inputs == {"budgets": ["0 of 2 per 1h for checkout", "2 of 2 per 1h for orders"]}


def test_an_act_on_an_unknown_service_counts_once_as_such() -> None:
    unknown: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="")}
    policy = of_scope("service")
    reason = said("budgets", policy, **unknown, ledger=entries(1, services=("checkout",)))
    assert (reason.result, reason.inputs) == (PASSED, {"budgets": ["0 of 2 per 1h for an unknown service"]})
    assert said("budgets", policy, **unknown, ledger=entries(2, services=("",))).result is ESCALATES
    assert said("budgets", policy, ledger=entries(2, services=("",))).result is PASSED


@pytest.mark.parametrize("scope", ["service", "tier"])
def test_an_unknown_service_may_be_the_one_whose_budget_is_used_up(scope: str) -> None:
    policy = of_scope(scope, services={"checkout": {"tier": 1}})
    unknown: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="")}
    used = entries(2, services=("checkout",))
    assert said("budgets", policy, **unknown, ledger=used[:1]).result is PASSED
    assert said("budgets", policy, **unknown, ledger=used).result is ESCALATES


@pytest.mark.parametrize("scope", ["service", "tier"])
def test_an_act_that_no_service_feels_counts_in_no_services_budget(scope: str) -> None:
    policy, nothing = of_scope(scope), entries(9, services=())
    ticket: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="", touches_service=False)}
    assert said("budgets", policy, **ticket, ledger=entries(9, services=("",))).inputs == {"budgets": []}
    unknown: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="")}
    for judged in ({}, unknown):
        assert said("budgets", policy, **judged, ledger=nothing).result is PASSED
    assert said("budgets", of_scope("all"), **ticket, ledger=nothing).result is ESCALATES


def test_an_alert_that_names_its_service_does_not_hide_that_anothers_is_unknown() -> None:
    firing = (calm_alert(service=""), calm_alert(fingerprint="f2", service="orders"))
    reason = said("budgets", of_scope("service"), alerts=firing, plan=calm_plan(service=""))
    assert reason.inputs == {"budgets": ["0 of 2 per 1h for an unknown service", "0 of 2 per 1h for orders"]}


def test_a_budget_per_tier_counts_the_services_of_a_tier_together() -> None:
    services = {"checkout": {"tier": 1}, "orders": {"tier": 1}, "search": {"tier": 2}}
    policy = of_scope("tier", services=services)
    assert said("budgets", policy, ledger=entries(9, services=("search",))).result is PASSED
    reason = said("budgets", policy, ledger=entries(2, services=("orders",)))
    assert (reason.result, reason.text) == (ESCALATES, "The action budget is used up: 2 of 2 per 1h for tier 1.")


@pytest.mark.parametrize("services", [("nobody-wrote-it-down",), ("",)])
def test_a_service_that_the_policy_does_not_name_has_the_default_tier(services: tuple[str, ...]) -> None:
    reason = said("budgets", of_scope("tier", services={"checkout": {}}), ledger=entries(1, services=services))
    assert reason.inputs == {"budgets": ["1 of 2 per 1h for tier 3"]}


def test_an_act_that_touches_two_tiers_counts_in_both() -> None:
    policy = of_scope("tier", services={"checkout": {"tier": 1}, "orders": {"tier": 2}})
    both = entries(1, services=("checkout", "orders"))
    (tier_1,) = states_of(policy, both, frozenset({"checkout"}), RUNBOOK, NOW)
    (tier_2,) = states_of(policy, both, frozenset({"orders"}), RUNBOOK, NOW)
    assert (tier_1.subject, tier_1.used, tier_2.subject, tier_2.used) == ("1", 1, "2", 1)


def test_a_budget_per_runbook_counts_the_runbooks_own_acts() -> None:
    policy = of_scope("runbook")
    assert said("budgets", policy, ledger=entries(9, runbook=ANOTHER)).result is PASSED
    reason = said("budgets", policy, ledger=entries(2, runbook=RUNBOOK))
    assert (reason.result, reason.text) == (
        ESCALATES,
        "The action budget is used up: 2 of 2 per 1h for restart-checkout.",
    )


def test_a_budget_per_target_leaves_each_target_in_peace() -> None:
    policy = of_scope("target", 1)
    two = {"plan": calm_plan(targets=targets(2), blast_radius=BlastRadius(targets=2, share=0.5))}
    elsewhere, here = entries(9, targets=("supervisor:db",)), entries(1, targets=("supervisor:web1", "supervisor:db"))
    assert said("budgets", policy, **two, ledger=elsewhere).inputs == {
        "budgets": ["0 of 1 per 1h for supervisor:web0", "0 of 1 per 1h for supervisor:web1"]
    }
    reason = said("budgets", policy, **two, ledger=here)
    assert (reason.result, reason.text) == (
        ESCALATES,
        "The action budget is used up: 1 of 1 per 1h for supervisor:web1.",
    )
    assert said("budgets", policy, ledger=here).result is PASSED, "it was another target"
    assert said("budgets", policy, **two, ledger=entries(9)).result is PASSED, "rows of old do not say which"


def test_one_exhausted_budget_among_others_asks_and_is_named() -> None:
    policy = calm_policy(
        budgets=[{"scope": "all", "actions": 5, "per": "1h"}, {"scope": "service", "actions": 3, "per": "10m"}]
    )
    reason = said("budgets", policy, ledger=entries(3, services=("checkout",)))
    assert (reason.result, reason.text) == (ESCALATES, "The action budget is used up: 3 of 3 per 10m for checkout.")
    assert reason.inputs == {"budgets": ["3 of 5 per 1h for all", "3 of 3 per 10m for checkout"]}


def test_the_ledger_is_needed_as_far_back_as_the_longest_window() -> None:
    budgets = [{"scope": "all", "actions": 5, "per": per} for per in ("1h", "1d", "5m")]
    assert longest_window(calm_policy(budgets=budgets)) == timedelta(days=1)
    assert longest_window(calm_policy(budgets=[])) == timedelta(0)


def test_how_the_act_came_about_does_not_matter_for_what_it_used() -> None:
    used = tuple(
        LedgerEntry(action_id=action_id, runbook=RUNBOOK, services=("checkout",), at=NOW)
        for action_id in ("alone", "approved")
    )
    assert decided(of_scope("service"), ledger=used).decisive == "budgets"
