"""What a rule read and what it says of it, word for word: the words stand on cards, the names of inputs are stored."""

from typing import Any

import pytest

from bot.policy.decision import RuleResult, Verdict
from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.plan import Effect, Exactness, Rollback
from bot.policy.situation import Gate
from tests.policy.calm import (
    BURN,
    RUNBOOK,
    SUPPORTING,
    burning,
    calm_alert,
    calm_plan,
    calm_policy,
    evidenced,
    past_case,
)
from tests.policy.edges import ESCALATES, FORBIDS, PASSED, decided, past, said

SURE = (
    "82 %: evidence supports the alert: still_down (0.90); "
    "it worked in 3 of 3 cases, all on staging, at least 75 % to be expected (0.91)"
)


def marked(**labels: str) -> Any:
    return calm_alert(labels={**calm_alert().labels, **labels})


def test_confidence_says_how_sure_we_are_from_what() -> None:
    reason = said("confidence")
    assert (reason.result, reason.text) == (PASSED, f"Confidence is {SURE}.")
    assert reason.inputs == {
        "confidence": 0.8217,
        "floor": 0.8,
        "recent_failures": 0,
        "parts": {"evidence": 0.9, "cases": 0.913},
        "lower_bound": 0.6766,
    }


def test_confidence_below_the_floor_says_what_was_wanted() -> None:
    reason = said("confidence", calm_policy(escalate={"confidence_below": 0.9}))
    assert (reason.result, reason.text) == (ESCALATES, f"Confidence is below 90 %, at {SURE}.")
    assert said("confidence", history={"actions": (past("failed"),)}).inputs["recent_failures"] == 1


def test_a_score_at_the_floor_is_enough() -> None:
    at, above = (calm_policy(escalate={"confidence_below": floor}) for floor in (0.8217, 0.8218))
    assert said("confidence", at).result is PASSED
    assert said("confidence", above).result is ESCALATES


ONE_BEFORE = (past_case(alert="ServiceDown"),)
OF_FOUR = {"needed": 4, "production": 1, "staging": 3}


@pytest.mark.parametrize(
    ("needed", "level", "cases", "said_of_it", "text", "inputs"),
    [
        (4, "L3", ONE_BEFORE, PASSED,
         "There are cases enough to know: it worked in 4 of 4 cases, 3 of them on staging; the policy wants 4.",
         OF_FOUR),
        (5, "L2", ONE_BEFORE, ESCALATES,
         "Too few cases to know whether restart-checkout works: it worked in 4 of 4 cases, 3 of them on staging; "
         "the policy wants 5 cases.", OF_FOUR | {"needed": 5}),
        (4, "L3", None, ESCALATES, "How often restart-checkout has worked before could not be read.",
         {"needed": 4, "production": None, "staging": None}),
        (5, "L1", ONE_BEFORE, PASSED, "Cases are counted before autonomous acts; L1 asks.", OF_FOUR | {"needed": 5}),
    ],
)  # fmt: skip
def test_cases_say_how_many_there_are_and_how_many_are_wanted(
    needed: int, level: str, cases: Any, said_of_it: RuleResult, text: str, inputs: dict[str, int | None]
) -> None:
    policy = calm_policy({"level": level}, escalate={"cases_below": needed})
    held = evidenced(policy)[RUNBOOK].model_copy(update={"cases": cases})
    reason = said("cases", policy, evidenced={RUNBOOK: held})
    assert (reason.result, reason.text, reason.inputs) == (said_of_it, text, inputs)


@pytest.mark.parametrize(
    ("runbook", "changes", "text"),
    [
        ({}, {}, "Nothing was seen there that speaks against it."),
        ({}, {"cautions": (" It was deployed a minute ago. ", "It is Friday")},
         "It was deployed a minute ago. It is Friday."),
    ],
)  # fmt: skip
def test_cautions_are_sentences(runbook: dict[str, Any], changes: dict[str, Any], text: str) -> None:
    reason = said("cautions", calm_policy(runbook), plan=calm_plan(**changes))
    assert reason.text == text
    assert reason.inputs == {"cautions": [caution.strip() for caution in changes.get("cautions", ())]}


@pytest.mark.parametrize(
    ("rule", "effect", "calm", "affected"),
    [
        ("billing", Effect.BILLING, "Billing is not affected.", "Billing is affected."),
        ("data_integrity", Effect.DATA_INTEGRITY, "The integrity of data is not involved.",
         "The integrity of data is involved."),
    ],
)  # fmt: skip
def test_what_is_a_person_s_decision_says_who_said_so(rule: str, effect: Effect, calm: str, affected: str) -> None:
    plan = calm_plan(effects=frozenset({effect}))
    assert [(one.text, one.inputs) for one in (
        said(rule), said(rule, alert=marked(**{rule: "yes"})), said(rule, plan=plan),
    )] == [
        (calm, {"impact": False, "plan": False}),
        (affected, {"impact": True, "plan": False}),
        (affected, {"impact": False, "plan": True}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "answers", "text", "inputs"),
    [
        (calm_policy(), burning("2"), "The error budget burns at 2 times its pace, not above 2.", (2.0, 2.0, True)),
        (calm_policy(), burning("2.50000001"),
         "Customers feel it: the error budget burns at 2.5 times its pace, above 2.", (2.50000001, 2.0, True)),
        (calm_policy(escalate={"slo_burn_above": 0.25}), burning("0.5"),
         "Customers feel it: the error budget burns at 0.5 times its pace, above 0.25.", (0.5, 0.25, True)),
        (calm_policy(), SUPPORTING | {BURN: Answer(error="no answer")},
         "Customer impact could not be measured: the error-budget burn rate is unknown.", (None, 2.0, True)),
        (calm_policy(services={}), SUPPORTING, "No error-budget burn rate is defined for this service.",
         (None, 2.0, False)),
    ],
)  # fmt: skip
def test_the_error_budget_says_how_fast_it_burns_and_how_fast_it_may(
    policy: Policy, answers: dict[str, Answer], text: str, inputs: tuple[float | None, float, bool]
) -> None:
    reason = said("slo_burn", policy, answers=answers)
    assert reason.text == text
    assert reason.inputs == dict(zip(("slo_burn", "slo_burn_above", "measured"), inputs, strict=True))


