"""What must hold of confidence whatever is known: nothing that speaks against acting ever raises it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.confidence import Cases, Circumstances, Confidence, assess, cases_of
from bot.policy.evidence import Evidence, Finding
from bot.policy.situation import Gate, History
from bot.policy.track_record import Ending, Judged, PastCase
from tests.policy.calm import NOW, RUNBOOK, calm_policy, evidenced
from tests.policy.edges import decided, past, run

FINDINGS = st.lists(st.sampled_from(Finding), max_size=5)
COUNTS = st.integers(0, 40)
CASES = st.builds(Cases, COUNTS, COUNTS, COUNTS, COUNTS)
WORDS = st.lists(st.sampled_from(("one", "two", "three")), max_size=3, unique=True).map(tuple)
CIRCUMSTANCES = st.builds(
    Circumstances,
    beginnings=st.integers(1, 5),
    age=st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(hours=1))),
    changes=WORDS,
    rivals=WORDS,
)


def pieces(findings: Sequence[Finding]) -> list[Evidence]:
    """Distinct queries with these findings."""
    return [Evidence(name=f"q{place}", query=f"q{place} > 0", finding=each) for place, each in enumerate(findings)]


def sure_of(findings: Sequence[Finding], cases: Cases, circumstances: Circumstances, failures: int = 0) -> Confidence:
    history = History(actions=(past("failed"),) * failures)
    return assess(pieces(findings), history, RUNBOOK, NOW, cases, circumstances)


@given(FINDINGS, CASES, CIRCUMSTANCES, st.integers(0, 3))
def test_confidence_is_a_probability_and_the_product_of_the_parts_that_it_says(
    findings: list[Finding], cases: Cases, circumstances: Circumstances, failures: int
) -> None:
    sure, whole = sure_of(findings, cases, circumstances, failures), 1.0
    for part in sure.parts:
        assert 0 <= part.factor <= 1
        assert f"{part.text} ({part.factor:.2f})" in sure.text
        whole *= part.factor
    assert sure.score == pytest.approx(whole, abs=1e-4)
    assert 0 <= sure.lower <= sure.score <= 1
    assert len({part.name for part in sure.parts}) == len(sure.parts)


@given(FINDINGS.filter(bool), CASES, CIRCUMSTANCES, st.sampled_from((Finding.CONTRADICTS, Finding.UNKNOWN)))
def test_more_that_contradicts_or_is_unknown_never_raises_confidence(
    findings: list[Finding], cases: Cases, circumstances: Circumstances, worse: Finding
) -> None:
    before = sure_of(findings, cases, circumstances)
    assert sure_of([*findings, worse], cases, circumstances).score <= before.score
    for place in range(len(findings)):
        turned = [*findings[:place], Finding.CONTRADICTS, *findings[place + 1 :]]
        if findings[place] is Finding.SUPPORTS:
            assert sure_of(turned, cases, circumstances).score <= before.score


@given(FINDINGS, CASES, CIRCUMSTANCES, st.integers(0, 3))
def test_with_anything_contradicting_or_unknown_or_without_evidence_it_is_below_every_floor(
    findings: list[Finding], cases: Cases, circumstances: Circumstances, failures: int
) -> None:
    if set(findings) != {Finding.SUPPORTS}:
        assert sure_of(findings, cases, circumstances, failures).score < 0.5


def _more(cases: Cases, **more: int) -> Cases:
    return Cases(**{name: getattr(cases, name) + more.get(name, 0) for name in Cases.__slots__})


@given(FINDINGS, CASES, CIRCUMSTANCES, st.integers(1, 5))
def test_a_failure_never_raises_confidence_and_a_success_never_lowers_it(
    findings: list[Finding], cases: Cases, circumstances: Circumstances, more: int
) -> None:
    before = sure_of(findings, cases, circumstances)
    for name in ("failed", "staging_failed"):
        after_it = sure_of(findings, _more(cases, **{name: more}), circumstances)
        assert after_it.score <= before.score
        assert after_it.lower <= before.lower + 1e-4
    for name in ("worked", "staging_worked"):
        after_it = sure_of(findings, _more(cases, **{name: more}), circumstances)
        assert after_it.score >= before.score
        assert after_it.lower >= before.lower - 1e-4


WORSE: dict[str, Callable[[Circumstances], Circumstances]] = {
    "it began once more": lambda c: Circumstances(c.beginnings + 1, c.age, c.changes, c.rivals),
    "the answers are older": lambda c: Circumstances(
        c.beginnings, None if c.age is None else c.age + timedelta(minutes=3), c.changes, c.rivals
    ),
    "nobody knows how old they are": lambda c: Circumstances(c.beginnings, None, c.changes, c.rivals),
    "one more change": lambda c: Circumstances(c.beginnings, c.age, (*c.changes, "another"), c.rivals),
    "one more rival": lambda c: Circumstances(c.beginnings, c.age, c.changes, (*c.rivals, "another")),
}


@pytest.mark.parametrize("what", WORSE)
@given(FINDINGS, CASES, CIRCUMSTANCES)
def test_a_doubt_never_raises_confidence(
    what: str, findings: list[Finding], cases: Cases, circumstances: Circumstances
) -> None:
    worse = sure_of(findings, cases, WORSE[what](circumstances))
    assert worse.score <= sure_of(findings, cases, circumstances).score


@given(st.permutations([Finding.SUPPORTS, Finding.SUPPORTS, Finding.UNKNOWN, Finding.CONTRADICTS]))
def test_the_order_of_queries_and_of_runs_changes_nothing(findings: list[Finding]) -> None:
    assert sure_of(findings, Cases(), Circumstances()).score == 0.09
    for runs in product([run(), run(Ending.UNKNOWN), run(alert="x")], repeat=3):
        assert cases_of(runs, {"ServiceDown"}, NOW) == cases_of(runs[::-1], {"ServiceDown"}, NOW)


@st.composite
def track_records(draw: st.DrawFn) -> tuple[PastCase, ...]:
    case = st.builds(
        PastCase,
        key=st.just("a"),
        alert=st.sampled_from(("ServiceDown", "Slow")),
        ending=st.sampled_from(Ending),
        at=st.sampled_from((1, 29, 31)).map(lambda days: NOW - timedelta(days=days)),
        digest=st.sampled_from((DIGEST, "another")),
        acted=st.booleans(),
        staging=st.booleans(),
        judged=st.sampled_from((None, *Judged)),
    )
    return tuple(draw(st.lists(case, max_size=8)))


POLICY = calm_policy()
DIGEST = POLICY.runbooks[RUNBOOK].digest


@given(track_records(), st.integers(0, 3))
def test_cases_are_never_more_than_are_on_record_or_gates_that_count(held: tuple[PastCase, ...], gates: int) -> None:
    counted = cases_of(held, {"ServiceDown"}, NOW, digest=DIGEST, gates=gates)
    assert counted.production <= sum(case.acted and not case.staging for case in held)
    assert counted.staging <= gates + sum(case.staging and case.digest == DIGEST for case in held)
    assert cases_of(held, {"ServiceDown"}, NOW, digest=DIGEST) == cases_of(
        held[::-1], {"ServiceDown"}, NOW, digest=DIGEST
    )


@given(track_records(), st.sets(st.sampled_from(Gate)), st.integers(1, 12))
def test_nothing_acts_by_itself_on_fewer_cases_than_the_policy_wants(
    held: tuple[PastCase, ...], gates: set[Gate], wanted: int
) -> None:
    policy = calm_policy(escalate={"cases_below": wanted})
    known = evidenced(policy, gates)[RUNBOOK].model_copy(update={"cases": held})
    decision = decided(policy, evidenced={RUNBOOK: known})
    counted = decision.reason("cases").inputs
    if decision.verdict.autonomous:
        assert counted["production"] + counted["staging"] >= wanted


@given(track_records(), st.sampled_from((Ending.FAILED, Ending.HARMED, Ending.UNKNOWN)), st.booleans())
def test_a_case_that_went_wrong_makes_nobody_surer(held: tuple[PastCase, ...], ending: Ending, staging: bool) -> None:
    bad = run(ending, staging=staging, digest=DIGEST)
    before, after = (cases_of(each, {"ServiceDown"}, NOW, digest=DIGEST, gates=3) for each in (held, (*held, bad)))
    assert after.posterior.mean < before.posterior.mean
