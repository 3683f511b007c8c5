"""The incident's card: its whole present state in one notice, rebuilt from rows after every change."""

import logging
from collections.abc import Sequence
from datetime import datetime

from bot.policy.decision import Decision, Verdict
from bot.policy.file.document import Policy
from bot.policy.file.fields import elapsed_text
from bot.policy.rules.matching import match
from bot.policy.situation import Situation
from bot.policy.stored import AlteredError
from bot.response.model.actions import ENDED, IN_STEPS, Action, ActionState
from bot.response.model.calls import Call
from bot.response.model.incidents import Alert, AlertStatus, Incident, IncidentState, names_of
from bot.response.model.notices import Button, CardNotice, EvidenceLine, Link
from bot.response.model.records import Ballot, Review, StoredDecision, Vote
from bot.response.notices.bundle_card import refresh_bundle
from bot.response.notices.direct_ends import end_of
from bot.response.notices.plan_words import plan_card
from bot.response.notices.progress import Progress, can_go_on, progress_of
from bot.response.notices.recipients import (
    NOTHING_WHILE_HELD,
    asked_groups,
    callable_people,
    called_until,
    if_nobody_answers,
    if_nobody_takes_it,
)
from bot.response.notices.rollback_words import can_be_rolled_back, if_rolled_back
from bot.response.ports.work import Work

log = logging.getLogger(__name__)

LINKED_ALERTS = 10
"""Newest alerts among which a link to the monitor is searched."""
LEFT_OUT_SHOWN = 5
"""Of what other alerts ask for: the card names so many, and counts the rest."""
SAYS_HOW_SURE = frozenset({"confidence", "cases"})
"""Rules whose word, as the headline, is how sure we are."""
UNATTENDED = ENDED | {ActionState.HELD}
"""States in which nothing goes on: if a call stands, the card shows it."""
NO_PROGRESS = Progress()
_S = ActionState
_OFFERED: dict[ActionState, tuple[Button, ...]] = {
    _S.ANNOUNCING: (Button.STOP, Button.OVERRIDE, Button.PAUSE, Button.TAKE, Button.WHY),
    _S.VETO_WINDOW: (Button.STOP, Button.OVERRIDE, Button.PAUSE, Button.TAKE, Button.WHY),
    _S.WAITING: (
        Button.APPROVE,
        Button.STOP,
        Button.TAKE,
        Button.WITHDRAW,
        Button.OVERRIDE,
        Button.PAUSE,
        Button.WHY,
    ),
    _S.HELD: (Button.WITHDRAW, Button.OVERRIDE, Button.TAKE, Button.WHY),
    _S.APPROVED: (Button.STOP, Button.WHY),
    _S.RUNNING: (Button.STOP, Button.WHY),
    _S.EXECUTING: (Button.STOP, Button.WHY),
    _S.VERIFYING: (Button.WHY,),
    _S.ROLLING_BACK: (Button.STOP, Button.WHY),
    _S.SUCCEEDED: (Button.ROLL_BACK, Button.WHY),
    _S.ROLLED_BACK: (Button.OVERRIDE, Button.TAKE, Button.WHY),
    _S.FAILED: (Button.ROLL_BACK, Button.GO_ON, Button.OVERRIDE, Button.TAKE, Button.WHY),
    _S.STOPPED: (Button.OVERRIDE, Button.TAKE, Button.WHY),
    _S.OVERRIDDEN: (Button.OVERRIDE, Button.TAKE, Button.WHY),
    _S.EXPIRED: (Button.OVERRIDE, Button.TAKE, Button.WHY),
    _S.LAPSED: (Button.OVERRIDE, Button.TAKE, Button.WHY),
    _S.SUPERSEDED: (Button.OVERRIDE, Button.TAKE, Button.WHY),
}
_WITHOUT_ACTION = (Button.OVERRIDE, Button.PAUSE, Button.TAKE, Button.WHY)


