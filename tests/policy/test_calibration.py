"""Calibration: of what was held for 80 % likely, did 80 % work?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.confidence.calibration import Bin, Forecast, brier_score, calibration

FORECASTS = st.lists(st.builds(Forecast, st.floats(0, 1), st.booleans()), max_size=60)


def test_a_curve_is_what_was_stated_beside_what_happened() -> None:
    cases = [Forecast(0.82, worked=True)] * 4 + [Forecast(0.82, worked=False)] + [Forecast(0.1, worked=False)] * 2
    found = calibration(cases, bins=5)
    assert found.count == 7
    assert [(each.count, each.worked) for each in found.bins] == [(2, 0), (0, 0), (0, 0), (0, 0), (5, 4)]
    assert found.bins[4].stated == pytest.approx(0.82)
    assert found.bins[4].observed == 0.8
    assert found.brier == pytest.approx((4 * 0.18**2 + 0.82**2 + 2 * 0.1**2) / 7)
    assert found.baseline == pytest.approx(4 / 7 * 3 / 7)
    assert found.error == pytest.approx((abs(5 * 0.82 - 4) + 2 * 0.1) / 7)
    assert found.stated == pytest.approx((5 * 0.82 + 2 * 0.1) / 7)
    assert found.observed == pytest.approx(4 / 7)


def test_without_cases_there_is_a_curve_of_empty_bins_and_no_score() -> None:
    found = calibration([])
    assert (found.count, found.brier, found.baseline, found.error) == (0, None, None, None)
    assert (found.stated, found.observed) == (None, None)
    assert found.text == "Nothing has been carried out yet that confidence could be compared with."
    assert found.bins[0] == Bin(0.0, 0.1)
    assert {(each.count, each.stated, each.observed) for each in found.bins} == {(0, None, None)}


@pytest.mark.parametrize(("confidence", "place"), [(0.0, 0), (0.0999, 0), (0.1, 1), (0.95, 9), (1.0, 9)])
def test_a_bin_holds_what_is_from_its_lower_end_to_below_its_upper_one(confidence: float, place: int) -> None:
    (held,) = [number for number, each in enumerate(calibration([Forecast(confidence, True)]).bins) if each.count]
    assert held == place


def test_always_being_sure_is_right_or_wrong_and_saying_half_is_a_quarter() -> None:
    assert brier_score([Forecast(1, True), Forecast(0, False)]) == 0
    assert brier_score([Forecast(1, False)]) == 1
    assert brier_score([Forecast(0.5, True), Forecast(0.5, False)]) == 0.25


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="is no probability; it lies between 0 and 1"):
        calibration([Forecast(confidence, True)])


def test_a_curve_needs_a_bin() -> None:
    with pytest.raises(ValueError, match="at least one bin, not 0"):
        calibration([], bins=0)


@given(FORECASTS, st.integers(1, 20))
def test_every_case_is_in_one_bin_whose_bounds_hold_it(cases: list[Forecast], bins: int) -> None:
    found = calibration(cases, bins)
    assert (len(found.bins), sum(each.count for each in found.bins)) == (bins, len(cases))
    assert sum(each.worked for each in found.bins) == sum(case.worked for case in cases)
    for each in found.bins:
        if each.stated is not None and each.observed is not None:
            assert each.low - 1e-9 <= each.stated <= each.high + 1e-9
            assert 0 <= each.observed <= 1
    assert [each.high for each in found.bins[:-1]] == [each.low for each in found.bins[1:]]


@given(FORECASTS.filter(bool))
def test_saying_the_share_that_worked_of_every_case_scores_the_baseline(cases: list[Forecast]) -> None:
    share = sum(case.worked for case in cases) / len(cases)
    constant = calibration([Forecast(share, case.worked) for case in cases])
    assert constant.brier == pytest.approx(constant.baseline)
    found = calibration(cases)
    assert found.brier is not None
    assert found.error is not None
    assert 0 <= found.brier <= 1
    assert 0 <= found.error <= 1


@given(FORECASTS)
def test_the_order_of_the_cases_changes_nothing(cases: list[Forecast]) -> None:
    one, other = calibration(cases), calibration(cases[::-1])
    assert one.brier == pytest.approx(other.brier)
    assert [each.count for each in one.bins] == [each.count for each in other.bins]


def test_it_is_told_in_a_sentence_that_judges_nothing_by_too_few_cases() -> None:
    cases = [Forecast(0.82, worked=True)] * 17 + [Forecast(0.82, worked=False)] * 3
    said = (
        "In 20 cases confidence was 82 % on average, and 85 % worked (Brier score 0.128; "
        "always saying 85 % scores 0.128)."
    )
    assert calibration(cases).text == said
    (one,) = [Forecast(0.9, worked=True)]
    assert calibration([one]).text == (
        "In 1 case confidence was 90 % on average, and 100 % worked (Brier score 0.010; always saying 100 % scores "
        "0.000). That is too few to judge it by: 20 are asked for."
    )
    assert calibration(cases[1:]).text.endswith("too few to judge it by: 20 are asked for.")
