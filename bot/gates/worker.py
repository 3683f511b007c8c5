"""The child process in which the gates are run: missions come in on its input, notes and reports go out on its output.

It ends when its input ends: then nobody waits for what it does any more, and it mends what it has broken first.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta

from pydantic import BaseModel

from bot.gates.missions import Kind, Mission, Setup
from bot.gates.report import Ended, Mended, Noted
from bot.gates.runs import Runner
from bot.gates.twin import Twin, twin_of
from bot.logs import begin_log
from bot.policy.file.document import Policy
from bot.redaction import remember
from bot.settings import remember_secrets

LINE_BYTES_MAX = 16 * 1024 * 1024
"""A policy, or a report, is one line."""

log = logging.getLogger(__name__)


class Input(asyncio.StreamReader):
    """Knows when whoever writes to it is gone."""

    def __init__(self) -> None:
        super().__init__(limit=LINE_BYTES_MAX)
        self.over = asyncio.Event()

    def feed_eof(self) -> None:
        """Nothing more will come."""
        super().feed_eof()
        self.over.set()


async def serve(lines: Input, say: Callable[[BaseModel], None]) -> None:
    """Carry out one mission after the other, until the input ends."""
    setup = Setup.model_validate_json(await lines.readline())
    remember(setup.audit_key)
    policy = Policy.model_validate(setup.policy)
    while line := await lines.readline():
        mission = Mission.model_validate_json(line)
        if not await _unless_left_alone(lines, _carry_out(setup, policy, mission, say)):
            return


async def _unless_left_alone(lines: Input, work: Awaitable[None]) -> bool:
    """Do it; where the input ends meanwhile it is broken off, and mends as it goes. Whether it came to its end."""
    doing = asyncio.ensure_future(work)
    ended = asyncio.create_task(lines.over.wait())
    await asyncio.wait({doing, ended}, return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if doing.done():
        await doing
        return True
    log.warning("nobody waits for this run any more; it is broken off")
    doing.cancel()
    await asyncio.wait({doing})
    return False


async def _carry_out(setup: Setup, policy: Policy, mission: Mission, say: Callable[[BaseModel], None]) -> None:
    within = mission.verify_within_seconds
    twin: Twin = twin_of(policy, setup.runbook, verify_within=timedelta(seconds=within) if within else None)
    runner = Runner(setup, twin, mission, lambda text: say(Noted(text=text)))
    if mission.kind is Kind.MEND:
        say(Mended(problem=await runner.mend()))
    else:
        say(Ended(run=await runner.run()))


def main() -> None:
    """Entry point of the child; what else is printed goes to its log."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    begin_log()
    remember_secrets()

    def say(line: BaseModel) -> None:
        try:
            output.write(line.model_dump_json().encode() + b"\n")
        except BrokenPipeError:
            log.warning("nobody reads: %s", line)  # the input ends as well, and with it the run

    async def live() -> None:
        lines = Input()
        loop = asyncio.get_running_loop()
        # Whoever stops a whole group of processes stops us, too; our parent then ends our input, and we mend first.
        loop.add_signal_handler(signal.SIGTERM, log.info, "told to stop; waiting for the end of the input")
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        await serve(lines, say)

    asyncio.run(live())


if __name__ == "__main__":
    main()
