"""Running a program that answers and ends: by an argument list, with a deadline, and with nothing of our environment.

Whatever ends the wait for it (an answer, the deadline, a cancellation), the program is ended first, so that nothing it
was asked for happens later.
"""

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are searched: what filters packets is not chosen by anybody's environment."""
LARGEST_ANSWER_BYTES = 8 * 2**20
"""About 80,000 blocked addresses."""
COMPLAINT_MAX_CHARACTERS = 200
KILLED_WITHIN_SECONDS = 5.0
"""A killed program ends at once, unless the kernel itself is stuck in it; nobody waits for that for ever."""
_PIECE_BYTES = 2**16


class TooLongAnswerError(Exception):
    """The program said more than anybody could want to know."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said."""

    succeeded: bool
    killed: bool
    """Somebody has ended it before it had said everything, such as a kernel that is short of memory."""
    output: bytes
    complaint: str
    """The first line of its complaint; empty when it had none."""


def is_installed(program: str) -> bool:
    """Whether it is in one of the folders that are searched."""
    return shutil.which(program, path=FOLDERS) is not None


async def ask(*command: str, within: float) -> Answer:
    """Run ``command``, at the longest for ``within`` seconds.

    Raises:
        TimeoutError: it had not ended by then, and was ended.
        TooLongAnswerError: likewise, because it did not stop talking.
        OSError: it could not be started.
    """
    async with asyncio.timeout(within):
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"LC_ALL": "C", "PATH": FOLDERS},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a group of its own, so that whatever it has started ends with it
        )
        try:
            output = await _all_of(process.stdout)
            complaint = await _all_of(process.stderr)
            await process.wait()
        finally:
            await _end(process)
    first, *_ = complaint.decode(errors="replace").splitlines() or [""]
    shown = first.removeprefix("Error: ")[:COMPLAINT_MAX_CHARACTERS]
    status = process.returncode or 0
    return Answer(succeeded=status == 0, killed=status < 0, output=output, complaint=shown)


async def _all_of(stream: asyncio.StreamReader | None) -> bytes:
    heard = bytearray()
    while piece := await cast(asyncio.StreamReader, stream).read(_PIECE_BYTES):
        heard += piece
        if len(heard) > LARGEST_ANSWER_BYTES:
            raise TooLongAnswerError
    return bytes(heard)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(KILLED_WITHIN_SECONDS):
            await process.communicate()  # to the end of its pipes, or they stay open
