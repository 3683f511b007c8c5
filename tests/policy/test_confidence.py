"""Confidence: a product that people can compute by hand, in which nothing makes up for what speaks against acting."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from bot.policy.confidence import Cases, Circumstances, assess, cases_of
from bot.policy.decision import Decision, Verdict
from bot.policy.evidence import Answer, Finding
from bot.policy.situation import Beginning, Evidenced, Gate, History, PastAction, Request
from bot.policy.track_record import Ending, Judged, PastCase
from tests.policy.calm import (
    ANSWERS,
    CALM_BURN,
    GATES_ALONE,
    NOW,
    QUERY,
    RUNBOOK,
    SUPPORTING,
    asked_for,
    calm_alert,
    calm_policy,
    evidenced,
)
from tests.policy.edges import ESCALATES, PASSED, decided, past, run, said

# The floor


@pytest.mark.parametrize("floor", [0.5, 0.8, 0.8217])
def test_confidence_at_the_floor_passes_and_below_it_asks(floor: float) -> None:
    policy = calm_policy(escalate={"confidence_below": floor})
    assert said("confidence", policy).result is PASSED
    assert said("confidence", policy, answers={}).result is ESCALATES


def test_confidence_just_below_the_floor_asks_and_says_every_part_with_its_number() -> None:
    decision = decided(calm_policy(escalate={"confidence_below": 0.83}))
    assert (decision.verdict, decision.decisive, decision.confidence) == (Verdict.ASK, "confidence", 0.8217)
    assert decision.headline == (
        "Confidence is below 83 %, at 82 %: evidence supports the alert: still_down (0.90); "
        "it worked in 3 of 3 cases, all on staging, at least 75 % to be expected (0.91)."
    )
    assert decision.reason("confidence").inputs == {
        "confidence": 0.8217,
        "floor": 0.83,
        "recent_failures": 0,
        "parts": {"evidence": 0.9, "cases": 0.913},
        "lower_bound": 0.6766,
    }


# Evidence

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
        ((Finding.UNKNOWN, Finding.CONTRADICTS), 0.0),
        ((Finding.SUPPORTS, Finding.UNKNOWN, Finding.CONTRADICTS), 0.1),
    ],
)
def test_confidence_can_be_recomputed_by_hand(findings: tuple[Finding, ...], score: float) -> None:
    assert found(*findings).confidence == pytest.approx(score * GATES_ALONE, abs=1e-4)
    assert found(*findings).reason("confidence").inputs["parts"]["evidence"] == pytest.approx(score, abs=1e-4)


def test_without_configured_evidence_confidence_is_below_every_floor() -> None:
    decision = decided(calm_policy({"evidence": {}}, escalate={"confidence_below": 0.5}))
    assert (decision.confidence, decision.decisive) == (0.3652, "confidence")


def test_a_configured_query_without_an_answer_is_unknown_not_absent() -> None:
    policy = calm_policy({"evidence": {"still_down": QUERY, "other": "up"}})
    decision = decided(policy)
    assert decision.confidence == 0.1826
    assert [(piece.name, piece.finding.value, piece.detail) for piece in decision.evidence] == [
        ("still_down", "supports", "value 0"),
        ("other", "unknown", "it was not asked"),
    ]


@pytest.mark.parametrize("again", [QUERY, "up  ==  0", "up == 0 # once more", "up==0"])
def test_the_same_query_under_several_names_is_one_piece_of_evidence(again: str) -> None:
    policy = calm_policy({"evidence": {"one": QUERY, "two": again, "three": QUERY}})
    answers = CALM_BURN | dict.fromkeys((QUERY, again), Answer(samples=("0",)))
    assert decided(policy, answers=answers).confidence == decided().confidence


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


# Failures of the last day


@pytest.mark.parametrize("outcome", ["failed", "rolled_back", "unknown", "never seen"])
def test_a_recent_failure_of_the_same_runbook_asks(outcome: str) -> None:
    decision = decided(history=History(actions=(past(outcome),)))
    assert (decision.verdict, decision.confidence) == (Verdict.ASK, 0.6163)
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
    assert decided(history=History(actions=(harmless,))).confidence == decided().confidence


def test_failures_add_up_and_count_for_exactly_a_day() -> None:
    actions = (past("failed"), past("failed", hours=24))
    decision = decided(history=History(actions=actions))
    assert decision.confidence == pytest.approx(0.9 * 0.75 * 0.75 * GATES_ALONE, abs=1e-4)
    assert decision.reason("confidence").inputs["recent_failures"] == 2


# Cases


def after(*cases: PastCase, gates: Sequence[Gate] = tuple(Gate), cases_below: int = 3) -> Decision:
    """Decided where this is what came of the runbook before, and people have promoted it again since."""
    policy = calm_policy(escalate={"cases_below": cases_below})
    held = evidenced(policy, gates)[RUNBOOK].model_copy(update={"cases": cases, "lifted": ("failed:a", "unknown:a")})
    return decided(policy, evidenced={RUNBOOK: held})


def test_what_worked_here_before_makes_it_surer_and_what_failed_once_less_sure_for_as_long_as_it_is_known() -> None:
    good, bad = run(), run(Ending.FAILED, days=29)
    assert after(*[good] * 10).confidence == pytest.approx(0.9 * 20.5 / 21.5, abs=1e-4)
    assert after(bad).confidence == pytest.approx(0.9 * 10.5 / 12.5, abs=1e-4)
    assert after(bad).decisive == "confidence", "one failure among few cases asks"
    assert after(bad, *[good] * 10).verdict is Verdict.ACT_UNLESS_STOPPED
    streak = (*[good] * 10, *[bad] * 10)
    assert after(*streak).confidence == after(*reversed(streak)).confidence, "no streak counts, only the share"


DOWN = {"ServiceDown"}


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.VERIFIED])
def test_every_end_but_a_verified_one_is_a_failure(ending: Ending) -> None:
    assert cases_of([run(ending)], DOWN, NOW) == Cases(failed=1)


@pytest.mark.parametrize("judged", [None, *Judged])
def test_what_a_person_found_harmful_has_not_worked(judged: Judged | None) -> None:
    counted = cases_of([run(judged=judged)], DOWN, NOW)
    assert counted == (Cases(failed=1) if judged is Judged.HARMFUL else Cases(worked=1))


def test_what_people_kept_from_beginning_says_nothing_about_whether_it_works() -> None:
    assert cases_of([run(Ending.OVERRIDDEN, acted=False)], DOWN, NOW) == Cases()


@pytest.mark.parametrize("ending", [Ending.VERIFIED, Ending.FAILED])
@pytest.mark.parametrize("staging", [False, True])
def test_a_case_counts_for_thirty_days(ending: Ending, staging: bool) -> None:
    held = [run(ending, days=30, staging=staging, digest="d"), run(ending, days=30.001, staging=staging, digest="d")]
    assert cases_of(held, DOWN, NOW, digest="d").count == 1


def test_runs_on_staging_count_for_the_runbook_as_it_was_alone() -> None:
    held = [run(staging=True, digest="d"), run(Ending.FAILED, staging=True, digest="d", alert="Other")]
    assert cases_of(held, DOWN, NOW, digest="d") == Cases(staging_worked=1, staging_failed=1)
    assert cases_of(held, DOWN, NOW, digest="another") == Cases()


@pytest.mark.parametrize(("recorded", "gates", "counted"), [(0, 3, 3), (3, 3, 3), (5, 3, 5), (2, 0, 2)])
def test_a_gate_that_counts_and_the_case_it_left_are_one(recorded: int, gates: int, counted: int) -> None:
    held = [run(staging=True, digest="d")] * recorded
    assert cases_of(held, DOWN, NOW, digest="d", gates=gates) == Cases(staging_worked=counted)


def test_success_on_another_kind_of_incident_says_nothing_and_failure_does() -> None:
    other = "DiskFull"
    assert cases_of([run(alert=other), run(Ending.UNKNOWN, alert=other)], DOWN, NOW) == Cases(failed=1)
    assert after(run(alert=other)).confidence == after().confidence
    assert after(run(alert="")).confidence == after().confidence, "of a kind that nobody knows"


@pytest.mark.parametrize(
    ("cases", "text"),
    [
        (Cases(), "it has never been run on this kind of incident"),
        (Cases(staging_worked=1), "it worked in 1 of 1 case, on staging"),
        (Cases(staging_worked=2), "it worked in 2 of 2 cases, all on staging"),
        (Cases(staging_worked=2, staging_failed=1), "it worked in 2 of 3 cases, all on staging"),
        (Cases(worked=1), "it worked in 1 of 1 case"),
        (Cases(worked=12, failed=1), "it worked in 12 of 13 cases"),
        (Cases(worked=2, failed=1, staging_worked=3), "it worked in 5 of 6 cases, 3 of them on staging"),
    ],
)
def test_cases_are_told_with_where_they_ran(cases: Cases, text: str) -> None:
    assert cases.text == text


def test_of_several_kinds_that_on_which_it_has_worked_least_often_counts() -> None:
    runs = [run(), run(), run(alert="Slow"), run(Ending.UNKNOWN, alert="Slow")]
    assert cases_of(runs, {"ServiceDown", "Slow"}, NOW) == Cases(worked=1, failed=1)
    assert cases_of(runs, {"ServiceDown", "Slow", "DiskFull"}, NOW) == cases_of(runs, set(), NOW) == Cases(failed=1)
    policy = calm_policy({"when": "alert.name in ['ServiceDown', 'Slow']"})
    held = {RUNBOOK: evidenced(policy)[RUNBOOK].model_copy(update={"cases": tuple(runs[:2])})}
    alone, joined = calm_alert(), calm_alert(name="Slow", fingerprint="f2", starts_at=NOW - timedelta(minutes=9))
    surer = decided(policy, alerts=(alone,), evidenced=held).confidence
    doubtful = decided(policy, alerts=(alone, joined), evidenced=held).confidence
    assert surer is not None
    assert doubtful is not None
    assert doubtful < surer


def test_runs_on_staging_weigh_less() -> None:
    assert Cases(worked=3).posterior.mean > Cases(staging_worked=3).posterior.mean > Cases().posterior.mean
    assert Cases(failed=3).posterior.mean < Cases(staging_failed=3).posterior.mean < Cases().posterior.mean


@pytest.mark.parametrize("gate", [Gate.FAILURE_SIMULATION, Gate.CHAOS_TEST, Gate.ROLLBACK_VERIFICATION])
def test_a_gate_counts_as_a_case_where_it_runs_the_runbook(gate: Gate) -> None:
    assert after(gates=[gate]).reason("cases").inputs["staging"] == 1
    assert after(gates=[Gate.STAGING_DRY_RUN, Gate.HUMAN_SIGN_OFF]).reason("cases").inputs["staging"] == 0


def test_too_few_cases_ask_unless_the_runs_of_the_gates_suffice_by_the_policys_number() -> None:
    assert after(cases_below=3).verdict is Verdict.ACT_UNLESS_STOPPED
    few = after(cases_below=4)
    assert (few.verdict, few.decisive) == (Verdict.ASK, "cases")
    assert few.headline == (
        "Too few cases to know whether restart-checkout works: "
        "it worked in 3 of 3 cases, all on staging; the policy wants 4 cases."
    )
    assert after(run(), cases_below=4).verdict is Verdict.ACT_UNLESS_STOPPED


def test_whatever_would_act_by_itself_needs_cases() -> None:
    policy = calm_policy({"level": "L2"}, escalate={"cases_below": 4})
    assert decided(policy).decisive == "cases"


def test_cases_that_nobody_counted_ask() -> None:
    policy = calm_policy()
    held = evidenced(policy)[RUNBOOK].model_copy(update={"cases": None})
    decision = decided(policy, evidenced={RUNBOOK: held})
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "cases")
    assert decision.headline == "How often restart-checkout has worked before could not be read."


def test_what_asks_in_any_case_needs_no_cases() -> None:
    reason = said("cases", evidenced={RUNBOOK: Evidenced()})
    assert (reason.result, reason.text) == (PASSED, "Cases are counted before autonomous acts; L1 asks.")


# Doubts


def began(*minutes_ago: float, alert: str = "alertmanager/f1") -> tuple[Beginning, ...]:
    return tuple(Beginning(alert=alert, at=NOW - timedelta(minutes=minutes)) for minutes in minutes_ago)


def test_an_alert_that_begins_again_and_again_flaps_and_asks() -> None:
    assert decided(beginnings=began(1, 30)).verdict is Verdict.ACT_UNLESS_STOPPED
    assert decided(beginnings=began(1, 30, 61)).verdict is Verdict.ACT_UNLESS_STOPPED, "that was long ago"
    assert decided(beginnings=began(1, 30, 59, alert="alertmanager/f2")).verdict is Verdict.ACT_UNLESS_STOPPED
    flapping = decided(beginnings=began(1, 30, 60))
    assert flapping.decisive == "confidence"
    assert flapping.confidence == pytest.approx(0.45 * GATES_ALONE, abs=1e-4)
    assert "the alert flaps: it began 3 times within an hour (0.50)" in flapping.headline


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        (NOW - timedelta(minutes=5, seconds=1), "monitoring was asked 5 minutes ago (0.40)"),
        (None, "nobody knows when monitoring was asked (0.40)"),
    ],
)
def test_old_answers_ask(answered: Any, told: str) -> None:
    decision = decided(answered_at=answered)
    assert (decision.verdict, decision.decisive) == (Verdict.ASK, "confidence")
    assert told in decision.headline
    assert decided(answered_at=NOW - timedelta(minutes=5)).verdict is Verdict.ACT_UNLESS_STOPPED


def test_other_runbooks_that_may_be_meant_make_it_less_sure_unless_a_person_chose() -> None:
    policy = calm_policy(after={"another-runbook": {"when": "alert.name == 'Slow'"}})
    rival = calm_alert(name="Slow", fingerprint="f2")

    def sure(request: Request | None) -> float:
        found = decided(policy, alerts=(calm_alert(), rival), request=request).confidence
        assert found is not None
        return found

    assert sure(None) == pytest.approx(0.45 * GATES_ALONE, abs=1e-4)
    assert sure(asked_for()) == decided().confidence


def test_where_nothing_is_to_be_doubted_nothing_is_said_of_it() -> None:
    sure = assess([], History(), RUNBOOK, NOW, Cases())
    assert [part.name for part in sure.parts] == ["evidence", "cases"]
    assert (sure.score, sure.lower) == (0.36, 0.2867)


def test_every_doubt_is_said_beside_the_others() -> None:
    doubtful = Circumstances(
        beginnings=4, age=timedelta(minutes=7), changes=("deploy of 4.2",), rivals=("reboot", "drain")
    )
    sure = assess([], History(), RUNBOOK, NOW, Cases(), doubtful)
    assert sure.score == pytest.approx(0.4 * 0.9 * 0.5 * 0.4 * 0.75 / 3, abs=1e-4)
    assert sure.text == (
        "no evidence is configured for this runbook (0.40); "
        "it has never been run on this kind of incident, at least 72 % to be expected (0.90); "
        "the alert flaps: it began 4 times within an hour (0.50); monitoring was asked 7 minutes ago (0.40); "
        "changed a moment ago: deploy of 4.2 (0.75); other runbooks may be meant: reboot, drain (0.33)"
    )
