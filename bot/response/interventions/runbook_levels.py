"""Each runbook with the level in force now, and why it is not higher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.standing import Standing, standing
from bot.policy.shadow import agreement, in_shadow
from bot.remediation import Catalogue
from bot.response.ports.hindsight import SHADOWS_COUNT_FOR
from bot.response.ports.seals import version_of
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
    """The strictest reasons, in words; empty at the highest level there is."""
    expiring: str = ""
    """What of its licence soon ends: "the chaos test expires in 6 days"."""
    shadow: str = ""
    """Where it is written to act alone and has no licence to: what it would have done, and how often people did the
    same."""


async def runbook_levels(work: Work, policy: Policy, catalogue: Catalogue, now: datetime) -> Sequence[RunbookLevel]:
    """Every runbook, in the order of the policy."""
    pauses, stands = await work.pauses.active(now), dict[str, Standing]()
    for name in policy.runbooks:
        version = version_of(catalogue, policy, name)
        stands[name] = standing(policy, name, await work.licences.of(name), pauses, now, version=version)
    written, highest = policy.runbooks, policy.levels.highest
    shadows = await shadows_told(work, policy, stands, now)
    return [
        RunbookLevel(
            runbook=name,
            summary=written[name].summary,
            written=written[name].level,
            in_force=one.level,
            why_not_higher=_why(one, min(written[name].level, highest)),
            expiring=one.expiring,
            shadow=shadows.get(name, ""),
        )
        for name, one in stands.items()
    ]


async def shadows_told(work: Work, policy: Policy, stands: Mapping[str, Standing], now: datetime) -> Mapping[str, str]:
    """Of each runbook that runs in shadow, what it would have done and how often people did the same, in words."""
    written, highest = policy.runbooks, policy.levels.highest
    shadowed = [name for name, one in stands.items() if in_shadow(written[name].level, highest, one.earned)]
    shadows = await work.hindsight.shadows(shadowed, now - SHADOWS_COUNT_FOR) if shadowed else {}
    return {name: agreement(shadows.get(name, ())).text for name in shadowed}


def _why(stands: Standing, written: Level) -> str:
    """Everything that keeps it at its level; where that is as written, nothing else is to be done about it."""
    caps = [cap for cap in stands.caps if not cap.service and cap.level == stands.level]
    if stands.level == written:
        caps = caps[:1]
    elsewhere = [cap for cap in stands.caps if cap.service and cap.level < stands.level]
    return "; ".join((*(cap.why for cap in caps), *map(str, elsewhere)))
