"""A process that says that it is ready, waits for a line, and boots: ``python -m tests.storage.boot_process <url>``."""

import asyncio
import sys

from storage.database import Database
from storage.migrations import migrate
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer


async def boot(url: str) -> None:
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    await migrate(database)
    await database.close()


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(boot(sys.argv[1]))
