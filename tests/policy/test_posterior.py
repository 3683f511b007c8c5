"""The Beta distribution behind "how often has it worked": known values, and what must hold for all counts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.confidence.posterior import Beta

COUNTS = st.floats(0.5, 500)


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.95])
def test_quantiles_are_those_that_can_be_written_down(share: float) -> None:
    assert Beta(1, 1).quantile(share) == pytest.approx(share)
    assert Beta(9, 1).quantile(share) == pytest.approx(share ** (1 / 9))
    assert Beta(1, 21).quantile(share) == pytest.approx(1 - (1 - share) ** (1 / 21))
    assert Beta(0.5, 0.5).quantile(share) == pytest.approx(math.sin(math.pi * share / 2) ** 2)


@pytest.mark.parametrize(("successes", "failures", "value"), [(2, 3, 0.4), (7, 2, 0.75), (20, 5, 0.85), (3, 40, 0.02)])
def test_for_whole_counts_it_is_the_chance_of_so_many_successes_in_a_row_of_trials(
    successes: int, failures: int, value: float
) -> None:
    trials = successes + failures - 1
    at_least = sum(
        math.comb(trials, good) * value**good * (1 - value) ** (trials - good) for good in range(successes, trials + 1)
    )
    assert Beta(successes, failures).below(value) == pytest.approx(at_least, rel=1e-12)


def test_nothing_lies_outside_of_what_is_possible() -> None:
    for value, share in ((-1, 0), (0, 0), (1, 1), (2, 1)):
        assert Beta(3, 2).below(value) == share


@pytest.mark.parametrize("count", [0, -1, math.nan, math.inf])
def test_counts_that_are_none_are_refused_by_name(count: float) -> None:
    with pytest.raises(ValueError, match="failures of a Beta distribution is"):
        Beta(1, count)
    with pytest.raises(ValueError, match="successes of a Beta distribution is"):
        Beta(count, 1)


@given(COUNTS, COUNTS)
def test_the_bounds_lie_around_the_middle_and_mirror_each_other(successes: float, failures: float) -> None:
    one, other = Beta(successes, failures), Beta(failures, successes)
    assert 0 <= one.lower < one.quantile(0.5) < one.upper <= 1
    assert one.mean + other.mean == pytest.approx(1)
    assert one.lower + other.upper == pytest.approx(1, abs=1e-9)
    assert one.below(one.lower) == pytest.approx(0.05, abs=1e-6)


@given(st.floats(1, 100), st.floats(1, 100), st.floats(1, 20))
def test_fewer_cases_never_narrow_the_bounds(successes: float, failures: float, times: float) -> None:
    few, many = Beta(successes, failures), Beta(successes * times, failures * times)
    assert few.upper - few.lower >= many.upper - many.lower - 1e-9


@given(COUNTS, COUNTS, st.floats(0, 50))
def test_successes_lift_the_lower_bound_and_failures_press_it_down(
    successes: float, failures: float, more: float
) -> None:
    before = Beta(successes, failures).lower
    assert Beta(successes + more, failures).lower >= before - 1e-9
    assert Beta(successes, failures + more).lower <= before + 1e-9


def test_many_cases_are_counted_as_exactly_as_few() -> None:
    many = Beta(1e6, 1e5)
    deviation = math.sqrt(many.mean * (1 - many.mean) / 1.1e6)
    assert many.lower == pytest.approx(many.mean - 1.6449 * deviation, abs=1e-6)
    assert many.upper == pytest.approx(many.mean + 1.6449 * deviation, abs=1e-6)


def test_more_cases_than_can_be_computed_are_no_number_at_all() -> None:
    with pytest.raises(ArithmeticError, match=r"the counts 1e\+12 and 1e\+12 are too large"):
        Beta(1e12, 1e12).below(0.5)
