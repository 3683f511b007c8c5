"""What is told now and then and belongs to no incident: what nobody can read, and once a day the head of the record.

How far people were told is a row, so a restart repeats nothing, and of all replicas one tells.
"""

from datetime import timedelta

from bot.response.model.bulletins import Bulletin, BulletinNotice
from bot.response.notices.recipients import ask_first, callable_people
from bot.response.ports.context import Context

UNREADABLE_AT_MOST_EVERY = timedelta(minutes=10)
"""A monitor that sends the same wrong thing all day is not told of all day."""
KINDS_TOLD = 8


async def sweep_bulletins(context: Context) -> int:
    """Tell what is due; how many bulletins this call has queued."""
    return await _tell_unreadable(context) + await _tell_record(context)


async def _tell_unreadable(context: Context) -> bool:
    """That something from a monitor could not be read may be that an alert is lost: those on call are called."""
    now, policy = context.now(), context.policy()
    async with context.database.read() as work:
        seen = await work.bulletins.last(Bulletin.UNREADABLE)
        found = await work.bulletins.unreadable(seen.up_to if seen else 0)
    if not found.count or (seen is not None and now - seen.at < UNREADABLE_AT_MOST_EVERY):
        return False
    asked = ask_first(policy, "", await context.roster(), "", now, ())
    async with context.database.begin() as work:
        if not await work.bulletins.tell(Bulletin.UNREADABLE, seen, found.up_to, now):
            return False
        some = "1 signal" if found.count == 1 else f"{found.count} signals"
        others = found.count - sum(often for _, _, often in found.reasons)
        notice = BulletinNotice(
            incident="what cannot be read",
            channel=policy.channels.incidents,
            title=f"{some} of a monitor could not be read as an alert",
            lines=(
                "What was to be said by it is not known here, and nothing acts on it: please check the monitor.",
                *(
                    f"• {source}{f', {often} times' if often > 1 else ''}: {reason}"
                    for source, reason, often in found.reasons
                ),
                *((f"And {others} more, of other kinds.",) if others else ()),
            ),
            warns=True,
            to=callable_people(policy, asked, "", now),
            at=now,
        )
        await work.outbox.add_bulletin(Bulletin.UNREADABLE, notice, now)
    return True


async def _tell_record(context: Context) -> bool:
    """Once a day (UTC) the head of the record goes where the database's owner cannot change it."""
    now, channel = context.now(), context.policy().channels.audit
    if channel is None:
        return False
    async with context.database.read() as work:
        seen = await work.bulletins.last(Bulletin.RECORD)
        head = await work.audit.head()
    if head.number == 0 or (seen is not None and seen.at.date() >= now.date()):
        return False
    async with context.database.begin() as work:
        await work.audit.anchor(now)
        head, count = await work.audit.head(), await work.audit.count()
        if not await work.bulletins.tell(Bulletin.RECORD, seen, head.number, now):
            return False
        kinds = await work.audit.kinds_after(seen.up_to if seen else 0)
        said = ", ".join(f"{number} {kind}" for kind, number in list(kinds.items())[:KINDS_TOLD])
        more = f" and {len(kinds) - KINDS_TOLD} kinds more" if len(kinds) > KINDS_TOLD else ""
        since = f"since {seen.at:%Y-%m-%d %H:%M} UTC" if seen else "so far"
        notice = BulletinNotice(
            incident="the audit record",
            channel=channel,
            title=f"The audit record on {now:%Y-%m-%d}",
            lines=(
                f"New {since}: {said}{more}." if said else f"Nothing new {since}.",
                f"Number {head.number}, count {count}, hash {head.hash}",
                "Keep this message: with it, nobody can cut the record off before this number, or write it anew.",
            ),
            command=f"watchkeeper audit verify --anchor {head.number}:{head.hash}",
            at=now,
        )
        await work.outbox.add_bulletin(Bulletin.RECORD, notice, now)
    return True
