"""What people do about a runbook's level: have its gates run, sign off what was seen, promote it, or leave it.

There is no other way to a gate than these and the runs themselves: none is passed by a word, a flag or a setting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.approval import Intervention, groups_for, may_sign_off
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, causes
from bot.policy.rules.licence import licence_of, missing_gates, why_missing
from bot.policy.rules.promotion import Prospect, prospect
from bot.policy.rules.seal import digest_of_seal
from bot.policy.rules.standing import Standing
from bot.policy.rules.twin import not_to_be_run
from bot.policy.situation import Evidenced, Gate, GatePass
from bot.policy.track_record import Seal
from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Press, Tried
from bot.response.interventions.refusals import refuse, refused
from bot.response.interventions.requests import RequestError
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.candidacies import Candidacy, CandidacyEvent, CandidacyKind, CandidacyState, Findings, GateSeen
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.candidacy_card import report_candidacy, show, standing_of
from bot.response.ports.context import Context
from bot.response.ports.seals import seal_now
from bot.response.ports.work import Work

REASONS_TOLD = 6


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a runbook stands on its way up, and what came of asking for its gates."""

    runbook: str
    summary: str
    written: Level
    stands: Standing
    prospect: str
    """What its cases amount to, in a sentence."""
    begun: bool
    """Whether the gates are run because of this."""
    answer: str
    """What came of it, in words."""


async def ask_for_gates(work: Work, context: Context, roster: Roster, person: str, runbook: str) -> Stand:
    """Have the gates of a runbook run on staging, once at a time; says where it stands in any case.

    Raises:
        RequestError: the policy has no such runbook.
    """
    policy = context.policy()
    entry = policy.runbooks.get(runbook)
    if entry is None:
        raise RequestError(not_to_be_run(policy, runbook))
    held = await work.licences.of(runbook)
    stands = await standing_of(work, context, runbook)
    found = prospect(held, entry.digest, policy.promotion)
    begun, answer = await _begin(work, context, roster, person, runbook, found)
    return Stand(runbook, entry.summary, entry.level, stands, found.text, begun, answer)


async def _begin(
    work: Work, context: Context, roster: Roster, person: str, runbook: str, found: Prospect
) -> tuple[bool, str]:
    policy = context.policy()
    tried = Tried(person, {"runbook": runbook, "via": "command"})
    if refusal := await refused(work, context, roster, Intervention.RUN_GATES, tried, runbook=runbook):
        return False, refusal.text
    if problem := not_to_be_run(policy, runbook):
        return False, problem
    signers = who_may_decide(policy, roster, runbook)
    gates = tuple(GateSeen(gate=gate) for gate in IN_ORDER)
    candidacy = await work.candidacies.begin(
        context.new_id(),
        runbook,
        CandidacyKind.GATES,
        by=person,
        findings=Findings(gates=gates, cases=found.text, signers=signers),
        now=context.now(),
    )
    if candidacy is None:
        return False, "Its gates are being run already; what is seen stands on the card in the incidents channel."
    for older in await work.candidacies.of(runbook, CandidacyState.WAITING):
        if older.kind is CandidacyKind.GATES:
            await supersede(work, context, older)
    await report_candidacy(work, context, candidacy, AuditKind.GATES_BEGUN, by=person, body={})
    unsigned = "" if signers else " Nobody could sign it off afterwards: see `gates.sign_off` and its `authors`."
    return (
        True,
        f"Its gates are run on staging now; what is seen stands on the card in the incidents channel.{unsigned}",
    )


