"""The card of a bundle: many incidents of a storm in one notice, rebuilt from rows after each change of any of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.policy.file.document import Policy
from bot.policy.file.fields import duration_text
from bot.policy.plan import Plan
from bot.response.model.actions import IN_STEPS, REVERSIBLE, UNDER_WAY, Action, ActionState
from bot.response.model.bundle import Bundle, Member
from bot.response.model.incidents import Incident, IncidentState, incident_name
from bot.response.model.notices import BundleLine, BundleNotice, Button
from bot.response.model.records import Ballot
from bot.response.notices.progress import progress_of
from bot.response.notices.recipients import asked_groups, callable_people, if_nobody_answers, if_nobody_takes_it
from bot.response.notices.rollback_words import rollback_text
from bot.response.ports.work import Work

GRAVEST_FIRST = ("critical", "page", "error", "high", "warning", "medium", "low", "info")
"""Words that monitors use; any other comes last."""
SEVERAL_SERVICES = "several services"
_UNSOLVED = frozenset({ActionState.FAILED, ActionState.ROLLED_BACK, ActionState.EXPIRED, ActionState.LAPSED})


async def refresh_bundle(work: Work, policy: Policy, bundle: Bundle, now: datetime) -> None:
    """Queue the bundle's card as it stands in this transaction."""
    await work.outbox.add(bundle.founder_id, await present_bundle(work, policy, bundle, now), now)


async def present_bundle(work: Work, policy: Policy, bundle: Bundle, now: datetime) -> BundleNotice:
    """The card as it stands; what needs somebody comes first."""
    members = sorted(await work.bundles.members(bundle), key=_urgency)
    waiting = [member for member in members if member.waits]
    actions = [member.action for member in waiting if member.action is not None]
    # What somebody has taken over waits as well, but nobody is called for it: the card speaks of the others first.
    urgent = [member for member in waiting if member.is_open] or waiting
    first = min(urgent, key=lambda member: _due_at(member) or now, default=None)
    severity = waiting[0].incident.severity if waiting else ""
    runbook = policy.runbooks.get(bundle.runbook)
    elsewhere = await work.causes.elsewhere()
    here = [action for action in actions if action.incident_id not in elsewhere]
    cause = await work.causes.of(actions[0].incident_id) if actions and not here else None
    called_for = [(call, one.incident) for one in members if (call := await work.calls.of(one.incident)) is not None]
    calls = [call for call, _ in called_for]
    untaken = (who for call, one in called_for for who in callable_people(policy, call.asked, one.severity, now))
    called = (person for action in here for person in callable_people(policy, action.asked, severity, now))
    return BundleNotice(
        incident=incident_name(bundle.founder_id),
        runbook=bundle.runbook or None,
        summary=runbook.summary if runbook else "No runbook covers these",
        because=why_together(policy),
        lines=tuple([await _line(work, member) for member in members]),
        headlines=headlines(members),
        names=await _who_paused(work, members, now),
        targets=sum(action.plan.blast_radius.targets for action in actions),
        rollback=_rollback_of_all([action.plan for action in actions]),
        opened_at=bundle.opened_at,
        approvers=tuple(dict.fromkeys(called)),
        called=tuple(dict.fromkeys(untaken)),
        if_nobody_takes=if_nobody_takes_it(policy, calls[0]) if calls else "",
        asked=asked_groups(policy, first.action.asked, severity, now) if first and first.action else (),
        approvals_needed=max((action.approvals_needed for action in actions), default=1),
        due_at=_due_at(first) if first else None,
        if_nobody_answers=(
            if_nobody_answers(policy, first.incident, first.action, of_many=len(urgent) > 1) if first else ""
        ),
        asked_at=cause.name if cause is not None else "",
        buttons=offered_together(members),
        subject=bundle.handle,
        revision=bundle.revision,
    )


@dataclass(frozen=True, slots=True)
class Topic:
    """What people are spoken to about: one question, or all that share a card."""

    text: str
    incident: Incident
    of_bundle: bool = False


