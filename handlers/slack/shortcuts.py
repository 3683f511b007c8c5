"""Shortcuts: on a message "Why did you do this?" and "Roll this back", anywhere "Pause all autonomy".

Must not know: who may do what; the interventions decide, and record refusals.
"""

from bot.policy.approval import Intervention
from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import Answer, Tried, last_act
from bot.response.interventions.explanations import explain_incident
from bot.response.interventions.refusals import refused
from bot.response.model.incidents import Incident
from bot.response.model.state_words import state_words
from bot.response.notices.rollback_words import if_rolled_back, rollback_line
from bot.response.ports.context import Context
from bot.slack.cards import button_value
from bot.slack.modals import EVERYTHING, View, pause_modal, why_modal
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge, everybody
from handlers.slack.buttons import drawn
from handlers.slack.modals import roll_back_modal
from storage.unit_of_work import UnitOfWork

NO_INCIDENT = Answer(
    False, "This message belongs to no incident of mine. Use the shortcut on a card, or on a message in its thread."
)
ABOUT_MANY = Answer(
    False,
    "This card and its thread are about many incidents. Press Why? on the card or on a line of its thread, or say "
    "which one you mean: `/watch why INC-7`, `/watch rollback INC-7`.",
)
NOTHING_DONE = Answer(False, "Nothing was done in this incident, so there is nothing to roll back.")
NO_DECISION = Answer(False, "I am still assessing this incident; there is no decision to explain yet.")


async def why_this(bridge: Bridge, arrived: Arrived) -> None:
    """The reasons behind the incident whose card or thread the message is in."""

    async def act(work: UnitOfWork, context: Context, roster: Roster) -> View | Answer:
        incident = await _incident(work, arrived)
        if isinstance(incident, Answer):
            return incident
        explanation = await explain_incident(work, context, incident.id, arrived.person)
        if explanation is None:
            return NO_DECISION
        return drawn(why_modal(explanation, button_value(incident.handle, incident.revision), everybody(roster)))

    await bridge.show(arrived, await bridge.settle(arrived, act))


async def roll_this_back(bridge: Bridge, arrived: Arrived) -> None:
    """Ask whether what was done in this incident shall be rolled back."""

    async def act(work: UnitOfWork, context: Context, roster: Roster) -> View | Answer:
        incident = await _incident(work, arrived)
        if isinstance(incident, Answer):
            return incident
        action = await last_act(work, incident)
        if action is None:
            return NOTHING_DONE
        tried = Tried(arrived.person, {"action": action.id}, incident.id)
        deed, runbook = Intervention.ROLL_BACK, action.runbook
        against = await refused(work, context, roster, deed, tried, runbook=runbook, action=action)
        if against is not None:
            return against
        consequence = await if_rolled_back(work, context.policy(), action)
        if not consequence:
            said = state_words(action.state, action.result).within
            return Answer(False, f"There is nothing to roll back ({said}). {rollback_line(action.plan)}")
        return drawn(
            roll_back_modal(incident.name, incident.handle, incident.revision, action.plan.summary, consequence)
        )

    await bridge.show(arrived, await bridge.settle(arrived, act))


async def pause_all(bridge: Bridge, arrived: Arrived) -> None:
    """Ask for how long, and why, everything shall pause."""

    async def act(work: UnitOfWork, context: Context, roster: Roster) -> View | Answer:
        tried = Tried(arrived.person, {"scope": str(EVERYTHING)})
        against = await refused(work, context, roster, Intervention.PAUSE, tried)
        return against or drawn(pause_modal([EVERYTHING]))

    await bridge.show(arrived, await bridge.settle(arrived, act))


async def _incident(work: UnitOfWork, arrived: Arrived) -> Incident | Answer:
    """Whose card or thread the message is in; or why that is not clear."""
    thread_ts = arrived.thread_ts or arrived.text("message", "ts") or arrived.text("message_ts")
    if not arrived.channel or not thread_ts:
        return NO_INCIDENT
    incident = await work.incidents.by_thread(arrived.channel, thread_ts)
    if incident is not None:
        return incident
    return NO_INCIDENT if await work.bundles.by_thread(arrived.channel, thread_ts) is None else ABOUT_MANY