async def sign_off(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """A person answers for what the gates have shown: the last gate is passed."""
    candidacy = await work.candidacies.get(press.subject)
    if candidacy is None or candidacy.kind is not CandidacyKind.GATES:
        return UNKNOWN_SUBJECT
    if against := await _against(work, context, roster, press, candidacy, Intervention.SIGN_OFF):
        return against
    policy, now, runbook = context.policy(), context.now(), candidacy.runbook
    held = await work.licences.of(runbook)
    seal = held.seals.get(candidacy.findings.seal)
    problem = _why_void(held, policy, runbook, seal_now(context.catalogue, policy, runbook), now)
    if seal is None or problem:
        why = problem or "what they were passed with is not on record"
        reason = (
            f"What is shown here does not count any more: {why}. Nothing was signed; `/watch promote {runbook}` runs "
            "the gates again."
        )
        return await _refused(work, context, press, Intervention.SIGN_OFF, reason)
    seen = tuple(
        one.model_copy(update={"passed": True, "text": "given by a person who has not written it"})
        if one.gate is Gate.HUMAN_SIGN_OFF
        else one
        for one in candidacy.findings.gates
    )
    moved = await work.candidacies.move(
        candidacy.id,
        CandidacyEvent.SIGN_OFF,
        findings=candidacy.findings.model_copy(update={"gates": seen}),
        now=now,
        by=press.person,
    )
    if moved is None:
        return _decided()
    digest = digest_of_seal(seal)
    passed = GatePass(
        gate=Gate.HUMAN_SIGN_OFF,
        digest=policy.runbooks[runbook].digest,
        passed_at=now,
        until=now + policy.gates.expire.others,
        seal=digest,
        by=press.person,
    )
    await work.licences.pass_gate(runbook, passed, seal)
    body = {"seal": digest, "until": passed.until.isoformat()}
    await _announce(work, context, moved, AuditKind.LICENCE_SIGNED_OFF, press.person, body, "Signed off")
    return Answer(True, f"Thank you. You answer for {runbook}; it is on the record.")


async def promote(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """A person lifts what a runbook was demoted for, all gates of which count."""
    candidacy = await work.candidacies.get(press.subject)
    if candidacy is None or candidacy.kind is not CandidacyKind.RECORD:
        return UNKNOWN_SUBJECT
    if against := await _against(work, context, roster, press, candidacy, Intervention.PROMOTE):
        return against
    now, runbook = context.now(), candidacy.runbook
    if why := await why_not_promoted(work, context, runbook):
        return await _refused(work, context, press, Intervention.PROMOTE, f"{runbook} is not promoted: {why}.")
    moved = await work.candidacies.move(
        candidacy.id,
        CandidacyEvent.PROMOTE,
        findings=candidacy.findings,
        now=now,
        by=press.person,
    )
    if moved is None:
        return _decided()
    lifted = await work.licences.promote(runbook, press.person, now)
    await _announce(
        work, context, moved, AuditKind.LICENCE_PROMOTED, press.person, {"lifted": list(lifted)}, "Promoted"
    )
    return Answer(True, f"{runbook} is promoted; it is on the record.")


async def not_yet(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """A person leaves the runbook at the level it has."""
    candidacy = await work.candidacies.get(press.subject)
    if candidacy is None:
        return UNKNOWN_SUBJECT
    gates = candidacy.kind is CandidacyKind.GATES
    wanted = Intervention.SIGN_OFF if gates else Intervention.PROMOTE
    if against := await _against(work, context, roster, press, candidacy, wanted):
        return against
    moved = await work.candidacies.move(
        candidacy.id,
        CandidacyEvent.DECLINE,
        findings=candidacy.findings,
        now=context.now(),
        by=press.person,
    )
    if moved is None:
        return _decided()
    again = f"`/watch promote {candidacy.runbook}` runs its gates again."
    line = ThreadLine(title=f"Not yet: {candidacy.runbook} stays as it is", lines=(again,), tone=Tone.BY_A_PERSON)
    await report_candidacy(work, context, moved, AuditKind.LICENCE_DECLINED, by=press.person, body={}, line=line)
    return Answer(True, f"{candidacy.runbook} stays as it is. {again}")


IN_ORDER = (
    Gate.STAGING_DRY_RUN,
    Gate.FAILURE_SIMULATION,
    Gate.CHAOS_TEST,
    Gate.ROLLBACK_VERIFICATION,
    Gate.HUMAN_SIGN_OFF,
)
"""As they are run."""


def who_may_decide(policy: Policy, roster: Roster, runbook: str) -> tuple[str, ...]:
    """Everybody who may sign the runbook off, or promote it, at this moment."""
    named = _named(policy, roster)
    return tuple(sorted(one for one in named if may_sign_off(policy, runbook, one, authorised=named).allowed))


async def why_not_promoted(work: Work, context: Context, runbook: str) -> str:
    """What keeps the runbook from being promoted now, in words; empty when only a person's word is missing."""
    policy, now = context.policy(), context.now()
    held, seal = await work.licences.of(runbook), seal_now(context.catalogue, policy, runbook)
    licence = licence_of(held, policy, runbook, seal, now)
    if missing_gates(licence):
        return why_missing(licence)
    if not held.demotions:
        return "it is not demoted"
    if any(due.cause is Cause.OVERDUE for due in causes(held, now)):
        return "a review is overdue; being late ends with the review"
    found = prospect(held, policy.runbooks[runbook].digest, policy.promotion)
    return "" if found.supported else found.text.rstrip(".")


async def supersede(work: Work, context: Context, older: Candidacy) -> None:
    """A newer one takes its place: nobody is asked about this one any more."""
    moved = await work.candidacies.move(older.id, CandidacyEvent.SUPERSEDE, findings=older.findings, now=context.now())
    if moved is not None:
        await show(work, context, moved)


def _why_void(held: Evidenced, policy: Policy, runbook: str, present: Seal, now: datetime) -> str:
    """Why what the runs have shown does not count, in words; the sign-off itself may be missing."""
    licence = licence_of(held, policy, runbook, present, now)
    problems: dict[str, list[Gate]] = {}
    for gate, why in licence.missing.items():
        if gate is not Gate.HUMAN_SIGN_OFF:
            problems.setdefault(why or "was not passed", []).append(gate)
    return "; ".join(f"{', '.join(gate.in_words for gate in gates)}: {why}" for why, gates in problems.items())


async def _against(
    work: Work, context: Context, roster: Roster, press: Press, candidacy: Candidacy, wanted: Intervention
) -> Answer | None:
    """Why this person cannot decide it now; None when they can."""
    policy = context.policy()
    if candidacy.state is not CandidacyState.WAITING:
        return _decided()
    permission = may_sign_off(policy, candidacy.runbook, press.person, authorised=_named(policy, roster))
    if permission.allowed:
        return None
    others = who_may_decide(policy, roster, candidacy.runbook)
    who = f" Who can: {', '.join(others)}." if others else " Nobody can at present."
    return await _refused(work, context, press, wanted, f"{permission.text}{who}")


async def _refused(work: Work, context: Context, press: Press, wanted: Intervention, reason: str) -> Answer:
    tried = Tried(press.person, {"subject": press.subject, "revision": press.revision})
    return await refuse(work, context, wanted, tried, reason)


async def _announce(
    work: Work,
    context: Context,
    candidacy: Candidacy,
    kind: AuditKind,
    person: str,
    body: Mapping[str, object],
    what: str,
) -> None:
    """Say who decided it, and what the runbook may do from now on."""
    stands = await standing_of(work, context, candidacy.runbook)
    line = ThreadLine(
        title=f"{what}: {candidacy.runbook} may act at {stands.level} from now on",
        lines=_reasons(stands),
        tone=Tone.GOOD,
        broadcast=True,
    )
    await report_candidacy(
        work, context, candidacy, kind, by=person, body={**body, "level": str(stands.level)}, line=line
    )


def _reasons(stands: Standing) -> Sequence[str]:
    return tuple(stands.reasons[:REASONS_TOLD])


def _named(policy: Policy, roster: Roster) -> frozenset[str]:
    groups = groups_for(Intervention.SIGN_OFF, policy)
    return frozenset().union(*(roster.get(group, frozenset()) for group in groups))


def _decided() -> Answer:
    return Answer(False, "This has been decided already, or a newer card has taken its place. Nothing was done.")