def offered_buttons(
    incident: Incident,
    action: Action | None,
    *,
    approved_by: Sequence[str] = (),
    review_due: bool = False,
    can_be_halted: bool = False,
) -> tuple[Button, ...]:
    """What people can press now; the handlers accept exactly this.

    ``approved_by``: who could withdraw. ``can_be_halted``: whether a further step of it can be kept from beginning.
    """
    buttons = _offered_by_state(incident, action)
    if action is not None and action.state in IN_STEPS and not can_be_halted:
        buttons = tuple(b for b in buttons if b is not Button.STOP)
    if action is not None and action.approvers and not _others_who_approve(action):
        buttons = tuple(b for b in buttons if b is not Button.APPROVE)
    if not approved_by:
        buttons = tuple(b for b in buttons if b is not Button.WITHDRAW)
    return (*buttons[:-1], Button.REVIEW, buttons[-1]) if review_due else buttons


def _others_who_approve(action: Action) -> set[str]:
    """Those asked whose approval would count: nobody approves what they asked for themselves."""
    return set(action.approvers) - {action.requested_by}


def _offered_by_state(incident: Incident, action: Action | None) -> tuple[Button, ...]:
    reversible = action is not None and can_be_rolled_back(action)
    if incident.state is IncidentState.RESOLVED:
        under_way = action is not None and action.state in IN_STEPS
        return (*((Button.STOP,) if under_way else ()), *((Button.ROLL_BACK,) if reversible else ()), Button.WHY)
    buttons = _WITHOUT_ACTION if action is None else _OFFERED[action.state]
    if incident.state is IncidentState.TAKEN:
        buttons = tuple(b for b in buttons if b is not Button.TAKE)
    if not reversible:
        buttons = tuple(b for b in buttons if b is not Button.ROLL_BACK)
    if action is None or not can_go_on(action):
        buttons = tuple(b for b in buttons if b is not Button.GO_ON)
    return buttons


