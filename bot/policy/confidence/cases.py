"""History as cases: how often this runbook has fixed this kind of incident, in production and in its gates.

    works = (9 + good) / (10 + all)       as if it had been run ten times before, and failed once

A run on staging counts half, and only while the runbook is as it was then. Success on another kind of incident says
nothing about this one; failure does. What people kept from beginning says nothing about whether it works. It is a share
of all cases of the last 30 days, never a streak: what failed once counts until it is old.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.policy.confidence.posterior import Beta
from bot.policy.track_record import PastCase

IMAGINED_SUCCESSES, IMAGINED_FAILURES = 9.0, 1.0
"""What is assumed of a runbook before it has run, with the weight of ten cases: the reliability curve tells whether
that fits."""
STAGING_WEIGHT = 0.5
"""What a run on staging counts for, beside one in production."""
CASES_COUNT_FOR = timedelta(days=30)


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


def cases_of(
    cases: Sequence[PastCase], kinds: Collection[str], now: datetime, *, digest: str = "", gates: int = 0
) -> Cases:
    """Count the cases of a runbook for an incident of these ``kinds``: the names of the alerts that it is for.

    Of several, the one on which it has worked least often counts: an alert that joins makes nobody surer.

    Args:
        cases: what is on record.
        kinds: names of the alerts.
        now: when it would act.
        digest: of the runbook as it is.
        gates: how many gates that carry it out count at this moment: so often it has worked on staging, at least.
    """
    recent = [case for case in cases if case.acted and now - case.at <= CASES_COUNT_FOR]
    production = [case for case in recent if not case.staging]
    staging = [case for case in recent if case.staging and case.digest == digest]
    good = sum(case.worked for case in staging)
    return Cases(
        worked=min((sum(case.worked and case.alert == kind for case in production) for kind in kinds), default=0),
        failed=sum(not case.worked for case in production),
        staging_worked=max(good, gates),
        staging_failed=len(staging) - good,
    )
