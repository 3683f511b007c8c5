"""Each runbook with the level in force now, and why it is not higher."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.standing import standing
from bot.remediation import Catalogue
from bot.response.ports.work import Work


@dataclass(frozen=True, slots=True)
class RunbookLevel:
    """What one runbook may do by itself at this moment, wherever it applies."""

    runbook: str
    summary: str
    written: Level
    """As the policy says."""
    in_force: Level
    why_not_higher: str
    """The strictest reason, in words; empty at the highest level there is."""


async def runbook_levels(work: Work, policy: Policy, catalogue: Catalogue, now: datetime) -> Sequence[RunbookLevel]:
    """Every runbook, in the order of the policy."""
    pauses, found = await work.pauses.active(now), []
    for name, runbook in policy.runbooks.items():
        remediation = catalogue.get(runbook.remediation)
        version = remediation.version if remediation is not None else None
        stands = standing(policy, name, await work.licences.of(name), pauses, now, version=version)
        why = stands.caps[0].why if stands.caps else ""
        found.append(RunbookLevel(name, runbook.summary, runbook.level, stands.level, why))
    return found
