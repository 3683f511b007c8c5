"""A decision in words: what every rule read and said, the evidence, and the votes.

Shared by the "why?" modal and ``/watch why``. Must not know: where it is shown.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bot.policy.decision import Decision, Reason, RuleResult
from bot.policy.evidence import Evidence
from bot.response.interventions.explanations import Explanation
from bot.response.model.notices import EvidenceLine
from bot.response.model.records import AuditEntry, Ballot, Vote
from bot.response.model.state_words import state_words, would_have
from bot.slack.cards import wording
from bot.slack.text import EMPTY, Mrkdwn, bold, code, concat, escape, lines, mention, naming, spaced, when, words
from bot.slack.tones import icon

_RESULTS = {
    RuleResult.FORBIDS: "⛔ forbids",
    RuleResult.ESCALATES: "❓ wants a person",
    RuleResult.PASSED: "✅ passed",
}
INPUTS_SHOWN = 8
PARTS_SHOWN = 10
NOTHING: tuple[Any, ...] = (None, "", [], {}, ())
TOLD_APART = frozenset({"parts"})
"""Inputs that have a chapter of their own."""
INPUT_NAMES = {
    "approved_targets": "targets allowed with approval",
    "demoted_to": "demoted to",
    "in_force": "in force",
    "missing_gates": "gates not passed",
    "lower_bound": "confidence at least",
    "open_incidents": "open incidents",
    "plan_problem": "no plan because",
    "recent_failures": "recent failures",
    "security_severity": "security severity",
    "share_bound": "share allowed",
    "slo_burn": "burn rate",
    "slo_burn_above": "burn rate allowed",
    "targets_bound": "targets allowed",
    "veto_window_seconds": "veto window in seconds",
    "way back": "rollback",
    "way_back": "rollback",
}
"""What people call an input, by the key it is stored under; the other keys are words, or conditions as written."""
CONTROLS = "controls"
"""The rule whose text names people by id (who paused). In every other text an id came from outside and stays text."""


def verdict(decision: Decision, known: Collection[str]) -> Mrkdwn:
    """The verdict, the rule that settled it, and how sure we are."""
    number, said = EMPTY, state_words(decision.verdict)
    if decision.confidence is not None and not decision.sure:
        number = words(f"Confidence {decision.confidence:.2f}.")
    return lines(
        [
            spaced(icon(said.tone), bold(words(said.label))),
            headline(decision, known, 600),
            wording.sure(decision.sure) if decision.sure else EMPTY,
            spaced(concat(words("Level in force: "), words(f"{decision.level} {decision.level.title}.")), number),
        ]
    )


def parts(decision: Decision) -> Sequence[Mrkdwn]:
    """What confidence is the product of, each part with its number; none in decisions of older releases."""
    if not decision.parts or decision.confidence is None:
        return ()
    told = [spaced(code(f"{part.factor:.2f}", 10), escape(part.text, 400)) for part in decision.parts[:PARTS_SHOWN]]
    product = spaced(code(f"{decision.confidence:.2f}", 10), words("is their product, the confidence"))
    return (lines([*told, product]),)


def shadow(explanation: Explanation) -> Mrkdwn:
    """What it would have done with the licence it is written for, and how often people did the same; else empty."""
    verdict = explanation.stored.decision.shadow
    if verdict is None:
        return EMPTY
    seen = explanation.agreement
    counted = words(seen.text) if seen is not None and seen.questions else EMPTY
    return spaced(words(f"👥 With its licence it would {would_have(verdict)}."), counted)


def headline(decision: Decision, known: Collection[str], limit: int) -> Mrkdwn:
    """What settled it, in words."""
    return naming(decision.headline, known if decision.decisive == CONTROLS else (), limit)


def in_order(decision: Decision) -> Sequence[Reason]:
    """The decisive rule first, then what stood in the way, then what passed."""
    weight = {RuleResult.FORBIDS: 1, RuleResult.ESCALATES: 2, RuleResult.PASSED: 3}
    return sorted(decision.reasons, key=lambda reason: 0 if _decisive(decision, reason) else weight[reason.result])


def rule(decision: Decision, reason: Reason, known: Collection[str]) -> Mrkdwn:
    """One rule: its name and result, its word, and what it read."""
    settled = words(" · this settled it") if _decisive(decision, reason) else EMPTY
    name = bold(escape(reason.title, 80))
    return lines(
        [
            concat(words(_RESULTS[reason.result]), words(" · "), name, settled),
            naming(reason.text, known if reason.rule == CONTROLS else (), 500),
            _inputs(reason.inputs),
        ]
    )


def finding(evidence: Evidence) -> Mrkdwn:
    """One piece of evidence with the query that gave it."""
    line = EvidenceLine(name=evidence.name, finding=evidence.finding, detail=evidence.detail)
    return lines([wording.evidence(line), code(evidence.query, 300)])


def vote(one: Vote) -> Mrkdwn:
    """One person's answer, and whether they had read the evidence first."""
    said = "approved" if one.ballot is Ballot.APPROVE else "stopped it"
    looked = ", after reading the evidence" if one.opened_evidence else ""
    return concat(mention(one.person), words(f" {said}{looked}, "), when(one.at))


def audit_line(entry: AuditEntry) -> Mrkdwn:
    """One entry of the record."""
    return spaced(words(f"{entry.number}"), code(entry.kind, 60), words("by"), mention(entry.actor), when(entry.at))


def _decisive(decision: Decision, reason: Reason) -> bool:
    return reason.rule == decision.decisive


def _inputs(inputs: Mapping[str, Any]) -> Mrkdwn:
    given = [(name, value) for name, value in inputs.items() if name not in TOLD_APART and value not in NOTHING]
    return spaced(
        *(code(f"{INPUT_NAMES.get(name, name)}: {_short(value)}", 150) for name, value in given[:INPUTS_SHOWN])
    )


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
