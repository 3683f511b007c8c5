"""Everything a decision keeps, whole: it is stored, and a year later nothing else says what was known."""

from typing import Any

import pytest

from bot.policy.decide import undecided
from bot.policy.decision import Decision, Verdict
from bot.policy.evidence import Evidence, Finding
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import BlastRadius
from bot.policy.situation import Change, Evidenced, Gate, Notification, Oversight, ScopeKind, UnderWay
from tests.policy.calm import (
    ANOTHER,
    NOW,
    QUERY,
    asked_for,
    calm_alert,
    calm_plan,
    calm_policy,
    calm_situation,
    evidenced,
    past_case,
    pause,
)
from tests.policy.edges import FORBIDS, PASSED, decided

TWO = calm_policy(after={ANOTHER: {"when": "alert.name == 'Slow'"}})
FIRING = (
    calm_alert(fingerprint="f2", name="Slow", severity="warning"),
    calm_alert(),
    calm_alert(fingerprint="f3", name="Unheard", severity="info"),
    calm_alert(fingerprint="f4", name="Unheard", severity="info"),
)
DOWN = (Evidence(name="still_down", query=QUERY, finding=Finding.SUPPORTS, detail="value 0", value=0.0),)
KNOWN = {"runbook": "restart-checkout", "alert": 1, "evidence": DOWN, "unmatched": ("Unheard",), "others": (ANOTHER,)}


def kept(decision: Decision) -> dict[str, Any]:
    """Every field but the reasons and what they are drawn from."""
    return {name: getattr(decision, name) for name in Decision.model_fields if name not in ("reasons", "parts", "sure")}


def read(decision: Decision, *rules: str) -> dict[str, Any]:
    return {rule: decision.reason(rule).inputs for rule in rules}


def test_what_is_kept_of_an_act() -> None:
    decision = decided(TWO, alerts=FIRING)
    assert kept(decision) == KNOWN | {
        "verdict": Verdict.ACT_UNLESS_STOPPED,
        "level": Level.L3,
        "decisive": "level",
        "headline": "L3, bounded: it acts in 30 s unless somebody stops it.",
        "otherwise": None,
        "shadow": None,
        "confidence": 0.8217,
        "approvals_needed": 1,
        "veto_window_seconds": 30,
        "policy_digest": TWO.digest,
        "plan_digest": calm_plan().digest,
        "services": {"checkout"},
        "controls": (),
    }
    assert [(part.name, round(part.factor, 3)) for part in decision.parts] == [("evidence", 0.9), ("cases", 0.913)]
    assert decision.sure == "82 % sure: the evidence supports it; it worked in 3 of 3 cases, all on staging."
    assert read(decision, "runbook", "plan", "controls", "changes", "level") == {
        "runbook": {"runbook": "restart-checkout", "undetermined": []},
        "plan": {"remediation": "restart_service"},
        "controls": {"controls": []},
        "changes": {"changes": []},
        "level": {"runbook": "L3", "highest": "L3", "granted": "L3", "in_force": "L3"},
    }
    assert decision.reason("runbook").text == "restart-checkout: Restart a service that stopped answering"
    assert decision.reason("plan").text == "Restart web0 through supervisor."


def test_what_is_kept_where_it_is_held() -> None:
    deploy = Change(
        change_id="c1", what="deploy", by="argo", begins=NOW, expires=NOW.replace(hour=13), services=("checkout",)
    )
    decision = decided(TWO, alerts=FIRING, pauses=(pause(),), changes=(deploy,))
    assert kept(decision) == KNOWN | {
        "verdict": Verdict.HOLD,
        "level": Level.L0,
        "decisive": "controls",
        "headline": "Automation is paused here: U02BOB paused everything until somebody resumes it (deploying).",
        "otherwise": Verdict.ACT_UNLESS_STOPPED,
        "shadow": None,
        "confidence": 0.8217,
        "approvals_needed": 1,
        "veto_window_seconds": 0,
        "policy_digest": TWO.digest,
        "plan_digest": calm_plan().digest,
        "services": {"checkout"},
        "controls": ("pause:p1:2026-11-23T12:00:00+00:00", "change:c1"),
    }
    assert decision.reason("level").inputs["in_force"] == "L0"
    assert decision.reason("changes").inputs["changes"]


