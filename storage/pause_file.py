"""A file on disk that pauses everything while it exists, whatever the database says; its text is the reason.

The last resort: it needs no Slack, no network and no running Watchkeeper to take effect. Whoever asks what is paused
in a transaction asks the file too.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from bot.policy.situation import Pause, Scope, ScopeKind

REASON_MAX_CHARACTERS = 1000
ANSWER_SECONDS = 2.0
"""A disk that does not say within this time whether the file is there counts as if it were."""


class PauseFile:
    """One file, of this machine. Read it from one event loop."""

    def __init__(self, path: Path, host: str | None = None) -> None:
        self.path = path.absolute()
        self.by = f"file:{self.path}@{host or socket.gethostname()}"
        """Who the record says paused: each machine has a file of its own."""
        self._trouble: tuple[str, datetime] | None = None
        # A thread of its own: those that everybody shares may all be waiting for a name server that is away.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pause file")

    async def present(self) -> Pause | None:
        """The pause that the file is; None when it certainly is not there."""
        reading = asyncio.get_running_loop().run_in_executor(self._thread, self._read)
        try:
            return await asyncio.wait_for(asyncio.shield(reading), ANSWER_SECONDS)
        except TimeoutError:
            return self._troubled("The disk with the pause file does not answer.")

    def close(self) -> None:
        """Give the thread back."""
        self._thread.shutdown(wait=False)

    def _read(self) -> Pause | None:
        """Whatever keeps us from knowing that there is no file counts as a file."""
        try:
            since = datetime.fromtimestamp(self.path.lstat().st_mtime, UTC)
        except FileNotFoundError:
            self._trouble = None
            return None
        except OSError as error:
            return self._troubled(f"Whether the pause file is there cannot be seen: {error.strerror}.")
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                text = file.read(REASON_MAX_CHARACTERS)
        except OSError as error:
            text = f"(the file cannot be read: {error.strerror})"
        self._trouble = None
        reason = " ".join("".join(one if one.isprintable() else " " for one in text).split())
        return self._pause(reason or "(the file says nothing)", since)

    def _troubled(self, reason: str) -> Pause:
        """One pause, from when the trouble was first seen."""
        if self._trouble is None or self._trouble[0] != reason:
            self._trouble = reason, datetime.now(UTC)
        return self._pause(*self._trouble)

    def _pause(self, reason: str, since: datetime) -> Pause:
        everything = Scope(kind=ScopeKind.EVERYTHING)
        return Pause(pause_id=self.by, scope=everything, by=self.by, reason=reason, since=since)
