"""Whether confidence means what it says: of what was held for 80 % likely, did 80 % work?

Pure functions over pairs of a confidence and what came of it, for a page and for the command line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10
ENOUGH = 20
"""Cases from which the numbers say something: with fewer, one case more or less moves them by over five points."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One case that was carried out: how sure it was then (0 to 1), and whether it fixed the incident without harm."""

    confidence: float
    worked: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """The cases whose confidence was from ``low`` to below ``high``; the last one includes 1."""

    low: float
    high: float
    count: int = 0
    worked: int = 0
    stated: float | None = None
    """Mean confidence of its cases; None where there are none."""

    @property
    def observed(self) -> float | None:
        """The share that worked; None where there are none."""
        return self.worked / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well confidence was calibrated over the cases there are."""

    count: int
    brier: float | None
    """Mean squared difference between confidence and outcome: 0 is perfect, 0.25 is what always saying 50 % gets."""
    baseline: float | None
    """The Brier score of always saying the share that worked; at or above it, confidence tells cases not apart."""
    error: float | None
    """Mean distance between stated and observed, each bin weighted by its cases (expected calibration error)."""
    bins: tuple[Bin, ...]
    """The reliability curve, lowest confidence first, empty bins included."""

    @property
    def stated(self) -> float | None:
        """The mean confidence of all cases; None without any."""
        return sum((each.stated or 0) * each.count for each in self.bins) / self.count if self.count else None

    @property
    def observed(self) -> float | None:
        """The share of all cases that worked; None without any."""
        return sum(each.worked for each in self.bins) / self.count if self.count else None

    @property
    def text(self) -> str:
        """In a sentence; without a verdict where there are too few cases for one."""
        if self.stated is None or self.observed is None or self.brier is None or self.baseline is None:
            return "Nothing has been carried out yet that confidence could be compared with."
        cases = "1 case" if self.count == 1 else f"{self.count} cases"
        said = (
            f"In {cases} confidence was {percent(self.stated)} on average, and {percent(self.observed)} worked "
            f"(Brier score {self.brier:.3f}; always saying {percent(self.observed)} scores {self.baseline:.3f})."
        )
        return said if self.count >= ENOUGH else f"{said} That is too few to judge it by: {ENOUGH} are asked for."


def calibration(cases: Iterable[Forecast], bins: int = BINS) -> Calibration:
    """Compare what was stated with what happened.

    Raises:
        ValueError: a confidence is no probability, or there is no bin to put it into.
    """
    every = list(cases)
    if bins < 1:
        raise ValueError(f"a reliability curve needs at least one bin, not {bins}")
    for case in every:
        if not 0 <= case.confidence <= 1:
            raise ValueError(f"a confidence of {case.confidence!r} is no probability; it lies between 0 and 1")
    sorted_in: list[list[Forecast]] = [[] for _ in range(bins)]
    for case in every:
        sorted_in[min(int(case.confidence * bins), bins - 1)].append(case)
    curve = tuple(_bin(number, bins, held) for number, held in enumerate(sorted_in))
    return Calibration(len(every), brier_score(every), _baseline(every), _error(curve), curve)


def percent(share: float) -> str:
    """A share as people read it: "82 %"."""
    return f"{100 * share:.0f} %"


def brier_score(cases: Sequence[Forecast]) -> float | None:
    """Mean squared difference between confidence and outcome; None without cases."""
    if not cases:
        return None
    return sum((case.confidence - case.worked) ** 2 for case in cases) / len(cases)


def _bin(number: int, bins: int, held: Sequence[Forecast]) -> Bin:
    stated = sum(case.confidence for case in held) / len(held) if held else None
    return Bin(number / bins, (number + 1) / bins, len(held), sum(case.worked for case in held), stated)


def _baseline(cases: Sequence[Forecast]) -> float | None:
    if not cases:
        return None
    share = sum(case.worked for case in cases) / len(cases)
    return share * (1 - share)


def _error(curve: Sequence[Bin]) -> float | None:
    every = sum(each.count for each in curve)
    if not every:
        return None
    return sum(abs((each.stated or 0) * each.count - each.worked) for each in curve) / every