async def topic(work: Work, policy: Policy, incident: Incident, action: Action, what: str) -> Topic | None:
    """What to speak about when the question of this action calls for ``what``; None when that was said for all."""
    bundle = await work.bundles.of(incident.id)
    if bundle is None:
        return Topic(action.plan.summary, incident)
    if not await work.bundles.say_once(bundle, what):
        return None
    waiting = [member for member in await work.bundles.members(bundle) if member.waits]
    runbook = policy.runbooks.get(bundle.runbook)
    text = f"{len(waiting)} questions: {runbook.summary if runbook else action.plan.summary}"
    return Topic(text, replace(incident, service=SEVERAL_SERVICES), of_bundle=True)


async def may_call(work: Work, incident_id: int, what: str) -> bool:
    """Whether people may be called for this: of all that share a card, only for the first."""
    bundle = await work.bundles.of(incident_id)
    return bundle is None or await work.bundles.say_once(bundle, what)


def why_together(policy: Policy) -> str:
    """Why there is one card, in words."""
    storm = policy.storm
    return f"More than {storm.after} such incidents came within {duration_text(storm.within)}: these share one card."


async def _who_paused(work: Work, members: Sequence[Member], now: datetime) -> tuple[str, ...]:
    """Whom the headlines name by id: those who paused, where that holds some of them."""
    held = any(member.action is not None and member.action.state is ActionState.HELD for member in members)
    return tuple(dict.fromkeys(pause.by for pause in await work.pauses.active(now))) if held else ()


def headlines(members: Sequence[Member]) -> tuple[str, ...]:
    """Which rules settled the questions that are still open, each once, the commonest first."""
    said = [member.headline for member in members if member.is_open]
    return tuple(sorted(dict.fromkeys(said), key=said.count, reverse=True))


def offered_together(members: Sequence[Member]) -> tuple[Button, ...]:
    """What people can press now; the handlers accept exactly this."""
    waits, is_open = any(member.waits for member in members), any(member.is_open for member in members)
    unresolved = any(member.incident.state is not IncidentState.RESOLVED for member in members)
    return (
        *((Button.APPROVE_THESE,) if waits else ()),
        *((Button.CHOOSE,) if unresolved else ()),
        *((Button.TAKE_THESE,) if is_open else ()),
        *((Button.PAUSE_THESE,) if unresolved else ()),
        Button.WHY_THESE,
    )


def _rollback_of_all(plans: Sequence[Plan]) -> str:
    """The rollback option where it is one and the same; each has its own otherwise."""
    said = {rollback_text(plan) for plan in plans}
    return said.pop() if len(said) == 1 and all(plan.rollback.exactness not in REVERSIBLE for plan in plans) else ""


def _due_at(member: Member) -> datetime | None:
    return member.action.due_at if member.action else None


def _urgency(member: Member) -> tuple[int, int]:
    """What needs somebody first, and of that the gravest first."""
    state = member.action.state if member.action else None
    order = (
        member.waits and member.incident.state is IncidentState.OPEN,
        member.is_open,
        member.incident.state is IncidentState.OPEN and state in _UNSOLVED,
        member.waits,
        state is ActionState.HELD,
        state in UNDER_WAY or state is ActionState.APPROVED,
        member.incident.state is not IncidentState.RESOLVED,
    )
    severity = member.incident.severity.lower()
    gravity = GRAVEST_FIRST.index(severity) if severity in GRAVEST_FIRST else len(GRAVEST_FIRST)
    return (order.index(True) if True in order else len(order)), gravity


async def _line(work: Work, member: Member) -> BundleLine:
    incident, action = member.incident, member.action
    # One approval is told by the state; whose it is matters while somebody else must approve too.
    votes = await work.votes.of(action.id) if action and member.waits and action.approvals_needed > 1 else ()
    return BundleLine(
        incident=incident.name,
        service=incident.service,
        severity=incident.severity,
        alert_name=incident.alert_name,
        incident_state=incident.state,
        action_state=action.state if action else None,
        result=action.result if action else None,
        progress=(await progress_of(work, action)).words if action and action.state in IN_STEPS else "",
        plan=action.plan.summary if action else "",
        approved_by=tuple(vote.person for vote in votes if vote.ballot is Ballot.APPROVE),
        taken_by=incident.taken_by,
    )
