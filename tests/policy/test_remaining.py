"""What must remain: the policy's floor, judged from what the plan counts live and from what else is under way."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.approval import approvals_needed
from bot.policy.decision import RuleResult, Verdict
from bot.policy.file.document import LeaveHealthy, Policy
from bot.policy.plan import Plan, Remaining
from bot.policy.situation import UnderWay
from tests.policy.calm import CALM_POLICY, RUNBOOK, calm_alert, calm_plan, calm_policy
from tests.policy.edges import ESCALATES, PASSED, decided, said

AT_LEAST_TWO = {"count": 2}


def floor(leave_healthy: dict[str, Any] | None = None, **document: Any) -> Policy:
    """The calm policy, in which so much of checkout stays healthy."""
    services = {**CALM_POLICY["services"], "checkout": {"leave_healthy": leave_healthy or AT_LEAST_TWO}}
    return calm_policy(**{"services": services, **document})


def taking(taken: int = 1, *, healthy: int = 4, total: int = 4, **changes: Any) -> Plan:
    return calm_plan(**{"remaining": Remaining(healthy=healthy, total=total, taken=taken), **changes})


def busy(taken: int, *services: str) -> UnderWay:
    return UnderWay(action_id="a9", services=services or ("checkout",), taken=taken)


CALM: dict[str, Any] = {"under_way": ()}


@pytest.mark.parametrize(
    ("leave", "plan", "result"),
    [
        ({"count": 3}, taking(1), PASSED),
        ({"count": 3}, taking(2), ESCALATES),
        ({"count": 4}, taking(1), ESCALATES),
        ({"share": 0.5}, taking(2), PASSED),
        ({"share": 0.5}, taking(3), ESCALATES),
        ({"share": 0.51}, taking(2), ESCALATES),
        ({"share": 1.0}, taking(1), ESCALATES),
        ({"count": 2}, taking(1, healthy=2), ESCALATES),  # two are down already
        ({"count": 1}, taking(5), ESCALATES),
    ],
)
def test_what_is_left_is_held_against_the_floor(leave: dict[str, Any], plan: Plan, result: RuleResult) -> None:
    assert said("leave_healthy", floor(leave), plan=plan, **CALM).result is result


def test_below_the_floor_two_people_must_agree_and_are_told_why() -> None:
    decision = decided(floor({"share": 0.75}), plan=taking(2), **CALM)
    assert (decision.verdict, decision.decisive, decision.approvals_needed) == (Verdict.ASK, "leave_healthy", 2)
    assert decision.headline == (
        "2 of 4 of checkout would stay healthy; the policy wants at least 3. 2 people must agree."
    )
    assert decision.reason("leave_healthy").inputs == {
        "healthy": 4,
        "taken": 2,
        "floors": {"checkout": {"least": 3, "left": 2, "elsewhere": 0}},
    }


def test_above_the_floor_it_is_said_and_one_is_enough() -> None:
    decision = decided(floor(), plan=taking(1), **CALM)
    assert (decision.verdict, decision.approvals_needed) == (Verdict.ACT_UNLESS_STOPPED, 1)
    assert decision.reason("leave_healthy").text == (
        "3 of 4 of checkout would stay healthy; the policy wants at least 2."
    )


@pytest.mark.parametrize(
    ("under_way", "result"),
    [
        ((busy(1),), PASSED),
        ((busy(2),), ESCALATES),
        ((busy(1), busy(1, "orders", "checkout")), ESCALATES),
        ((busy(9, "orders"),), PASSED),
        ((busy(2, ""),), ESCALATES),  # of a service that nobody knows
        ((UnderWay(action_id="a9", services=(), taken=9),), PASSED),  # that no service feels
    ],
)
def test_what_other_actions_take_away_comes_off(under_way: tuple[UnderWay, ...], result: RuleResult) -> None:
    assert said("leave_healthy", floor(), plan=taking(1), under_way=under_way).result is result


def test_what_other_actions_take_away_is_told() -> None:
    reason = said("leave_healthy", floor(), plan=taking(1), under_way=(busy(2),))
    assert reason.text.startswith("1 of 4 of checkout would stay healthy (2 more taken by other actions); the policy")


@pytest.mark.parametrize(
    "unknown",
    [
        {"plan": calm_plan()},
        {"plan": taking(1), "under_way": None},  # nobody looked
        {"plan": taking(1, total=0)},
        {"plan": taking(1, services=frozenset({"orders"}))},  # of two services: what remains of each?
        {"plan": calm_plan(service=""), "alert": calm_alert(service="")},  # it may be this one
    ],
    ids=["no plan counts", "under way", "no total", "two services", "no service"],
)
@pytest.mark.parametrize("leave", [{"count": 2}, {"share": 0.5}], ids=str)
def test_where_nobody_can_tell_what_remains_a_person_is_asked(leave: dict[str, Any], unknown: dict[str, Any]) -> None:
    decision = decided(floor(leave), **{**CALM, **unknown})
    assert (decision.verdict, decision.decisive, decision.approvals_needed) == (Verdict.ASK, "leave_healthy", 1)
    assert decision.headline == (
        "How much of checkout would stay healthy cannot be told; the policy wants some of it left."
    )


def test_a_floor_of_another_service_is_not_broken_by_what_an_alert_calls_itself() -> None:
    services = {**CALM_POLICY["services"], "orders": {"leave_healthy": AT_LEAST_TWO}}
    firing = (calm_alert(), calm_alert(fingerprint="f2", service="orders"))
    reason = said("leave_healthy", calm_policy(services=services), alerts=firing, plan=calm_plan(), **CALM)
    assert (reason.result, reason.text) == (PASSED, "The policy does not say how much must stay healthy here.")


def test_the_service_of_the_alerts_counts_where_the_plan_does_not_tell() -> None:
    assert said("leave_healthy", floor(), plan=taking(1, service=""), **CALM).result is ESCALATES
    elsewhere = calm_alert(service="orders")
    assert said("leave_healthy", floor(), plan=taking(1, service=""), alert=elsewhere, **CALM).result is PASSED


def test_what_takes_nothing_healthy_away_breaks_no_floor() -> None:
    reason = said("leave_healthy", floor({"count": 4}), plan=taking(0, healthy=1), under_way=(busy(3),))
    assert (reason.result, reason.text) == (PASSED, "It takes away nothing that is healthy.")


def test_what_no_service_feels_breaks_no_floor() -> None:
    assert said("leave_healthy", floor(), plan=calm_plan(touches_service=False)).result is PASSED


def test_the_services_that_the_system_itself_names_are_touched() -> None:
    decision = decided(plan=calm_plan(services=frozenset({"orders", " "})))
    assert decision.services == {"checkout", "orders"}
    assert said(
        "leave_healthy", floor(), plan=taking(1, service="", services=frozenset({"checkout"})), **CALM
    ).text == ("3 of 4 of checkout would stay healthy; the policy wants at least 2.")


def test_votes_are_counted_against_what_remains_now() -> None:
    policy = floor()
    assert approvals_needed(policy, RUNBOOK, taking(1), ()) == 1
    assert approvals_needed(policy, RUNBOOK, taking(1), (busy(2),)) == 2
    assert approvals_needed(policy, RUNBOOK, taking(3), ()) == 2
    assert approvals_needed(policy, RUNBOOK, calm_plan(), ()) == 1, "unknown asks, as any question"
    many = floor(defaults={"approvals": {"from": ["sre"], "needed": 3}})
    assert approvals_needed(many, RUNBOOK, taking(3), ()) == 3


@pytest.mark.parametrize(
    ("share", "total", "least"), [(0.1, 30, 3), (0.5, 3, 2), (0.34, 3, 2), (1.0, 7, 7), (0.7, 10, 7), (0.01, 4, 1)]
)
def test_a_share_is_the_next_whole_number_of_instances(share: float, total: int, least: int) -> None:
    assert LeaveHealthy(share=share).least(total) == least


@given(
    total=st.integers(0, 9),
    down=st.integers(0, 9),
    taken=st.integers(0, 9),
    leave=st.one_of(
        st.builds(lambda n: {"count": n}, st.integers(1, 9)),
        st.builds(lambda x: {"share": x}, st.sampled_from((0.1, 0.34, 0.5, 0.75, 1.0))),
    ),
    others=st.lists(st.builds(busy, st.integers(0, 3)), max_size=2),
)
def test_nothing_that_is_healthy_is_taken_alone_below_the_floor(
    total: int, down: int, taken: int, leave: dict[str, Any], others: list[UnderWay]
) -> None:
    healthy = max(0, total - down)
    plan = taking(taken, healthy=healthy, total=total)
    decision = decided(floor(leave), plan=plan, under_way=tuple(others))
    left = healthy - taken - sum(other.taken for other in others)
    enough = total > 0 and (left >= leave["count"] if "count" in leave else left / total >= leave["share"] - 1e-9)
    assert decision.verdict.autonomous == (taken == 0 or enough)
    assert (decision.approvals_needed == 2) == (taken > 0 and total > 0 and not enough)
