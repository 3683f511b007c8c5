"""A person steps in: take an incident over, override what is proposed, roll an action back."""

from collections.abc import Sequence

from bot.policy.approval import Intervention, may_act_by_hand
from bot.policy.plan import Exactness
from bot.policy.situation import Refusal, RefusalKind, Request
from bot.response.assessment.situation import refused_before
from bot.response.assessment.votes import Roster, authorised
from bot.response.execution.asking_reviews import ask_review
from bot.response.execution.demotions import demote_where_due
from bot.response.interventions.approvals import cast_approval
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Found, Press, find, last_act, present, stale
from bot.response.interventions.halting import halt
from bot.response.interventions.refusals import refuse, refused
from bot.response.model.actions import ABOUT_TO_ACT, NOT_BEGUN, NOT_HALTED, Action, ActionEvent, ActionState, Result
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import IncidentEvent, IncidentState
from bot.response.model.notices import Button, ThreadLine, Tone
from bot.response.model.records import Occasion
from bot.response.model.state_words import state_words
from bot.response.notices.report import report
from bot.response.notices.rollback_words import rollback_line
from bot.response.ports.context import Context
from bot.response.ports.work import Work

TAKEN_OVER = "Taken over by a person."
"""What becomes of an action that was about to begin when somebody took its incident over."""
NOTHING = "nothing"
"""Override choice: do nothing automatic here."""
BY_HAND = "by_hand"
"""Override choice: I will do it myself."""


