"""How an action ends: its state, its audit entry, its line in the thread, the card, and its targets set free."""

from datetime import timedelta

from bot.policy.file.fields import duration_text
from bot.response.execution.asking_reviews import ask_review
from bot.response.execution.demotions import demote_where_due
from bot.response.execution.harm import pause_after_harm, paused_line, reconsider_neighbours
from bot.response.model.actions import ABOUT_TO_ACT, Action, ActionEvent, ActionState, Result
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.calls import Call
from bot.response.model.endings import ending_of
from bot.response.model.notices import Button, ThreadLine, Tone
from bot.response.model.records import Occasion
from bot.response.model.state_words import state_words
from bot.response.notices.bundle_card import may_call
from bot.response.notices.calling import open_call, record_call
from bot.response.notices.channel_moves import tell_ending
from bot.response.notices.progress import can_go_on, progress_of
from bot.response.notices.recipients import callable_people
from bot.response.notices.report import report
from bot.response.notices.rollback_words import if_rolled_back, rollback_line
from bot.response.ports.context import Context
from bot.response.ports.work import Work

ENDINGS: dict[ActionState, AuditKind] = {
    ActionState.SUCCEEDED: AuditKind.ACTION_SUCCEEDED,
    ActionState.ROLLED_BACK: AuditKind.ACTION_ROLLED_BACK,
    ActionState.FAILED: AuditKind.ACTION_FAILED,
    ActionState.EXPIRED: AuditKind.ACTION_EXPIRED,
    ActionState.LAPSED: AuditKind.ACTION_LAPSED,
    ActionState.SUPERSEDED: AuditKind.ACTION_SUPERSEDED,
}
"""How the record calls each ending that is reported here; a person's stop or override has an entry of its own."""

UNANSWERED = frozenset({ActionState.EXPIRED, ActionState.LAPSED})
"""Ends that leave what was asked about to whoever takes it."""


async def withdraw(
    work: Work,
    context: Context,
    action: Action,
    event: ActionEvent,
    reason: str,
    *,
    assess_again: bool = False,
    must_look: bool = False,
) -> bool:
    """End an action before its effect (expired, lapsed, superseded). False when somebody was faster.

    ``must_look``: nothing else will happen by itself, so people are called; of what nobody answered they are anyway.
    """
    moved = await work.actions.move(action.id, event, due_at=None, outcome=reason, finished_at=context.now())
    if moved is None:
        return False
    await work.locks.release(action.id)
    await _report_ending(work, context, moved, reason, must_look=must_look, broadcast=must_look)
    if assess_again:
        await work.queue.consider(action.incident_id)
    return True


async def end_stopped(work: Work, context: Context, action: Action, person: str) -> Action | None:
    """End an action before its effect because this person stopped it; None when it has begun by now."""
    now, said = context.now(), state_words(ActionState.STOPPED)
    stopped = await work.actions.move(
        action.id,
        ActionEvent.STOP,
        finished_at=now,
        decided_at=now,
        decided_by=(person,),
        due_at=None,
        outcome=said.sentence,
    )
    if stopped is None:
        return None
    await work.locks.release(action.id)
    would_have_run = action.state in ABOUT_TO_ACT
    if would_have_run:
        await ask_review(work, context, stopped, Occasion.OVERRIDDEN)
    line = ThreadLine(
        title="Stopped before anything was changed",
        lines=(action.plan.summary,),
        tone=Tone.WARNING,
        buttons=(Button.SAY_WHY, Button.REVIEW) if would_have_run else (Button.SAY_WHY,),
        subject=action.id,
        revision=action.revision,
    )
    body = {"action": action.id, "was": action.state, "revision": action.revision}
    await report(work, context, action.incident_id, AuditKind.ACTION_STOPPED, by=person, body=body, line=line, at=now)
    await demote_where_due(work, context, action.runbook)
    return stopped


def why_lapsed(action: Action) -> str:
    """What people are told of an approval that came to nothing because it could not start in time."""
    within = duration_text(timedelta(seconds=action.execute_within_seconds))
    return f"Nothing was run: it had {within} to start. The incident stays open."


