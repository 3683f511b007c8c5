"""What the policy says of earning autonomy: who signs off, how long a gate counts, and when promotion is proposed."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from bot.policy.file.fields import CASES_MAX, Duration, Entry

Lasting = Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=365))]
"""How long a gate counts. A year is the most: systems change under a runbook that nobody changes."""


class Expire(Entry):
    """How long a passed gate counts."""

    rollback_verification: Lasting = timedelta(days=30)
    """Shorter than the others: nobody misses a rollback until it is needed."""
    others: Lasting = timedelta(days=90)


class Gates(Entry):
    """Who answers for a runbook with their name, and how long what was tried counts."""

    sign_off: tuple[str, ...] = ()
    """Groups of ``people`` whose members may sign off what they have not written themselves; none: nobody may."""
    expire: Expire = Expire()


class Promotion(Entry):
    """When a promotion is proposed. It can be made harder; below these bounds it would rest on chance."""

    cases: int = Field(default=20, ge=5, le=CASES_MAX)
    """So many cases of the very entry, those of gates included."""
    lower_bound: float = Field(default=0.8, ge=0.5, lt=1)
    """What the share of successes must be above with 95 % certainty."""
