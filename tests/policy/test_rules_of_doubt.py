"""Escalation and confidence at their edges: when a person is called although the plan is in order."""

from typing import Any

import pytest

from bot.policy.decision import RuleResult, Verdict
from bot.policy.evidence import Answer
from bot.policy.file.document import Escalate, Severity
from bot.policy.plan import Effect
from bot.policy.situation import AlertFacts
from tests.policy.calm import (
    BURN,
    CALM_BURN,
    QUERY,
    SUPPORTING,
    burning,
    calm_alert,
    calm_plan,
    calm_policy,
)
from tests.policy.edges import ESCALATES, PASSED, decided, said

# Escalation


def labelled(**labels: str) -> AlertFacts:
    return calm_alert(labels={**calm_alert().labels, **labels})


@pytest.mark.parametrize(
    "word", ["affected", "y", "Y", "on", "true ", "TRUE", "1", "2", "yes", "maybe", "no idea", "-"]
)
@pytest.mark.parametrize("mark", ["billing", "data_integrity"])
def test_a_mark_that_is_not_clearly_a_no_is_a_yes(mark: str, word: str) -> None:
    assert said(mark, alert=labelled(**{mark: word})).result is ESCALATES


@pytest.mark.parametrize("word", ["", "0", "no", "n", "false", "f", "off", "none", " No ", "FALSE", "Off"])
@pytest.mark.parametrize("mark", ["billing", "data_integrity"])
def test_only_clear_words_of_no_are_a_no(mark: str, word: str) -> None:
    assert said(mark, alert=labelled(**{mark: word})).result is PASSED


@pytest.mark.parametrize(("rule", "effect"), [("billing", Effect.BILLING), ("data_integrity", Effect.DATA_INTEGRITY)])
def test_billing_and_data_integrity_ask_whether_the_alert_or_the_plan_says_so(rule: str, effect: Effect) -> None:
    by_alert = decided(alert=labelled(**{rule: "true"}))
    by_plan = decided(plan=calm_plan(effects=frozenset({effect})))
    for decision in (by_alert, by_plan):
        assert (decision.verdict, decision.decisive) == (Verdict.ASK, rule)


@pytest.mark.parametrize(
    ("rate", "result"),
    [
        ("0", PASSED),
        ("2", PASSED),
        ("2.01", ESCALATES),
        ("NaN", ESCALATES),
        ("+Inf", ESCALATES),
        ("-Inf", ESCALATES),
        ("much", ESCALATES),
    ],
)
def test_the_burn_rate_must_be_known_and_not_above_the_threshold(rate: str, result: RuleResult) -> None:
    assert said("slo_burn", answers=burning(rate)).result is result


@pytest.mark.parametrize(
    "answer",
    [
        Answer(),
        Answer(error="no answer"),
        Answer(samples=("0.5",), warnings=("one store did not answer",)),
        Answer(samples=("0.5", "NaN")),
    ],
)
def test_a_burn_rate_without_a_whole_answer_is_unknown(answer: Answer) -> None:
    reason = said("slo_burn", answers=SUPPORTING | {BURN: answer})
    assert (reason.result, reason.text) == (
        ESCALATES,
        "Customer impact could not be measured: the error-budget burn rate is unknown.",
    )
    assert said("slo_burn", answers=SUPPORTING).result is ESCALATES


def test_of_several_burn_rates_the_highest_counts_whichever_comes_first() -> None:
    for samples in (("0.5", "2.5"), ("2.5", "0.5")):
        reason = said("slo_burn", answers=SUPPORTING | {BURN: Answer(samples=samples)})
        assert (reason.result, reason.inputs["slo_burn"]) == (ESCALATES, 2.5)


def test_a_service_without_a_query_for_its_burn_rate_has_none() -> None:
    reason = said("slo_burn", calm_policy(services={}), answers=SUPPORTING)
    assert (reason.result, reason.text) == (PASSED, "No error-budget burn rate is defined for this service.")


def test_where_nobody_knows_the_service_every_burn_rate_counts() -> None:
    unknown: dict[str, Any] = {"alert": calm_alert(service=""), "plan": calm_plan(service="")}
    assert said("slo_burn", answers=burning("2.5"), **unknown).result is ESCALATES
    assert said("slo_burn", answers=SUPPORTING, **unknown).result is ESCALATES
    assert said("slo_burn", answers=burning("0.5"), **unknown).result is PASSED


def test_an_incident_of_several_services_burns_as_fast_as_the_fastest() -> None:
    policy = calm_policy(services={"checkout": {"slo_burn": BURN}, "orders": {"slo_burn": "orders:burn"}})
    firing = (calm_alert(), calm_alert(fingerprint="f2", service="orders"))
    both = SUPPORTING | CALM_BURN
    assert said("slo_burn", policy, alerts=firing, answers=both).result is ESCALATES
    slow, fast = Answer(samples=("1",)), Answer(samples=("3",))
    assert said("slo_burn", policy, alerts=firing, answers=both | {"orders:burn": slow}).inputs["slo_burn"] == 1
    assert said("slo_burn", policy, alerts=firing, answers=both | {"orders:burn": fast}).result is ESCALATES


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
    alert = calm_alert() if severity is None else labelled(security_severity=severity)
    assert said("security", policy, alert=alert).result is result


def test_the_worst_security_severity_of_any_alert_counts() -> None:
    firing = (labelled(security_severity="low"), calm_alert(fingerprint="f2", labels={"security_severity": "critical"}))
    reason = said("security", alerts=firing)
    assert (reason.result, reason.inputs["security_severity"]) == (ESCALATES, "critical")


def test_thresholds_laxer_than_the_rules_themselves_do_not_count() -> None:
    lax = Escalate.model_construct(confidence_below=0.0, slo_burn_above=99.0, security_severity=Severity.CRITICAL)
    policy = calm_policy().model_copy(update={"escalate": lax})
    assert said("confidence", policy, answers={QUERY: Answer()}).result is ESCALATES
    assert said("slo_burn", policy, answers=burning("2.5")).result is ESCALATES
    assert said("security", policy, alert=labelled(security_severity="high")).result is ESCALATES
