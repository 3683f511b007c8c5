"""How soon many commands at once are acknowledged: ``python -m tests.benchmarks.acknowledgement``.

Each is saved before it is acknowledged, over Socket Mode and over signed HTTP, into a SQLite file in a temporary
folder. The slowest is told as a share of the time that Slack gives; more than the whole of it ends with an error.
"""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.local.workspace.workspace import ACK_TIMEOUT_SECONDS
from storage.database import Database
from storage.migrations import migrate
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.handlers.ship import Ship, sailing

COMMANDS = 40
ROUNDS = 5


async def slowest(ship: Ship) -> float:
    """Seconds from sending all the commands to the last acknowledgement."""
    begun = time.perf_counter()
    outcomes = await asyncio.gather(*(ship.alice.slash("/watch", "help") for _ in range(COMMANDS)))
    seconds = time.perf_counter() - begun
    assert all(outcome.acked for outcome in outcomes), "nothing is measured when something is not acknowledged"
    await ship.settled()
    return seconds


async def measure(folder: Path, transport: str) -> float:
    database = Database(f"sqlite+aiosqlite:///{folder / transport}.db", RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    try:
        await migrate(database)
        async with sailing(database, RecordingEnqueuer(), http=transport == "signed HTTP") as ship:
            return max([await slowest(ship) for _ in range(ROUNDS)])
    finally:
        await database.close()


def main() -> None:
    late = []
    with TemporaryDirectory() as folder:
        for transport in ("Socket Mode", "signed HTTP"):
            share = asyncio.run(measure(Path(folder), transport)) / ACK_TIMEOUT_SECONDS
            print(
                f"{transport:12} the last of {COMMANDS} at once after {share:.0%} of Slack's {ACK_TIMEOUT_SECONDS:g} s"
            )
            late += [transport] if share > 1 else []
    if late:
        raise SystemExit(f"Too late for Slack: {', '.join(late)}. Find what is done before the acknowledgement.")


if __name__ == "__main__":
    main()
