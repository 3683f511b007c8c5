"""A process that asks once about burning budgets and kills itself: ``python -m tests.response.burn_process ...``.

Arguments: the folder of the world, how many minutes later than its beginning it is, and at which question for the time
it dies, whoever asks that. 0: it dies as soon as everything is committed.
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.response.deadlines.burns import watch_burns
from tests.response.test_burn_watches import policy
from tests.response.test_nobody_answers import Clock
from tests.response.world import world


@dataclass
class DeadlyClock(Clock):
    """Whoever asks it for the time for the ``dies_at``-th time since it was set is dead."""

    dies_at: int = 0

    def __call__(self) -> datetime:
        self.dies_at -= 1
        if self.dies_at == 0:
            die()
        return super().__call__()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def look(folder: Path, minutes: float, dies_at: int) -> None:
    clock = DeadlyClock()
    clock.forward(minutes)
    async with world(folder, policy(), now=clock) as here:
        here.slack_answers = False  # what it has to say is said by whoever comes after it
        here.senses.burn = 3.0
        clock.dies_at = dies_at
        await watch_burns(here.context)
        die()


if __name__ == "__main__":
    asyncio.run(look(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
