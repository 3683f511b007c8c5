"""Demotions: what takes a runbook's autonomy away is written once for each cause, recorded, and told where it is felt.

Causes cap a licence from the moment they are on record (``rules/demotion.py``); here they get their row, in the
transaction that made them where possible. Whatever a process that died has left is found by the sweep.
"""

import logging
from datetime import datetime

from bot.policy.file.fields import elapsed_text
from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, Due, unwritten
from bot.policy.rules.licence import WITHOUT_ALL_GATES, earned, expirations, licence_of
from bot.policy.situation import Evidenced
from bot.response.execution.asking_reviews import due_to
from bot.response.model.actions import Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.bulletins import Bulletin, BulletinNotice
from bot.response.model.notices import Button, ThreadLine, Tone
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import report
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.seals import seal_now
from bot.response.ports.work import Work

log = logging.getLogger(__name__)


async def demote_where_due(work: Work, context: Context, runbook: str) -> int:
    """Write every cause that demotes this runbook and has no row yet; how many this call wrote.

    Told is the first of them alone, and only where it takes autonomy away: the others are on record.
    """
    now, held = context.now(), await work.licences.of(runbook)
    could = _level_by_rows(context, runbook, held, now)
    written = 0
    for due in unwritten(held, now):
        action = await work.actions.get(due.case)
        if action is None or not await work.licences.demote(runbook, due, now, action_id=action.id):
            continue
        written += 1
        await report(
            work,
            context,
            action.incident_id,
            AuditKind.LICENCE_DEMOTED,
            body={"runbook": runbook, "to": str(due.level), "reason": due.reason, "action": action.id},
            line=await _line(work, context, action, due, could),
            refresh=False,
            at=now,
        )
        could = min(could, due.level)
    return written + await _demote_where_expired(work, context, runbook, held, now)


async def _demote_where_expired(work: Work, context: Context, runbook: str, held: Evidenced, now: datetime) -> int:
    """Write which gates are too old; told once, when the first of them takes autonomy away.

    There is no incident in whose thread to say so.
    """
    expired = _expired(context, runbook, held, now)
    written = [due for due in expired if await work.licences.demote(runbook, due, now)]
    for due in written:
        body = {"runbook": runbook, "to": str(due.level), "reason": due.reason, "action": None}
        await work.audit.append(kind=AuditKind.LICENCE_DEMOTED, actor=WATCHKEEPER, at=now, body=body)
    if not written or written != expired:  # nothing is lost, or that it is was told when the first of them expired
        return len(written)
    policy = context.policy()
    licence = licence_of(held, policy, runbook, seal_now(context.catalogue, policy, runbook), now)
    could = min(policy.runbooks[runbook].level, policy.levels.highest, licence.demoted_to or Level.L3)
    if could > WITHOUT_ALL_GATES:
        too_old = "; ".join(due.reason for due in expired)
        notice = BulletinNotice(
            incident=runbook,
            channel=policy.channels.incidents,
            title=f"{runbook} asks first from now on",
            lines=(
                f"It could act at {could}; it may act at {WITHOUT_ALL_GATES} at most: {too_old}.",
                f"Nothing has gone wrong. /watch promote {runbook} runs its gates again.",
            ),
            warns=True,
            at=now,
        )
        await work.outbox.add_bulletin(Bulletin.LICENCES, notice, now)
    return len(written)


def _level_by_rows(context: Context, runbook: str, held: Evidenced, now: datetime) -> Level:
    """The highest level that the runbook may exercise by gates and by demotions with a row, whatever else happened."""
    policy = context.policy()
    entry = policy.runbooks.get(runbook)
    if entry is None:
        return Level.L0
    rows = held.model_copy(update={"cases": ()})
    licence = licence_of(rows, policy, runbook, seal_now(context.catalogue, policy, runbook), now)
    return min(entry.level, policy.levels.highest, earned(licence))


def _expired(context: Context, runbook: str, held: Evidenced, now: datetime) -> list[Due]:
    """Gates whose age takes autonomy away that the policy gives, and of which that is not on record yet."""
    policy = context.policy()
    entry = policy.runbooks.get(runbook)
    if entry is None or min(entry.level, policy.levels.highest) <= WITHOUT_ALL_GATES:
        return []
    found = expirations(held, policy, runbook, seal_now(context.catalogue, policy, runbook), now)
    return [due for due in found if due.key not in held.lifted]


async def sweep_demotions(context: Context) -> int:
    """Write what nobody has written: causes that only time brings, and what a crash has left; how many rows."""
    now, written = context.now(), 0
    async with context.database.read() as work:
        names = dict.fromkeys(context.policy().runbooks)
        for review in await work.reviews.overdue(now):
            action = await work.actions.get(review.action_id)
            if action is not None:
                names.setdefault(action.runbook)
    for name in names:
        try:
            async with context.database.read() as work:
                held = await work.licences.of(name)
            if unwritten(held, now) or _expired(context, name, held, now):
                async with context.database.begin() as work:
                    written += await demote_where_due(work, context, name)
        except Exception:
            log.exception("what demotes the runbook %s could not be written; trying again at the next sweep", name)
    return written


async def _line(work: Work, context: Context, action: Action, due: Due, could: Level) -> ThreadLine | None:
    """What the thread says of it: what is lost, why, and what gives it back. Where nothing is lost, nothing is said.

    That a review is overdue is said in any case.
    """
    lost = f"It could act at {could}; it may act at {due.level} at most, because {due.reason}."
    about = {"subject": action.id, "revision": action.revision}
    if due.cause is Cause.OVERDUE:
        review, ended = await work.reviews.get(action.id), action.finished_at or context.now()
        acted = f"It ended {elapsed_text(context.now() - ended)} ago and nobody has said whether it was right."
        loses = could > due.level
        return ThreadLine(
            title=f"Review overdue: {action.runbook}" + (" asks first from now on" if loses else ""),
            lines=(acted, f"{lost} That ends with the review.") if loses else (acted,),
            tone=Tone.WARNING,
            to=due_to(review, action) if review is not None else (),
            buttons=(Button.REVIEW, Button.WHY),
            **about,
        )
    if could <= due.level:
        return None
    incident = await work.incidents.get(action.incident_id)
    severity = incident.severity if incident is not None else ""
    return ThreadLine(
        title=f"Demoted: {action.runbook} asks first from now on",
        lines=(lost, "Until people promote it again."),
        tone=Tone.BAD,
        to=callable_people(context.policy(), action.asked, severity, context.now()),
        buttons=(Button.WHY,),
        **about,
    )
