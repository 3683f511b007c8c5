"""A shell on the machine, for commands as an operator types them."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from bot.policy.situation import Pause
from bot.response.ports.context import utc_now
from storage.database import Database
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer

CHECKOUT = Path(__file__).parents[2]


@dataclass
class Shell:
    """A shell on the machine, with the variables that matter."""

    folder: Path
    url: str
    key: str = AUDIT_KEY.decode()

    async def run(self, *words: str) -> tuple[int, str]:
        """Exit code, and everything that was printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *words),
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(CHECKOUT),  # these sources, whichever are installed
                "DATABASE_URL": self.url,
                "WATCHKEEPER_AUDIT_KEY": self.key,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()

    async def paused(self) -> tuple[Pause, ...]:
        database = Database(self.url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            async with database.read() as work:
                return await work.pauses.active(utc_now())
        finally:
            await database.close()

    async def record(self) -> list[tuple[str, str]]:
        database = Database(self.url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            async with database.read() as work:
                assert (await work.audit.verify()).intact
                return [(entry.kind, entry.actor) async for entry in work.audit.entries()]
        finally:
            await database.close()
