"""Whether there is room for what comes next, in fixed words: anybody can read what ``/readyz`` says.

Must not know: what is stored.
"""

import os
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

LEAST_ROOM_BYTES = 8 * 1024 * 1024
"""Below it a burst of alerts may no longer fit: the write-ahead log grows before it is put into the database."""
FULL = "nothing can be stored: its disk is full; make room"
READ_ONLY = "nothing can be stored: it is read-only; see the log"
FAILING = "nothing can be stored: its disk fails; see the log"
_OF_SQLITE = {sqlite3.SQLITE_FULL: FULL, sqlite3.SQLITE_READONLY: READ_ONLY, sqlite3.SQLITE_IOERR: FAILING}
_OF_POSTGRESQL = {"53100": FULL, "25006": READ_ONLY, "58030": FAILING}
"""By SQLSTATE: disk_full, read_only_sql_transaction, io_error."""
_PRIMARY = 0xFF
"""SQLite's extended codes say in their lowest byte what kind they are."""


def why_not_written(error: DBAPIError) -> str | None:
    """Why nothing can be stored, where that is what the error says; None for any other."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return _OF_SQLITE.get(code & _PRIMARY)
    return _OF_POSTGRESQL.get(getattr(error.orig, "sqlstate", None) or "")


def why_too_little_room(file: Path) -> str | None:
    """Why the disk of a SQLite file has too little room; None while it has enough. Blocks."""
    try:
        room = os.statvfs(file.parent)
    except OSError:
        return FAILING
    return FULL if room.f_bavail * room.f_frsize < LEAST_ROOM_BYTES else None
