"""Other hands: while somebody deploys, drains or maintains what a plan is about, nothing acts on it by itself."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.approval import may_act_by_hand
from bot.policy.decide import decide
from bot.policy.decision import Decision, Verdict
from bot.policy.levels import Level
from bot.policy.situation import Change
from tests.policy.calm import NOW, calm_alert, calm_plan, calm_policy, pause
from tests.policy.edges import decided
from tests.policy.judging import Case, judged, strictness, with_
from tests.policy.strategies import cases


def change(
    *, begins: float = -60, ends: float | None = None, expires: float = 600, change_id: str = "c1", **changes: Any
) -> Change:
    """A change whose times are seconds from now."""
    facts: dict[str, Any] = {
        "change_id": change_id,
        "what": "deploy of checkout 4.2",
        "by": "argo",
        "begins": NOW + timedelta(seconds=begins),
        "ends": None if ends is None else NOW + timedelta(seconds=ends),
        "expires": NOW + timedelta(seconds=expires),
        "services": ("checkout",),
    }
    return Change(**{**facts, **changes})


def during(*changes: Change, **more: Any) -> Decision:
    return decided(changes=changes, **more)


def test_a_change_that_stands_on_the_targets_holds_and_says_who_does_what_until_when() -> None:
    decision = during(change())
    assert (decision.verdict, decision.decisive, decision.level) == (Verdict.HOLD, "changes", Level.L0)
    assert decision.headline == (
        "Others are at work here: deploy of checkout 4.2 on checkout, reported by argo, "
        "until 2026-11-23 12:10 UTC at the latest."
    )
    assert decision.otherwise is Verdict.ACT_UNLESS_STOPPED
    assert decision.controls == ("change:c1",)
    assert may_act_by_hand(decision).allowed


def test_a_change_hides_no_refusal() -> None:
    decision = during(change(), plan=calm_plan(targets=()))
    assert (decision.verdict, decision.otherwise) == (Verdict.HOLD, Verdict.REFUSE)
    permission = may_act_by_hand(decision)
    assert not permission.allowed
    assert "the plan names no target" in permission.text


@pytest.mark.parametrize(
    ("times", "stands"),
    [
        ({"begins": 0}, True),
        ({"begins": 1}, False),
        ({"expires": 1}, True),
        ({"expires": 0}, False),
        ({"ends": 1}, True),
        ({"ends": 0}, False),
        ({"ends": 900, "expires": 0}, False),
    ],
)
def test_it_stands_from_its_beginning_to_its_end_or_until_it_expires(times: dict[str, Any], stands: bool) -> None:
    assert (during(change(**times)).verdict is Verdict.HOLD) == stands


@pytest.mark.parametrize(
    ("on", "stands"),
    [
        ({"services": ()}, True),
        ({"services": ("orders",)}, False),
        ({"services": ("orders", "checkout")}, True),
        ({"services": (), "targets": ("supervisor:web0",)}, True),
        ({"services": (), "targets": ("web*",)}, True),
        ({"services": (), "targets": ("supervisor:db*",)}, False),
        ({"services": ("orders",), "targets": ("web0",)}, True),
    ],
)
def test_it_stands_on_what_it_names_and_on_everything_where_it_names_nothing(on: dict[str, Any], stands: bool) -> None:
    assert (during(change(**on)).verdict is Verdict.HOLD) == stands


def test_where_nobody_knows_the_service_every_change_of_a_service_may_be_on_it() -> None:
    unknown = {"plan": calm_plan(service=""), "alert": calm_alert(service="")}
    assert during(change(services=("orders",)), **unknown).verdict is Verdict.HOLD


def test_it_holds_beside_a_pause_and_both_are_shown_to_whoever_acts_by_hand() -> None:
    decision = during(change(), change(change_id="c2", services=(), targets=("web0",)), pauses=(pause(),))
    assert (decision.verdict, decision.decisive) == (Verdict.HOLD, "controls")
    assert [each.partition(":")[0] for each in decision.controls] == ["pause", "change", "change"]
    assert decision.otherwise is Verdict.ACT_UNLESS_STOPPED


def test_a_moment_after_it_nobody_knows_what_did_what() -> None:
    over = during(change(ends=-1))
    assert (over.verdict, over.decisive) == (Verdict.ASK, "confidence")
    assert "changed a moment ago: deploy of checkout 4.2 (0.75)" in over.headline
    assert during(change(ends=-1, services=("orders",))).verdict is Verdict.ACT_UNLESS_STOPPED
    assert during(change(begins=-3600, ends=-599)).decisive == "confidence"
    assert during(change(begins=-3600, ends=-600)).verdict is Verdict.ACT_UNLESS_STOPPED
    assert during(change(ends=0)).decisive == "confidence"
    assert during(change(begins=60, ends=-1)).verdict is Verdict.ACT_UNLESS_STOPPED, "it was called off"
    assert during(change(begins=-1, ends=-1)).verdict is Verdict.ACT_UNLESS_STOPPED, "it never stood"


def test_without_a_plan_changes_are_not_judged() -> None:
    decision = during(change(), problem="connection refused")
    assert decision.reason("changes").text == "Not judged: there is no plan."


def test_a_runbook_that_asks_anyway_is_held_too() -> None:
    policy = calm_policy({"level": "L1"})
    decision = decided(policy, changes=(change(),))
    assert (decision.verdict, decision.otherwise) == (Verdict.HOLD, Verdict.ASK)


CHANGES = st.builds(
    change,
    begins=st.sampled_from((-900, -60, 0, 60)),
    ends=st.sampled_from((None, -700, -1, 60)),
    expires=st.sampled_from((-1, 600)),
    services=st.sampled_from(((), ("checkout",), ("orders",))),
    targets=st.sampled_from(((), ("web0",), ("db",))),
)


@given(cases(), CHANGES)
def test_a_change_never_makes_the_verdict_less_strict(case: Case, more: Change) -> None:
    situation, policy = case
    before = judged(situation, policy)
    after = decide(with_(situation, changes=(*situation.changes, more)), policy)
    assert strictness(after) >= strictness(before)
    assert (after.otherwise is None) == (after.verdict is not Verdict.HOLD)
