"""Remembers which processes a demo started, so that what a killed one left behind can be ended, and nothing else.

A pid alone proves nothing: it may have been given to somebody else since. A process is ours when its pid, its start
time and its command are all as they were noted down.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bot.local.demo.files import write_whole

END_WITHIN_SECONDS = 10.0
NAMED_WITHIN_SECONDS = 1.0
POLL_SECONDS = 0.05
PROC = Path("/proc")


class Noted(BaseModel):
    """One process as it was right after its start."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: str
    """As the operating system says it; only ever compared."""
    command: str


_NOTED = TypeAdapter(list[Noted])


class Ledger:
    """The processes of one demo, in a file that outlives it."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Note a process down right after its start. Blocks for a moment."""
        give_up_at = time.monotonic() + NAMED_WITHIN_SECONDS
        noted = look_up(process.pid)
        # For an instant of its start a process has no command yet, and what is noted then would never match again.
        while noted is not None and not noted.command and time.monotonic() < give_up_at:
            time.sleep(POLL_SECONDS)
            noted = look_up(process.pid)
        if noted is not None:
            self._write([*self._read(), noted])

    def clear(self) -> None:
        """Forget them all: they have been ended."""
        self._file.unlink(missing_ok=True)

    def end_left_over(self) -> list[Noted]:
        """End what is verifiably still ours, last started first; returns what was. Blocks.

        Raises:
            PermissionError: it belongs to another user.
        """
        ended = [noted for noted in reversed(self._read()) if _end(noted)]
        self.clear()
        return ended

    def _read(self) -> list[Noted]:
        try:
            return _NOTED.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return []

    def _write(self, noted: list[Noted]) -> None:
        write_whole(self._file, _NOTED.dump_json(noted, indent=1))


def look_up(pid: int) -> Noted | None:
    """The process that has this pid now; None when there is none, or only its exit status is left."""
    return _from_proc(pid) if (PROC / "self" / "stat").exists() else _from_ps(pid)


def _from_proc(pid: int) -> Noted | None:
    try:
        # The name, in parentheses, may hold anything; after it come the state (field 3) and the start time (field 22).
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else Noted(pid=pid, started=fields[19], command=command)


def _from_ps(pid: int) -> Noted | None:
    def ask(column: str) -> str:
        asked = ["/bin/ps", "-ww", "-p", str(pid), "-o", f"{column}="]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()

    state, started, command = (ask(column) for column in ("state", "lstart", "command"))
    return None if not started or state.startswith("Z") else Noted(pid=pid, started=started, command=command)


def _end(noted: Noted) -> bool:
    if look_up(noted.pid) != noted:
        return False
    give_up_at = time.monotonic() + END_WITHIN_SECONDS
    with suppress(ProcessLookupError):
        os.kill(noted.pid, signal.SIGTERM)
        os.kill(noted.pid, signal.SIGCONT)  # a frozen process would not receive the other one
        while look_up(noted.pid) == noted:
            if time.monotonic() > give_up_at:
                os.kill(noted.pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
    return True
