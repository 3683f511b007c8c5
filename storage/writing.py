"""Whether what is to be stored can be stored: seen at every write that fails, and tried again and again.

Reading goes on for long after a disk has become full, so that the database answers says little.
"""

import asyncio
import logging
import os
from contextlib import suppress
from typing import Any

from sqlalchemy import event, update

from storage.database import Database
from storage.tables import AUDIT_HEAD
from storage.trouble import is_full, is_read_only, trouble

LOOK_SECONDS = 5.0
ROOM_MIN_BYTES = 1024 * 1024
"""With less room beside a SQLite file it counts as full: a small write may still fit where an alert does not."""
FULL = "its disk is full, so nothing can be stored; make room"
READ_ONLY = "it cannot be written where it is, so nothing can be stored; see the log"
UNWRITABLE = "nothing can be stored; see the log"

log = logging.getLogger(__name__)


class Writing:
    """Watches one open database. Lives on one loop; close it there, before the database."""

    def __init__(self, database: Database, look_seconds: float = LOOK_SECONDS) -> None:
        self.problem = ""
        """In fixed words, for anybody; empty while all is well."""
        self._database = database
        self._look_seconds = look_seconds
        self._task: asyncio.Task[None] | None = None
        event.listen(database.engine.sync_engine, "handle_error", self._failed)

    def start(self) -> None:
        """Begin to look, in the running loop."""
        self._task = asyncio.create_task(self._look_again(), name="whether the database can be written")

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def look(self) -> None:
        """Write something that changes nothing, and note what came of it."""
        try:
            async with self._database.begin() as work:
                # On both databases this is a write like any other, to a row that is always there.
                await work.session.execute(update(AUDIT_HEAD).values(number=AUDIT_HEAD.c.number))
        except Exception as error:  # noqa: BLE001 - it is noted, and tried again
            self._note(_in_fixed_words(error) or UNWRITABLE, error)
            return
        file = self._database.address.file
        if file is not None and await asyncio.to_thread(_room, str(file.absolute().parent)) < ROOM_MIN_BYTES:
            self._note(FULL)
        elif self.problem:
            log.warning("%s can be written again", self._database.address.in_words)
            self.problem = ""

    async def _look_again(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(self._look_seconds)

    def _failed(self, context: Any) -> None:
        """Whatever else was being stored has failed; what is about the statement alone is no news here."""
        words = _in_fixed_words(context.original_exception)
        if words:
            self._note(words, context.original_exception)

    def _note(self, problem: str, error: BaseException | None = None) -> None:
        if problem != self.problem:
            log.error("%s", trouble(error, self._database.address) if error else f"the database: {problem}")
        self.problem = problem


def _in_fixed_words(error: BaseException) -> str:
    return FULL if is_full(error) else READ_ONLY if is_read_only(error) else ""


def _room(folder: str) -> int:
    """Bytes that we may still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
