"""Which runbook an alert is for: the first in file order whose ``when`` is true.

An undetermined ``when`` (a label the alert does not have, say) never matches and never mutes, but it is reported, so
that people see why an entry they expected did not apply.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.policy.conditions import FOR_ALERTS, alert_variables, evaluate
from bot.policy.document import Policy
from bot.policy.situation import AlertFacts


@dataclass(frozen=True, slots=True)
class Undetermined:
    """A ``when`` that could not be evaluated for this alert."""

    entry: str
    """The runbook's name, or the mute's reason."""
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """What the policy has for an alert; both None when it is simply for people."""

    runbook: str | None
    muted: str | None
    """The reason why this alert deliberately becomes nothing; then ``runbook`` is None."""
    undetermined: tuple[Undetermined, ...]
    """Entries before the match that could not be evaluated."""


def match(alert: AlertFacts, policy: Policy) -> Match:
    """Find the mute, else the runbook, for ``alert``."""
    undetermined: list[Undetermined] = []
    muted = _first_true(((mute.reason, mute.when) for mute in policy.mute), alert, undetermined)
    if muted is not None:
        return Match(None, muted, tuple(undetermined))
    entries = ((name, entry.when) for name, entry in policy.runbooks.items())
    return Match(_first_true(entries, alert, undetermined), None, tuple(undetermined))


def candidates(alert: AlertFacts, policy: Policy) -> tuple[str, ...]:
    """Every runbook whose ``when`` is true for ``alert``, in file order: what an override may offer."""
    variables = alert_variables(alert)
    return tuple(
        name for name, entry in policy.runbooks.items() if evaluate(entry.when, variables, FOR_ALERTS).holds is True
    )


def _first_true(entries: Iterator[tuple[str, str]], alert: AlertFacts, undetermined: list[Undetermined]) -> str | None:
    variables = alert_variables(alert)
    for name, when in entries:
        answer = evaluate(when, variables, FOR_ALERTS)
        if answer.holds is True:
            return name
        if answer.holds is None:
            undetermined.append(Undetermined(name, answer.text))
    return None