async def take(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """ "I am on it": nothing acts by itself for this incident any more; an open question stays answerable."""
    found = await find(work, press.subject, press.revision)
    if found is None:
        return UNKNOWN_SUBJECT
    incident, now = found.incident, context.now()
    refusal = await refused(work, context, roster, Intervention.TAKE, press.on(incident.id))
    if refusal is not None:
        return refusal
    action = await present(work, found)
    about_to_act = action is not None and action.state in ABOUT_TO_ACT
    if incident.state is IncidentState.TAKEN and incident.taken_by == press.person and not about_to_act:
        return Answer(True, f"{incident.name} is already yours.")
    if not await work.incidents.move(incident.id, IncidentEvent.TAKE, now=now, by=press.person):
        return Answer(False, f"{incident.name} is resolved already.")
    await work.calls.end(incident.id)
    if action is not None and about_to_act:
        await set_aside(work, context, action, press.person, TAKEN_OVER)
    line = ThreadLine(title="On it", tone=Tone.BY_A_PERSON)
    await report(work, context, incident.id, AuditKind.INCIDENT_TAKEN, by=press.person, body={}, line=line)
    if action is not None:
        await demote_where_due(work, context, action.runbook)
    return Answer(True, f"{incident.name} is yours. Nothing acts by itself here any more, and nobody else is called.")


async def may_override(
    work: Work, context: Context, roster: Roster, press: Press, found: Found, runbooks: Sequence[str]
) -> Answer | None:
    """The refusal of somebody who may choose none of ``runbooks``, and not nothing either; None for everybody else."""
    proposed = found.action.runbook if found.action else ""
    for runbook in runbooks:
        if press.person in authorised(context, roster, Intervention.OVERRIDE, runbook, found.action):
            return None
    tried = press.on(found.incident.id)
    return await refused(work, context, roster, Intervention.OVERRIDE, tried, runbook=proposed, action=found.action)


async def override(work: Work, context: Context, roster: Roster, press: Press, choice: str, reason: str) -> Answer:
    """Another runbook (by name), ``NOTHING`` or ``BY_HAND`` instead of what the card proposes; a reason is required.

    Choosing the proposed runbook itself while automation is paused is acting by hand.
    """
    found = await find(work, press.subject, press.revision)
    if found is None:
        return UNKNOWN_SUBJECT
    if not reason.strip():
        return Answer(False, "Please say why: the reason is part of the record.")
    if not found.current:
        return stale(found)
    incident, action, policy = found.incident, found.action, context.policy()
    if incident.state is IncidentState.RESOLVED:
        return Answer(False, f"{incident.name} is resolved; there is nothing left to override.")
    if choice not in (NOTHING, BY_HAND) and choice not in policy.runbooks:
        return Answer(False, f"There is no runbook {choice!r} in the policy. See `/watch runbooks` for the names.")
    by_hand = action is not None and action.state is ActionState.HELD and choice == action.runbook
    intervention = Intervention.ACT_BY_HAND if by_hand else Intervention.OVERRIDE
    runbook = choice if choice in policy.runbooks else (action.runbook if action else "")
    refusal = await refused(
        work,
        context,
        roster,
        intervention,
        press.on(incident.id),
        runbook=runbook,
        action=action,
        requested_by=action.requested_by if action else None,
    )
    if refusal is not None:
        return refusal
    if by_hand and action is not None:
        return await _by_hand(work, context, roster, action, press.person, reason)
    too_late = await _make_room(work, context, found, press, reason, says_no=choice in (NOTHING, BY_HAND))
    if too_late is not None:
        return too_late
    await work.calls.end(incident.id)
    if choice == BY_HAND:
        await work.incidents.move(incident.id, IncidentEvent.TAKE, now=context.now(), by=press.person)
    title = {NOTHING: "Overridden: nothing runs by itself here", BY_HAND: "Overridden: handled by hand"}.get(
        choice, f"Overridden: {choice} instead"
    )
    await report(
        work,
        context,
        incident.id,
        AuditKind.ACTION_OVERRIDDEN,
        by=press.person,
        body={"choice": choice, "reason": reason, "instead_of": action.runbook if action else None},
        line=_overridden(title, reason, await _to_review(work, action)),
    )
    if action is not None:
        await demote_where_due(work, context, action.runbook)
    if choice in policy.runbooks:
        request = Request(
            runbook=choice,
            by=press.person,
            reason=reason,
            at=context.now(),
            after=await refused_before(work, incident.id),
        )
        await work.queue.consider(incident.id, request)
        return Answer(True, f"Looking at {choice} for {incident.name}. The card shows the plan in a moment.")
    return Answer(True, f"Overridden. Nothing runs by itself for {incident.name} any more.")


async def roll_back(work: Work, context: Context, roster: Roster, press: Press, reason: str = "") -> Answer:
    """Roll a finished action back; its targets must be free. Of an incident it is the last act that is rolled back."""
    found = await find(work, press.subject, press.revision)
    of_all = found is not None and press.subject == found.incident.handle
    action = None if found is None else await last_act(work, found.incident) if of_all else found.action
    if action is None:
        return UNKNOWN_SUBJECT
    tried = press.on(action.incident_id)
    refusal = await refused(work, context, roster, Intervention.ROLL_BACK, tried, runbook=action.runbook, action=action)
    if refusal is not None:
        return refusal
    if action.state in (ActionState.ROLLING_BACK, ActionState.ROLLED_BACK):
        return Answer(True, f"{state_words(action.state).label} already.")
    if action.state not in (ActionState.SUCCEEDED, ActionState.FAILED):
        return Answer(False, f"Nothing to roll back: {_in_words(action)}.")
    if action.plan.rollback.exactness is Exactness.NOTHING_TO_UNDO:
        return Answer(False, f"Nothing to roll back. {rollback_line(action.plan)}")
    attempt = await work.attempts.get(f"{action.id}:execute")
    if action.result is Result.NOTHING_CHANGED:
        return Answer(False, "Nothing was changed, so there is nothing to roll back.")
    if action.plan.rollback.exactness is Exactness.NONE or attempt is None or attempt.snapshot is None:
        return Answer(False, "This action cannot be rolled back. Please handle it by hand.")
    holder = await work.locks.take([t.key for t in action.plan.targets], action.id)
    if holder is not None:
        return Answer(False, "Another action is working on the same target right now. Please try again in a moment.")
    rolling = await work.actions.move(
        action.id, ActionEvent.ROLL_BACK, decided_by=(press.person,), rollbacks=action.rollbacks + 1, **NOT_HALTED
    )
    if rolling is None:
        return Answer(False, "Somebody else was faster. See the thread.")
    await work.calls.end(action.incident_id)
    await work.queue.roll_back(rolling, press.person, reason)
    await report(
        work,
        context,
        action.incident_id,
        AuditKind.ACTION_ROLL_BACK_ASKED,
        by=press.person,
        body={"action": action.id, "reason": reason},
        line=_warning("Rolling back", reason),
    )
    return Answer(True, "Rolling back now. The thread will say how it goes.")


async def _by_hand(work: Work, context: Context, roster: Roster, action: Action, person: str, reason: str) -> Answer:
    stored = await work.decisions.at_revision(action.incident_id, action.revision)
    if stored is None:
        return UNKNOWN_SUBJECT
    allowed = may_act_by_hand(stored.decision)
    if not allowed.allowed:
        return Answer(False, allowed.text)
    line = _warning(f"Acting by hand while automation is paused: {action.runbook}", reason)
    await report(
        work,
        context,
        action.incident_id,
        AuditKind.ACTION_BY_HAND,
        by=person,
        body={"reason": reason},
        line=line,
    )
    return await cast_approval(work, context, roster, action, person, by_hand=True, overriding=stored.decision.controls)


async def set_aside(work: Work, context: Context, action: Action, person: str, outcome: str) -> Action | None:
    """End an action whose effect has not begun, because a person decided otherwise; None when it has begun by now."""
    now = context.now()
    aside = await work.actions.move(
        action.id,
        ActionEvent.OVERRIDE,
        finished_at=now,
        decided_at=now,
        decided_by=(person,),
        due_at=None,
        outcome=outcome,
    )
    if aside is not None:
        await work.locks.release(action.id)
        await ask_review(work, context, aside, Occasion.OVERRIDDEN)
    return aside


async def _make_room(
    work: Work, context: Context, found: Found, press: Press, reason: str, *, says_no: bool
) -> Answer | None:
    """Set aside what has not begun; the refusal where it has. ``says_no``: nothing shall act by itself here now."""
    action, incident, now = found.action, found.incident, context.now()
    if action is not None and action.state in NOT_BEGUN:
        if await set_aside(work, context, action, press.person, f"Overridden: {reason}") is not None:
            return None
        action = await work.actions.get(action.id) or action  # it has begun just now
    if says_no:
        no = Refusal(kind=RefusalKind.OVERRIDDEN, by=press.person, at=now)
        await work.incidents.refuse(incident.id, no)
    if action is None or _is_over(action):
        return None
    text = f"Too late to override: {_in_words(action)}. Wait for the outcome, then roll back."
    if says_no and await halt(work, context, action, press.person):
        text = f"It runs already ({_in_words(action)}): no further step of it begins."
    if says_no:
        text += " Nothing else runs by itself for this incident."
    return await refuse(work, context, Intervention.OVERRIDE, press.on(incident.id), text)


def _in_words(action: Action) -> str:
    return state_words(action.state, action.result).within


def _is_over(action: Action) -> bool:
    """Whether nothing of this action is under way or yet to come by itself."""
    return action.finished_at is not None


async def _to_review(work: Work, action: Action | None) -> Action | None:
    """The action, where a review of its override was asked for."""
    return action if action is not None and await work.reviews.get(action.id) is not None else None


def _overridden(title: str, reason: str, to_review: Action | None) -> ThreadLine:
    line = _warning(title, reason)
    if to_review is None:
        return line
    of = {"buttons": (Button.REVIEW,), "subject": to_review.id, "revision": to_review.revision}
    return line.model_copy(update=of)


def _warning(title: str, reason: str) -> ThreadLine:
    return ThreadLine(title=title, lines=(f"Reason: {reason}",) if reason else (), tone=Tone.WARNING)
