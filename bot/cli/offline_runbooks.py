"""Reading what each runbook has earned, without a running bot."""

from dataclasses import dataclass
from datetime import datetime

from bot.cli.offline import offline_database
from bot.policy.file.document import Policy
from bot.policy.file.fields import elapsed_text
from bot.policy.rules.licence import lasts_until, licence_of
from bot.policy.rules.seal import seal_of
from bot.policy.rules.standing import standing
from bot.policy.situation import Evidenced, Gate
from bot.response.interventions.candidacies import IN_ORDER
from bot.response.interventions.runbook_levels import shadows_told
from bot.response.ports.context import utc_now
from bot.response.ports.seals import version_of
from remediations.catalogue import build_catalogue


@dataclass(frozen=True, slots=True)
class RunbookRow:
    """One runbook, in words."""

    runbook: str
    written: str
    in_force: str
    reasons: tuple[str, ...]
    """What keeps it from more, the strictest first; what has changed since a gate was passed is named."""
    gates: tuple[str, ...]
    """Each gate with how long it counts, or why it does not."""
    shadow: str
    """Where it runs in shadow, what it would have done and how often people did the same."""


async def rows(url: str, key: bytes, policy: Policy) -> list[RunbookRow]:
    """Every runbook, in the order of the policy.

    Raises:
        OfflineError: the database is not there or cannot be used.
        CatalogueError: a backend of the policy, or a plugin, cannot be used.
    """
    catalogue, now, found = build_catalogue(policy.backends), utc_now(), list[RunbookRow]()
    async with offline_database(url, key) as database, database.read() as work:
        pauses = await work.pauses.active(now)
        for name, runbook in policy.runbooks.items():
            version, held = version_of(catalogue, policy, name), await work.licences.of(name)
            stands = standing(policy, name, held, pauses, now, version=version)
            shadow = await shadows_told(work, policy, {name: stands}, now)
            found.append(
                RunbookRow(
                    runbook=name,
                    written=str(runbook.level),
                    in_force=str(stands.level),
                    reasons=stands.reasons,
                    gates=_gates(policy, name, held, version, now),
                    shadow=shadow.get(name, ""),
                )
            )
    return found


def _gates(policy: Policy, name: str, held: Evidenced, version: int | None, now: datetime) -> tuple[str, ...]:
    licence = licence_of(held, policy, name, seal_of(policy, name, version), now)

    def said(gate: Gate) -> str:
        if gate in licence.gates:
            until = max(lasts_until(row, policy) for row in held.gates if row.gate is gate)
            return f"passed, for {elapsed_text(until - now)} more"
        return licence.missing[gate] or "not passed yet"

    return tuple(f"{gate.in_words}: {said(gate)}" for gate in IN_ORDER)
