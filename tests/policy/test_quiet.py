"""Quiet hours in the group's own time of day, whatever the clocks do."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.file.document import Group
from bot.policy.quiet import quiet_from, quiet_until

BERLIN = ZoneInfo("Europe/Berlin")


def group(since: str = "22:00", until: str = "07:00", zone: str = "Europe/Berlin", *severities: str) -> Group:
    hours: dict[str, Any] = {"from": since, "until": until, "timezone": zone, "except": severities}
    return Group.model_validate({"users": ["U01ALICE"], "quiet_hours": hours})


def berlin(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (berlin(23, 21, 59), None),
        (berlin(23, 22), berlin(24, 7)),
        (berlin(24, 3), berlin(24, 7)),
        (berlin(24, 6, 59), berlin(24, 7)),
        (berlin(24, 7), None),
    ],
)
def test_quiet_hours_over_midnight_hold_from_their_first_to_before_their_last_minute(
    now: datetime, until: datetime | None
) -> None:
    assert quiet_until(group(), "warning", now) == until


def test_quiet_hours_by_day_hold_by_day() -> None:
    lunch = group("12:00", "13:00")
    assert quiet_until(lunch, "warning", berlin(23, 12, 30)) == berlin(23, 13)
    assert quiet_until(lunch, "warning", berlin(23, 13)) is None
    assert quiet_until(lunch, "warning", berlin(23, 3)) is None


def test_a_severity_that_is_excepted_calls_people_at_any_hour_however_it_is_written() -> None:
    assert quiet_until(group("22:00", "07:00", "UTC", "critical"), "Critical", berlin(24, 3)) is None
    assert quiet_until(group("22:00", "07:00", "UTC", "critical"), "warning", berlin(24, 3)) is not None
    assert quiet_from(group("22:00", "07:00", "UTC", "critical"), "critical", berlin(24, 3)) is None


def test_a_group_without_quiet_hours_can_always_be_called() -> None:
    assert quiet_until(Group(users=("U01ALICE",)), "warning", berlin(24, 3)) is None
    assert quiet_from(Group(users=("U01ALICE",)), "warning", berlin(24, 3)) is None


def test_the_hours_are_those_on_the_peoples_own_clocks_in_summer_and_winter() -> None:
    assert quiet_until(group(), "warning", datetime(2026, 7, 1, 20, 30, tzinfo=UTC)) == berlin(2, 7, month=7)
    assert quiet_until(group(), "warning", datetime(2026, 12, 1, 20, 30, tzinfo=UTC)) is None


def test_the_night_in_which_clocks_are_put_back_is_an_hour_longer() -> None:
    began = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # 22:00 in Berlin
    assert quiet_until(group(), "warning", began) == began + timedelta(hours=10)


def test_the_hour_that_clocks_show_twice_has_its_end_twice() -> None:
    first_two = datetime(2026, 10, 25, 0, 10, tzinfo=UTC)  # 02:10 for the first time
    assert quiet_until(group("01:00", "02:30"), "warning", first_two) == first_two + timedelta(minutes=20)
    second_two = first_two + timedelta(hours=1)
    assert quiet_until(group("01:00", "02:30"), "warning", second_two) == second_two + timedelta(minutes=20)


def test_an_end_that_clocks_skip_is_no_earlier_than_the_skip() -> None:
    night = datetime(2026, 3, 29, 0, 10, tzinfo=UTC)  # 01:10; at 02:00 it is 03:00
    end = quiet_until(group("00:30", "02:30"), "warning", night)
    assert end is not None
    assert end.astimezone(BERLIN).time() >= time(3, 0)


TIMES = st.times().map(lambda at: f"{at:%H:%M}")
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants naive bounds


@given(TIMES, TIMES, st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"]), MOMENTS)
def test_at_any_moment_one_of_both_is_so_and_the_end_lies_ahead(
    since: str, until: str, zone: str, now: datetime
) -> None:
    hours = group(since, until, zone)
    end, begin = quiet_until(hours, "warning", now), quiet_from(hours, "warning", now)
    assert begin is not None
    assert begin > now
    at = now.astimezone(ZoneInfo(zone)).time()
    first, last = time.fromisoformat(since), time.fromisoformat(until)
    inside = at >= first or at < last if first > last else first <= at < last
    assert (end is not None) == inside
    assert end is None or now < end <= now + timedelta(hours=27)
