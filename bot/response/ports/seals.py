"""What the gates of a runbook would be passed with now: the policy's side of it, and the remediation in its version."""

from bot.policy.file.document import Policy
from bot.policy.rules.seal import seal_of
from bot.policy.track_record import Seal
from bot.remediation import Catalogue


def version_of(catalogue: Catalogue, policy: Policy, runbook: str) -> int | None:
    """Of the remediation that a runbook of the policy names; None: the catalogue has none of that name."""
    remediation = catalogue.get(policy.runbooks[runbook].remediation)
    return None if remediation is None else remediation.version


def seal_now(catalogue: Catalogue, policy: Policy, runbook: str) -> Seal:
    """The seal of a runbook of the policy as everything is now."""
    return seal_of(policy, runbook, version_of(catalogue, policy, runbook))
