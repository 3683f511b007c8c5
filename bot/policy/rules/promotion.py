"""Promotion: when a runbook's cases support that it may act alone. It is proposed by us and decided by people.

What is weighed is the lower end of Wilson's score interval, 95 % from both sides: of few cases it says little however
well they went, it never takes a streak for certainty, and with every success added it rises, with every other falls. It
is a closed formula, where a quantile of Beta would be numerics of our own or a library for this alone; at the sizes
that matter here (20 of 20: 0.84) both say the same.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from bot.policy.file.earning import Promotion
from bot.policy.situation import Evidenced
from bot.policy.track_record import Ending, Judged, PastCase

CERTAINTY = 0.95
_Z = NormalDist().inv_cdf((1 + CERTAINTY) / 2)


@dataclass(frozen=True, slots=True)
class Prospect:
    """How far the cases of this very version of a runbook support its promotion."""

    cases: int
    successes: int
    staging: int
    """Of ``cases``, those that were runs of gates."""
    lower_bound: float
    """What the share of successes is above with 95 % certainty; 0 without cases."""
    supported: bool
    text: str
    """In one sentence, with what is still lacking."""


def lower_bound(successes: int, cases: int) -> float:
    """What the true share of successes is above with 95 % certainty; 0 without any success.

    Raises:
        ValueError: more successes than cases, or fewer than none.
    """
    if not 0 <= successes <= cases:
        raise ValueError(f"{successes} successes of {cases} cases cannot be; count cases first")
    if not successes:
        return 0.0
    share, square = successes / cases, _Z * _Z
    centre = share + square / (2 * cases)
    margin = _Z * sqrt(share * (1 - share) / cases + square / (4 * cases * cases))
    return (centre - margin) / (1 + square / cases)


def prospect(held: Evidenced, digest: str, asked: Promotion) -> Prospect:
    """What the cases of the runbook with this ``digest`` amount to, by what the policy asks.

    A case of another version, or of one that nobody knows, says nothing. Whatever was not verified is no success, and
    neither is what a person found harmful.
    """
    counted = [case for case in held.cases if digest and case.digest == digest]
    successes, staging = sum(map(_succeeded, counted)), sum(case.staging for case in counted)
    bound = lower_bound(successes, len(counted))
    enough, sure = len(counted) >= asked.cases, bound >= asked.lower_bound
    said = f"{successes} of {len(counted)} cases went well" + (f" ({staging} on staging)" if staging else "")
    if counted:
        said += f", so with 95 % certainty more than {int(bound * 100)} % do"
    lacking = [] if enough else [f"{asked.cases} cases are asked for"]
    lacking += [] if sure else [f"{asked.lower_bound:.0%} must be certain"]
    text = f"{said}: {' and '.join(lacking)}." if lacking else f"{said}."
    return Prospect(len(counted), successes, staging, bound, enough and sure, text)


def _succeeded(case: PastCase) -> bool:
    return case.ending is Ending.VERIFIED and case.judged is not Judged.HARMFUL
