"""Telling of one event: the audit entry, the incident's card as it stands now, and a line in its thread.

All in the caller's transaction, so what people read is what happened, and the line names the entry that proves it. The
card comes before the line: in a thread that does not exist yet there is nothing to say.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import incident_name
from bot.response.model.notices import ThreadLine, ThreadNotice
from bot.response.notices.card import refresh_card
from bot.response.ports.context import WATCHKEEPER, Context
from bot.response.ports.rows import Work


async def report(
    work: Work,
    context: Context,
    incident_id: int,
    kind: AuditKind,
    *,
    body: Mapping[str, Any],
    by: str | None = None,
    line: ThreadLine | None = None,
    refresh: bool = True,
    at: datetime | None = None,
) -> int:
    """Put an event on the record and tell of it; the number of its audit entry.

    Args:
        work: the transaction in which it happened.
        context: the collaborators.
        incident_id: whose card and thread it is.
        kind: what happened, for the record.
        body: the entry's details, as ``docs/audit.md`` says for this kind.
        by: the person who did it; None for Watchkeeper itself.
        line: what the thread says; None when the card alone is enough.
        refresh: whether the card shows anything of it.
        at: the moment of the event, where rows keep it too; by default now.
    """
    at = at or context.now()
    entry = await work.audit.append(kind=kind, actor=by or WATCHKEEPER, at=at, incident_id=incident_id, body=body)
    if refresh:
        await refresh_card(work, context.policy(), incident_id, at)
    if line is not None:
        await tell(work, context, incident_id, line, entries=(entry,), by=by, at=at)
    return entry


async def tell(
    work: Work,
    context: Context,
    incident_id: int,
    line: ThreadLine,
    *,
    entries: Sequence[int] = (),
    by: str | None = None,
    about: str = "",
    at: datetime | None = None,
) -> None:
    """Say in the thread what is on the record, and on the card, already.

    Args:
        work: the transaction in which it happened.
        context: the collaborators.
        incident_id: whose thread it is.
        line: what it says.
        entries: numbers of the audit entries that it tells of.
        by: the person who did it; None for Watchkeeper itself.
        about: the names of the incidents, where the line is about several.
        at: the moment of the event, where rows keep it too; by default now.
    """
    at = at or context.now()
    notice = ThreadNotice(
        **dict(line), incident=about or incident_name(incident_id), by=by, audit=tuple(entries), at=at
    )
    await work.outbox.add(incident_id, notice, at)
