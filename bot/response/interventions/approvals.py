"""Approve, withdraw, stop: votes on an action's question, and what they set in motion in the same transaction.

A vote is counted per person and sealed to the action, and so to its plan digest and the state of its targets. The
quorum is judged over the stored votes including this one, never on the click itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.policy.approval import Intervention, TallyState, may, next_groups
from bot.policy.situation import Refusal, RefusalKind
from bot.response.assessment.votes import Roster, authorised, count_votes
from bot.response.execution.outcome import end_stopped
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Found, Press, find, present, stale
from bot.response.interventions.halting import halt
from bot.response.interventions.refusals import refuse, refused
from bot.response.model.actions import (
    ACTION_LIFECYCLE,
    IN_STEPS,
    NOT_BEGUN,
    REVERSIBLE,
    UNDECIDED,
    UNDER_WAY,
    Action,
    ActionEvent,
    ActionState,
)
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import ThreadLine, Tone
from bot.response.model.records import Ballot, Vote
from bot.response.model.state_words import state_words
from bot.response.notices.card import refresh_card
from bot.response.notices.recipients import renewed
from bot.response.notices.report import report, tell
from bot.response.ports.context import Context
from bot.response.ports.work import Work

VOTES_OPEN = frozenset({ActionState.WAITING, ActionState.HELD})
"""States in which an approval may still wait for others."""


async def approve(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """One person's approval; the action starts when enough distinct approvers have given theirs."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    action = found.action
    if not found.current or action.revision != press.revision:
        return stale(found)
    people = authorised(context, roster, Intervention.APPROVE, action.runbook, action)
    permission = may(Intervention.APPROVE, press.person, authorised=people, requested_by=action.requested_by)
    if not permission.allowed:
        text = _not_yet(context, roster, action, press.person) or permission.text
        others = people - {press.person, action.requested_by}
        return await refuse(work, context, Intervention.APPROVE, press.on(action.incident_id), text, others)
    if action.state is not ActionState.WAITING:
        return Answer(False, f"Nothing to approve any more: {_in_words(action)}. See the card.")
    if action.due_at is not None and action.due_at <= context.now():
        return Answer(False, "The time to answer has just run out, so your approval was not counted. See the card.")
    return await cast_approval(work, context, roster, action, press.person)


@dataclass(frozen=True, slots=True)
class Approval:
    """What became of one person's approval."""

    answer: Answer
    entry: int | None = None
    """Of the audit; None when nothing was recorded, as it was counted before."""
    approved: Action | None = None
    """The action that it released, if it was the last that was needed."""


async def cast_approval(
    work: Work,
    context: Context,
    roster: Roster,
    action: Action,
    person: str,
    *,
    by_hand: bool = False,
    overriding: Sequence[str] = (),
) -> Answer:
    """Count an approval, and say so on the card and, if it released the action, in the thread."""
    approval = await count_approval(work, context, roster, action, person, by_hand=by_hand, overriding=overriding)
    if approval.entry is None:
        return approval.answer
    await refresh_card(work, context.policy(), action.incident_id, context.now())
    if approval.approved is not None:
        label = state_words(ActionState.APPROVED).label
        title = f"{label} by hand while automation is paused" if by_hand else label
        line = ThreadLine(title=title, lines=(action.plan.summary,), tone=Tone.BY_A_PERSON)
        await tell(work, context, action.incident_id, line, entries=(approval.entry,), by=person)
    return approval.answer