async def finish(
    work: Work,
    context: Context,
    action_id: str,
    event: ActionEvent,
    summary: str,
    result: Result,
    *,
    must_look: bool = False,
    changed: bool = True,
    pause_because: str = "",
    by_people: bool = False,
) -> Action | None:
    """End an action whose effect was begun (or could not be). None when it had ended already.

    ``changed``: something may have been changed, so a review is due. What came while it ran is assessed now.
    ``pause_because``: why its runbook is paused until a person resumes it, which people are told; empty: it is not.
    ``by_people``: what interrupted it was people's decision.
    """
    before = await work.actions.get(action_id)
    ending = ending_of(before, result, by_people=by_people) if before is not None else None
    moved = await work.actions.move(
        action_id, event, finished_at=context.now(), due_at=None, outcome=summary, result=result, ending=ending
    )
    if moved is None:
        return None
    await work.locks.release(action_id)
    if changed:
        back = event in (ActionEvent.RESTORED, ActionEvent.NOT_RESTORED)
        await ask_review(work, context, moved, Occasion.ROLLED_BACK if back else Occasion.ACTED)
    await _report_ending(
        work,
        context,
        moved,
        summary,
        must_look=must_look,
        broadcast=True,
        review=changed,
        paused=bool(pause_because),
    )
    await tell_ending(work, context, moved.incident_id)
    await reconsider_neighbours(work, context, moved)
    if pause_because:
        await pause_after_harm(work, moved, pause_because, context.now())
    await demote_where_due(work, context, moved.runbook)
    return moved


async def _report_ending(
    work: Work,
    context: Context,
    action: Action,
    text: str,
    *,
    must_look: bool = False,
    broadcast: bool = False,
    review: bool = False,
    paused: bool = False,
) -> None:
    """The action's new state on the record, on the card, and in the thread, with the rollback if there is one."""
    said = state_words(action.state, action.result)
    progress = (await progress_of(work, action)).words
    back = await if_rolled_back(work, context.policy(), action) if action.result is not None else ""
    succeeded = action.state is ActionState.SUCCEEDED
    unanswered = action.state in UNANSWERED
    incident, now = await work.incidents.get(action.incident_id), context.now()
    call: Call | None = None
    is_new = False
    if incident is not None and (must_look or unanswered) and action.revision == incident.revision:
        # The groups that were asked are called, and after them the rest of the chain.
        told_again = action.state is not ActionState.SUPERSEDED  # of everything else ``still_firing`` tells again
        call, is_new = await open_call(
            work, context.policy(), incident, action.runbook, action.asked, now, told_again=told_again
        )
    called = (must_look or unanswered) and await may_call(work, action.incident_id, _occasion(action))
    line = ThreadLine(
        title=said.label,
        lines=(
            text,
            *((f"{progress}.",) if progress else ()),
            *((rollback_line(action.plan),) if succeeded else ()),
            *((paused_line(action),) if paused else ()),
        ),
        names=await _named(work, context, action, text),
        tone=said.tone,
        to=await _to_call(work, context, action) if called else (),
        buttons=(
            *((Button.ROLL_BACK,) if back else ()),
            *((Button.GO_ON,) if can_go_on(action) else ()),
            *((Button.REVIEW,) if review else ()),
            Button.WHY,
        ),
        if_rolled_back=back,
        subject=action.id,
        revision=action.revision,
        broadcast=broadcast,
    )
    body = {"action": action.id, "runbook": action.runbook, "text": text}
    await report(work, context, action.incident_id, ENDINGS[action.state], body=body, line=line)
    if incident is not None and call is not None and is_new:
        await record_call(work, context.policy(), incident, call, text, now)


def _occasion(action: Action) -> str:
    return f"{action.state}" if action.state in UNANSWERED else "failure"


async def _to_call(work: Work, context: Context, action: Action) -> tuple[str, ...]:
    """Who is called: those asked, but for quiet hours; whoever has decided it is awake in any case."""
    incident = await work.incidents.get(action.incident_id)
    severity = incident.severity if incident else ""
    awake = callable_people(context.policy(), action.asked, severity, context.now())
    return tuple(dict.fromkeys((*awake, *action.decided_by)))


async def _named(work: Work, context: Context, action: Action, text: str) -> tuple[str, ...]:
    """Whom we have named in the text ourselves: who halted it, paused something, or has taken the incident over."""
    incident = await work.incidents.get(action.incident_id)
    pauses = await work.pauses.active(context.now())
    known = (action.halted_by, incident.taken_by if incident else None, *(pause.by for pause in pauses))
    return tuple(dict.fromkeys(person for person in known if person and person in text))
