"""How sure we are: a probability that this plan fixes this incident without harm, from parts that people can check."""

from bot.policy.confidence.assessing import (
    FAILURES_COUNT_FOR,
    HARMLESS_OUTCOMES,
    LOWEST_FLOOR,
    Confidence,
    assess,
    recent_failures,
    supporting_factor,
)
from bot.policy.confidence.cases import Cases, cases_of
from bot.policy.confidence.doubts import FLAPPING_WITHIN, Circumstances
from bot.policy.confidence.sentence import in_a_sentence

__all__ = [
    "FAILURES_COUNT_FOR",
    "FLAPPING_WITHIN",
    "HARMLESS_OUTCOMES",
    "LOWEST_FLOOR",
    "Cases",
    "Circumstances",
    "Confidence",
    "assess",
    "cases_of",
    "in_a_sentence",
    "recent_failures",
    "supporting_factor",
]
