"""A process that takes alerts in until it is killed: ``python -m tests.storage.intake_process <url>``.

Prints the fingerprint of each alert once it has been answered for.
"""

import asyncio
import sys
from itertools import count

from bot.policy.file.document import Policy
from storage.database import Database
from storage.intake import Intake
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW, alert

CALLERS = 16
POLICY = Policy.model_validate({"version": 1, "channels": {"incidents": "C01INC"}, "people": {}})


async def take_alerts_in(url: str) -> None:
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    intake = Intake(database, lambda: POLICY, lambda: NOW)
    numbers = count()

    async def caller() -> None:
        for number in numbers:
            fingerprint = f"f{number}"
            await intake.accept([alert(fingerprint, service=f"service-{number % 7}")])
            print(fingerprint, flush=True)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(take_alerts_in(sys.argv[1]))
