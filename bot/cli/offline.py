"""The database without a running Watchkeeper: for commands that need no Slack and no network.

Being able to read the database and the audit key is the authority here.
"""

import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from storage.audit import AuditKeyError, AuditRowError
from storage.database import Database
from storage.pause_file import PauseFile
from storage.sqlite_file import DatabaseFileError, check_file


class OfflineError(Exception):
    """The database cannot be used; the text says why and what to do."""


def operator() -> str:
    """Who is at the keyboard, as the record names them: ``os:alice``."""
    uid = os.getuid()
    try:
        return f"os:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"os:{uid}"


@asynccontextmanager
async def offline_database(url: str, key: bytes, pause_file: PauseFile | None = None) -> AsyncIterator[Database]:
    """The database at ``url``, closed in the end. Never creates one, and starts no work.

    Raises:
        OfflineError: it is not there or cannot be used, also later within the block.
    """
    file = _file(url)
    if file is not None and not file.exists():
        raise OfflineError(f"There is no database at {str(file)!r}: set DATABASE_URL to the one in use.")
    try:
        if file is not None:
            check_file(file, writing=False)
    except DatabaseFileError as error:
        raise OfflineError(f"The database cannot be used: {error}. DATABASE_URL names it.") from error
    try:
        database = Database(url, _NoEnqueuer(), key, pause_file)
    except ValueError as error:
        raise OfflineError(f"DATABASE_URL cannot be used: {error}.") from error
    try:
        yield database
    except (AuditKeyError, AuditRowError) as error:
        raise OfflineError(f"{error}.") from error
    except SQLAlchemyError as error:
        raise OfflineError(f"The database cannot be used: {error}. Check DATABASE_URL.") from error
    finally:
        await database.close()


class _NoEnqueuer:
    """Whatever has to follow, the running Watchkeeper finds by itself."""

    def enqueue(self, session: Any, flow: str, *arguments: Any, **options: Any) -> None:
        raise RuntimeError(f"a command without a durable engine tried to start {flow}")


def _file(url: str) -> Path | None:
    """The SQLite file; a mistyped one must not become a new database that nobody reads. None: it is no file."""
    return Path(url.split("///", 1)[-1].partition("?")[0]) if url.startswith("sqlite") else None
