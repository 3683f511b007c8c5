"""Assessments that were asked for and never came: marks that nothing stands behind any more.

While an incident is marked, news joins the assessment that waits. If that one is lost (given up, or failed without a
word), nothing about the incident would ever be assessed again; so whatever is marked without a flow is queued anew.
"""

import logging
from collections.abc import Awaitable, Callable, Collection

from bot.response.model.incidents import incident_name
from bot.response.ports.context import Context

log = logging.getLogger(__name__)


async def queue_lost_assessments(context: Context, under_way: Callable[[], Awaitable[Collection[str]]]) -> int:
    """Queue anew what is marked and not under way; how many.

    ``under_way``: gives the numbers, as text, of the incidents whose assessment waits or runs in the durable engine.
    """
    async with context.database.read() as work:
        wanted = await work.incidents.wanted()
    if not wanted:
        return 0
    found = await under_way()
    lost = [incident_id for incident_id in wanted if str(incident_id) not in found]
    if not lost:
        return 0
    async with context.database.begin() as work:
        anew = await work.queue.consider_anew(lost)
    if anew:
        log.warning("queued lost assessments anew: %s", ", ".join(incident_name(number) for number in anew))
    return len(anew)
