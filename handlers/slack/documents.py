"""``/watch report``: the post-incident document of an incident, as a file in its thread.

Must not know: what stands in it.
"""

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackClientError

from bot.reports.incident_facts import gather
from bot.reports.incident_report import incident_report, report_name
from bot.slack.files import share
from bot.slack.text import bold, concat, escape, mention, spaced, words
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge

NAMES_AT_ONCE = 5
PEOPLE_NAMED_MAX = 50

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentOf:
    """Somebody who may has asked for the document of this incident."""

    incident: int


async def send_document(bridge: Bridge, arrived: Arrived, wanted: DocumentOf) -> None:
    """Write the document and share it where the incident is handled; the person is told what came of it."""
    async with bridge.database.read() as work:
        facts = await gather(work, wanted.incident, bridge.context.now())
    if facts is None:
        raise LookupError(f"incident {wanted.incident} is not in the database")
    incident = facts.incident
    if incident.channel is None or incident.thread_ts is None:
        text = f"{incident.name} has no thread yet. On the machine: watchkeeper incident {incident.name} --report"
        await bridge.say(arrived, words(text))
        return
    people = sorted(facts.people)[:PEOPLE_NAMED_MAX]
    document = incident_report(facts, await _names(bridge, people))
    title = bold(words(f"Post-incident document of {incident.name}"))
    comment = concat(title, words(", asked for by "), mention(arrived.person))
    problem = await share(bridge.client, incident.channel, incident.thread_ts, report_name(facts), document, comment)
    if problem is None:
        await bridge.say(arrived, words(f"The document of {incident.name} is in its thread."))
    else:
        could_not = words(f"The document of {incident.name} could not be shared:")
        await bridge.say(arrived, spaced(could_not, escape(f"{problem}."), words("Try again.")))


async def _names(bridge: Bridge, people: Collection[str]) -> dict[str, str]:
    """What people are called in Slack, as far as it says; nobody's name is worth a failure."""
    few = asyncio.Semaphore(NAMES_AT_ONCE)

    async def name(person: str) -> tuple[str, str]:
        try:
            async with few:
                user = (await bridge.client.users_info(user=person)).get("user") or {}
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            log.info("the name of %s is not known this time: %s", person, error)
            return person, ""
        profile = user.get("profile") or {}
        return person, str(profile.get("real_name") or user.get("real_name") or "")

    return dict(await asyncio.gather(*map(name, (one for one in people if one[:1] in "UW"))))
