"""A person does not want what runs to go on: from that commit on no further step of it begins."""

from bot.policy.actors import in_words
from bot.response.model.actions import Action
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.report import report
from bot.response.ports.context import Context
from bot.response.ports.work import Work


async def halt(work: Work, context: Context, action: Action, person: str) -> bool:
    """Halt its effect, or its rollback, and say so in the thread; False where it is halted already, or over."""
    now = context.now()
    if not await work.actions.halt(action.id, person, f"Stopped by {in_words(person)}", now):
        return False
    line = ThreadLine(
        title="Stopping",
        lines=("No further step begins. What is done until then stays, and the thread will say how far it got.",),
        tone=Tone.WARNING,
    )
    body = {"action": action.id, "was": action.state, "revision": action.revision}
    await report(
        work, context, action.incident_id, AuditKind.ACTION_HALT_ASKED, body=body, by=person, line=line, at=now
    )
    return True
