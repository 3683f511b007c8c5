"""How sure we are, in one sentence with its parts: a number only where there are cases enough to know."""

from datetime import timedelta

import pytest

from bot.policy.confidence import Cases, Circumstances, assess, in_a_sentence
from bot.policy.decide import decide
from bot.policy.evidence import Evidence, Finding
from bot.policy.situation import History
from tests.policy.calm import NOW, QUERY, RUNBOOK, calm_policy, calm_situation
from tests.policy.edges import past

SUPPORTS = Evidence(name="still_down", query=QUERY, finding=Finding.SUPPORTS)
CONTRADICTS = Evidence(name="calls", query="calls > 0", finding=Finding.CONTRADICTS)
UNKNOWN = Evidence(name="more", query="up > 0", finding=Finding.UNKNOWN)
KNOWN = Cases(worked=9, staging_worked=3)


def said(
    cases: Cases | None = KNOWN,
    *evidence: Evidence,
    history: History = History(),  # noqa: B008 - frozen
    circumstances: Circumstances = Circumstances(),  # noqa: B008 - frozen
) -> str:
    found = assess(evidence or (SUPPORTS,), history, RUNBOOK, NOW, cases or Cases(), circumstances)
    return in_a_sentence(found, cases, 3)


def test_it_is_the_number_and_what_it_comes_from() -> None:
    assert said() == "86 % sure: the evidence supports it; it worked in 12 of 12 cases, 3 of them on staging."


def test_what_speaks_most_against_it_comes_first() -> None:
    assert said(KNOWN, SUPPORTS, CONTRADICTS) == (
        "10 % sure: evidence contradicts the alert; it worked in 12 of 12 cases, 3 of them on staging."
    )
    assert said(circumstances=Circumstances(beginnings=4)).startswith(
        "43 % sure: the alert flaps: it began 4 times within an hour; the evidence supports it; "
    )
    failed = History(actions=(past("rolled_back"),))
    assert said(history=failed).startswith(f"64 % sure: 1 failed run of {RUNBOOK} in the last 24 hours; ")
    assert said(KNOWN, SUPPORTS, UNKNOWN).startswith("19 % sure: not all evidence could be evaluated; ")


def test_without_evidence_that_is_what_is_told_first() -> None:
    found = assess((), History(), RUNBOOK, NOW, KNOWN)
    assert in_a_sentence(found, KNOWN, 3).startswith("38 % sure: there is no evidence; ")


@pytest.mark.parametrize(
    ("cases", "told"),
    [
        (Cases(), "it has never been run on this kind of incident"),
        (Cases(staging_worked=2), "it worked in 2 of 2 cases, all on staging"),
        (Cases(worked=1, failed=1), "it worked in 1 of 2 cases"),
    ],
)
def test_too_few_cases_to_know_is_told_in_place_of_a_number(cases: Cases, told: str) -> None:
    assert said(cases) == f"Too few cases to know: {told}; the evidence supports it."


def test_cases_enough_for_the_policy_are_enough_for_a_number() -> None:
    assert said(Cases(staging_worked=3)).startswith("82 % sure: ")


def test_where_cases_could_not_be_read_nobody_knows() -> None:
    assert said(None) == (
        "Nobody knows how sure: how often it has worked before could not be read; the evidence supports it."
    )


def test_a_decision_holds_the_sentence_and_the_parts_whose_product_its_confidence_is() -> None:
    policy = calm_policy()
    decision = decide(calm_situation(policy), policy)
    assert decision.sure == "82 % sure: the evidence supports it; it worked in 3 of 3 cases, all on staging."
    assert [(part.name, round(part.factor, 3)) for part in decision.parts] == [("evidence", 0.9), ("cases", 0.913)]
    assert decision.parts[1].text == "it worked in 3 of 3 cases, all on staging, at least 75 % to be expected"
    stricter = calm_policy(escalate={"cases_below": 4})
    assert decide(calm_situation(stricter), stricter).sure.startswith("Too few cases to know: it worked in 3 of 3 ")


def test_without_a_plan_there_is_nothing_to_be_sure_of() -> None:
    policy = calm_policy()
    decision = decide(calm_situation(policy, problem="connection refused"), policy)
    assert (decision.sure, decision.parts, decision.shadow) == ("", (), None)
    assert decision.confidence is None


def test_old_answers_are_a_part_as_any_other() -> None:
    assert said(circumstances=Circumstances(age=timedelta(minutes=9))).startswith(
        "34 % sure: monitoring was asked 9 minutes ago; "
    )
