"""Harm that no alert tells of yet: the error budget burns faster after our act than it did before.

Compared is what was measured right before the act with what is measured while it is watched. One high sample is noise,
so it takes two in a row; one without an answer is no answer, and neither clears nor convicts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from bot.policy.evidence import NOT_ASKED, Answer, highest
from bot.policy.file.document import Policy
from bot.policy.rules.impact import finite
from bot.policy.rules.services import Services

RISES_BY = 1.25
"""A rate is higher than before from so many times it on: what varies less than that rises and falls by itself."""
SPENT_AS_PLANNED = 1.0
"""The rate that spends exactly the budget: a rise that stays below harms nobody."""


class Burn(StrEnum):
    """What the error budget says about an act."""

    STEADY = "steady"
    """It burns no faster than before."""
    RISES = "rises"
    """It burns faster: the act is taken for the cause."""
    UNKNOWN = "unknown"
    """It was not measured often enough to tell: it goes on being watched, or people are told that nobody knows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The burn rate at one moment, 1.0 spending exactly the budget; None where monitoring could not say."""

    at: datetime
    rate: float | None


@dataclass(frozen=True, slots=True)
class Watched:
    """One query of an error budget that is asked while an act is watched."""

    query: str
    services: tuple[str, ...]
    """Whose error budget it is."""
    before: float | None
    """Its answer right before the act; None where it could not be measured."""


def burn_queries_of_all_who_feel(policy: Policy, services: Services) -> dict[str, tuple[str, ...]]:
    """The error-budget queries of these services and of whatever depends on them, each with whom it is about.

    Through any number of hops; of every service where nobody knows which it is.
    """
    felt = set(services.names)
    while more := {name for name, entry in policy.services.items() if felt & set(entry.depends_on)} - felt:
        felt |= more
    found: dict[str, tuple[str, ...]] = {}
    for name, entry in policy.services.items():
        if entry.slo_burn and (name in felt or not services.known):
            found[entry.slo_burn] = (*found.get(entry.slo_burn, ()), name)
    return found


def to_watch(policy: Policy, services: Services, answers: Mapping[str, Answer]) -> tuple[Watched, ...]:
    """What is asked after an act on these services; ``answers`` are those that its decision rests on."""
    queries = burn_queries_of_all_who_feel(policy, services)
    return tuple(
        Watched(query, names, finite(highest(answers.get(query, NOT_ASKED)))) for query, names in queries.items()
    )


def burn_after(before: float | None, readings: Sequence[Reading], began: datetime, watch_after: timedelta) -> Burn:
    """Whether the budget burns faster since the effect began.

    Args:
        before: the rate right before; None where it was not measured: then only the planned rate can be compared with.
        readings: in any order; those before ``began`` or later than ``watch_after`` after it count for nothing.
        began: when the effect began.
        watch_after: how long after it a rise is taken for our doing, as the policy writes it.
    """
    watched = sorted(
        (reading for reading in readings if began < reading.at <= began + watch_after), key=lambda reading: reading.at
    )
    known = [rate for rate in (finite(reading.rate) for reading in watched) if rate is not None]
    usual = finite(before)
    limit = SPENT_AS_PLANNED if usual is None else max(SPENT_AS_PLANNED, usual * RISES_BY)
    if any(one > limit and other > limit for one, other in pairwise(known)):
        return Burn.RISES
    return Burn.STEADY if usual is not None and len(known) >= 2 else Burn.UNKNOWN
