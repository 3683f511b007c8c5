"""Promotion: when a runbook's cases support that it may act alone. It is proposed by us and decided by people.

What is weighed is the lower bound of Beta(1 + successes, 1 + others), the distribution that also says how sure we are
of an act: of few cases it says little however well they went, it never takes a streak for certainty, and with every
success added it rises, with every other it falls.
"""

from dataclasses import dataclass

from bot.policy.confidence.posterior import Beta
from bot.policy.file.earning import Promotion
from bot.policy.percent import percent
from bot.policy.situation import Evidenced


@dataclass(frozen=True, slots=True)
class Prospect:
    """How far the cases of this very version of a runbook support its promotion."""

    cases: int
    successes: int
    staging: int
    """Of ``cases``, those that were runs of gates."""
    lower_bound: float
    """What the share of successes is above with 95 % certainty; without cases, nothing worth mentioning."""
    supported: bool
    text: str
    """In one sentence, with what is still lacking."""


def lower_bound(successes: int, cases: int) -> float:
    """What the true share of successes is above with 95 % certainty.

    Raises:
        ValueError: more successes than cases, or fewer than none.
    """
    if not 0 <= successes <= cases:
        raise ValueError(f"{successes} successes of {cases} cases cannot be; count cases first")
    return Beta(1 + successes, 1 + cases - successes).lower


def prospect(held: Evidenced, digest: str, asked: Promotion) -> Prospect:
    """What the cases of the runbook with this ``digest`` amount to, by what the policy asks.

    A case of another version, or of one that nobody knows, says nothing. Whatever was not verified is no success, and
    neither is what a person found harmful.
    """
    counted = [case for case in held.cases or () if digest and case.digest == digest]
    successes, staging = sum(case.worked for case in counted), sum(case.staging for case in counted)
    bound = lower_bound(successes, len(counted))
    enough, sure = len(counted) >= asked.cases, bound >= asked.lower_bound
    said = f"{successes} of {len(counted)} cases went well" + (f" ({staging} on staging)" if staging else "")
    if counted:
        said += f", so with 95 % certainty more than {int(bound * 100)} % do"
    lacking = [] if enough else [f"{asked.cases} cases are asked for"]
    lacking += [] if sure else [f"{percent(asked.lower_bound)} must be certain"]
    text = f"{said}: {' and '.join(lacking)}." if lacking else f"{said}."
    return Prospect(len(counted), successes, staging, bound, enough and sure, text)
