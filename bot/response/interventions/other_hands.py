"""Other hands at work: whoever deploys, drains or maintains says so, and meanwhile nothing acts there by itself.

A report is in force with its commit, on every replica, until its end is reported or it expires. What it holds learns of
it as of a pause, see ``pauses``.
"""

from datetime import timedelta
from enum import StrEnum

from bot.policy.situation import Change
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import Context
from bot.response.ports.work import Work

LASTS_AT_MOST = timedelta(hours=24)
"""A change whose end nobody reports holds nothing for longer."""
BEGINS_WITHIN = timedelta(days=7)
"""So far ahead may maintenance be reported."""
KNOWN_AT_MOST = 500
"""Changes that are known at once. Each is an input of every decision, so they are bounded."""


class Reported(StrEnum):
    """What became of a report."""

    BEGUN = "begun"
    KNOWN = "known"
    """It was reported before, and stands as it did."""
    ENDED = "ended"
    OVER = "over"
    """It was over already."""
    DIFFERS = "differs"
    """Another change was reported under this id."""
    UNKNOWN = "unknown"
    """No change of this id is known."""
    TOO_MANY = "too many"


async def begin(work: Work, context: Context, change: Change) -> Reported:
    """Others begin a change, or say when they will. Reporting it again changes nothing, its end neither."""
    now = context.now()
    known = await work.changes.known(now)
    before = next((each for each in known if each.change_id == change.change_id), None)
    if before is None and len(known) >= KNOWN_AT_MOST:
        return Reported.TOO_MANY
    if before is None:
        await work.changes.forget(now)  # an id that is long over may be used again
        if not await work.changes.add(change):
            return Reported.KNOWN  # the same was sent twice at once, and the other was first
        await _note(work, context, AuditKind.CHANGE_REPORTED, change, change.by)
        return Reported.BEGUN
    if _same(before, change):
        return Reported.KNOWN if now < before.until else Reported.OVER
    return Reported.DIFFERS


async def end(work: Work, context: Context, change_id: str, by: str = "") -> Reported:
    """A change is over, or was called off. ``by``: whoever says so, where that is not whoever began it."""
    change = await work.changes.get(change_id)
    if change is None:
        return Reported.UNKNOWN
    if not await work.changes.end(change_id, context.now()):
        return Reported.OVER
    await _note(work, context, AuditKind.CHANGE_ENDED, change, by or change.by)
    return Reported.ENDED


async def forget_what_is_over(context: Context) -> None:
    """Remove what was over a while ago; the record keeps it."""
    async with context.database.begin() as work:
        await work.changes.forget(context.now())


def _same(before: Change, change: Change) -> bool:
    """Whether both say the same; sent once more, the times are a little later."""
    return (before.what, before.by, before.services, before.targets) == (
        change.what,
        change.by,
        change.services,
        change.targets,
    )


async def _note(work: Work, context: Context, kind: AuditKind, change: Change, by: str) -> None:
    body = {
        "change": change.change_id,
        "what": change.what,
        "begins": change.begins.isoformat(),
        "expires": change.expires.isoformat(),
        "services": list(change.services),
        "targets": list(change.targets),
    }
    await work.audit.append(kind=kind, actor=f"change:{by}", at=context.now(), body=body)
