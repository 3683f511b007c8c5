"""How sure we are that the alert means what its runbook assumes, as a number people can recompute by hand.

    confidence = evidence x history

    evidence   no query configured              0.40
               any query contradicts            0.10
               any query could not be answered  0.40 x the share of queries that support
               all n queries support            1 - 0.1 / n        (1: 0.90, 2: 0.95, 4: 0.975)
    history    0.75 for each failure of the same runbook within the last 24 hours

The lowest floor a policy may set is 0.50, so without evidence, or with anything contradicting or unknown, confidence
is below every floor: unknown never permits. Success adds nothing: having worked yesterday is no evidence about
today. A person's request adds nothing either: it is a reason to check, not evidence, and it is judged by the same sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.policy.evidence import Evidence, Finding
from bot.policy.promql import one_text
from bot.policy.situation import History

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
    """The score (0..1) and how it came about, in words."""

    score: float
    text: str
    recent_failures: int


def assess(evidence: Sequence[Evidence], history: History, runbook: str, now: datetime) -> Confidence:
    """The confidence in acting by ``runbook`` now, from the findings of the queries that its entry configures.

    The same query under two names is one piece of evidence, however it is spaced.
    """
    failures = recent_failures(history, runbook, now)
    base, text = _evidence_part(evidence)
    if failures:
        runs = "run" if failures == 1 else "runs"
        text += f"; {failures} failed {runs} of {runbook} in the last 24 hours"
    return Confidence(round(base * FAILURE_FACTOR**failures, 4), text, failures)


def recent_failures(history: History, runbook: str, now: datetime) -> int:
    """How often ``runbook`` failed within the last 24 hours."""
    return sum(
        action.runbook == runbook and action.outcome not in HARMLESS_OUTCOMES and now - action.at <= FAILURES_COUNT_FOR
        for action in history.actions
    )


def _evidence_part(evidence: Sequence[Evidence]) -> tuple[float, str]:
    if not evidence:
        return WITHOUT_EVIDENCE, "no evidence is configured for this runbook"
    supporting, contradicting, unknown = (
        {piece.name: one_text(piece.query) for piece in evidence if piece.finding is wanted}
        for wanted in (Finding.SUPPORTS, Finding.CONTRADICTS, Finding.UNKNOWN)
    )
    if contradicting:
        return CONTRADICTED, f"evidence contradicts the alert: {', '.join(contradicting)}"
    queries = {*supporting.values(), *unknown.values()}
    if unknown:
        share = len(queries - set(unknown.values())) / len(queries)
        return WITHOUT_EVIDENCE * share, f"evidence could not be evaluated: {', '.join(unknown)}"
    return 1 - 0.1 / len(queries), f"evidence supports the alert: {', '.join(supporting)}"
