"""The bot in a process of its own, with a watch on its event loop: ``python -m tests.fuzz.watched``.

At SIGUSR1 the watch writes the longest stall since the last one, and begins anew. It needs ``WATCHKEEPER_FUZZ_STALLS``,
the file to write to.
"""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

from bot import app
from bot.policy.file.loading import load_policy
from bot.settings import read_settings
from bot.slack.pacing import Paces

TICK_SECONDS = 0.02


class Watch:
    """How much later than it wanted to the loop came round: by the clock, and by what its thread computed meanwhile.

    What it computed is the product's own doing, however busy the machine is.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.late = self.busy = 0.0

    async def run(self) -> None:
        while True:
            clock, computed = time.monotonic(), time.thread_time()
            await asyncio.sleep(TICK_SECONDS)
            self.late = max(self.late, time.monotonic() - clock - TICK_SECONDS)
            self.busy = max(self.busy, time.thread_time() - computed)

    def write(self) -> None:
        """Appears whole or not at all, since whoever asked waits for the file."""
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps({"late": self.late, "busy": self.busy}))
        part.rename(self._file)
        self.late = self.busy = 0.0


async def serve() -> None:
    """As ``watchkeeper run`` does it."""
    watch = Watch(Path(os.environ["WATCHKEEPER_FUZZ_STALLS"]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, watch.write)
    watching = asyncio.create_task(watch.run())
    settings = read_settings()
    policy = load_policy(settings.policy_path.read_text(), filename=str(settings.policy_path))
    try:
        await app.serve(settings, policy, paces=Paces(post_interval_seconds=0.0, update_interval_seconds=0.0))
    finally:
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(serve())
