"""How well confidence was calibrated, read from the command line without starting anything else."""

from bot.cli.offline import offline_database
from bot.policy.confidence.calibration import Calibration
from bot.response.interventions.calibrations import confidence_measured
from bot.response.ports.context import utc_now


async def measured(url: str, key: bytes) -> Calibration:
    """Over the cases in the database.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key) as database, database.read() as work:
        return await confidence_measured(work, utc_now())