async def count_approval(
    work: Work,
    context: Context,
    roster: Roster,
    action: Action,
    person: str,
    *,
    by_hand: bool = False,
    overriding: Sequence[str] = (),
    bundle: str | None = None,
) -> Approval:
    """Store the vote, count all of them, and release the action if that was enough; telling is the caller's part.

    Who may answer is judged now, for this vote and for all before it: whoever has left the group or the workspace
    since they voted is not counted. ``overriding``: the pauses and freezes that whoever acts by hand was shown.
    ``bundle``: the handle of the card on which it was given together with others.
    """
    now = context.now()
    opened = await work.votes.has_opened(action.incident_id, action.revision, person)
    if not await work.votes.cast(action.id, Vote(person, Ballot.APPROVE, now, opened)):
        return Approval(Answer(True, "Your approval is already counted."))
    entry = await work.audit.append(
        kind=AuditKind.ACTION_VOTE,
        actor=person,
        at=now,
        incident_id=action.incident_id,
        body={
            "action": action.id,
            "ballot": Ballot.APPROVE,
            "revision": action.revision,
            "plan": action.plan_digest,
            "opened_evidence": opened,
            "by_hand": by_hand,
            **({"bundle": bundle} if bundle else {}),
        },
    )
    action = await _with_present_people(work, action, roster)
    count = await count_votes(work, context, roster, action)
    if count.standing is not TallyState.APPROVED:
        more = "one more person" if count.missing == 1 else f"{count.missing} more people"
        return Approval(
            Answer(True, f"Your approval is counted. {more.capitalize()} must approve before it runs."), entry
        )
    approved = await work.actions.move(
        action.id,
        ActionEvent.APPROVE,
        decided_at=now,
        decided_by=count.approved_by,
        by_hand=by_hand,
        overridden=tuple(overriding),
        due_at=now + timedelta(seconds=action.execute_within_seconds),
    )
    if approved is None:
        return Approval(
            Answer(False, "Somebody else was faster: this question has just been settled. See the card."), entry
        )
    await work.calls.end(action.incident_id)  # it was on hold, and somebody is on it
    await work.queue.act(approved)
    return Approval(Answer(True, "Approved. It starts now; the thread will say how it goes."), entry, approved)


async def withdraw(work: Work, context: Context, _roster: Roster, press: Press) -> Answer:
    """Withdraw one's own approval, as long as it has not taken effect. It takes no right but to have given it."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    action = found.action
    if action.state not in VOTES_OPEN:
        stoppable = ACTION_LIFECYCLE.allows(action.state, ActionEvent.STOP)
        remedy = "Press Stop if it must not run." if stoppable else "See the card."
        return Answer(False, f"Too late to withdraw: {_in_words(action)}. {remedy}")
    # Like a stop, it is not refused for being pressed on an old card: it can only make things safer.
    vote = await work.votes.withdraw(action.id, press.person)
    if vote is None:
        return Answer(False, "You have not approved this, so there is nothing to withdraw. Nothing was changed.")
    await report(
        work,
        context,
        action.incident_id,
        AuditKind.ACTION_VOTE_WITHDRAWN,
        by=press.person,
        body={
            "action": action.id,
            "ballot": vote.ballot,
            "revision": action.revision,
            "plan": action.plan_digest,
            "cast_at": vote.at.isoformat(),
        },
        line=ThreadLine(title="Withdrew their approval", lines=(action.plan.summary,)),
    )
    return Answer(True, "Your approval is withdrawn. You may approve again while the question is open.")


async def renew_people(work: Work, context: Context, roster: Roster) -> int:
    """Bring open questions up to date with who is in the groups now; how many changed, and so did their cards."""
    changed = 0
    for action in await work.actions.in_states(UNDECIDED):
        renewed_action = await _with_present_people(work, action, roster)
        if renewed_action is not action:
            await refresh_card(work, context.policy(), action.incident_id, context.now())
            changed += 1
    return changed


def _not_yet(context: Context, roster: Roster, action: Action, person: str) -> str:
    """For somebody who is asked only when those before them do not answer; empty for everybody else."""
    following = next_groups(context.policy(), action.runbook, [one.group for one in action.asked])
    turn = next((group for group in following if person in roster.get(group, ())), "")
    if not turn or action.due_at is None or action.state is not ActionState.WAITING:
        return ""
    return (
        f"Not yet: {turn} may answer once it is asked, and others have until {action.due_at:%Y-%m-%d %H:%M} UTC. "
        "“I'll take it” is open to you at any time."
    )


async def _with_present_people(work: Work, action: Action, roster: Roster) -> Action:
    """The same row; stored anew where its groups have other members than when they were last read."""
    asked = renewed(action.asked, roster)
    if asked == action.asked:
        return action
    return await work.actions.amend(action, asked=asked) or action


async def stop(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
    """One person's no is enough, from anybody whom the policy names, as long as a step has yet to begin."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    # A stop never fails for being pressed on an old card: it stops what is about to act now.
    action, now = await present(work, found) or found.action, context.now()
    tried = press.on(action.incident_id)
    refusal = await refused(work, context, roster, Intervention.STOP, tried, runbook=action.runbook)
    if refusal is not None:
        return refusal
    if action.state in IN_STEPS:
        return await _halt(work, context, found, action, press)
    if action.state not in NOT_BEGUN:
        return await _remember_the_no(work, context, found, action, press)
    await work.votes.cast(action.id, Vote(press.person, Ballot.STOP, now, opened_evidence=False))
    if await end_stopped(work, context, action, press.person) is None:
        moved = await work.actions.get(action.id) or action
        if moved.state in IN_STEPS:
            return await _halt(work, context, found, moved, press)
        return await _remember_the_no(work, context, found, moved, press)
    return Answer(True, "Stopped. Nothing was changed, and nothing will run by itself for this incident.")