@pytest.mark.parametrize(
    ("changes", "runbook", "problem", "text"),
    [
        ({"problem": " no answer. "}, True, " no answer. ", "No plan could be made: no answer. People must handle it."),
        ({"plan": calm_plan(remediation="other")}, True, "",
         "The plan is for other, but restart-checkout names restart_service: people must handle it."),
        ({"request": asked_for(runbook="gone")}, False, "", "There is no plan, because there is no runbook."),
    ],
)  # fmt: skip
def test_what_is_kept_where_there_is_nothing_to_judge(
    changes: dict[str, Any], runbook: bool, problem: str, text: str
) -> None:
    decision = decided(TWO, alerts=FIRING, pauses=(pause(),), **changes)
    assert kept(decision) == (
        KNOWN if runbook else KNOWN | {"runbook": None, "evidence": (), "others": decision.others}
    ) | {
        "verdict": Verdict.OBSERVE,
        "level": Level.L0,
        "decisive": "plan" if runbook else "runbook",
        "headline": text if runbook else "The policy no longer has the runbook gone: people must handle it.",
        "otherwise": None,
        "shadow": None,
        "confidence": None,
        "approvals_needed": 1,
        "veto_window_seconds": 0,
        "policy_digest": TWO.digest,
        "plan_digest": None,
        "services": frozenset(),
        "controls": (),
    }
    assert decision.reason("plan").text == text
    assert decision.reason("plan").result is FORBIDS
    assert decision.reason("runbook").result is (PASSED if runbook else FORBIDS)
    assert read(decision, "plan", "runbook") == {
        "plan": {"plan_problem": problem},
        "runbook": {"runbook": "restart-checkout" if runbook else "gone", "undetermined": []},
    }
    paused = decision.reason("controls")
    assert "U02BOB paused everything" in paused.text
    assert decision.reason("changes").text == decision.reason("level").text == "Not judged: there is no plan."


def test_what_needs_nothing_says_so_once() -> None:
    situation = calm_situation()
    planned = situation.plans["restart-checkout"].model_copy(
        update={"plan": None, "problem": " web0 runs. ", "nothing_to_do": True}
    )
    decision = decided(plans={"restart-checkout": planned})
    assert decision.reason("plan").result is FORBIDS
    assert decision.headline == "Nothing to do: web0 runs. If it is not well all the same, look there."
    assert decision.decisive == "plan"


def test_a_problem_of_ours_is_kept_beside_what_the_policy_has() -> None:
    decision = undecided(calm_situation(TWO, alerts=FIRING), TWO, "the disk is full")
    assert kept(decision).items() >= {"runbook": "restart-checkout", "alert": 1, "unmatched": ("Unheard",)}.items()
    assert decision.reason("plan").inputs == {"plan_problem": "the disk is full"}


def test_what_could_not_be_told_of_an_entry_is_kept_with_the_runbook() -> None:
    policy = calm_policy(before={ANOTHER: {"when": "alert.labels.absent == 'x'"}})
    (told,) = decided(policy).reason("runbook").inputs["undetermined"]
    assert "absent" in told


def test_two_reasons_of_mutes_are_both_told() -> None:
    mutes = [{"when": f"alert.name == '{name}'", "reason": f"{name} is noise"} for name in ("ServiceDown", "Slow")]
    decision = decided(calm_policy(mute=mutes), alerts=FIRING[:2])
    assert decision.reason("runbook").result is FORBIDS
    assert decided(alert=calm_alert(name="Other")).reason("runbook").result is FORBIDS
    assert decision.headline == "Muted by the policy: ServiceDown is noise; Slow is noise."


UNLICENSED: dict[str, Any] = {"evidenced": {"restart-checkout": Evidenced(cases=())}}
SHADOWS: dict[str, tuple[Policy, dict[str, Any], Verdict | None]] = {
    "a licence": (calm_policy(), {}, None),
    "no gates": (calm_policy(), UNLICENSED, Verdict.ACT_UNLESS_STOPPED),
    "no gates for L2": (calm_policy({"level": "L2"}), UNLICENSED, Verdict.ACT),
    "no gates, and something else against it": (
        calm_policy(), UNLICENSED | {"oversight": Oversight(audited=True, notification=Notification.FAILED)},
        Verdict.ASK,
    ),
    "nothing written for it": (calm_policy({"level": "L1"}), UNLICENSED, None),
    "an organisation at L1": (calm_policy(levels={"highest": "L1"}), UNLICENSED, None),
}  # fmt: skip


@pytest.mark.parametrize("case", SHADOWS)
def test_the_shadow_says_what_it_would_be_with_a_licence_and_decides_nothing(case: str) -> None:
    policy, changes, shadow = SHADOWS[case]
    decision = decided(policy, **changes)
    assert decision.shadow is shadow
    assert shadow is None or decision.verdict is Verdict.ASK


