"""The real bot in a process of its own, as ``watchkeeper run`` makes it, started in no time and killed at will.

Importing everything takes the bot two seconds, so the import is done once, in a process that then only forks: each bot
is the copy of it that was never used. What the bot is told comes from an environment, and its death is real.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Awaitable, Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.crash.points", "bot.cli.inputs"])
CRASH_AT = "WATCHKEEPER_CRASH_AT"
"""The point that the process does not survive."""
CRASH_LOG = "WATCHKEEPER_CRASH_LOG"
"""The file for the names of all points it reaches."""
VERIFY_INTERVAL_SECONDS = 0.1
KILLED = -signal.SIGKILL
STOP_WITHIN_SECONDS = 20.0


class BotProcess:
    """One bot. It ends when it is killed, at its fatal point, or with the process that started it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._process: ForkServerProcess = FORKS.Process(target=_live, args=(dict(environment), log), daemon=True)

    async def start(self) -> None:
        """Begin; whether it is ready is for others to find out."""
        await asyncio.to_thread(self._process.start)

    async def ended(self) -> int:
        """Wait until it has ended; its exit code, ``KILLED`` after SIGKILL."""
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        sentinel = self._process.sentinel
        loop.add_reader(sentinel, over.set)
        try:
            await over.wait()
        finally:
            loop.remove_reader(sentinel)
        self._process.join()
        return int(self._process.exitcode or 0)

    async def kill(self) -> None:
        """End it at whatever line it is; nothing when it has ended."""
        self._process.kill()
        await self.ended()

    async def stop(self) -> int:
        """Let it end as an operator does, with SIGTERM; its exit code."""
        self._process.terminate()
        async with asyncio.timeout(STOP_WITHIN_SECONDS):
            return await self.ended()


def _live(environment: dict[str, str], log: Path) -> None:
    """What ``watchkeeper run`` does, with points to die at."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    from bot.app import serve
    from bot.cli.inputs import load_policy_file
    from bot.response.ports.context import Timing
    from bot.settings import read_settings
    from tests.crash.points import Points, install
    from tests.fixtures.start_service import enrol

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.info("started; to die at %r", environment.get(CRASH_AT, ""))
    enrol()
    install(Points(Path(environment[CRASH_LOG]), environment.get(CRASH_AT, "")))
    settings = read_settings(environment)
    serving = serve(
        settings,
        load_policy_file(settings.policy_path),
        timing=Timing(verify_interval_seconds=VERIFY_INTERVAL_SECONDS),
    )
    asyncio.run(_watch_until_orphaned(serving))


async def _watch_until_orphaned(serving: Awaitable[None]) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        raise RuntimeError("a bot process must be started by BotProcess")
    asyncio.get_running_loop().add_reader(parent.sentinel, os.kill, os.getpid(), signal.SIGKILL)
    await serving
