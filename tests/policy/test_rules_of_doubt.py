"""Escalation and confidence at their edges: when a person is called although the plan is in order."""

from datetime import timedelta

import pytest

from bot.policy.decision import RuleResult, Verdict
from bot.policy.file.document import Escalate, Severity
from bot.policy.plan import Effect
from bot.policy.situation import (
    Evidence,
    Finding,
    History,
    Impact,
    PastAction,
)
from tests.policy.calm import (
    NOW,
    RUNBOOK,
    calm_plan,
    calm_policy,
    evidence,
)
from tests.policy.edges import ESCALATES, PASSED, decided, said

# Escalation


@pytest.mark.parametrize("floor", [0.5, 0.8, 0.9])
def test_confidence_at_the_floor_passes_and_below_it_asks(floor: float) -> None:
    policy = calm_policy(escalate={"confidence_below": floor})
    assert said("confidence", policy).result is PASSED
    assert said("confidence", policy, evidence=evidence(Finding.UNKNOWN)).result is ESCALATES


def test_confidence_just_below_the_floor_asks() -> None:
    decision = decided(calm_policy(escalate={"confidence_below": 0.91}))
    assert (decision.verdict, decision.decisive, decision.confidence) == (Verdict.ASK, "confidence", 0.9)
    assert decision.headline == "Confidence is below 91%, at 90%: evidence supports the alert: still_down."


@pytest.mark.parametrize(("rule", "effect"), [("billing", Effect.BILLING), ("data_integrity", Effect.DATA_INTEGRITY)])
def test_billing_and_data_integrity_ask_whether_the_alert_or_the_plan_says_so(rule: str, effect: Effect) -> None:
    by_alert = decided(impact=Impact(**{rule: True}))
    by_plan = decided(plan=calm_plan(effects=frozenset({effect})))
    for decision in (by_alert, by_plan):
        assert (decision.verdict, decision.decisive) == (Verdict.ASK, rule)


@pytest.mark.parametrize(
    ("burn", "result"),
    [
        (0.0, PASSED),
        (2.0, PASSED),
        (2.01, ESCALATES),
        (None, ESCALATES),
        (float("nan"), ESCALATES),
        (float("inf"), ESCALATES),
        (float("-inf"), ESCALATES),
    ],
)
def test_the_burn_rate_must_be_known_and_not_above_the_threshold(burn: float | None, result: RuleResult) -> None:
    assert said("slo_burn", impact=Impact(slo_burn=burn, slo_measured=True)).result is result


def test_a_burn_rate_counts_as_measured_when_the_policy_has_a_query_for_it() -> None:
    policy = calm_policy(services={"checkout": {"slo_burn": "burn"}})
    assert said("slo_burn", policy, impact=Impact()).result is ESCALATES
    assert said("slo_burn", impact=Impact()).result is PASSED


@pytest.mark.parametrize(
    ("threshold", "severity", "result"),
    [
        ("high", None, PASSED),
        ("high", "low", PASSED),
        ("high", "medium", PASSED),
        ("high", " HIGH ", ESCALATES),
        ("high", "critical", ESCALATES),
        ("high", "catastrophic", ESCALATES),
        ("high", "", ESCALATES),
        ("medium", "medium", ESCALATES),
        ("medium", "low", PASSED),
        ("low", "low", ESCALATES),
    ],
)
def test_security_severity_asks_from_the_threshold_up(threshold: str, severity: str | None, result: RuleResult) -> None:
    policy = calm_policy(escalate={"security_severity": threshold})
    assert said("security", policy, impact=Impact(security_severity=severity)).result is result


def test_thresholds_laxer_than_the_rules_themselves_do_not_count() -> None:
    lax = Escalate.model_construct(confidence_below=0.0, slo_burn_above=99.0, security_severity=Severity.CRITICAL)
    policy = calm_policy().model_copy(update={"escalate": lax})
    assert said("confidence", policy, evidence=evidence(Finding.CONTRADICTS)).result is ESCALATES
    assert said("slo_burn", policy, impact=Impact(slo_burn=2.5)).result is ESCALATES
    assert said("security", policy, impact=Impact(security_severity="high")).result is ESCALATES


# Confidence


@pytest.mark.parametrize(
    ("findings", "score"),
    [
        ((), 0.0),
        ((Finding.SUPPORTS,), 0.9),
        ((Finding.SUPPORTS, Finding.SUPPORTS), 0.95),
        ((Finding.SUPPORTS, Finding.UNKNOWN), 0.2),
        ((Finding.UNKNOWN,), 0.0),
        ((Finding.SUPPORTS, Finding.CONTRADICTS), 0.1),
        ((Finding.UNKNOWN, Finding.CONTRADICTS), 0.1),
    ],
)
def test_confidence_can_be_recomputed_by_hand(findings: tuple[Finding, ...], score: float) -> None:
    assert decided(evidence=evidence(*findings)).confidence == pytest.approx(score)


def test_without_configured_evidence_confidence_is_below_every_floor() -> None:
    decision = decided(calm_policy({"evidence": {}}, escalate={"confidence_below": 0.5}), evidence=())
    assert (decision.confidence, decision.decisive) == (0.4, "confidence")


def test_a_configured_query_without_an_answer_is_unknown_not_absent() -> None:
    other = Evidence(name="other", query="up", finding=Finding.SUPPORTS)
    assert decided(evidence=(other,)).confidence == 0.2


def past(outcome: str, *, hours: float = 1, runbook: str = RUNBOOK) -> PastAction:
    return PastAction(
        action_id="a", runbook=runbook, service="checkout", outcome=outcome, at=NOW - timedelta(hours=hours)
    )


@pytest.mark.parametrize("outcome", ["failed", "rolled_back", "unknown", "never seen"])
def test_a_recent_failure_of_the_same_runbook_asks(outcome: str) -> None:
    decision = decided(history=History(actions=(past(outcome),)))
    assert (decision.verdict, decision.confidence) == (Verdict.ASK, 0.675)
    assert "1 failed run of restart-checkout in the last 24 hours" in decision.headline


@pytest.mark.parametrize(
    "harmless",
    [
        past("succeeded"),
        past("stopped"),
        past("overridden"),
        past("expired"),
        past("superseded"),
        past("failed", hours=24.01),
        past("failed", runbook="another"),
    ],
)
def test_success_what_never_ran_old_failures_and_other_runbooks_change_nothing(harmless: PastAction) -> None:
    assert decided(history=History(actions=(harmless,))).confidence == 0.9


def test_failures_add_up_and_count_for_exactly_a_day() -> None:
    actions = (past("failed"), past("failed", hours=24))
    decision = decided(history=History(actions=actions))
    assert decision.confidence == pytest.approx(0.9 * 0.75 * 0.75, abs=1e-4)
    assert decision.reason("confidence").inputs["recent_failures"] == 2
