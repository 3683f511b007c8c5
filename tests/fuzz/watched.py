"""The bot in a process of its own, with a watch on its event loop: ``python -m tests.fuzz.watched``.

At SIGUSR1 the watch writes the longest stall since the last one, and begins anew. It needs ``WATCHKEEPER_FUZZ_STALLS``,
the file to write to.
"""

import asyncio
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from bot import app
from bot.logs import begin_log
from bot.policy.file.loading import load_policy
from bot.settings import read_settings
from bot.slack.pacing import Paces

TICK_SECONDS = 0.02
TELL_AFTER_SECONDS = 0.3
"""A stall of so long writes into the log where the thread is."""


class Watch:
    """How much later than it wanted to the loop came round, less what its thread waited for a processor.

    What is left is the product's own doing, however busy the machine is: it computed, or waited for a disk.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stall = 0.0
        self._came_round = time.monotonic()
        threading.Thread(target=self._tell, args=(threading.get_ident(),), daemon=True).start()

    def _tell(self, thread: int) -> None:
        """Writes where the loop's thread is while it is late; it takes its turn, so nothing moves then."""
        while True:
            time.sleep(TELL_AFTER_SECONDS)
            late = time.monotonic() - self._came_round
            if late > TICK_SECONDS + TELL_AFTER_SECONDS and (frame := sys._current_frames().get(thread)):
                print(f"The loop is {late:.2f} s late:", *traceback.format_stack(frame), sep="\n", file=sys.stderr)

    async def run(self) -> None:
        while True:
            self._came_round = time.monotonic()
            began, queued = time.monotonic(), _queued_seconds()
            await asyncio.sleep(TICK_SECONDS)
            late = time.monotonic() - began - TICK_SECONDS
            self._stall = max(self._stall, late - (_queued_seconds() - queued))

    def write(self) -> None:
        """Appears whole or not at all, since whoever asked waits for the file."""
        part = self._file.with_suffix(".part")
        part.write_text(str(self._stall))
        part.rename(self._file)
        self._stall = 0.0


def _queued_seconds() -> float:
    """How long this thread was ready and had no processor, ever since it began (proc(5), schedstat)."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


async def serve() -> None:
    """As ``watchkeeper run`` does it, but that Slack is told everything at once."""
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
    begin_log()
    asyncio.run(serve())
