"""A candidacy as people are told of it: its card as it stands now, and lines in the card's thread."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.policy.levels import Level
from bot.policy.rules.standing import Standing, standing
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.candidacies import Candidacy, CandidacyKind, CandidacyState
from bot.response.model.notices import Button, CandidacyNotice, ThreadLine, ThreadNotice
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.seals import version_of
from bot.response.ports.work import Work

_BUTTONS = {
    CandidacyKind.GATES: (Button.SIGN_OFF, Button.NOT_YET),
    CandidacyKind.RECORD: (Button.PROMOTE, Button.NOT_YET),
}


async def standing_of(work: Work, context: Context, runbook: str) -> Standing:
    """What a runbook of the policy may do by itself now, and why not more."""
    policy, now = context.policy(), context.now()
    held, pauses = await work.licences.of(runbook), await work.pauses.active(now)
    return standing(policy, runbook, held, pauses, now, version=version_of(context.catalogue, policy, runbook))


async def report_candidacy(
    work: Work,
    context: Context,
    candidacy: Candidacy,
    kind: AuditKind,
    *,
    body: Mapping[str, Any],
    by: str | None = None,
    line: ThreadLine | None = None,
) -> int:
    """Put an event on the record and tell of it, as ``report`` does for incidents; the number of its audit entry.

    The line names the entry, and stands behind the card.
    """
    at = context.now()
    entry = await work.audit.append(
        kind=kind,
        actor=by or WATCHKEEPER,
        at=at,
        body={"runbook": candidacy.runbook, "candidacy": candidacy.handle, **body},
    )
    await show(work, context, candidacy)
    if line is not None:
        await tell(work, candidacy, line, entries=(entry,), by=by, at=at)
    return entry


async def show(work: Work, context: Context, candidacy: Candidacy) -> None:
    """Bring the card up to date."""
    runbook = context.policy().runbooks.get(candidacy.runbook)
    if runbook is None:  # the policy has been changed since; what was told stays
        return
    stands = await standing_of(work, context, candidacy.runbook)
    await work.outbox.add_of_candidacy(
        candidacy.id,
        CandidacyNotice(
            incident=name_of(candidacy),
            runbook=candidacy.runbook,
            summary=runbook.summary,
            of=candidacy.kind,
            state=candidacy.state,
            level=stands.level,
            written=Level(runbook.level),
            findings=candidacy.findings,
            by=None if candidacy.by == WATCHKEEPER else candidacy.by,
            decided_by=candidacy.decided_by,
            began=candidacy.began,
            ended=None if candidacy.state is CandidacyState.WAITING else candidacy.ended,
            buttons=_BUTTONS[candidacy.kind] if candidacy.state is CandidacyState.WAITING else (),
            subject=candidacy.handle,
            revision=candidacy.revision,
        ),
        context.now(),
    )


async def tell(
    work: Work,
    candidacy: Candidacy,
    line: ThreadLine,
    *,
    at: datetime,
    entries: Sequence[int] = (),
    by: str | None = None,
) -> None:
    """Say something in the card's thread."""
    notice = ThreadNotice(**dict(line), incident=name_of(candidacy), by=by, audit=tuple(entries), at=at)
    await work.outbox.add_of_candidacy(candidacy.id, notice, at)


def waits_for_sign_off(runbook: str) -> str:
    """What the thread says first when only a person's word is missing."""
    return f"Every gate that needs no person has passed: {runbook} waits to be signed off"


def name_of(candidacy: Candidacy) -> str:
    """What people call it, within a line."""
    return f"Gates of {candidacy.runbook}" if candidacy.kind is CandidacyKind.GATES else f"Level of {candidacy.runbook}"
