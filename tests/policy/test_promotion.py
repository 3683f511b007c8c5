"""When cases support a promotion, by the lower bound of what the share of successes may truly be."""

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.file.earning import Promotion
from bot.policy.rules.promotion import lower_bound, prospect
from bot.policy.situation import Evidenced
from bot.policy.track_record import Ending, Judged, PastCase
from tests.policy.calm import past_case

DIGEST = "d1"
ASKED = Promotion()


def cases(good: int, bad: int = 0, staging: int = 0, ending: Ending = Ending.FAILED) -> tuple[PastCase, ...]:
    """So many cases of the very entry that went well (``staging`` of them on staging), and so many that did not."""
    well = [past_case(number, digest=DIGEST, staging=number < staging) for number in range(good)]
    return (*well, *(past_case(100 + number, ending, digest=DIGEST) for number in range(bad)))


@pytest.mark.parametrize(
    ("successes", "count", "bound"),
    [
        (0, 0, 0.05),
        (0, 10, 0.0047),
        (1, 1, 0.2236),
        (5, 5, 0.6070),
        (10, 10, 0.7616),
        (20, 20, 0.8671),
        (19, 20, 0.7933),
        (39, 40, 0.8894),
        (50, 100, 0.4189),
    ],
)
def test_the_lower_bound_is_that_of_the_distribution_that_also_says_how_sure_we_are_of_an_act(
    successes: int, count: int, bound: float
) -> None:
    assert lower_bound(successes, count) == pytest.approx(bound, abs=5e-5)


@pytest.mark.parametrize(("successes", "count"), [(1, 0), (-1, 3), (4, 3)])
def test_more_successes_than_cases_are_a_mistake(successes: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes of {count} cases"):
        lower_bound(successes, count)


def test_every_success_raises_the_bound_and_every_other_case_lowers_it() -> None:
    for count in range(60):
        for successes in range(count + 1):
            here = lower_bound(successes, count)
            assert 0 <= here < 1
            assert here < (successes + 1) / (count + 2)
            assert lower_bound(successes + 1, count + 1) > here
            assert lower_bound(successes, count + 1) < here


def test_at_the_bound_that_is_asked_luck_alone_is_rare() -> None:
    """Of a runbook that is just not good enough, 20 of 20 is a chance of about one in a hundred."""
    needed = next(n for n in range(21) if lower_bound(n, 20) >= ASKED.lower_bound)
    truly = Fraction(8, 10)
    luck = sum(comb(20, k) * truly**k * (1 - truly) ** (20 - k) for k in range(needed, 21))
    assert luck < Fraction(25, 1000)


@pytest.mark.parametrize(
    ("held", "supported", "told"),
    [
        ((), False, "0 of 0 cases went well: 20 cases are asked for and 80 % must be certain."),
        (
            cases(19),
            False,
            "19 of 19 cases went well, so with 95 % certainty more than 86 % do: 20 cases are asked for.",
        ),
        (cases(20), True, "20 of 20 cases went well, so with 95 % certainty more than 86 % do."),
        (
            cases(20, staging=6),
            True,
            "20 of 20 cases went well (6 on staging), so with 95 % certainty more than 86 % do.",
        ),
        (
            cases(19, 1),
            False,
            "19 of 20 cases went well, so with 95 % certainty more than 79 % do: 80 % must be certain.",
        ),
        (cases(39, 1), True, "39 of 40 cases went well, so with 95 % certainty more than 88 % do."),
    ],
)
def test_a_promotion_is_supported_by_enough_cases_that_went_well(
    held: tuple[PastCase, ...], supported: bool, told: str
) -> None:
    found = prospect(Evidenced(cases=held), DIGEST, ASKED)
    assert (found.supported, found.text) == (supported, told)


@pytest.mark.parametrize("ending", list(Ending))
def test_only_what_was_verified_went_well(ending: Ending) -> None:
    found = prospect(Evidenced(cases=cases(20, 1, ending=ending)), DIGEST, ASKED)
    assert (found.cases, found.successes) == (21, 21 if ending is Ending.VERIFIED else 20)


@pytest.mark.parametrize("judged", [None, *Judged])
def test_what_a_person_found_harmful_did_not_go_well(judged: Judged | None) -> None:
    held = Evidenced(cases=(past_case(digest=DIGEST, judged=judged),))
    assert prospect(held, DIGEST, ASKED).successes == (0 if judged is Judged.HARMFUL else 1)


def test_cases_of_another_version_or_of_none_that_is_known_say_nothing() -> None:
    others = tuple(one.model_copy(update={"digest": digest}) for one in cases(20) for digest in ("", "d0"))
    assert prospect(Evidenced(cases=others), DIGEST, ASKED).cases == 0
    assert prospect(Evidenced(cases=others), "", ASKED).cases == 0


@pytest.mark.parametrize("wrong", [{"cases": 4}, {"lower_bound": 0.49}, {"lower_bound": 1.0}])
def test_a_policy_cannot_let_chance_decide(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="should be"):
        Promotion.model_validate(wrong)


@given(st.lists(st.sampled_from(Ending), max_size=60), st.sampled_from(Judged), st.data())
def test_a_harmful_review_and_a_bad_end_never_help(endings: list[Ending], other: Judged, data: st.DataObject) -> None:
    held = tuple(past_case(number, ending, digest=DIGEST) for number, ending in enumerate(endings))
    now = prospect(Evidenced(cases=held), DIGEST, ASKED)
    worse = (*held, past_case(99, data.draw(st.sampled_from(list(Ending)[1:])), digest=DIGEST))
    assert prospect(Evidenced(cases=worse), DIGEST, ASKED).lower_bound <= now.lower_bound
    if held:
        place = data.draw(st.integers(0, len(held) - 1))
        reviewed = [
            prospect(
                Evidenced(cases=(*held[:place], held[place].model_copy(update={"judged": judged}), *held[place + 1 :])),
                DIGEST,
                ASKED,
            )
            for judged in (Judged.HARMFUL, other)
        ]
        assert reviewed[0].lower_bound <= reviewed[1].lower_bound <= now.lower_bound
