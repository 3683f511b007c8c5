"""Which runbook an alert, and a whole incident, is for.

An alert is for the first runbook in file order whose ``when`` is true. An undetermined ``when`` (a label the alert
does not have, say) never matches and never mutes, but it is reported, so that people see why an entry they expected
did not apply. An incident is for the runbook of its worst alert; a mute takes its own alert away and no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.policy.conditions import FOR_ALERTS, alert_variables, evaluate
from bot.policy.file.document import Mute, Policy
from bot.policy.situation import AlertFacts, Request

_RANKS = {
    "debug": 1, "none": 1,
    "info": 2, "information": 2, "informational": 2, "low": 2, "notice": 2,
    "warning": 3, "warn": 3, "medium": 3, "minor": 3,
    "error": 4, "high": 4, "major": 4,
    "critical": 5, "crit": 5, "page": 5, "alert": 5, "fatal": 5, "emergency": 5, "disaster": 5,
}  # fmt: skip
UNKNOWN_RANK = 4
"""Of a severity nobody has told us about, or none: just below critical, because unknown never means harmless."""


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A ``when`` that could not be evaluated for this alert."""

    entry: str
    """The runbook's name, or the mute with its reason."""
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """What the policy has for an alert; both None when it is simply for people."""

    runbook: str | None
    mute: Mute | None
    """The entry by which this alert deliberately becomes nothing; then ``runbook`` is None."""
    undetermined: tuple[Undetermined, ...]
    """Entries before the match that could not be evaluated."""


@dataclass(frozen=True, slots=True)
class Matched:
    """What the policy has for all alerts of an incident together."""

    runbook: str | None
    alert: int
    """Which alert fills the runbook, by its place; where there is no runbook, the worst that is not muted."""
    muted: tuple[str, ...]
    """The reasons of the mutes that apply, each once."""
    all_muted: bool
    unmatched: tuple[int, ...]
    """Alerts that are neither muted nor matched."""
    rivals: tuple[str, ...]
    """Other runbooks that match alerts as bad as the worst, in file order."""
    others: tuple[str, ...]
    """Every other runbook that matches an alert, rivals first."""
    fillers: tuple[int, ...]
    """All alerts for which the chosen runbook is the first match."""
    worse_unmatched: tuple[int, ...]
    """Unmatched alerts that are worse than the one that fills the runbook."""
    undetermined: tuple[Undetermined, ...]


def match(policy: Policy, alert: AlertFacts) -> Match:
    """Find the mute, else the runbook, for ``alert``."""
    variables = alert_variables(alert)
    undetermined: list[Undetermined] = []
    for mute in policy.mute:
        answer = evaluate(mute.when, variables, FOR_ALERTS)
        if answer.holds is True:
            return Match(None, mute, tuple(undetermined))
        if answer.holds is None:
            undetermined.append(Undetermined(f"mute: {mute.reason}", answer.text))
    for name, runbook in policy.runbooks.items():
        answer = evaluate(runbook.when, variables, FOR_ALERTS)
        if answer.holds is True:
            return Match(name, None, tuple(undetermined))
        if answer.holds is None:
            undetermined.append(Undetermined(name, answer.text))
    return Match(None, None, tuple(undetermined))


def match_incident(policy: Policy, alerts: Sequence[AlertFacts], request: Request | None = None) -> Matched:
    """Find the runbook for an incident with these firing ``alerts``; a person's ``request`` names its own.

    Raises:
        ValueError: there is no alert at all.
    """
    if not alerts:
        raise ValueError("an incident without any alert cannot be matched; pass the last one that fired")
    matches = [match(policy, alert) for alert in alerts]
    heard = [place for place, found in enumerate(matches) if found.mute is None]
    matched = [place for place in heard if matches[place].runbook is not None]
    unmatched = [place for place in heard if matches[place].runbook is None]
    order = list(policy.runbooks)
    worst = max((severity_rank(alerts[place]) for place in matched), default=0)
    candidates = sorted(
        {str(matches[place].runbook) for place in matched if severity_rank(alerts[place]) == worst}, key=order.index
    )
    if request is not None:
        runbook: str | None = request.runbook
    else:
        runbook = candidates[0] if candidates else None
    fillers = [place for place in matched if matches[place].runbook == runbook]
    among = fillers or heard or list(range(len(alerts)))
    place = min(among, key=lambda each: _worst_first(alerts[each]))
    others = [name for name in order if name != runbook and any(matches[each].runbook == name for each in matched)]
    rivals = [name for name in candidates if name != runbook]
    return Matched(
        runbook=runbook,
        alert=place,
        muted=tuple(dict.fromkeys(found.mute.reason for found in matches if found.mute is not None)),
        all_muted=not heard,
        unmatched=tuple(unmatched),
        rivals=tuple(rivals),
        others=tuple(dict.fromkeys((*rivals, *others))),
        fillers=tuple(fillers),
        worse_unmatched=tuple(p for p in unmatched if severity_rank(alerts[p]) > severity_rank(alerts[place])),
        undetermined=matches[place].undetermined,
    )


def candidates(policy: Policy, alert: AlertFacts) -> tuple[str, ...]:
    """Every runbook whose ``when`` is true for ``alert``, in file order: what an override may offer."""
    variables = alert_variables(alert)
    return tuple(
        name for name, entry in policy.runbooks.items() if evaluate(entry.when, variables, FOR_ALERTS).holds is True
    )


def severity_rank(alert: AlertFacts) -> int:
    """How bad an alert says it is: 1 (debug) to 5 (critical)."""
    return rank_of(alert.severity)


def rank_of(severity: str) -> int:
    """The same for a severity as a monitor writes it."""
    return _RANKS.get(severity.strip().lower(), UNKNOWN_RANK)


def worst_severity(alerts: Sequence[AlertFacts]) -> str:
    """The severity of the worst alert, as its monitor writes it; empty without alerts."""
    return max(alerts, key=severity_rank).severity if alerts else ""


def facts_for(alert: AlertFacts, request: Request | None) -> AlertFacts:
    """What fills a runbook's references: the alert, with what a person gave in its place."""
    if request is None or not request.parameters:
        return alert
    return alert.model_copy(update={"labels": alert.labels | request.parameters})


def _worst_first(alert: AlertFacts) -> tuple[int, object, str, str]:
    return -severity_rank(alert), alert.starts_at, alert.source, alert.fingerprint
