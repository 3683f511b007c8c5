"""Each runbook with the level in force now, and why it is not higher."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.file.document import Policy, Runbook
from bot.policy.levels import Level
from bot.policy.rules.case import Licence
from bot.policy.rules.licence import earned, licence_of, missing_gates
from bot.policy.situation import Pause, ScopeKind
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


async def runbook_levels(work: Work, policy: Policy, now: datetime) -> Sequence[RunbookLevel]:
    """Every runbook, in the order of the policy."""
    pauses = await work.pauses.active(now)
    return [
        _runbook_level(
            policy, name, runbook, licence_of(await work.licences.of(name), runbook.digest, now), pauses, now
        )
        for name, runbook in policy.runbooks.items()
    ]


def _runbook_level(
    policy: Policy, name: str, runbook: Runbook, licence: Licence, pauses: Sequence[Pause], now: datetime
) -> RunbookLevel:
    level = min(runbook.level, policy.levels.highest, earned(licence))
    held = _held(policy, name, pauses, now)
    why = held or _why(policy, runbook, licence, level)
    return RunbookLevel(name, runbook.summary, runbook.level, Level.L0 if held else level, why)


def _held(policy: Policy, name: str, pauses: Sequence[Pause], now: datetime) -> str:
    """What is paused or frozen wherever this runbook applies; a pause of one service is not."""
    for pause in pauses:
        if pause.scope.kind is ScopeKind.EVERYTHING or (
            pause.scope.kind is ScopeKind.RUNBOOK and pause.scope.name == name
        ):
            return f"{pause.scope} is paused" + (f": {pause.reason}" if pause.reason else "")
    for freeze in policy.freezes:
        if not freeze.services and freeze.since <= now < freeze.until:
            return f"the freeze {freeze.name} lasts until {freeze.until:%Y-%m-%d %H:%M} UTC"
    return ""


def _why(policy: Policy, runbook: Runbook, licence: Licence, level: Level) -> str:
    if licence.demoted_to is not None and licence.demoted_to == level < runbook.level:
        return f"demoted to {licence.demoted_to}" + (f": {licence.demotion_reason}" if licence.demotion_reason else "")
    if earned(licence) == level < min(runbook.level, policy.levels.highest):
        return f"not passed yet: {', '.join(gate.in_words for gate in missing_gates(licence))}"
    if policy.levels.highest == level < runbook.level:
        return f"this organisation operates at {policy.levels.highest} at most"
    return "" if level is max(Level) else f"the policy says {runbook.level}"
