"""Asks for the sign-off of gates that were run from the command line: their evidence is stored, and nobody was asked.

Once for each time they were run. Those that the bot has run itself have their card already.
"""

from bot.gates.evidence import in_words
from bot.gates.report import Report
from bot.policy.rules.licence import licence_of, missing_gates
from bot.policy.rules.promotion import prospect
from bot.policy.rules.seal import digest_of_seal
from bot.policy.situation import Gate
from bot.response.assessment.votes import Roster
from bot.response.interventions.candidacies import who_may_decide
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.candidacies import CandidacyKind, CandidacyState, Findings, GateSeen
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.candidacy_card import report_candidacy, waits_for_sign_off
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.seals import seal_now
from bot.response.ports.work import Work


async def ask_for_sign_offs(context: Context) -> int:
    """Ask where only the sign-off is missing; how many this call asked for."""
    roster, asked = await context.roster(), 0
    for runbook in context.policy().runbooks:
        async with context.database.read() as work:
            lacking = await _lacks_a_sign_off(work, context, runbook)
        if lacking:
            async with context.database.begin() as work:
                asked += await _ask(work, context, roster, runbook)
    return asked


async def _lacks_a_sign_off(work: Work, context: Context, runbook: str) -> bool:
    policy, held = context.policy(), await work.licences.of(runbook)
    seal = seal_now(context.catalogue, policy, runbook)
    licence = licence_of(held, policy, runbook, seal, context.now())
    if missing_gates(licence) != (Gate.HUMAN_SIGN_OFF,):
        return False
    passed = max(row.passed_at for row in held.gates if row.gate is not Gate.HUMAN_SIGN_OFF)
    known = await work.candidacies.of(runbook, *CandidacyState)
    return not any(
        one.state is CandidacyState.RUNNING or (one.ended is not None and one.ended >= passed)
        for one in known
        if one.kind is CandidacyKind.GATES
    )


async def _ask(work: Work, context: Context, roster: Roster, runbook: str) -> bool:
    if not await _lacks_a_sign_off(work, context, runbook):
        return False
    policy, now, held = context.policy(), context.now(), await work.licences.of(runbook)
    digest = policy.runbooks[runbook].digest
    document = await work.licences.report_of(runbook, digest)
    if document is None:
        return False
    report = Report.model_validate(document, extra="ignore")
    gates = tuple(
        GateSeen(gate=each.gate, passed=each.passed, begun=True, text=in_words(each)) for each in report.gates
    )
    signers = who_may_decide(policy, roster, runbook)
    findings = Findings(
        gates=(*gates, GateSeen(gate=Gate.HUMAN_SIGN_OFF)),
        cases=prospect(held, digest, policy.promotion).text,
        seal=digest_of_seal(seal_now(context.catalogue, policy, runbook)),
        signers=signers,
    )
    candidacy = await work.candidacies.begin(
        context.new_id(),
        runbook,
        CandidacyKind.GATES,
        by=WATCHKEEPER,
        findings=findings,
        now=now,
        key=f"{findings.seal} {report.began.isoformat()}",
    )
    if candidacy is None:
        return False
    line = ThreadLine(
        title=waits_for_sign_off(runbook),
        lines=("They were run from the command line. “Sign off” on the card answers for what was seen.",),
        tone=Tone.ASKING,
        to=signers,
    )
    body = {"demotions": [], "cases": findings.cases}
    await report_candidacy(work, context, candidacy, AuditKind.LICENCE_PROPOSED, body=body, line=line)
    return True
