"""What takes a licence away by itself, and what never gives it back."""

from datetime import timedelta
from itertools import product

import pytest

from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, Due, causes, review_lifts, unwritten
from bot.policy.situation import Demotion, Evidenced
from bot.policy.track_record import Ending, Judged, PastCase
from tests.policy.calm import NOW, past_case

DAY = timedelta(days=1)


def found(*cases: PastCase, lifted: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(due.key, due.reason) for due in causes(Evidenced(cases=cases, lifted=lifted), NOW)]


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (Ending.VERIFIED, []),
        (Ending.OVERRIDDEN, []),
        (Ending.FAILED, [("failed:a7", "it did not help in INC-7")]),
        (Ending.HARMED, [("harmed:a7", "it did harm in INC-7")]),
        (Ending.UNKNOWN, [("unknown:a7", "nobody knows how it ended in INC-7")]),
    ],
)
def test_an_end_that_is_not_good_demotes_and_says_where(ending: Ending, told: list[tuple[str, str]]) -> None:
    assert found(past_case(7, ending)) == told
    assert {due.case for due in causes(Evidenced(cases=(past_case(7, ending),)), NOW)} == {"a7" for _ in told}
    assert found(past_case(7, ending, staging=True)) == []


def test_a_case_without_a_name_is_an_earlier_one() -> None:
    assert found(past_case(7, Ending.HARMED, incident="")) == [("harmed:a7", "it did harm in an earlier case")]


def test_a_review_is_overdue_from_the_moment_it_was_due_until_it_is_done() -> None:
    assert found(past_case(review_due=NOW + timedelta(microseconds=1))) == []
    assert found(past_case(review_due=NOW)) == [("overdue:a1", "the review of INC-1 is overdue")]
    assert found(past_case(review_due=NOW - DAY, judged=Judged.NEUTRAL)) == []
    assert found(past_case()) == []


def test_a_promotion_does_not_do_the_review() -> None:
    assert found(past_case(review_due=NOW), lifted=("overdue:a1",)) == [
        ("overdue:a1", "the review of INC-1 is overdue")
    ]


def test_a_review_that_says_harmful_takes_instead_of_giving_back() -> None:
    late = past_case(review_due=NOW - DAY)
    done = late.model_copy(update={"judged": Judged.HARMFUL})
    assert [key for key, _ in found(late)] == ["overdue:a1"]
    assert found(done) == [("harmful:a1", "the review of INC-1 says that it was harmful")]
    assert [judged for judged in Judged if review_lifts(judged)] == [Judged.HELPFUL, Judged.NEUTRAL]


def test_a_review_that_says_harmful_of_what_people_had_promoted_again_demotes_anew() -> None:
    failed = past_case(1, Ending.FAILED)
    assert found(failed, lifted=("failed:a1",)) == []
    harmful = failed.model_copy(update={"judged": Judged.HARMFUL})
    assert [key for key, _ in found(harmful, lifted=("failed:a1",))] == ["harmful:a1"]


@pytest.mark.parametrize("endings", list(product((True, False), repeat=5)))
def test_three_overrides_in_ten_cases_demote_wherever_they_are(endings: tuple[bool, ...]) -> None:
    spread = [kind for one in endings for kind in (one, False)]
    cases = [past_case(number, Ending.OVERRIDDEN if one else Ending.VERIFIED) for number, one in enumerate(spread)]
    told = [key for key, _ in found(*cases, past_case(99, Ending.OVERRIDDEN), past_case(98, Ending.OVERRIDDEN))]
    assert told == ([f"overridden:a{spread.index(True)}"] if sum(endings) >= 3 else [])


def test_what_is_further_back_than_ten_cases_and_what_was_on_staging_is_not_counted() -> None:
    overridden = [past_case(number, Ending.OVERRIDDEN) for number in (1, 2, 3)]
    others = [past_case(number) for number in range(10, 18)]
    staged = [past_case(number, staging=True) for number in range(30, 50)]
    assert found(*others, *overridden) == []
    assert found(*others[1:], *overridden) == [
        ("overridden:a1", "people decided otherwise 3 times in its last 10 cases")
    ]
    assert found(*staged, *others[1:], *overridden)[0][0] == "overridden:a1"
    assert found(*overridden) == [("overridden:a1", "people decided otherwise 3 times in its last 3 cases")]


def test_overrides_that_people_have_weighed_do_not_count_again() -> None:
    overridden = [past_case(number, Ending.OVERRIDDEN) for number in range(5, 0, -1)]
    assert [key for key, _ in found(*overridden)] == ["overridden:a5"]
    assert found(*overridden, lifted=("overridden:a5",)) == []
    newer = [past_case(number, Ending.OVERRIDDEN) for number in (8, 7, 6)]
    assert found(*newer[1:], *overridden, lifted=("overridden:a5",)) == []
    assert [key for key, _ in found(*newer, *overridden, lifted=("overridden:a5",))] == ["overridden:a8"]


def test_what_a_demotion_in_force_is_for_already_is_not_written_again() -> None:
    held = Evidenced(cases=(past_case(2, Ending.HARMED), past_case(1, Ending.FAILED)))
    (newest, oldest) = unwritten(held, NOW)
    assert newest == Due(Cause.HARMED, "harmed:a2", "it did harm in INC-2", Level.L1)
    assert oldest.key == "failed:a1"
    row = Demotion(level=newest.level, reason=newest.reason, at=NOW, cause=newest.key)
    assert unwritten(held.model_copy(update={"demotions": (row,)}), NOW) == (oldest,)
    assert len(causes(held.model_copy(update={"demotions": (row,)}), NOW)) == 2


def test_what_only_a_newer_release_knows_has_its_cautious_meaning() -> None:
    read = PastCase.model_validate({"key": "a1", "ending": "dreamt", "at": NOW, "judged": "odd"})
    assert (read.ending, read.judged) == (Ending.UNKNOWN, Judged.HARMFUL)


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("right", Judged.HELPFUL),
        ("lucky", Judged.NEUTRAL),
        ("needless", Judged.NEUTRAL),
        ("wrong", Judged.HARMFUL),
    ],
)
def test_what_reviews_of_older_releases_said_is_understood(then: str, now: Judged) -> None:
    assert Judged(then) is now
