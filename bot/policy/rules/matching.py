"""Which runbook an alert is for: the first in file order whose ``when`` is true.

An undetermined ``when`` (a label the alert does not have, say) never matches and never mutes, but it is reported, so
that people see why an entry they expected did not apply.
"""

from dataclasses import dataclass

from bot.policy.conditions import FOR_ALERTS, alert_variables, evaluate
from bot.policy.file.document import Mute, Policy
from bot.policy.situation import AlertFacts


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


def candidates(policy: Policy, alert: AlertFacts) -> tuple[str, ...]:
    """Every runbook whose ``when`` is true for ``alert``, in file order: what an override may offer."""
    variables = alert_variables(alert)
    return tuple(
        name for name, entry in policy.runbooks.items() if evaluate(entry.when, variables, FOR_ALERTS).holds is True
    )
