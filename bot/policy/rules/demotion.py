"""Demotion: what takes a licence away by itself, without anybody having to do anything.

Each cause has a key for good. It caps from the moment it is on record, whether or not a row of the demotion has been
written by then; once people have promoted the runbook again, its key is among those lifted. A review never lifts one
by saying that it was harmful: being overdue ends, being harmful begins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import takewhile

from bot.policy.levels import Level
from bot.policy.situation import Evidenced
from bot.policy.track_record import Ending, Judged, PastCase

WHEN_DEMOTED = Level.L1
"""What is left: it proposes, and a person approves."""
OVERRIDES, OF_CASES = 3, 10
"""So many overrides in the last so many cases say that people would rather decide themselves."""


class Cause(StrEnum):
    """Why a runbook is demoted."""

    FAILED = "failed"
    HARMED = "harmed"
    UNKNOWN = "unknown"
    HARMFUL = "harmful"
    """A person has reviewed it, and said so."""
    OVERDUE = "overdue"
    """Nobody has reviewed it in time. This one ends with the review."""
    OVERRIDDEN = "overridden"
    EXPIRED = "expired"
    """A gate counts no longer. It caps by itself until it is passed anew: that it was lost is only put on record."""


@dataclass(frozen=True, slots=True)
class Due:
    """A demotion that its cause asks for."""

    cause: Cause
    key: str
    """Names the cause for good: ``harmed:<case>``."""
    reason: str
    """In words, as the end of "it was demoted, because ..."."""
    level: Level = WHEN_DEMOTED

    @property
    def case(self) -> str:
        """Key of the case that it is about: the id of its action."""
        return self.key.partition(":")[2]


_BY_ENDING = {
    Ending.FAILED: (Cause.FAILED, "it did not help in {}"),
    Ending.HARMED: (Cause.HARMED, "it did harm in {}"),
    Ending.UNKNOWN: (Cause.UNKNOWN, "nobody knows how it ended in {}"),
}


def causes(held: Evidenced, now: datetime) -> tuple[Due, ...]:
    """Everything on record that demotes and that nobody has lifted, newest first; what a row says already included.

    A gate's run against the twin is no cause: what fails there is a gate that is not passed.
    """
    cases = tuple(case for case in held.cases or () if not case.staging)
    found = [due for case in cases for due in _of_one(case, now)]
    found += _overrides(cases, held.lifted)
    return tuple(due for due in found if due.cause is Cause.OVERDUE or due.key not in held.lifted)


def unwritten(held: Evidenced, now: datetime) -> tuple[Due, ...]:
    """Causes for which no demotion in force has been written yet."""
    written = {demotion.cause for demotion in held.demotions}
    return tuple(due for due in causes(held, now) if due.key not in written)


def review_lifts(judged: Judged) -> bool:
    """Whether a review gives back what its being overdue took: never by saying that it was harmful."""
    return judged is not Judged.HARMFUL


def overdue(case: str, name: str) -> Due:
    """What the case of this key asks for while its review is overdue; ``name``: of its incident."""
    return Due(Cause.OVERDUE, f"{Cause.OVERDUE}:{case}", f"the review of {name} is overdue")


def _of_one(case: PastCase, now: datetime) -> Iterator[Due]:
    name = case.incident or "an earlier case"
    if case.ending in _BY_ENDING:
        cause, words = _BY_ENDING[case.ending]
        yield Due(cause, f"{cause}:{case.key}", words.format(name))
    if case.judged is Judged.HARMFUL:
        yield Due(Cause.HARMFUL, f"{Cause.HARMFUL}:{case.key}", f"the review of {name} says that it was harmful")
    if case.judged is None and case.review_due is not None and case.review_due <= now:
        yield overdue(case.key, name)


def _overrides(cases: Sequence[PastCase], lifted: Sequence[str]) -> list[Due]:
    """Enough overrides among the last cases; those up to a lifted one have been weighed by people already."""
    last = tuple(takewhile(lambda case: _key(case) not in lifted, cases))[:OF_CASES]
    overridden = [case for case in last if case.ending is Ending.OVERRIDDEN]
    if len(overridden) < OVERRIDES:
        return []
    said = f"people decided otherwise {len(overridden)} times in its last {len(last)} cases"
    return [Due(Cause.OVERRIDDEN, _key(overridden[0]), said)]


def _key(case: PastCase) -> str:
    return f"{Cause.OVERRIDDEN}:{case.key}"
