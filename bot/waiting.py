"""How long to wait before trying again, where somebody else says it: within reason, whatever is said.

A server may ask for an hour by mistake, for ever by malice, or in a form that nobody reads. Who waits as it is told can
be silenced by it, so there is a longest wait. Must not know: who asks, or what is tried again.
"""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 300.0


def seconds_to_wait(said: str, now: datetime, *, otherwise: float, least: float = 0.0) -> float:
    """What a ``Retry-After`` asks for, in seconds from ``least`` to ``LONGEST_SECONDS``.

    Args:
        said: the header: a number of seconds, or a date.
        otherwise: seconds where it says neither.
    """
    return bounded_wait(_said(said, now), otherwise=otherwise, least=least)


def bounded_wait(seconds: float, *, otherwise: float, least: float = 0.0, longest: float = LONGEST_SECONDS) -> float:
    """The seconds within reason; ``otherwise`` where they are no number."""
    wait = min(max(seconds, least), longest)  # of what is too large for a float, and of what is no number, too
    return otherwise if math.isnan(wait) else wait


def _said(said: str, now: datetime) -> float:
    try:
        return float(said)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(said)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return math.nan
