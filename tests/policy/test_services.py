"""Which services a plan touches, and what it means that nobody knows."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.plan import Plan
from bot.policy.rules.services import Services, services_of
from bot.policy.situation import ScopeKind
from tests.policy.calm import NOW, calm_alert, calm_plan, calm_policy, pause, targets
from tests.policy.edges import decided

NAMELESS: dict[str, Any] = {"alert": calm_alert(service="", labels={}), "plan": calm_plan(service="")}
"""Neither the alert nor the plan says what it is about."""


def owning(*patterns: str) -> Policy:
    """A policy by which orders says which targets are its own."""
    return calm_policy(services={"checkout": {}, "orders": {"targets": patterns}})


def frozen(*services: str) -> Policy:
    hour = timedelta(hours=1)
    freeze = {"name": "release", "from": NOW - hour, "until": NOW + hour, "services": services}
    return calm_policy(freezes=[freeze], services={name: {} for name in services})


@pytest.mark.parametrize("pattern", ["supervisor:web0", "web0", "supervisor:*", "web?", "*"])
def test_a_service_may_say_which_targets_are_its_own_by_key_or_by_name(pattern: str) -> None:
    decision = decided(owning(pattern))
    assert decision.services == {"checkout", "orders"}
    assert decided(owning(pattern), pauses=(pause(ScopeKind.SERVICE, "orders"),)).verdict is Verdict.HOLD


@pytest.mark.parametrize("pattern", ["supervisor:db*", "WEB0", "web", "other:web0"])
def test_a_pattern_that_fits_no_target_claims_nothing(pattern: str) -> None:
    decision = decided(owning(pattern))
    assert decision.services == {"checkout"}
    assert decided(owning(pattern), pauses=(pause(ScopeKind.SERVICE, "orders"),)).verdict is Verdict.ACT_UNLESS_STOPPED


def test_any_one_of_the_targets_makes_it_touch_the_service() -> None:
    assert decided(owning("web1"), plan=calm_plan(targets=targets(2))).services == {"checkout", "orders"}


def test_what_an_alert_calls_itself_does_not_hide_what_the_plan_touches() -> None:
    for named in ("alert", "plan"):
        changes: dict[str, Any] = {"alert": calm_alert(service="cart")} if named == "alert" else {}
        changes |= {"plan": calm_plan(service="cart")} if named == "plan" else {}
        assert decided(pauses=(pause(ScopeKind.SERVICE, "cart"),), **changes).verdict is Verdict.HOLD


def test_a_plan_of_which_nobody_knows_the_service_is_under_every_services_pause_and_freeze() -> None:
    assert decided(**NAMELESS).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(**NAMELESS).services == {""}, "recorded, so that what comes later is held by it too"
    assert decided(**NAMELESS, pauses=(pause(ScopeKind.SERVICE, "anything"),)).verdict is Verdict.HOLD
    assert decided(frozen("search"), **NAMELESS).verdict is Verdict.HOLD
    assert decided(frozen("search")).verdict is Verdict.ACT_UNLESS_STOPPED


def test_a_plan_that_says_that_no_service_feels_it_is_under_no_services_pause() -> None:
    ticket = NAMELESS | {"plan": calm_plan(service="", touches_service=False)}
    assert decided(**ticket, pauses=(pause(ScopeKind.SERVICE, "anything"),)).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(**ticket, pauses=(pause(),)).verdict is Verdict.HOLD


def test_another_alerts_service_does_not_make_it_known_what_this_one_is_about() -> None:
    firing = (calm_alert(service=""), calm_alert(fingerprint="f2", service="orders"))
    held = decided(alerts=firing, plan=calm_plan(service=""), pauses=(pause(ScopeKind.SERVICE, "checkout"),))
    assert held.verdict is Verdict.HOLD
    assert held.services == {"", "orders"}


@pytest.mark.parametrize("plan", [calm_plan(), calm_plan(service="", targets=targets(2))])
def test_where_the_plan_itself_says_it_no_alert_needs_to(plan: Plan) -> None:
    services = services_of(owning("web1"), (calm_alert(service=""),), plan)
    assert services.known
    assert not services.may_be("search")


def test_without_a_plan_every_alert_must_name_its_service() -> None:
    policy = calm_policy()
    assert services_of(policy, (calm_alert(),), None).known
    assert not services_of(policy, (calm_alert(), calm_alert(service="")), None).known


@pytest.mark.parametrize(
    "touched",
    [
        Services(frozenset({"checkout"}), known=True),
        Services(frozenset({"checkout"}), known=False),
        Services(frozenset(), known=True),
        Services(frozenset(), known=False),
    ],
)
def test_what_was_recorded_says_whether_it_was_known(touched: Services) -> None:
    assert Services.recorded(touched.counted) == touched
