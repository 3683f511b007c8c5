"""The probability that a plan fixes this incident without harm, as a product that people can compute by hand.

    confidence = evidence x cases x recent failures x doubts

    evidence   no query configured              0.40
               any query could not be answered  0.40 x the share of queries that support
               any query contradicts            0.10, or what could not be answered leaves, where that is less
               all n queries support            1 - 0.1 / n        (1: 0.90, 2: 0.95, 4: 0.975)
    cases      how often it has worked before; see ``cases``
    recent     0.75 for each failure of the same runbook within the last 24 hours
    doubts     flapping, old answers, other changes, other runbooks that may be meant; see ``doubts``

The lowest floor a policy may set is 0.50, so without evidence, or with anything contradicting or unknown, confidence
is below every floor: unknown never permits. No part is above 1, so nothing makes up for what speaks against it. A
person's request adds nothing either: it is a reason to check, not evidence, and it is judged by the same product.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.policy.confidence.cases import Cases
from bot.policy.confidence.doubts import Circumstances, doubts
from bot.policy.decision import Part
from bot.policy.evidence import Evidence, Finding
from bot.policy.percent import percent
from bot.policy.promql import one_text
from bot.policy.situation import History

CASES = "cases"
"""Name of the part that history contributes."""
LOWEST_FLOOR = 0.5
"""The least ``escalate.confidence_below`` a policy may write."""
WITHOUT_EVIDENCE = 0.4
CONTRADICTED = 0.1
FAILURE_FACTOR = 0.75
FAILURES_COUNT_FOR = timedelta(hours=24)
HARMLESS_OUTCOMES = frozenset({"succeeded", "stopped", "overridden", "expired", "lapsed", "superseded"})
"""It worked, or nothing ran. Every other outcome, known or not, counts as a failure."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """The score (0 to 1), the parts whose product it is, and the same in words."""

    score: float
    text: str
    recent_failures: int
    parts: tuple[Part, ...]
    lower: float
    """What it would be if the runbook worked as seldom as its cases still allow (with a chance of 95 %)."""


def assess(
    evidence: Sequence[Evidence],
    history: History,
    runbook: str,
    now: datetime,
    cases: Cases,
    circumstances: Circumstances = Circumstances(),  # noqa: B008 - frozen
) -> Confidence:
    """The confidence in acting by ``runbook`` now, from the findings of the queries that its entry configures.

    The same query under two names is one piece of evidence, however it is spaced.
    """
    failures = recent_failures(history, runbook, now)
    works, surely = cases.posterior, cases.posterior.lower
    expected = f"{cases.text}, at least {percent(surely)} to be expected"
    parts = [_evidence_part(evidence), Part(CASES, works.mean, expected, cases.text)]
    if failures:
        runs = "run" if failures == 1 else "runs"
        text = f"{failures} failed {runs} of {runbook} in the last 24 hours"
        parts.append(Part("recent failures", FAILURE_FACTOR**failures, text))
    parts += [Part(*doubt) for doubt in doubts(circumstances)]
    score = math.prod(part.factor for part in parts)
    return Confidence(
        score=round(score, 4),
        text="; ".join(f"{part.text} ({part.factor:.2f})" for part in parts),
        recent_failures=failures,
        parts=tuple(parts),
        lower=round(score * surely / works.mean, 4),
    )


def supporting_factor(queries: int) -> float:
    """What so many distinct queries contribute when all of them support."""
    return 1 - 0.1 / queries


def recent_failures(history: History, runbook: str, now: datetime) -> int:
    """How often ``runbook`` failed within the last 24 hours."""
    return sum(
        action.runbook == runbook and action.outcome not in HARMLESS_OUTCOMES and now - action.at <= FAILURES_COUNT_FOR
        for action in history.actions
    )


def _evidence_part(evidence: Sequence[Evidence]) -> Part:
    if not evidence:
        return Part("evidence", WITHOUT_EVIDENCE, "no evidence is configured for this runbook", "there is no evidence")
    supporting, contradicting, unknown = (
        {piece.name: one_text(piece.query) for piece in evidence if piece.finding is wanted}
        for wanted in (Finding.SUPPORTS, Finding.CONTRADICTS, Finding.UNKNOWN)
    )
    queries = {*supporting.values(), *contradicting.values(), *unknown.values()}
    sure = set(supporting.values()) - set(unknown.values())
    known = WITHOUT_EVIDENCE * len(sure) / len(queries) if unknown else 1.0
    if contradicting:
        text = f"evidence contradicts the alert: {', '.join(contradicting)}"
        return Part("evidence", min(CONTRADICTED, known), text, "evidence contradicts the alert")
    if unknown:
        text = f"evidence could not be evaluated: {', '.join(unknown)}"
        return Part("evidence", known, text, "not all evidence could be evaluated")
    text = f"evidence supports the alert: {', '.join(supporting)}"
    return Part("evidence", supporting_factor(len(queries)), text, "the evidence supports it")
