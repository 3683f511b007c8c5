"""What gates that were run from the command line have shown, on record as for those asked for in Slack."""

from typing import Any

from bot.cli.offline import offline_database, operator
from bot.gates.evidence import in_words
from bot.gates.keeping import keep
from bot.gates.report import Report
from bot.gates.twin import GateError
from bot.policy.file.document import Policy
from bot.policy.rules.seal import digest_of_seal
from bot.policy.track_record import Seal
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.candidacies import CandidacyState
from bot.response.ports.context import utc_now
from bot.response.ports.seals import seal_now
from remediations.catalogue import build_catalogue


def sealed(policy: Policy, runbook: str) -> Seal:
    """Everything that the gates of the runbook would be passed with now.

    Raises:
        CatalogueError: a backend of the policy, or a plugin, cannot be used.
    """
    return seal_now(build_catalogue(policy.backends), policy, runbook)


async def look(url: str, key: bytes, runbook: str) -> None:
    """See whether something could be stored, before anything is broken on staging.

    Raises:
        OfflineError: the database is not there or cannot be used.
        GateError: the running Watchkeeper breaks and mends this twin at the moment.
    """
    async with offline_database(url, key, of_this_key=True) as database, database.read() as work:
        if await work.candidacies.of(runbook, CandidacyState.RUNNING):
            raise GateError(
                f"The gates of {runbook!r} are being run by Watchkeeper already: wait for its card in Slack."
            )


async def store(url: str, key: bytes, policy: Policy, report: Report, seal: Seal) -> None:
    """Store what the gates have shown, in one transaction.

    Raises:
        OfflineError: the database is not there or cannot be used.
    """
    now, seconds = utc_now(), (report.ended - report.began).total_seconds()
    seen = {gate.gate.value: in_words(gate) for gate in report.gates}
    body: dict[str, Any] = {"runbook": report.runbook, "gates": seen}
    failed = next((gate for gate in report.gates if not gate.passed), None)
    async with offline_database(url, key) as database, database.begin() as work:
        await keep(work, report, policy, seal, f"{operator()}:{report.began.isoformat()}", now)
        if failed is None:
            body |= {"seal": digest_of_seal(seal), "seconds": round(seconds, 1)}
            await work.audit.append(kind=AuditKind.GATES_PASSED, actor=operator(), at=now, body=body)
        else:
            body |= {"reason": f"{failed.gate.in_words}: {failed.problem}"}
            await work.audit.append(kind=AuditKind.GATES_FAILED, actor=operator(), at=now, body=body)
