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
from bot.policy.file.staging import Staging
from bot.policy.levels import Level
from bot.policy.rules.twin import also_about_twin, is_about_twin, mismatch, not_to_be_run
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
        return is_about_twin(self.whole.runbooks[self.name], labels)

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
        return mismatch(self.whole, self.name, alert)

    def with_licence(self, situation: Situation) -> Decision:
        """What would be decided if every gate had been passed."""
        return as_if_licensed(situation, self.policy)


def twin_of(policy: Policy, name: str, *, verify_within: timedelta | None = None) -> Twin:
    """The twin of the runbook called ``name``; ``verify_within``: the most that verification may wait.

    Raises:
        GateError: there is no such runbook, or its `staging` does not say enough.
    """
    if problem := not_to_be_run(policy, name):
        raise GateError(problem)
    runbook = policy.runbooks[name]
    staging = runbook.staging or Staging()
    parameters = {**runbook.parameters, **staging.parameters}
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
        "when": also_about_twin(runbook),
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
