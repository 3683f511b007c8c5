"""What monitoring answered, as it came, and what that answer says about an alert.

The raw answer is an input and is stored; the finding is drawn from it here, so that an old answer can be judged again
in a year. Knows PromQL's meaning of "non-empty and non-zero", and nothing of Prometheus as a server.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

from bot.policy.plan import Facts
from bot.policy.promql import is_condition

SAMPLES_KEPT = 200
"""An answer with more samples is cut and says so: then it is incomplete."""


class Finding(StrEnum):
    """What a piece of evidence says about the alert."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "Finding":
        return cls.UNKNOWN


class Answer(Facts):
    """The raw answer to one query: samples as the monitor wrote them (``"0"``, ``"NaN"``, ``"+Inf"``)."""

    samples: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """The monitor's own words on why the answer may be incomplete."""
    error: str = ""
    """Why there is no answer, in words for people; empty when there is one."""
    judged: Finding | None = None
    """What was found, where only that was stored (situations of schema 1)."""
    detail: str = ""
    """The words that stood beside ``judged``."""


class Evidence(Facts):
    """What one query says, drawn from its answer; ``detail`` is for people (value, error, no links)."""

    name: str
    query: str
    finding: Finding
    detail: str = ""
    value: float | None = None


NOT_ASKED = Answer(error="it was not asked")


def judge(name: str, query: str, answer: Answer, *, every_sample: bool = False) -> Evidence:
    """Draw the finding from an answer.

    A condition (``up == 0``) supports when any series is left; a quantity supports when any sample is not zero, or,
    with ``every_sample``, when none is zero: one instance that is down is enough to be unhealthy. An error, a warning
    of the monitor or a value that is no number means unknown: a partial answer is no answer.
    """

    def found(finding: Finding, detail: str, value: float | None = None) -> Evidence:
        return Evidence(name=name, query=query, finding=finding, detail=detail, value=value)

    if answer.judged is not None:
        return found(answer.judged, answer.detail)
    if answer.error:
        return found(Finding.UNKNOWN, answer.error)
    if answer.warnings:
        return found(Finding.UNKNOWN, f"the answer is incomplete: {answer.warnings[0]}")
    samples = [as_number(text) for text in answer.samples]
    if any(sample is None for sample in samples):
        return found(Finding.UNKNOWN, "the answer holds something that is not a number")
    return found(*_weighed([s for s in samples if s is not None], is_condition(query), every_sample))


def as_number(text: str) -> float | None:
    """The value of a sample; NaN and infinities are numbers here. None when it is no number at all."""
    try:
        return float(text)
    except ValueError:
        return None


def highest(answer: Answer) -> float | None:
    """Highest sample of a complete answer; None when there is none, or any of them is not finite."""
    if answer.error or answer.warnings or not answer.samples:
        return None
    values = [as_number(text) for text in answer.samples]
    finite = [value for value in values if value is not None and math.isfinite(value)]
    return max(finite) if len(finite) == len(values) else None


def _weighed(samples: Sequence[float], condition: bool, every_sample: bool) -> tuple[Finding, str, float | None]:
    """Finding, what to tell people, and the sample that decided."""
    if not samples:
        return Finding.CONTRADICTS, "nothing matches the query", None
    numbers = [sample for sample in samples if not math.isnan(sample)]
    telling = numbers if condition else [sample for sample in numbers if sample != 0]
    against = [] if condition else [sample for sample in numbers if sample == 0]
    if telling and not (every_sample and (against or len(numbers) < len(samples))):
        return Finding.SUPPORTS, _detail(telling[0], len(telling), len(samples)), _finite(telling[0])
    if len(numbers) < len(samples) and not (every_sample and against):
        return Finding.UNKNOWN, "the value is not a number (NaN)", None
    return Finding.CONTRADICTS, _detail(0.0, len(against), len(samples)), 0.0


def _detail(value: float, series: int, of: int) -> str:
    return f"value {value:g}" if of == 1 else f"value {value:g} in {series} of {of} series"


def _finite(value: float) -> float | None:
    """JSON has no infinity; the detail still says it."""
    return value if math.isfinite(value) else None
