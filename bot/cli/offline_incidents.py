"""One incident, read from the command line: its document and its short story, without starting anything else."""

from datetime import UTC, datetime

from bot.cli.offline import offline_database
from bot.reports.incident_facts import IncidentFacts, gather


async def incident_facts(url: str, key: bytes, number: int) -> IncidentFacts | None:
    """What is on record about the incident of this number; None when there is none.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key) as database, database.read() as work:
        return await gather(work, number, datetime.now(UTC))
