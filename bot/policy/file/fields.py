"""Kinds of values in the policy file: durations, times of day, levels, expressions; each says what it accepts."""

import re
from datetime import time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from bot.policy.levels import Level
from bot.policy.plan import Effect, Facts


class Entry(Facts):
    """Base of everything people write in the policy file: an unknown key is an error, not noise."""

    model_config = ConfigDict(extra="forbid")


_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$")
_TIME_OF_DAY = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")
_DECLARABLE = tuple(effect.value for effect in Effect if effect is not Effect.UNKNOWN)
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

LONGEST = timedelta(days=36_500)
"""The longest duration: a date that is so far off can still be written."""


# What nobody counts beyond. A larger number is a slip of the hand, and would say "without bound" without saying so.
ACTIONS_MAX = 100_000
"""Actions in a time."""
AT_ONCE_MAX = 1_000
"""Actions, incidents or questions at once."""
CASES_MAX = 10_000
"""Past cases of a runbook."""
INSTANCES_MAX = 1_000_000
"""Instances of a service."""
TARGETS_MAX = 10_000
"""Targets of one act."""


def duration(value: object) -> timedelta:
    """``30s``, ``10m``, ``2h``, ``5d`` -> timedelta.

    Raises:
        ValueError: naming the value and the accepted form.
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write a number and a unit, such as 30s, 10m, 2h or 5d")
    seconds = float(match[1]) * _UNIT_SECONDS[match[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{value!r} is longer than {LONGEST.days}d; write at most that")
    return timedelta(seconds=seconds)


def duration_text(value: timedelta) -> str:
    """The shortest way to write a duration in the policy's own notation."""
    seconds = value.total_seconds()
    for unit in ("w", "d", "h", "m", "s"):
        size = _UNIT_SECONDS[unit]
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


def elapsed_text(value: timedelta) -> str:
    """How long something took, in words as people say it: 40 s, 12 min, 3 h 5 min, 2 days."""
    seconds = int(value.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172800:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} days"


def _time_of_day(value: object) -> object:
    if isinstance(value, time):
        return value
    match = _TIME_OF_DAY.match(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a time of day; write hours and minutes, such as 22:00 or 07:30")
    return time(int(match[1]), int(match[2]))


def _time_zone(value: object) -> object:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone; write one such as Europe/Berlin or UTC") from None
    return value


def _level(value: object) -> object:
    if isinstance(value, str):
        if value in Level.__members__:
            return Level[value]
        raise ValueError(f"{value!r} is not a level; choose one of L0, L1, L2, L3")
    if isinstance(value, Level):
        return value
    raise ValueError(f"{value!r} is not a level; write it as L0, L1, L2 or L3")


def _declared(value: object) -> object:
    """An effect by its word; a word that we do not know is a mistake here, and no effect of a newer release."""
    if value not in _DECLARABLE:
        raise ValueError(f"{value!r} is not an effect; choose from {', '.join(_DECLARABLE)}")
    return value


def _expression(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(duration_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["30s", "10m", "2h", "5d"]}),
]
PolicyLevel = Annotated[
    Level,
    BeforeValidator(_level),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"enum": list(Level.__members__)}),
]
DeclaredEffect = Annotated[Effect, BeforeValidator(_declared), WithJsonSchema({"enum": list(_DECLARABLE)})]
"""An effect that the policy writes down for a runbook."""
Expression = Annotated[str, BeforeValidator(_expression), WithJsonSchema({"type": ["string", "boolean"]})]
"""CEL. A bare ``true`` or ``false`` is CEL too, though YAML makes it a boolean."""
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _TIME_OF_DAY.pattern, "examples": ["22:00", "07:30"]}),
]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
"""A name of the IANA database."""
Share = Annotated[float, Field(gt=0, le=1)]
