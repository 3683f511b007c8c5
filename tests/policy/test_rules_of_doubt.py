"""Escalation and confidence at their edges: when a person is called although the plan is in order."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.decision import Decision, RuleResult, Verdict
from bot.policy.evidence import Answer, Finding
from bot.policy.file.document import Escalate, Severity
from bot.policy.plan import Effect
from bot.policy.situation import AlertFacts, History, PastAction
from tests.policy.calm import (
    ANSWERS,
    BURN,
    CALM_BURN,
    NOW,
    QUERY,
    RUNBOOK,
    SUPPORTING,
    burning,
    calm_alert,
    calm_plan,
    calm_policy,
)
from tests.policy.edges import ESCALATES, PASSED, decided, said

# Escalation


@pytest.mark.parametrize("floor", [0.5, 0.8, 0.9])
def test_confidence_at_the_floor_passes_and_below_it_asks(floor: float) -> None:
    policy = calm_policy(escalate={"confidence_below": floor})
    assert said("confidence", policy).result is PASSED
    assert said("confidence", policy, answers={}).result is ESCALATES


def test_confidence_just_below_the_floor_asks() -> None:
    decision = decided(calm_policy(escalate={"confidence_below": 0.91}))
    assert (decision.verdict, decision.decisive, decision.confidence) == (Verdict.ASK, "confidence", 0.9)
    assert decision.headline == "Confidence is below 91%, at 90%: evidence supports the alert: still_down."


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


# Confidence

THREE = {"still_down": QUERY, "more": "count(up) == 0", "most": "sum(up) == 0"}


def found(*findings: Finding) -> Decision:
    """Decided by a runbook with as many queries as there are findings."""
    queries = dict(list(THREE.items())[: len(findings)])
    answers = {query: ANSWERS[finding] for query, finding in zip(queries.values(), findings, strict=True)}
    return decided(calm_policy({"evidence": queries}), answers=answers | CALM_BURN)


@pytest.mark.parametrize(
    ("findings", "score"),
    [
        ((Finding.SUPPORTS,), 0.9),
        ((Finding.SUPPORTS, Finding.SUPPORTS), 0.95),
        ((Finding.SUPPORTS, Finding.SUPPORTS, Finding.UNKNOWN), 0.4 * 2 / 3),
        ((Finding.SUPPORTS, Finding.UNKNOWN), 0.2),
        ((Finding.UNKNOWN,), 0.0),
        ((Finding.SUPPORTS, Finding.CONTRADICTS), 0.1),
        ((Finding.UNKNOWN, Finding.CONTRADICTS), 0.1),
    ],
)
def test_confidence_can_be_recomputed_by_hand(findings: tuple[Finding, ...], score: float) -> None:
    assert found(*findings).confidence == pytest.approx(score, abs=1e-4)


def test_without_configured_evidence_confidence_is_below_every_floor() -> None:
    decision = decided(calm_policy({"evidence": {}}, escalate={"confidence_below": 0.5}))
    assert (decision.confidence, decision.decisive) == (0.4, "confidence")


def test_a_configured_query_without_an_answer_is_unknown_not_absent() -> None:
    policy = calm_policy({"evidence": {"still_down": QUERY, "other": "up"}})
    decision = decided(policy)
    assert decision.confidence == 0.2
    assert [(piece.name, piece.finding.value, piece.detail) for piece in decision.evidence] == [
        ("still_down", "supports", "value 0"),
        ("other", "unknown", "it was not asked"),
    ]


@pytest.mark.parametrize("again", [QUERY, "up  ==  0", "up == 0 # once more", "up==0"])
def test_the_same_query_under_several_names_is_one_piece_of_evidence(again: str) -> None:
    policy = calm_policy({"evidence": {"one": QUERY, "two": again, "three": QUERY}})
    assert decided(policy, answers=CALM_BURN | dict.fromkeys((QUERY, again), Answer(samples=("0",)))).confidence == 0.9


def test_the_same_query_of_which_one_answer_is_missing_is_unknown() -> None:
    policy = calm_policy({"evidence": {"one": QUERY, "two": "up==0"}})
    assert decided(policy).confidence == 0.0


def test_answers_to_queries_that_the_runbook_does_not_name_count_for_nothing() -> None:
    extra = dict.fromkeys(("up", "count(up) == 0", "sum(up) == 0"), Answer(samples=("1",)))
    for supporting in (SUPPORTING, {QUERY: Answer()}, {}):
        answers = supporting | CALM_BURN
        assert decided(answers=answers | extra) == decided(answers=answers)


def test_a_monitors_warnings_make_an_answer_unknown_and_are_said() -> None:
    partial = Answer(samples=("0",), warnings=("store eu-2 did not answer", "another"))
    decision = decided(answers=CALM_BURN | {QUERY: partial})
    assert (decision.verdict, decision.decisive, decision.confidence) == (Verdict.ASK, "confidence", 0.0)
    (piece,) = decision.evidence
    assert (piece.finding, piece.detail) == (
        Finding.UNKNOWN,
        "the answer is incomplete: store eu-2 did not answer",
    )


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
