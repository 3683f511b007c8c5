"""People press a button on the present card of an incident."""

from collections.abc import Awaitable, Callable
from functools import partial

from bot.response.assessment.votes import Roster
from bot.response.interventions import approvals
from bot.response.interventions import take_override as interventions
from bot.response.interventions.clicks import Answer, Press
from bot.response.ports.context import Context
from bot.response.ports.work import Work
from tests.response.world import World

Intervention = Callable[[Work, Context, Roster, Press], Awaitable[Answer]]


async def pressed(
    intervention: Intervention,
    here: World,
    person: str,
    incident_id: int = 1,
    *,
    press: Press | None = None,
    roster: Roster | None = None,
) -> Answer:
    """What came of it. ``press``: another card than the present one; ``roster``: who is in which group, if not now."""
    press, roster = press or await here.press(person, incident_id), roster or await here.context.roster()
    async with here.database.begin() as work:
        return await intervention(work, here.context, roster, press)


approve = partial(pressed, approvals.approve)
withdraw = partial(pressed, approvals.withdraw)
stop = partial(pressed, approvals.stop)
take = partial(pressed, interventions.take)