async def say_why(work: Work, context: Context, _roster: Roster, press: Press, reason: str) -> Answer:
    """Why this person stopped it, in the record and in the thread; it takes no right but to have stopped it."""
    found = await find(work, press.subject, press.revision)
    if found is None or found.action is None:
        return UNKNOWN_SUBJECT
    against = may_say_why(found.action, press.person)
    if against is not None:
        return against
    await report(
        work,
        context,
        found.incident.id,
        AuditKind.ACTION_STOP_EXPLAINED,
        by=press.person,
        body={"action": found.action.id, "reason": reason, "revision": found.action.revision},
        line=ThreadLine(title="Why it was stopped", lines=(reason,), tone=Tone.BY_A_PERSON),
    )
    return Answer(True, "Your reason is on the record, and in the thread.")


def may_say_why(action: Action, person: str) -> Answer | None:
    """The refusal of somebody else than who stopped it; None for them."""
    if action.state is ActionState.STOPPED and person in action.decided_by:
        return None
    stopped = action.state is ActionState.STOPPED and action.decided_by
    who = f" That was {', '.join(action.decided_by)}." if stopped else ""
    return Answer(False, f"Only whoever stopped it can say why.{who}")


async def _halt(work: Work, context: Context, found: Found, action: Action, press: Press) -> Answer:
    """It runs: no further step of it begins from this commit on, and the incident remembers the no."""
    now = context.now()
    if found.incident.state is not IncidentState.RESOLVED:
        await work.incidents.refuse(found.incident.id, Refusal(kind=RefusalKind.STOPPED, by=press.person, at=now))
    if not await halt(work, context, action, press.person):
        return Answer(True, "It is being stopped already: no further step begins.")
    return Answer(True, "Stopping: no further step begins. The thread will say how far it got.")


async def _remember_the_no(work: Work, context: Context, found: Found, action: Action, press: Press) -> Answer:
    """Nothing is there to stop, or it has begun: the incident remembers the no all the same."""
    if found.incident.state is IncidentState.RESOLVED:
        return Answer(False, f"Too late to stop: {_in_words(action)}, and {found.incident.name} is resolved.")
    no = Refusal(kind=RefusalKind.STOPPED, by=press.person, at=context.now())
    await work.calls.end(found.incident.id)
    await work.incidents.refuse(found.incident.id, no)
    if action.state in UNDER_WAY:
        text = f"Too late to stop: {_in_words(action)}."
        if action.plan.rollback.exactness in REVERSIBLE:
            text += " Once it is over, it can be rolled back from the thread."
    else:
        text = f"Too late to stop: {_in_words(action)}."
    text += " Nothing else runs by itself for this incident."
    return await refuse(work, context, Intervention.STOP, press.on(found.incident.id), text)


def _in_words(action: Action) -> str:
    return state_words(action.state, action.result).within
