"""The Home tab: is automation paused, what waits for me, what is open. And a hint for who mentions the bot.

Must not know: how the watch keeps its rows.
"""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block

from bot.policy.situation import Pause
from bot.response.actions import Action
from bot.response.answers import Roster
from bot.response.incidents import Incident
from bot.response.watch import Watch
from bot.slack import layout
from bot.slack.limits import check_view
from bot.slack.modals import View
from bot.slack.text import Mrkdwn, bold, code, concat, dotted, escape, lines, mention, plain, when, words
from handlers import overview
from handlers.arrival import Arrived
from handlers.bridge import Bridge
from handlers.commands import COMMAND, help_message
from handlers.overview import Overview
from storage.unit_of_work import UnitOfWork

SHOWN = 10
HOME_TAB = "home"


async def opened(bridge: Bridge, arrived: Arrived) -> None:
    """Draw the tab of the person who opened it, as things are now."""

    async def act(work: UnitOfWork, watch: Watch, _roster: Roster) -> View:
        view = home_view(await overview.look_around(work, watch.now()), arrived.person)
        check_view(view)
        return view

    view = await bridge.settle(arrived, act)
    if view is not None and arrived.text("event", "tab") == HOME_TAB:
        await bridge.publish(arrived, view)


async def mentioned(bridge: Bridge, arrived: Arrived) -> None:
    """Somebody talks to the bot: it takes orders as commands, and says which."""

    async def act(_work: UnitOfWork, _watch: Watch, _roster: Roster) -> bool:
        return True

    if await bridge.settle(arrived, act):
        await bridge.private.tell(arrived, help_message())


def home_view(seen: Overview, person: str) -> View:
    """The tab as JSON."""
    blocks: list[Block] = [
        layout.header(plain("Watchkeeper", 150)),
        layout.section(_pauses(seen.pauses)),
        layout.divider(),
        layout.section(_waiting(seen.waiting_for(person))),
        layout.section(_open(seen.incidents)),
        layout.context(concat(words("Orders and questions: "), code(f"{COMMAND} help"))),
    ]
    return {"type": "home", "blocks": layout.built(blocks)}


def _pauses(pauses: Sequence[Pause]) -> Mrkdwn:
    if not pauses:
        return bold(words("▶️ Automation is on. Nothing is paused."))
    return lines([bold(words("⏸️ Automation is paused")), *map(_pause, pauses[:SHOWN]), _more(len(pauses))])


def _pause(pause: Pause) -> Mrkdwn:
    until = concat(words("until "), when(pause.until)) if pause.until else words("until somebody resumes it")
    return dotted([escape(str(pause.scope), 120), until, concat(words("by "), mention(pause.by))])


def _waiting(actions: Sequence[Action]) -> Mrkdwn:
    if not actions:
        return words("✅ Nothing waits for you.")
    listed = [
        dotted([bold(words(f"INC-{action.incident_id}")), escape(action.plan.summary, 150)])
        for action in actions[:SHOWN]
    ]
    return lines([bold(words("❓ Waits for your answer")), *listed, _more(len(actions))])


def _open(incidents: Sequence[Incident]) -> Mrkdwn:
    if not incidents:
        return words("✅ No incident is open.")
    listed = [
        dotted([bold(words(one.name)), code(one.service, 60), escape(one.alert_name, 80), words(one.state.value)])
        for one in incidents[:SHOWN]
    ]
    return lines([bold(words(f"{len(incidents)} open")), *listed, _more(len(incidents))])


def _more(count: int) -> Mrkdwn:
    return words(f"… and {count - SHOWN} more" if count > SHOWN else "")
