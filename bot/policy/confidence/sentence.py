"""How sure we are, in the one sentence that a card has room for: the number, and what it comes from."""

from bot.policy.confidence.assessing import CASES, Confidence
from bot.policy.confidence.cases import Cases
from bot.policy.percent import percent


def in_a_sentence(confidence: Confidence, cases: Cases | None, needed: int) -> str:
    """The sentence, with what speaks most against it first.

    Where there are fewer cases than the policy needs to know (``needed``), or nobody could count them (None), there is
    no number in it: it would promise what nobody knows. What it would be is among the parts all the same.
    """
    parts = sorted(confidence.parts, key=lambda part: part.factor)
    if cases is None:
        others = [part.in_short for part in parts if part.name != CASES]
        return _said("Nobody knows how sure", "how often it has worked before could not be read", *others)
    if cases.count < needed:
        others = [part.in_short for part in parts if part.name != CASES]
        return _said("Too few cases to know", cases.text, *others)
    return _said(f"{percent(confidence.score)} sure", *(part.in_short for part in parts))


def _said(how_sure: str, *because: str) -> str:
    return f"{how_sure}: {'; '.join(because)}."
