"""The database without a running Watchkeeper: for commands that need no Slack and no network.

Being able to read the database and the audit key is the authority here.
"""

import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from storage.address import read_address
from storage.audit import AuditKeyError, AuditRowError
from storage.database import Database
from storage.fitting import MisfitError, refuse_newer_tables, refuse_other_key
from storage.pause_file import PauseFile
from storage.trouble import trouble


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
async def offline_database(
    url: str, key: bytes, pause_file: PauseFile | None = None, *, of_this_key: bool = False
) -> AsyncIterator[Database]:
    """The database at ``url``, closed in the end. Never creates one, and starts no work.

    ``of_this_key``: with another key than the record's there is nothing to be done here. Writing is refused anyway.

    Raises:
        OfflineError: it is not there or cannot be used, also later within the block.
    """
    address = read_address(url)
    if address.file is not None and not address.file.is_file():
        raise OfflineError(f"There is no database at {str(address.file)!r}: set DATABASE_URL to the one in use.")
    database = Database(url, _NoEnqueuer(), key, pause_file)
    try:
        await refuse_newer_tables(database)
        if of_this_key:
            await refuse_other_key(database, key)
        yield database
    except MisfitError as error:
        raise OfflineError(str(error)) from error
    except (AuditKeyError, AuditRowError) as error:
        raise OfflineError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
    except SQLAlchemyError as error:
        raise OfflineError(trouble(error, address)) from error
    finally:
        await database.close()


class _NoEnqueuer:
    """Whatever has to follow, the running Watchkeeper finds by itself."""

    def enqueue(self, session: Any, flow: str, *arguments: Any, **options: Any) -> None:
        raise RuntimeError(f"a command without a durable engine tried to start {flow}")
