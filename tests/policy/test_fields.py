"""The kinds of values in a policy: what is accepted, as text and as Python's own values, and how it is written back."""

from datetime import time, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bot.policy.file.fields import Duration, PolicyLevel, TimeOfDay, elapsed_text
from bot.policy.levels import Level


@pytest.mark.parametrize(
    ("lasted", "words"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=119.9), "119 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(minutes=119, seconds=59), "119 min"),
        (timedelta(hours=2), "2 h 0 min"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_how_long_something_took_is_said_as_people_say_it(lasted: timedelta, words: str) -> None:
    assert elapsed_text(lasted) == words


@pytest.mark.parametrize(
    ("kind", "written", "meant"),
    [
        (Duration, "90s", timedelta(seconds=90)),
        (TimeOfDay, "07:30", time(7, 30)),
        (PolicyLevel, "L2", Level.L2),
    ],
    ids=["a duration", "a time of day", "a level"],
)
def test_a_value_is_the_same_written_as_in_the_file_and_given_in_code(kind: Any, written: str, meant: object) -> None:
    values: TypeAdapter[object] = TypeAdapter(kind)
    assert values.validate_python(written) == values.validate_python(meant) == meant


@pytest.mark.parametrize("value", [3, None, ["L1"]])
def test_a_level_is_written_as_the_mission_names_it(value: object) -> None:
    with pytest.raises(ValidationError, match="is not a level; write it as L0, L1, L2 or L3"):
        TypeAdapter(PolicyLevel).validate_python(value)


@pytest.mark.parametrize("written", ["36501d", "5215w", f"{'9' * 30}d", f"{'9' * 400}ms"])
def test_a_duration_that_no_date_can_bear_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="is longer than 36500d; write at most that"):
        TypeAdapter(Duration).validate_python(written)
    assert TypeAdapter(Duration).validate_python("36500d") == timedelta(days=36_500)