@pytest.mark.parametrize(
    ("severity", "text"),
    [
        (None, "The alert is not about security."),
        ("low", "Security severity is low, below medium."),
        ("medium", "Security severity is medium: from medium up a person decides."),
        ("sev0", "Security severity is high: from medium up a person decides."),
    ],
)
def test_security_says_how_bad_it_is_and_from_where_a_person_decides(severity: str | None, text: str) -> None:
    policy = calm_policy(escalate={"security_severity": "medium"})
    reason = said("security", policy, alert=marked(security_severity=severity) if severity is not None else None)
    assert (reason.text, reason.inputs) == (text, {"security_severity": severity, "threshold": "medium"})


FORBIDDEN_IN_WORDS = {
    Effect.DELETE_CUSTOMER_DATA: "delete customer data",
    Effect.CHANGE_CONTRACTS_OR_PRICING: "change contracts or pricing",
    Effect.DISABLE_AUTHENTICATION: "disable authentication",
    Effect.LEGAL_OR_COMPLIANCE: "be a legal or compliance act",
    Effect.IRREVERSIBLE: "be irreversible",
    Effect.UNKNOWN: "have an effect that this release does not know",
}


@pytest.mark.parametrize("effect", Effect)
def test_each_effect_is_forbidden_or_is_not(effect: Effect) -> None:
    reason = said("forbidden_effects", plan=calm_plan(effects=frozenset({effect})))
    words = FORBIDDEN_IN_WORDS.get(effect)
    assert reason.inputs == {"forbidden": [effect.value] if words else [], "policy": "ask"}
    assert reason.text == (
        f"This plan would {words}: that never happens by itself, 2 people must agree."
        if words
        else "Nothing in the plan is forbidden."
    )


def test_several_forbidden_effects_are_named_in_the_order_of_the_law_and_may_be_refused_altogether() -> None:
    plan = calm_plan(effects=frozenset(Effect), rollback=Rollback(summary="none", exactness=Exactness.NONE))
    reason = said("forbidden_effects", calm_policy(forbidden_effects="refuse"), plan=plan)
    words = " and ".join(FORBIDDEN_IN_WORDS.values())
    assert reason.text == f"This plan would {words}: the policy refuses that altogether."
    assert reason.inputs == {"forbidden": [effect.value for effect in FORBIDDEN_IN_WORDS], "policy": "refuse"}


AT_MOST = "restart-checkout may act at most at"


@pytest.mark.parametrize(
    ("level", "demoted_to", "reason", "result", "verdict", "text"),
    [
        ("L3", None, "", PASSED, Verdict.ACT_UNLESS_STOPPED,
         "restart-checkout has earned L3; its entry in the policy asks for L3."),
        ("L2", Level.L2, "", PASSED, Verdict.ACT,
         "restart-checkout has earned L2; its entry in the policy asks for L2."),
        ("L3", Level.L2, "", PASSED, Verdict.ACT_UNLESS_STOPPED, f"{AT_MOST} L2 instead of L3: it was demoted to L2."),
        ("L3", Level.L1, "it did harm", ESCALATES, Verdict.ASK,
         f"{AT_MOST} L1 instead of L3: it was demoted to L1 (it did harm)."),
        ("L2", Level.L0, "", FORBIDS, Verdict.OBSERVE, f"{AT_MOST} L0 instead of L2: it was demoted to L0."),
    ],
)  # fmt: skip
def test_the_licence_says_what_it_is_good_for_and_why_for_no_more(
    level: str, demoted_to: Level | None, reason: str, result: RuleResult, verdict: Verdict, text: str
) -> None:
    policy = calm_policy({"level": level})
    decision = decided(policy, evidenced=evidenced(policy, demoted_to=demoted_to, reason=reason))
    said_of_it = decision.reason("licence")
    assert (said_of_it.result, said_of_it.text, decision.verdict) == (result, text, verdict)
    assert (decision.decisive == "licence") == (result is not PASSED)


def test_a_licence_without_gates_asks_and_says_which_are_missing() -> None:
    policy = calm_policy()
    reason = said("licence", policy, evidenced=evidenced(policy, ()))
    assert (reason.result, reason.inputs["missing_gates"]) == (ESCALATES, [gate.value for gate in Gate])
    assert reason.text.startswith(f"{AT_MOST} L1 instead of L3: not passed yet: staging dry run, chaos test,")
