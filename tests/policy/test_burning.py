"""Harm that no alert tells of yet: the error budget burns faster after our act than it did before."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.burning import Burn, Reading, Watched, burn_after, burn_queries_of_all_who_feel, to_watch
from bot.policy.evidence import Answer
from bot.policy.rules.services import Services
from tests.policy.calm import NOW, calm_policy

WATCH = timedelta(minutes=10)


def after(*rates: float | None, before: float | None = 0.5, first: float = 1) -> Burn:
    """What so many readings say, a minute apart."""
    readings = [Reading(NOW + timedelta(minutes=first + place), rate) for place, rate in enumerate(rates)]
    return burn_after(before, readings, NOW, WATCH)


@pytest.mark.parametrize(
    ("rates", "burn"),
    [
        ((0.4, 0.5), Burn.STEADY),
        ((1.0, 1.0), Burn.STEADY),
        ((1.1, 1.1), Burn.RISES),
        ((1.0, 1.1, 1.0), Burn.STEADY),
        ((0.5, 1.1, 0.5, 1.1), Burn.STEADY),
        ((0.5, 1.1, 1.2, 0.5), Burn.RISES),
        ((), Burn.UNKNOWN),
        ((5.0,), Burn.UNKNOWN),
        ((None, None, None), Burn.UNKNOWN),
        ((None, 0.5, None, 0.5), Burn.STEADY),
        ((5.0, None, 5.0), Burn.RISES),
        ((float("inf"), float("nan"), 0.5), Burn.UNKNOWN),
    ],
)
def test_two_readings_in_a_row_above_what_was_usual_are_a_rise(rates: tuple[float | None, ...], burn: Burn) -> None:
    assert after(*rates) is burn


def test_what_burned_before_must_burn_a_good_deal_faster() -> None:
    assert after(5.0, 5.0, before=4.0) is Burn.STEADY
    assert after(5.1, 5.1, before=4.0) is Burn.RISES
    assert after(3.0, 3.0, before=4.0) is Burn.STEADY


@pytest.mark.parametrize("before", [None, float("nan"), float("inf")])
def test_without_a_rate_before_it_a_rise_above_the_plan_convicts_and_nothing_clears(before: float | None) -> None:
    assert after(1.1, 1.1, before=before) is Burn.RISES
    assert after(0.5, 0.5, before=before) is Burn.UNKNOWN


def test_only_what_is_measured_while_it_is_watched_counts() -> None:
    assert after(9.0, 9.0, 9.0, 0.5, first=-1) is Burn.STEADY, "the second one is of the very moment it began"
    assert after(0.5, 0.5, 9.0, 9.0, first=8) is Burn.STEADY, "the third is the last that counts"
    assert after(9.0, 9.0, first=9) is Burn.RISES


RATES = st.lists(st.one_of(st.none(), st.floats(0, 10)), max_size=6)


@given(RATES, st.one_of(st.none(), st.floats(0, 10)), st.integers(0, 5), st.floats(0, 10))
def test_a_higher_reading_never_clears(
    rates: list[float | None], before: float | None, place: int, more: float
) -> None:
    higher = list(rates)
    if place < len(higher):
        known = higher[place]
        higher[place] = None if known is None else known + more
    if after(*rates, before=before) is Burn.RISES:
        assert after(*higher, before=before) is Burn.RISES


@given(RATES, st.one_of(st.none(), st.floats(0, 10)))
def test_the_order_in_which_readings_come_changes_nothing(rates: list[float | None], before: float | None) -> None:
    readings = [Reading(NOW + timedelta(minutes=1 + place), rate) for place, rate in enumerate(rates)]
    assert burn_after(before, readings, NOW, WATCH) is burn_after(before, readings[::-1], NOW, WATCH)


SERVICES = {
    "lamp": {"slo_burn": "lamp:burn"},
    "room": {"depends_on": ["lamp"]},
    "house": {"depends_on": ["room"], "slo_burn": "house:burn"},
    "street": {"depends_on": ["house", "sky"], "slo_burn": "house:burn"},
    "sky": {"depends_on": ["street"]},
    "moon": {"slo_burn": "moon:burn"},
}


def test_whoever_depends_on_what_was_touched_is_watched_through_any_number_of_hops() -> None:
    policy = calm_policy(services=SERVICES)

    def watched(*names: str, known: bool = True) -> dict[str, tuple[str, ...]]:
        return burn_queries_of_all_who_feel(policy, Services(frozenset(names), known))

    felt = {"lamp:burn": ("lamp",), "house:burn": ("house", "street")}
    assert watched("lamp") == felt
    assert watched("sky") == {"house:burn": ("street",)}
    assert watched("moon") == {"moon:burn": ("moon",)}
    assert watched() == {}
    assert watched(known=False) == {**felt, "moon:burn": ("moon",)}, "any may be the one"


def test_what_is_watched_is_compared_with_what_the_decision_rests_on() -> None:
    answers = {"lamp:burn": Answer(samples=("0.5", "0.7")), "house:burn": Answer(samples=("1",), warnings=("partial",))}
    assert to_watch(calm_policy(services=SERVICES), Services(frozenset({"lamp"}), known=True), answers) == (
        Watched("lamp:burn", ("lamp",), 0.7),
        Watched("house:burn", ("house", "street"), None),
    )
