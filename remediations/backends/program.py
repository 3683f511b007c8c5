"""Running a program that answers and ends: by an argument list, with a deadline, and with nothing of our environment.

Whatever ends the wait for it (an answer, the deadline, a cancellation), the program is ended first, so that nothing it
was asked for happens later.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
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
    status: int = 0
    """What it ended with."""


def is_installed(program: str) -> bool:
    """Whether it is in one of the folders that are searched."""
    return shutil.which(program, path=FOLDERS) is not None


async def ask(
    *command: str,
    within: float,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    limit_bytes: int = LARGEST_ANSWER_BYTES,
) -> Answer:
    """Run ``command``, at the longest for ``within`` seconds.

    Args:
        environment: all that it has of one; by default as little as a program needs.
        folder: where it runs.
        limit_bytes: how much it may say.

    Raises:
        TimeoutError: it had not ended by then, and was ended.
        TooLongAnswerError: likewise, because it did not stop talking.
        OSError: it could not be started.
    """
    async with asyncio.timeout(within):
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"LC_ALL": "C", "PATH": FOLDERS} if environment is None else environment,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a group of its own, so that whatever it has started ends with it
        )
        try:
            output = await _all_of(process.stdout, limit_bytes)
            complaint = await _all_of(process.stderr, limit_bytes)
            await process.wait()
        finally:
            await _end(process)
    first, *_ = complaint.decode(errors="replace").splitlines() or [""]
    said = "".join(each for each in first.removeprefix("Error: ") if each.isprintable())
    shown = said[:COMPLAINT_MAX_CHARACTERS]
    status = process.returncode or 0
    return Answer(succeeded=status == 0, killed=status < 0, output=output, complaint=shown, status=status)


async def _all_of(stream: asyncio.StreamReader | None, limit_bytes: int) -> bytes:
    heard = bytearray()
    while piece := await cast(asyncio.StreamReader, stream).read(_PIECE_BYTES):
        heard += piece
        if len(heard) > limit_bytes:
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
