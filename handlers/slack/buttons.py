"""Buttons on cards: each click becomes one intervention of ``bot.response``, or opens a modal.

Must not know: who may press what, and when; the interventions decide, and record refusals.
"""

import re
from collections.abc import Awaitable, Callable

from bot.policy.approval import Intervention
from bot.policy.situation import Scope, ScopeKind
from bot.response.assessment.votes import Roster
from bot.response.interventions.approvals import may_say_why
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Found, Press, find, present
from bot.response.interventions.explanations import explain, override_choices
from bot.response.interventions.refusals import refused
from bot.response.interventions.reviews import may_review
from bot.response.interventions.take_override import may_override
from bot.response.model.actions import Action
from bot.response.model.records import Review
from bot.response.ports.context import Context
from bot.response.ports.work import Work
from bot.slack.cards import button_value, parse_button_value
from bot.slack.limits import check_view
from bot.slack.modals import View, override_modal, pause_modal, say_why_modal, why_modal
from bot.slack.review_modals import hand_over_modal, review_modal
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge, everybody
from handlers.slack.inbox import Handler

Deed = Callable[[Work, Context, Roster, Press], Awaitable[Answer]]
Draw = Callable[[Work, Context, Roster, Press, Found], Awaitable[View | Answer]]
TARGETS_OFFERED = 5
_USER_ID = re.compile(r"[UW][A-Z0-9]{2,24}")


def press_of(arrived: Arrived) -> Press | None:
    """The click as interventions want it; None when the button's value or the person's id is not of our form."""
    return press_from(arrived, arrived.text("actions", 0, "value"))


def press_from(arrived: Arrived, value: str) -> Press | None:
    """Who did it, on what ``value`` points at; None when either is not of our form."""
    parsed = parse_button_value(value)
    if parsed is None or not _USER_ID.fullmatch(arrived.person):
        return None
    subject, revision = parsed
    return Press(arrived.person, subject, revision)


def doing(deed: Deed, *, counts_votes: bool = False) -> Handler:
    """A button that takes effect at once. ``counts_votes``: it may start an action because enough people agree."""

    async def handle(bridge: Bridge, arrived: Arrived) -> None:
        press = press_of(arrived)

        async def act(work: Work, context: Context, roster: Roster) -> Answer:
            return UNKNOWN_SUBJECT if press is None else await deed(work, context, roster, press)

        question = press.subject if press is not None and counts_votes else ""
        await bridge.answer(arrived, await bridge.settle(arrived, act, question=question))

    return handle


async def followed(bridge: Bridge, arrived: Arrived) -> None:
    """A button that is a link: Slack tells us that it was pressed, and there is nothing to do about it."""

    async def act(_work: Work, _context: Context, _roster: Roster) -> None:
        return None

    await bridge.settle(arrived, act)


def opening(draw: Draw) -> Handler:
    """A button that opens a modal."""

    async def handle(bridge: Bridge, arrived: Arrived) -> None:
        press = press_of(arrived)

        async def act(work: Work, context: Context, roster: Roster) -> View | Answer:
            found = None if press is None else await find(work, press.subject, press.revision)
            if press is None or found is None:
                return UNKNOWN_SUBJECT
            return drawn(await draw(work, context, roster, press, found))

        await bridge.show(arrived, await bridge.settle(arrived, act))

    return handle


def drawn(view: View | Answer) -> View | Answer:
    """Still inside the transaction: a modal that Slack would refuse must roll it back, not follow it."""
    if not isinstance(view, Answer):
        check_view(view)
    return view


async def draw_why(work: Work, context: Context, roster: Roster, press: Press, _found: Found) -> View | Answer:
    """Everything the decision on this card rests on; remembers that this person has read it."""
    explanation = await explain(work, context, press.subject, press.revision, press.person)
    if explanation is None:
        return UNKNOWN_SUBJECT
    return why_modal(explanation, button_value(press.subject, press.revision), everybody(roster))


async def draw_override(work: Work, context: Context, roster: Roster, press: Press, found: Found) -> View | Answer:
    """What else could be done, for whoever may choose any of it; nobody else gets the form."""
    choices = await override_choices(work, context, press.subject, press.revision)
    against = await may_override(work, context, roster, press, found, [choice.runbook for choice in choices])
    if against is not None:
        return against
    return override_modal(found.incident.name, choices, button_value(press.subject, press.revision))


async def draw_say_why(_work: Work, _context: Context, _roster: Roster, press: Press, found: Found) -> View | Answer:
    """Why it was stopped, for whoever stopped it."""
    against = may_say_why(found.action, press.person) if found.action else UNKNOWN_SUBJECT
    return against or say_why_modal(found.incident.name, button_value(press.subject, press.revision))


async def draw_review(work: Work, context: Context, roster: Roster, press: Press, found: Found) -> View | Answer:
    """What a person thinks of the action, now that it is over."""
    return await _draw_open_review(work, context, roster, press, found, review_modal)


async def draw_hand_over(work: Work, context: Context, roster: Roster, press: Press, found: Found) -> View | Answer:
    """Whose review it is to be instead."""
    return await _draw_open_review(work, context, roster, press, found, hand_over_modal)


async def _draw_open_review(
    work: Work,
    context: Context,
    roster: Roster,
    press: Press,
    found: Found,
    modal: Callable[[str, Action, Review, str], View],
) -> View | Answer:
    """For whom may review what is still to be reviewed; nobody else gets the form."""
    against = await may_review(work, context, roster, press, found)
    review = await work.reviews.get(found.action.id) if found.action else None
    if against is not None or found.action is None or review is None:
        return against or UNKNOWN_SUBJECT
    return modal(found.incident.name, found.action, review, button_value(press.subject, press.revision))


async def draw_pause(work: Work, context: Context, roster: Roster, press: Press, found: Found) -> View | Answer:
    """What could be paused because of this incident as it stands now, whatever card was pressed; likeliest first."""
    against = await refused(work, context, roster, Intervention.PAUSE, press.on(found.incident.id))
    if against is not None:
        return against
    action = await present(work, found)
    scopes = [Scope(kind=ScopeKind.SERVICE, name=found.incident.service)] if found.incident.service else []
    if action is not None:
        scopes.append(Scope(kind=ScopeKind.RUNBOOK, name=action.runbook))
        targets = action.plan.targets[:TARGETS_OFFERED]
        scopes += [Scope(kind=ScopeKind.TARGET, name=target.key) for target in targets]
    return pause_modal(scopes, button_value(press.subject, press.revision))