def build_card(
    policy: Policy,
    incident: Incident,
    alerts: Sequence[Alert],
    firing: int,
    stored: StoredDecision,
    action: Action | None,
    votes: Sequence[Vote],
    now: datetime,
    *,
    review: Review | None = None,
    if_rolled_back: str = "",
    progress: Progress = NO_PROGRESS,
    asked_at: str = "",
    cause_of: str = "",
    call: Call | None = None,
) -> CardNotice:
    """The card as it stands after this transaction; ``alerts`` are the newest few, ``firing`` counts all that fire.

    ``review``: the one of the action, as long as it is open. ``call``: the one that stands, if people are called.
    """
    asked = call.asked if call is not None else action.asked if action else ()
    decision, situation = stored.decision, stored.situation
    runbook = policy.runbooks.get(decision.runbook) if decision.runbook else None
    service = policy.services.get(incident.service)
    annotations = stored.alert.annotations
    own_runbook_url = (runbook.runbook_url if runbook else None) or None
    links = [
        Link(label=label, url=url, from_policy=from_policy)
        for label, url, from_policy in (
            ("Dashboard", service.dashboard if service else None, True),
            ("Runbook", own_runbook_url or annotations.get("runbook_url"), own_runbook_url is not None),
            ("Graph", next((a.generator_url for a in alerts if a.generator_url), None), False),
        )
        if url
    ]
    counts = _others_who_approve(action) if action else set()
    approved_by = tuple(v.person for v in votes if v.ballot is Ballot.APPROVE and v.person in counts)
    plan = stored.planned.plan if action is None else action.plan
    return CardNotice(
        incident=incident.name,
        incident_state=incident.state,
        service=incident.service,
        severity=incident.severity,
        alert_name=incident.alert_name,
        summary=annotations.get("summary") or annotations.get("description") or "",
        alerts_firing=firing + incident.truncated,
        truncated=incident.truncated,
        unmatched=_unmatched(policy, decision, alerts),
        opened_at=incident.opened_at,
        resolved_at=incident.resolved_at,
        taken_by=incident.taken_by,
        runbook=decision.runbook,
        verdict=decision.verdict,
        level=decision.level,
        headline=_said_on_the_card(decision),
        sure="" if decision.decisive in SAYS_HOW_SURE else decision.sure,
        names=tuple(dict.fromkeys((*named(decision, situation), *who_halted(incident, action)))),
        action_state=action.state if action else None,
        result=action.result if action else None,
        progress=progress.words,
        halted=action.halted_why if action and action.state in IN_STEPS else "",
        plan=plan_card(plan) if plan is not None else None,
        evidence=tuple(EvidenceLine(name=e.name, finding=e.finding, detail=e.detail) for e in decision.evidence),
        links=tuple(links),
        approvers=callable_people(policy, action.asked, incident.severity, now) if action and not asked_at else (),
        asked=asked_groups(policy, asked, incident.severity, now),
        untaken=call is not None,
        called=callable_people(policy, call.asked, incident.severity, now) if call is not None else (),
        approvals_needed=action.approvals_needed if action else 1,
        approved_by=approved_by,
        decided_by=action.decided_by if action else (),
        due_at=_due_at(policy, action, call) if not asked_at else None,
        answer_within=_answer_within(action),
        requested_by=action.requested_by if action else None,
        if_nobody_answers=f"It waits for {asked_at}." if asked_at else _silence(policy, incident, action, call),
        asked_at=asked_at,
        cause_of=cause_of,
        outcome=action.outcome if action else "",
        if_rolled_back=if_rolled_back,
        review_by=review.assigned_to if review else None,
        review_due_at=review.due_at if review else None,
        buttons=offered_buttons(
            incident,
            action,
            approved_by=approved_by,
            review_due=review is not None,
            can_be_halted=progress.can_be_halted,
        ),
        subject=action.id if action else incident.handle,
        revision=incident.revision,
    )


def _due_at(policy: Policy, action: Action | None, call: Call | None) -> datetime | None:
    if call is not None:
        return called_until(policy, call)
    return action.due_at if action else None


def _answer_within(action: Action | None) -> str:
    """From when whoever was asked last was asked to the end, in words."""
    if action is None or action.due_at is None or action.state is not ActionState.WAITING:
        return ""
    return elapsed_text(action.due_at - max((one.at for one in action.asked), default=action.created_at))


def _silence(policy: Policy, incident: Incident, action: Action | None, call: Call | None) -> str:
    if call is None:
        return if_nobody_answers(policy, incident, action)
    held = action is not None and action.state is ActionState.HELD
    return " ".join(filter(None, (if_nobody_takes_it(policy, call), NOTHING_WHILE_HELD if held else "")))


def _said_on_the_card(decision: Decision) -> str:
    """The headline; of a licence only what it comes to, as what it lacks is for whoever asks why."""
    if decision.decisive != "licence":
        return headline_of(decision)
    comes_to, separator, _ = decision.headline.partition(": ")
    short = f"{comes_to}." if separator else decision.headline
    return headline_of(decision.model_copy(update={"headline": short}))


def headline_of(decision: Decision) -> str:
    """Which rule settled it, and, whichever it was, what other alerts ask for that the plan leaves out."""
    if not decision.left_out or decision.decisive == "alerts":
        return decision.headline
    shown, hidden = decision.left_out[:LEFT_OUT_SHOWN], len(decision.left_out) - LEFT_OUT_SHOWN
    more = f" and {hidden} more" if hidden > 0 else ""
    return f"{decision.headline} Other alerts ask for what this plan leaves out: {'; '.join(shown)}{more}."


