"""Cards about many incidents: their buttons and dialogs, each one function of ``bot.response.interventions.bundles``.

Must not know: who may press what, and when; the interventions decide, and record refusals.
"""

from collections.abc import Callable

from bot.policy.approval import Intervention
from bot.response.assessment.votes import Roster
from bot.response.interventions.bundles import BundleView, approve_chosen, ask_alone, view
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Press, Tried
from bot.response.interventions.refusals import refused
from bot.response.ports.context import Context
from bot.response.ports.work import Work
from bot.slack.bundle_modals import (
    ALONE,
    choice_faults,
    choose_modal,
    likely_scopes,
    read_choice,
    why_these_modal,
)
from bot.slack.modals import View, pause_modal
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge, everybody
from handlers.slack.buttons import drawn, press_from, press_of
from handlers.slack.inbox import Handler
from handlers.slack.modals import answer_in, values_of

NONE_LEFT = Answer(False, "Every incident of this card is resolved; there is nothing left to choose. See the card.")
Draw = Callable[[BundleView, Roster], View | Answer]


def opening_for_many(draw: Draw, needs: Intervention | None = None) -> Handler:
    """A button that opens a dialog about a whole bundle, for those who may do ``needs``."""

    async def handle(bridge: Bridge, arrived: Arrived) -> None:
        press = press_of(arrived)

        async def act(work: Work, context: Context, roster: Roster) -> View | Answer:
            shown = None if press is None else await view(work, context, press.subject)
            if press is None or shown is None:
                return UNKNOWN_SUBJECT
            tried = Tried(press.person, {"subject": press.subject, "revision": press.revision})
            against = await refused(work, context, roster, needs, tried) if needs is not None else None
            return against or drawn(draw(shown, roster))

        await bridge.show(arrived, await bridge.settle(arrived, act))

    return handle


def draw_choice(shown: BundleView, _roster: Roster) -> View | Answer:
    """Which of them, and what shall happen to those."""
    return choose_modal(shown) if shown.choosable else NONE_LEFT


def draw_why_these(shown: BundleView, roster: Roster) -> View:
    """Why they are asked together, and by which rules."""
    return why_these_modal(shown, everybody(roster))


def draw_pause_these(shown: BundleView, _roster: Roster) -> View:
    """What could be paused because of this storm."""
    return pause_modal(likely_scopes(shown))


def faults_of_choice(arrived: Arrived) -> dict[str, str]:
    """By ``block_id``; empty when it can be done."""
    return choice_faults(read_choice(values_of(arrived)))


async def chosen(bridge: Bridge, arrived: Arrived) -> None:
    """Some of the incidents are approved, or get cards of their own."""
    press = press_from(arrived, arrived.text("view", "private_metadata"))
    form = read_choice(values_of(arrived))

    async def act(work: Work, context: Context, roster: Roster) -> tuple[Answer, str]:
        if press is None:
            return UNKNOWN_SUBJECT, ""
        intervention = ask_alone if form.intervention == ALONE else approve_chosen
        answer = await intervention(work, context, roster, press, form.chosen)
        return answer, await _channel(work, press)

    question = press.subject if press is not None else ""
    await answer_in(bridge, arrived, await bridge.settle(arrived, act, question=question))


async def _channel(work: Work, press: Press) -> str:
    """Where the card is: a dialog itself belongs to no channel."""
    bundle = await work.bundles.get(press.subject)
    members = await work.bundles.members(bundle) if bundle else ()
    return next((one.incident.channel for one in members if one.incident.channel), None) or ""
