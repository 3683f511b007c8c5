"""Puts what the gates have shown on record, all of it in the caller's transaction."""

from datetime import datetime

from bot.gates.evidence import cases, passes
from bot.gates.report import Report
from bot.policy.file.document import Policy
from bot.policy.rules.seal import digest_of_seal
from bot.policy.track_record import Seal
from bot.response.ports.work import Work


async def keep(work: Work, report: Report, policy: Policy, seal: Seal, handle: str, now: datetime) -> None:
    """Store each gate that has passed, what is a case for the record, and everything that was seen.

    What was tried and did not pass leaves a case that failed, and takes an earlier pass of that gate away: the newest
    evidence counts. A gate that was not tried, as one before it failed, stays as it was.

    Args:
        work: the caller's transaction.
        report: what the gates have shown.
        policy: that they were run under.
        seal: everything that they were run with, drawn before they were run.
        handle: names this run for good; kept again under the same name, its cases count once.
        now: when it is stored; gates count from then on.
    """
    runbook = report.runbook
    await work.licences.add_cases(runbook, cases(report, handle))
    await work.licences.keep_report(runbook, report.digest, report.model_dump(mode="json"), now)
    for passed in passes(report, policy, digest_of_seal(seal), now):
        await work.licences.pass_gate(runbook, passed, seal)
    for gate in report.gates:
        if gate.runs and not gate.passed:
            await work.licences.fail_gate(runbook, report.digest, gate.gate)
