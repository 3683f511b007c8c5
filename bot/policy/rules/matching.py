"""Which runbook an alert, and a whole incident, is for.

An alert is for the first runbook in file order whose ``when`` is true. An undetermined ``when`` (a label the alert
does not have, say) never matches and never mutes, but it is reported: people see why an entry they expected did not
apply, and what comes after it in the file does not act by itself. An incident is for the runbook of its worst alert; a
mute takes its own alert away and no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
MILDEST, WORST = 1, 5
UNKNOWN_RANK = 4
"""Of a severity nobody has told us about, or none: just below critical, because unknown never means harmless. Where one
alert is weighed against another it may be anything, see ``may_be_worse``."""


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
    heard: tuple[int, ...]
    """Alerts that are not muted."""
    unmatched: tuple[int, ...]
    """Alerts that are neither muted nor matched."""
    rivals: tuple[str, ...]
    """Other runbooks that match alerts as bad as the worst, in file order."""
    others: tuple[str, ...]
    """Every other runbook that matches an alert, rivals first."""
    fillers: tuple[int, ...]
    """All alerts for which the chosen runbook is the first match."""
    filling: tuple[int, ...]
    """The alert that fills the runbook first, then those of ``fillers`` that may be as bad."""
    worse_unmatched: tuple[int, ...]
    """Unmatched alerts that may be worse than the one that fills the runbook."""
    doubtful: tuple[str, ...]
    """Other runbooks that might be for alerts as bad as the worst: their ``when`` could not be evaluated."""
    undetermined: tuple[Undetermined, ...]
    """What could not be evaluated for the alert that fills the runbook."""

    @property
    def all_muted(self) -> bool:
        """Whether the policy wants nobody to be told of any alert of this incident."""
        return not self.heard


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
    places = sorted(range(len(alerts)), key=lambda place: _worst_first(alerts[place]))
    heard = [place for place in places if matches[place].mute is None]
    matched = [place for place in heard if matches[place].runbook is not None]
    unmatched = [place for place in heard if matches[place].runbook is None]
    worst = [place for place in matched if severity_rank(alerts[place]) == severity_rank(alerts[matched[0]])]
    claimed = {matches[place].runbook for place in worst}
    runbook = request.runbook if request is not None else next((n for n in policy.runbooks if n in claimed), None)
    fillers = [place for place in matched if matches[place].runbook == runbook]
    place = (fillers or heard or places)[0]
    chosen = alerts[place]
    as_bad = [each for each in heard if may_be_as_bad(alerts[each], chosen)]
    others = {matches[each].runbook for each in matched} - {runbook}
    rivals = {matches[each].runbook for each in as_bad} - {runbook}
    doubtful = {one.entry for each in as_bad for one in matches[each].undetermined} - {runbook}
    return Matched(
        runbook=runbook,
        alert=place,
        muted=tuple(dict.fromkeys(mute.reason for each in places if (mute := matches[each].mute) is not None)),
        heard=tuple(heard),
        unmatched=tuple(unmatched),
        rivals=tuple(name for name in policy.runbooks if name in rivals),
        others=tuple(sorted((name for name in policy.runbooks if name in others), key=lambda name: name not in rivals)),
        fillers=tuple(fillers),
        filling=tuple(each for each in fillers if each in as_bad) or (place,),
        worse_unmatched=tuple(each for each in unmatched if may_be_worse(alerts[each], chosen)),
        doubtful=tuple(name for name in policy.runbooks if name in doubtful),
        undetermined=matches[place].undetermined,
    )


def filled_by(matched: Matched, alerts: Sequence[AlertFacts], key: str) -> Matched:
    """The same with the alert of this key filling the runbook; as it was where no alert for it has that key.

    The first one is passed over where what it asks for is done: then it is the next one's turn, never nobody's.
    """
    place = next((each for each in matched.fillers if alerts[each].key == key), matched.alert)
    if place == matched.alert:
        return matched
    others = (each for each in matched.filling if each != place)
    return replace(matched, alert=place, filling=(place, *others))


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
    return _RANKS.get(_word(severity), UNKNOWN_RANK)


def may_be_as_bad(one: AlertFacts, other: AlertFacts) -> bool:
    """Whether ``one`` may be as bad as ``other``, or worse; a severity that nobody knows may be any."""
    return _RANKS.get(_word(one.severity), WORST) >= _RANKS.get(_word(other.severity), MILDEST)


def may_be_worse(one: AlertFacts, other: AlertFacts) -> bool:
    """Whether ``one`` may be worse than ``other``; the same word is as bad as itself, known or not."""
    word, than = _word(one.severity), _word(other.severity)
    return _RANKS.get(word, WORST) > _RANKS.get(than, MILDEST) and (word != than or not word)


def worst_severity(alerts: Sequence[AlertFacts]) -> str:
    """The severity of the worst alert, as its monitor writes it; empty without alerts."""
    return max(alerts, key=lambda alert: (severity_rank(alert), alert.severity)).severity if alerts else ""


def facts_for(alert: AlertFacts, request: Request | None) -> AlertFacts:
    """What fills a runbook's references: the alert, with what a person gave in its place."""
    if request is None or not request.parameters:
        return alert
    return alert.model_copy(update={"labels": alert.labels | request.parameters})


def _word(severity: str) -> str:
    return severity.strip().lower()


def _worst_first(alert: AlertFacts) -> tuple[int, object, str, str]:
    return -severity_rank(alert), alert.starts_at, alert.source, alert.fingerprint
