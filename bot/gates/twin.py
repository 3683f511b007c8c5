"""The twin: a runbook's policy narrowed to staging, so that the real judgement is made about what is not production.

Pure. What is narrowed is the choice of runbooks, who answers (stand-ins), and everything that is about production alone
(mutes, freezes, budgets, channels). No bound of the runbook is loosened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.policy.decide import as_if_licensed
from bot.policy.decision import Decision
from bot.policy.file.document import Policy, Runbook
from bot.policy.file.templates import names_in
from bot.policy.levels import Level
from bot.policy.rules.matching import match
from bot.policy.situation import AlertFacts, Situation

STAND_INS = "gates"
"""The only group of people during a run."""
STAND_IN_PEOPLE = tuple(f"gates:{number}" for number in range(1, 11))
"""As many as a question can ever need; no person's id in Slack looks like that."""


class GateError(Exception):
    """The gates of a runbook cannot be run as it stands; the text names what is missing, and the remedy."""


@dataclass(frozen=True, slots=True)
class Twin:
    """One runbook on staging."""

    name: str
    whole: Policy
    policy: Policy
    """Narrowed."""
    labels: Mapping[str, str]
    """By which its alerts are known."""
    fault: str | None

    @property
    def runbook(self) -> Runbook:
        """The entry as it is on staging."""
        return self.policy.runbooks[self.name]

    def is_about_it(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is about the twin."""
        return all(labels.get(name) == value for name, value in self.labels.items())

    def alert(self, now: datetime) -> AlertFacts:
        """An alert about it, made of its labels alone."""
        return AlertFacts(
            source="gates",
            fingerprint=f"gates-{self.name}",
            name=self.labels.get("alertname", ""),
            severity=self.labels.get("severity", ""),
            service=self.labels.get("service", ""),
            labels=dict(self.labels),
            starts_at=now,
        )

    def mismatch(self, alert: AlertFacts) -> str:
        """Why production would not have taken this runbook for such an alert; empty where it would, mutes aside."""
        matched = match(self.whole.model_copy(update={"mute": ()}), alert).runbook
        if matched == self.name:
            return ""
        taken = f"{matched!r} is taken" if matched else "no runbook is taken"
        return (
            f"for an alert {alert.name!r} with {_in_words(alert.labels)} {taken} instead of {self.name!r}: compare its "
            "`when` with what the monitor says of staging"
        )

    def with_licence(self, situation: Situation) -> Decision:
        """What would be decided if every gate had been passed."""
        return as_if_licensed(situation, self.policy)


def twin_of(policy: Policy, name: str, *, verify_within: timedelta | None = None) -> Twin:
    """The twin of the runbook called ``name``; ``verify_within``: the most that verification may wait.

    Raises:
        GateError: there is no such runbook, or its `staging` does not say enough.
    """
    runbook = policy.runbooks.get(name)
    if runbook is None:
        known = ", ".join(sorted(policy.runbooks)) or "none"
        raise GateError(f"There is no runbook {name!r} in the policy. It has: {known}.")
    staging = runbook.staging
    if staging is None:
        raise GateError(f"{name!r} has no `staging`, so its gates cannot be run: say in `staging.with` what is there.")
    parameters = {**runbook.parameters, **staging.parameters}
    if parameters == runbook.parameters:
        raise GateError(f"As it stands, staging of {name!r} is production: `staging.with` changes nothing of `with`.")
    if not staging.alert:
        raise GateError(
            f"{name!r} does not say which alerts are about staging: add `staging.alert` with the labels they have, "
            "such as {service: checkout-staging}."
        )
    if runbook.verify.http is not None and staging.verify is None:
        raise GateError(
            f"`verify.http` of {name!r} asks production, which says nothing about staging: add `staging.verify` with a "
            "URL there."
        )
    if waiting := sorted(names_in(parameters)):
        raise GateError(
            f"On staging nothing may fill {', '.join(waiting)} of {name!r}: give it a fixed value in `staging.with`."
        )
    narrowed = _narrowed(policy, name, runbook, parameters, verify_within)
    return Twin(name, policy, narrowed, staging.alert, staging.inject)


def _narrowed(
    policy: Policy, name: str, runbook: Runbook, parameters: Mapping[str, Any], verify_within: timedelta | None
) -> Policy:
    staging = runbook.staging
    verify = staging.verify if staging is not None and staging.verify is not None else runbook.verify
    if verify_within is not None and verify_within < verify.within:
        verify = verify.model_copy(update={"within": verify_within})
    approvals = policy.approvals_of(name).model_copy(update={"groups": (STAND_INS,), "escalation": ()})
    entry = runbook.model_dump(mode="json", by_alias=True)
    entry |= {
        "with": dict(parameters),
        "verify": verify.model_dump(mode="json", by_alias=True),
        "approvals": None,
        "alternatives": [],
        "level": str(max(runbook.level, Level.L1)),
    }
    document = policy.model_dump(mode="json", by_alias=True)
    document |= {
        "people": {STAND_INS: {"users": list(STAND_IN_PEOPLE)}},
        "budgets": [],
        "freezes": [],
        "mute": [],
        "second_channel": None,
        "channels": {"incidents": policy.channels.incidents},
        "runbooks": {name: entry},
    }
    document["defaults"]["approvals"] = approvals.model_dump(mode="json", by_alias=True)
    return Policy.model_validate(document)


def _in_words(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in sorted(labels.items()))
