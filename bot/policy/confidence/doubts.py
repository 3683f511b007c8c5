"""What makes a good plan less sure at this moment: each doubt is a factor, and none of them ever adds confidence."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

FLAPS_TOLERATED = 2
"""An alert may begin so often within ``FLAPPING_WITHIN``; from the next time on it flaps."""
FLAPPING_WITHIN = timedelta(hours=1)
FLAPPING_FACTOR = 0.5
FRESH_FOR = timedelta(minutes=5)
"""What monitoring answered longer ago says nothing about now."""
STALE_FACTOR = 0.4
"""As little as without any evidence."""
CHANGE_FACTOR = 0.75
"""Something else has just been changed there: nobody knows what did what."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about the moment, beside evidence and history; by default there is nothing to doubt."""

    beginnings: int = 1
    """How often the alert has begun within ``FLAPPING_WITHIN``."""
    age: timedelta | None = timedelta(0)
    """How long ago monitoring was asked; None: nobody knows."""
    changes: tuple[str, ...] = ()
    """What else has just been changed on the same services or targets, in words."""
    rivals: tuple[str, ...] = ()
    """Other runbooks that may be meant for it as well."""


def doubts(circumstances: Circumstances) -> Iterator[tuple[str, float, str]]:
    """Each doubt there is, with its factor and in words."""
    if circumstances.beginnings > FLAPS_TOLERATED:
        yield "flapping", FLAPPING_FACTOR, f"the alert flaps: it began {circumstances.beginnings} times within an hour"
    if circumstances.age is None:
        yield "age", STALE_FACTOR, "nobody knows when monitoring was asked"
    elif circumstances.age > FRESH_FOR:
        minutes = int(circumstances.age.total_seconds() // 60)
        yield "age", STALE_FACTOR, f"monitoring was asked {minutes} minutes ago"
    if circumstances.changes:
        yield "changes", CHANGE_FACTOR, f"changed a moment ago: {', '.join(circumstances.changes)}"
    if circumstances.rivals:
        share = 1 / (1 + len(circumstances.rivals))
        yield "ambiguity", share, f"other runbooks may be meant: {', '.join(circumstances.rivals)}"
