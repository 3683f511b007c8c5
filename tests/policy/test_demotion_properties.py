"""What must hold of demotion whatever is on record: a cause stays until people lift it, and no row is needed for it."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, causes, unwritten
from bot.policy.situation import Demotion, Evidenced
from bot.policy.track_record import Ending, Judged, PastCase
from tests.policy.calm import NOW, past_case
from tests.policy.test_licence_properties import past_cases

BAD = {Ending.FAILED: "failed", Ending.HARMED: "harmed", Ending.UNKNOWN: "unknown"}
held = past_cases().map(lambda cases: Evidenced(cases=cases))


def keys(record: Evidenced) -> set[str]:
    return {due.key for due in causes(record, NOW)}


def by_hand(cases: tuple[PastCase, ...]) -> set[str]:
    """Every cause, drawn from the words of the design."""
    production = [case for case in cases if not case.staging]
    found = {f"{BAD[case.ending]}:{case.key}" for case in production if case.ending in BAD}
    found |= {f"harmful:{case.key}" for case in production if case.judged is Judged.HARMFUL}
    waiting = [(case.key, case.review_due) for case in production if case.judged is None]
    found |= {f"overdue:{key}" for key, due in waiting if due is not None and due <= NOW}
    overridden = [case for case in production[:10] if case.ending is Ending.OVERRIDDEN]
    return found | ({f"overridden:{overridden[0].key}"} if len(overridden) >= 3 else set())


@given(past_cases())
def test_every_cause_of_the_design_demotes_and_nothing_else_does(cases: tuple[PastCase, ...]) -> None:
    assert keys(Evidenced(cases=cases)) == by_hand(cases)
    assert all(due.level is Level.L1 and due.reason for due in causes(Evidenced(cases=cases), NOW))


@given(held)
def test_no_cause_is_there_twice(record: Evidenced) -> None:
    found = [due.key for due in causes(record, NOW)]
    assert len(found) == len(set(found))


@given(held, st.data())
def test_lifting_takes_exactly_what_is_lifted_away_and_never_what_is_overdue(
    record: Evidenced, data: st.DataObject
) -> None:
    before = keys(record)
    lifted = data.draw(st.sets(st.sampled_from(sorted(before)))) if before else set()
    after = keys(record.model_copy(update={"lifted": tuple(lifted)}))
    of_single_cases = {key for key in before if not key.startswith("overridden:")}
    assert {key for key in after if not key.startswith("overridden:")} == of_single_cases - {
        key for key in lifted if not key.startswith("overdue:")
    }
    assert not (after & {key for key in lifted if key.startswith("overridden:")})


@given(held, st.sampled_from(Ending), st.sampled_from((None, *Judged)))
def test_a_further_case_takes_no_cause_of_an_older_one_away(
    record: Evidenced, ending: Ending, judged: Judged | None
) -> None:
    newest = past_case(99, ending, judged=judged)
    more = record.model_copy(update={"cases": (newest, *(record.cases or ()))})
    assert {key for key in keys(record) if not key.startswith("overridden:")} <= keys(more)


@given(held)
def test_runs_on_the_twin_are_no_cause(record: Evidenced) -> None:
    cases = record.cases or ()
    twin = tuple(case.model_copy(update={"staging": True}) for case in cases)
    assert not keys(Evidenced(cases=twin))
    assert keys(Evidenced(cases=(*twin, *cases))) == keys(record)


@given(held, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_time_alone_takes_no_cause_away(record: Evidenced, later: timedelta) -> None:
    assert keys(record) <= {due.key for due in causes(record, NOW + later)}


@given(held, st.data())
def test_what_a_row_says_already_is_not_written_again(record: Evidenced, data: st.DataObject) -> None:
    found = sorted(keys(record))
    written = data.draw(st.sets(st.sampled_from(found))) if found else set()
    rows = tuple(Demotion(level=Level.L1, at=NOW, cause=key) for key in written)
    left = [due.key for due in unwritten(record.model_copy(update={"demotions": rows}), NOW)]
    assert sorted(left) == [key for key in found if key not in written]


def test_the_causes_are_told_newest_first() -> None:
    cases = tuple(past_case(number, Ending.FAILED, at=NOW - timedelta(hours=10 - number)) for number in (9, 5, 1))
    told = [due.key for due in causes(Evidenced(cases=cases), NOW)]
    assert all(one > other for one, other in pairwise(told))
    assert {due.cause for due in causes(Evidenced(cases=cases), NOW)} == {Cause.FAILED}
