"""Submitted modals: what is wrong with them, and the intervention that they ask for.

Must not know: who may do it; the interventions decide, and record refusals.
"""

from collections.abc import Callable, Mapping
from functools import partial

from bot.response.assessment.votes import Roster
from bot.response.interventions.approvals import say_why
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, find
from bot.response.interventions.pauses import pause
from bot.response.interventions.reviews import hand_over, submit
from bot.response.interventions.take_override import override, roll_back
from bot.response.model.notices import Button
from bot.response.ports.context import Context
from bot.response.ports.work import Work
from bot.slack import layout
from bot.slack.cards import button_value
from bot.slack.modals import (
    REASON,
    REASON_MAX_CHARACTERS,
    Values,
    View,
    override_faults,
    pause_faults,
    read_override,
    read_pause,
    reason_faults,
    typed,
)
from bot.slack.review_modals import hand_over_faults, read_hand_over, read_review, review_faults
from bot.slack.text import bold, escape, lines, plain
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge
from handlers.slack.buttons import Deed, press_from

Faults = Callable[[Arrived], dict[str, str]]


def values_of(arrived: Arrived) -> Values:
    """What was filled in."""
    view = arrived.body.get("view")
    state = view.get("state") if isinstance(view, Mapping) else None
    values = state.get("values") if isinstance(state, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def faults_of_override(arrived: Arrived) -> dict[str, str]:
    """By ``block_id``; empty when it can be done."""
    return override_faults(read_override(values_of(arrived)))


def faults_of_pause(arrived: Arrived) -> dict[str, str]:
    """By ``block_id``; empty when it can be done."""
    return pause_faults(read_pause(values_of(arrived)))


def faults_of_review(arrived: Arrived) -> dict[str, str]:
    """By ``block_id``; empty when it can be stored."""
    return review_faults(read_review(values_of(arrived)))


def faults_of_hand_over(arrived: Arrived) -> dict[str, str]:
    """By ``block_id``; empty when it can be done."""
    return hand_over_faults(read_hand_over(values_of(arrived)))


def faults_of_reason(arrived: Arrived) -> dict[str, str]:
    """By ``block_id``; empty when it can be stored."""
    return reason_faults(values_of(arrived))


def no_faults(_arrived: Arrived) -> dict[str, str]:
    """A modal in which everything may be left empty."""
    return {}


async def overridden(bridge: Bridge, arrived: Arrived) -> None:
    """Something else instead of what the card proposes."""
    press = press_from(arrived, arrived.text("view", "private_metadata"))
    form = read_override(values_of(arrived))

    async def act(work: Work, context: Context, roster: Roster) -> tuple[Answer, str]:
        if press is None:
            return UNKNOWN_SUBJECT, ""
        answer = await override(work, context, roster, press, form.choice, form.reason)
        return answer, await _channel(work, press.subject)

    question = press.subject if press is not None else ""
    await answer_in(bridge, arrived, await bridge.settle(arrived, act, question=question))


async def paused(bridge: Bridge, arrived: Arrived) -> None:
    """Automation stopped somewhere; said in the incident's thread when it was asked for there."""
    press = press_from(arrived, arrived.text("view", "private_metadata"))
    form = read_pause(values_of(arrived))

    async def act(work: Work, context: Context, roster: Roster) -> tuple[Answer, str]:
        if form is None:
            return UNKNOWN_SUBJECT, ""
        found = None if press is None else await find(work, press.subject, press.revision)
        until = None if form.lasting is None else context.now() + form.lasting
        incident_id = found.incident.id if found else None
        answer = await pause(work, context, roster, arrived.person, form.scope, until, form.reason, incident_id)
        return answer, (found.incident.channel or "") if found else ""

    await answer_in(bridge, arrived, await bridge.settle(arrived, act))


def roll_back_modal(incident: str, subject: str, revision: int, what: str, consequence: str) -> View:
    """Asks before something that was chosen from a menu is rolled back: ``what`` was done, and what happens then."""
    reason = layout.text_input(
        REASON,
        REASON,
        plain("Why?", 100),
        plain("Goes into the record and the incident's thread.", 200),
        max_length=REASON_MAX_CHARACTERS,
    )
    return layout.modal(
        Button.ROLL_BACK,
        plain(f"Roll back {incident}?", 24),
        [
            layout.section(lines([bold(escape(what, 300)), *(escape(line, 600) for line in consequence.splitlines())])),
            reason,
        ],
        private_metadata=button_value(subject, revision),
        submit=plain("Roll back", 24),
        close=plain("Leave it", 24),
    )


async def rolled_back(bridge: Bridge, arrived: Arrived) -> None:
    """What was done is rolled back."""
    reason = arrived.text("view", "state", "values", REASON, REASON, "value", limit=REASON_MAX_CHARACTERS)
    await _submitted(bridge, arrived, partial(roll_back, reason=reason))


async def said_why(bridge: Bridge, arrived: Arrived) -> None:
    """Why something was stopped goes on the record."""
    reason = typed(values_of(arrived), REASON)
    await _submitted(bridge, arrived, partial(say_why, reason=reason))


async def reviewed(bridge: Bridge, arrived: Arrived) -> None:
    """What a person thinks of an action goes on the record."""
    form = read_review(values_of(arrived))
    await _submitted(bridge, arrived, partial(submit, said=form.judgement))


async def handed_over(bridge: Bridge, arrived: Arrived) -> None:
    """A review becomes somebody else's."""
    to = read_hand_over(values_of(arrived))
    await _submitted(bridge, arrived, partial(hand_over, to=to))


async def _submitted(bridge: Bridge, arrived: Arrived, deed: Deed) -> None:
    """Do what a dialog about one action asks for, and tell the person in its incident's channel."""
    press = press_from(arrived, arrived.text("view", "private_metadata"))

    async def act(work: Work, context: Context, roster: Roster) -> tuple[Answer, str]:
        if press is None:
            return UNKNOWN_SUBJECT, ""
        return await deed(work, context, roster, press), await _channel(work, press.subject)

    await answer_in(bridge, arrived, await bridge.settle(arrived, act))


async def _channel(work: Work, subject: str) -> str:
    """Where the incident's thread is: a modal itself belongs to no channel."""
    found = await find(work, subject, 0)
    return (found.incident.channel or "") if found else ""


async def answer_in(bridge: Bridge, arrived: Arrived, settled: tuple[Answer, str] | None) -> None:
    """Tell the person what came of it, in the channel that is named with it; None (handled already) says nothing."""
    if settled is not None:
        answer, channel = settled
        await bridge.answer(arrived, answer, channel=channel)
