"""Somebody opens the Home tab, resumes automation from there, or mentions the bot.

Must not know: what the tab shows, and when it is drawn; ``handlers.slack.live_home`` draws it.
"""

from bot.response.assessment.votes import Roster
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer
from bot.response.interventions.pauses import resume
from bot.response.ports.context import Context
from bot.slack.modals import read_scope
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge
from handlers.slack.commands import help_message
from storage.unit_of_work import UnitOfWork

HOME_TAB = "home"


async def opened(bridge: Bridge, arrived: Arrived) -> None:
    """From here on the person's tab is drawn, and kept up to date."""

    async def act(work: UnitOfWork, context: Context, _roster: Roster) -> bool:
        if arrived.text("event", "tab") == HOME_TAB and arrived.person:
            await work.home_tabs.opened(arrived.person, context.now())
        return True

    if await bridge.settle(arrived, act):
        bridge.home_opened.set()


async def resumed(bridge: Bridge, arrived: Arrived) -> None:
    """Automation may act again where the button says."""
    scope = read_scope(arrived.text("actions", 0, "value"))

    async def act(work: UnitOfWork, context: Context, roster: Roster) -> Answer:
        return UNKNOWN_SUBJECT if scope is None else await resume(work, context, roster, arrived.person, scope)

    await bridge.answer(arrived, await bridge.settle(arrived, act))


async def mentioned(bridge: Bridge, arrived: Arrived) -> None:
    """Somebody talks to the bot: it understands commands only, and says which."""

    async def act(_work: UnitOfWork, _context: Context, _roster: Roster) -> bool:
        return True

    if await bridge.settle(arrived, act):
        await bridge.private.tell(arrived, help_message())
