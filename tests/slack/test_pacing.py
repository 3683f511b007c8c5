from hypothesis import given
from hypothesis import strategies as st

from bot.slack.pacing import Pace, Paces


def test_a_burst_goes_at_once_and_then_one_each_interval() -> None:
    pace = Pace(interval_seconds=1.0, burst=3)
    assert [pace.reserve(100.0) for _ in range(5)] == [100.0, 100.0, 100.0, 101.0, 102.0]


def test_credit_comes_back_with_time_but_not_beyond_the_burst() -> None:
    pace = Pace(interval_seconds=1.0, burst=2)
    for _ in range(4):
        pace.reserve(100.0)
    assert [pace.reserve(1000.0) for _ in range(3)] == [1000.0, 1000.0, 1001.0]


def test_after_a_limit_slots_begin_at_its_end_one_by_one() -> None:
    pace = Pace(interval_seconds=1.0, burst=4)
    pace.block(110.0)
    assert [pace.reserve(100.0) for _ in range(3)] == [110.0, 111.0, 112.0]


@given(st.integers(1, 8), st.lists(st.floats(0, 5), min_size=2, max_size=40))
def test_in_no_window_are_there_more_slots_than_burst_and_interval_allow(burst: int, steps: list[float]) -> None:
    pace, now, slots = Pace(interval_seconds=1.0, burst=burst), 1000.0, []
    for step in steps:
        now += step
        slots.append(pace.reserve(now))
    for first in range(len(slots)):
        for last in range(first, len(slots)):
            window = slots[last] - slots[first]
            assert last - first + 1 <= burst + window + 1e-6


def test_channels_have_paces_of_their_own() -> None:
    paces = Paces()
    assert paces.posting("C01INC") is not paces.posting("C02AUD")
    assert paces.posting("C01INC") is paces.posting("C01INC")
    assert paces.updating() is paces.updating()


def test_updates_stay_within_fifty_a_minute() -> None:
    pace = Paces().updating()
    slots = [pace.reserve(1000.0) for _ in range(120)]
    assert sum(slot < 1060.0 for slot in slots) <= 50


def test_there_is_a_spare_slot_only_while_half_of_the_burst_is_saved_up() -> None:
    pace = Pace(interval_seconds=1.0, burst=4)
    assert pace.has_spare(1000.0)
    seen = []
    for _ in range(4):
        pace.reserve(1000.0)
        seen.append(pace.has_spare(1000.0))
    assert seen == [True, False, False, False]
    assert not pace.has_spare(1001.9)
    assert pace.has_spare(1003.0)
    pace.block(1010.0)
    assert not pace.has_spare(1011.0)
