"""History as cases: how often this runbook has fixed this kind of incident, in production and in its gates.

    works = (9 + good) / (10 + all)       as if it had been run ten times before, and failed once

A run on staging counts half. Success on another kind of incident says nothing about this one; failure does. It is a
share of all cases within the time that history is kept for, never a streak: what failed once counts until it is old.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.policy.confidence.posterior import Beta
from bot.policy.situation import Run

IMAGINED_SUCCESSES, IMAGINED_FAILURES = 9.0, 1.0
"""What is assumed of a runbook before it has run, with the weight of ten cases: the reliability curve tells whether
that fits."""
STAGING_WEIGHT = 0.5
"""What a run on staging counts for, beside one in production."""
WORKED = "verified"
"""The one result that is a success, as ``bot.response.model.actions.Result`` says; every other counts as a failure."""


@dataclass(frozen=True, slots=True)
class Cases:
    """Counted runs of one runbook on one kind of incident."""

    worked: int = 0
    failed: int = 0
    """In production; failures on other kinds of incidents included."""
    staging_worked: int = 0
    staging_failed: int = 0

    @property
    def production(self) -> int:
        """How many ran in production."""
        return self.worked + self.failed

    @property
    def staging(self) -> int:
        """How many ran on staging, for the gates."""
        return self.staging_worked + self.staging_failed

    @property
    def count(self) -> int:
        """How many there are."""
        return self.production + self.staging

    @property
    def posterior(self) -> Beta:
        """What they say about the next run."""
        return Beta(
            IMAGINED_SUCCESSES + self.worked + STAGING_WEIGHT * self.staging_worked,
            IMAGINED_FAILURES + self.failed + STAGING_WEIGHT * self.staging_failed,
        )

    @property
    def text(self) -> str:
        """In words, with where they ran."""
        if not self.count:
            return "it has never been run on this kind of incident"
        good = self.worked + self.staging_worked
        text = f"it worked in {good} of {self.count} {'case' if self.count == 1 else 'cases'}"
        if not self.production:
            return f"{text}, all on staging" if self.count > 1 else f"{text}, on staging"
        return f"{text}, {self.staging} of them on staging" if self.staging else text


def cases_of(runs: Sequence[Run], kinds: Collection[str], *, staging_worked: int = 0, staging_failed: int = 0) -> Cases:
    """Count ``runs`` of a runbook for an incident of these ``kinds``: the names of the alerts that it is for.

    Of several, the one on which it has worked least often counts: an alert that joins makes nobody surer.
    """
    worked = min((sum(run.result == WORKED and run.kind == kind for run in runs) for kind in kinds), default=0)
    failed = sum(run.result != WORKED for run in runs)
    return Cases(worked, failed, staging_worked, staging_failed)
