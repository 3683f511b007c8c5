"""Promotion proposed by us: all gates of a demoted runbook count, and its cases support that people lift its demotions.

It is proposed once for each state of gates and demotions, and decided by people; nothing is lifted by itself.
"""

import json
import logging

from bot.policy.rules.promotion import prospect
from bot.policy.rules.seal import digest_of_seal
from bot.response.assessment.votes import Roster
from bot.response.interventions.candidacies import supersede, who_may_decide, why_not_promoted
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.candidacies import CandidacyKind, CandidacyState, Findings
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.candidacy_card import report_candidacy
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.seals import seal_now
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


async def sweep_proposals(context: Context) -> int:
    """Propose what is to be proposed; how many promotions this call proposed."""
    roster, proposed = await context.roster(), 0
    async with context.database.read() as work:
        due = [name for name in context.policy().runbooks if not await why_not_promoted(work, context, name)]
    for runbook in due:
        try:
            async with context.database.begin() as work:
                proposed += await _propose(work, context, roster, runbook)
        except Exception:
            log.exception("the promotion of %s could not be proposed; trying again", runbook)
    return proposed


async def _propose(work: Work, context: Context, roster: Roster, runbook: str) -> bool:
    if await why_not_promoted(work, context, runbook):
        return False
    policy, held = context.policy(), await work.licences.of(runbook)
    seal = digest_of_seal(seal_now(context.catalogue, policy, runbook))
    signers = who_may_decide(policy, roster, runbook)
    cases = prospect(held, policy.runbooks[runbook].digest, policy.promotion).text
    lifts = tuple(demotion.reason or f"demoted to {demotion.level}" for demotion in held.demotions)
    candidacy = await work.candidacies.begin(
        context.new_id(),
        runbook,
        CandidacyKind.RECORD,
        by=WATCHKEEPER,
        findings=Findings(cases=cases, seal=seal, lifts=lifts, signers=signers),
        now=context.now(),
        key=json.dumps([seal, sorted(f"{one.cause or one.reason}/{one.at.isoformat()}" for one in held.demotions)]),
    )
    if candidacy is None:
        return False
    for older in await work.candidacies.of(runbook, CandidacyState.WAITING):
        if older.kind is CandidacyKind.RECORD and older.id != candidacy.id:
            await supersede(work, context, older)
    line = ThreadLine(
        title=f"{runbook} could be promoted",
        lines=(f"{cases} Until somebody decides, it stays as it is.",),
        tone=Tone.ASKING,
        to=signers,
    )
    body = {"demotions": list(lifts), "cases": cases}
    await report_candidacy(work, context, candidacy, AuditKind.LICENCE_PROPOSED, body=body, line=line)
    return True
