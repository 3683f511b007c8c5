"""Who is in a group of people has changed: open questions are brought up to date at once.

Must not know: what a group may do.
"""

from bot.response.assessment.votes import Roster
from bot.response.interventions.approvals import renew_people
from bot.response.ports.context import Context
from bot.response.ports.work import Work
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge


async def membership_changed(bridge: Bridge, arrived: Arrived) -> None:
    """Ask Slack anew who is in the group, and say on the cards who may answer now."""
    bridge.context.people.forget(arrived.text("event", "subteam_id"))

    async def act(work: Work, context: Context, roster: Roster) -> int:
        return await renew_people(work, context, roster)

    await bridge.settle(arrived, act)