def _unmatched(policy: Policy, decision: Decision, newest: Sequence[Alert]) -> tuple[str, ...]:
    """Names of alerts that no runbook covers: those the decision knew, and those that have joined since."""
    firing = [alert.facts for alert in newest if alert.status is AlertStatus.FIRING]
    found = [(facts.name, match(policy, facts)) for facts in firing]
    joined = [name for name, one in reversed(found) if one.runbook is None and one.mute is None]
    return tuple(dict.fromkeys([*decision.unmatched, *joined]))


def named(decision: Decision, situation: Situation) -> tuple[str, ...]:
    """Whom the decision's headline names by id: those who paused, where that settled it."""
    held = decision.verdict is Verdict.HOLD
    return tuple(dict.fromkeys(pause.by for pause in situation.pauses)) if held else ()


def who_halted(incident: Incident, action: Action | None) -> tuple[str, ...]:
    """Whom the outcome may name by id: who stopped it, or has taken the incident over."""
    return tuple(person for person in (action.halted_by if action else None, incident.taken_by) if person)


async def current_action(work: Work, incident: Incident) -> Action | None:
    """The action of the incident's present revision, if its question has one."""
    for action in reversed(await work.actions.of_incident(incident.id)):
        if action.revision == incident.revision:
            return action
    return None


async def refresh_card(work: Work, policy: Policy, incident_id: int, now: datetime) -> None:
    """Queue the card as it stands in this transaction, be it its own or one that it shares.

    Without a decision yet there is nothing to show.
    """
    bundle = await work.bundles.of(incident_id)
    if bundle is not None:
        await refresh_bundle(work, policy, bundle, now)
        await end_direct_messages(work, policy, incident_id, now)
        return
    card = await present_card(work, policy, incident_id, now)
    if card is not None:
        await work.outbox.add(incident_id, card, now)
        await end_direct_messages(work, policy, incident_id, now, card)


async def end_direct_messages(
    work: Work, policy: Policy, incident_id: int, now: datetime, card: CardNotice | None = None
) -> None:
    """Queue the end of every direct message that people have and cannot answer any more, so that no button fails.

    ``card``: the incident's own as it stands, where that is known already.
    """
    sent = await work.outbox.answerable(incident_id)
    if not sent:
        return
    card = card or await present_card(work, policy, incident_id, now)
    for each in sent:
        if card is not None and (over := end_of(each, card, now)) is not None:
            await work.outbox.add(incident_id, over, now)


async def present_card(work: Work, policy: Policy, incident_id: int, now: datetime) -> CardNotice | None:
    """The card as it stands in this transaction; None as long as there is no decision to show.

    None also where the decision's situation was altered: a card would show what nobody decided. The thread goes on.
    """
    incident = await work.incidents.get(incident_id)
    try:
        stored = await work.decisions.latest(incident_id)
    except AlteredError:
        log.exception("the card of incident %d is left as it is", incident_id)
        return None
    if incident is None or stored is None:
        return None
    action = await current_action(work, incident)
    votes = await work.votes.of(action.id) if action else ()
    alerts = await work.incidents.alerts(incident_id, limit=LINKED_ALERTS)
    firing = await work.incidents.firing(incident_id)
    review = await work.reviews.get(action.id) if action else None
    back = await if_rolled_back(work, policy, action) if action else ""
    return build_card(
        policy,
        incident,
        alerts,
        firing,
        stored,
        action,
        votes,
        now,
        review=review if review is not None and review.done_by is None else None,
        if_rolled_back=back,
        progress=await progress_of(work, action),
        asked_at=await _asked_at(work, action),
        cause_of=names_of(await work.causes.behind(incident_id)),
        call=await work.calls.of(incident) if action is None or action.state in UNATTENDED else None,
    )


async def _asked_at(work: Work, action: Action | None) -> str:
    """The incident at which people are asked about this question, where that is another one."""
    if action is None or action.state is not ActionState.WAITING:
        return ""
    cause = await work.causes.of(action.incident_id)
    return cause.name if cause is not None else ""