def test_one_gate_that_is_missing_makes_a_shadow() -> None:
    policy = calm_policy()
    decision = decided(policy, evidenced=evidenced(policy, set(Gate) - {Gate.HUMAN_SIGN_OFF}))
    assert (decision.verdict, decision.shadow) == (Verdict.ASK, Verdict.ACT_UNLESS_STOPPED)


# What is drawn from where


def test_what_others_report_is_told_before_what_the_system_shows() -> None:
    deploy = Change(change_id="c1", what="deploy", by="argo", begins=NOW, expires=NOW.replace(hour=13))
    decision = decided(changes=(deploy,), plan=calm_plan(changing=("web0 is being rolled out",)))
    assert (decision.verdict, decision.decisive) == (Verdict.HOLD, "changes")
    assert [control.partition(":")[0] for control in decision.controls] == ["change", "seen"]
    assert decided(plan=calm_plan(changing=("web0 is being rolled out",))).verdict is Verdict.HOLD


def test_a_runbook_that_asks_only_its_targets_whether_they_are_well_is_judged() -> None:
    policy = calm_policy({"verify": {"within": "2m"}})
    assert decided(policy).verdict is Verdict.ACT_UNLESS_STOPPED


def test_what_a_person_fills_in_counts_like_what_an_alert_says() -> None:
    assert decided(request=asked_for(parameters={"billing": "yes"})).decisive == "billing"


def test_runs_on_the_twin_count_for_the_runbook_as_it_is() -> None:
    policy = calm_policy()
    ran = [
        past_case(number, staging=True, digest=digest)
        for digest, numbers in ((policy.runbooks["restart-checkout"].digest, range(4)), ("another", range(4, 9)))
        for number in numbers
    ]
    held = evidenced(policy)["restart-checkout"].model_copy(update={"cases": tuple(ran)})
    assert decided(policy, evidenced={"restart-checkout": held}).reason("cases").inputs["staging"] == 4


def test_budgets_count_what_a_target_stands_for_and_what_is_under_way() -> None:
    share = calm_policy(budgets=[{"scope": "service", "share": 0.5, "per": "1h"}])
    three = calm_plan(blast_radius=BlastRadius(targets=3, share=0.5))
    assert decided(share).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(share, plan=three).reason("budgets").result.value == "escalates"
    at_once = calm_policy(budgets=[{"scope": "all", "concurrent": 1}])
    busy = (UnderWay(action_id="a9", services=("orders",), taken=0),)
    assert decided(at_once, under_way=busy).decisive == "budgets"
    assert decided(at_once, under_way=()).verdict is Verdict.ACT_UNLESS_STOPPED


def test_what_else_may_be_meant_makes_it_less_sure_rivals_first() -> None:
    doubtful = {ANOTHER: {"when": "alert.labels.absent == 'x'"}}
    alone = decided(calm_policy(before=doubtful))
    assert [part.text for part in alone.parts if part.name == "ambiguity"] == [
        f"other runbooks may be meant: {ANOTHER}"
    ]
    both = calm_policy(before=doubtful, after={"third": {"when": "alert.name == 'Slow'"}})
    decision = decided(both, alerts=(calm_alert(), calm_alert(fingerprint="f2", name="Slow")))
    (told,) = (part.text for part in decision.parts if part.name == "ambiguity")
    assert told == f"other runbooks may be meant: third, {ANOTHER}"


def test_where_there_is_no_plan_a_pause_is_told_of_what_is_not_muted_and_of_all_where_all_is() -> None:
    policy = calm_policy(mute=[{"when": "alert.name == 'Noise'", "reason": "it is noise"}])
    noise = calm_alert(fingerprint="f2", name="Noise", service="orders", labels={"service": "orders"})
    paused = {service: (pause(ScopeKind.SERVICE, service),) for service in ("checkout", "orders")}
    for firing, service, told in (
        ((calm_alert(), noise), "orders", PASSED),
        ((calm_alert(), noise), "checkout", FORBIDS),
        ((noise,), "orders", FORBIDS),
        ((noise,), "checkout", PASSED),
    ):
        decision = decided(policy, alerts=firing, pauses=paused[service], problem="no answer")
        assert decision.reason("controls").result is told, (firing, service)


def test_what_a_person_asks_for_is_judged_although_every_alert_is_muted() -> None:
    policy = calm_policy(mute=[{"when": "true", "reason": "a rehearsal"}])
    decision = decided(policy, request=asked_for())
    assert decision.reason("runbook").result is PASSED
    assert decision.reason("runbook").text == "restart-checkout: Restart a service that stopped answering"
