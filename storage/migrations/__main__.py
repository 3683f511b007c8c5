"""Writes the next migration: compares ``storage/tables`` with what the present migrations make."""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from sqlalchemy import Connection

from storage.database import Database
from storage.migrations import configuration, migrate


class NoEnqueuer:
    """Nothing is started while a migration is written."""

    def enqueue(self, session: Any, flow: str, *arguments: Any, **options: Any) -> None:
        """Refuse whatever is asked.

        Raises:
            RuntimeError: always; the scratch database has nobody who would run it.
        """
        raise RuntimeError("durable work cannot be started while a migration is written")


async def write_migration(message: str) -> None:
    """Write ``versions/<next number>_<message>.py``."""
    number = f"{len(list((Path(__file__).parent / 'versions').glob('[0-9]*.py'))) + 1:04}"

    def compare(connection: Connection) -> None:
        command.revision(configuration(connection), message, autogenerate=True, rev_id=number)

    with TemporaryDirectory() as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/scratch.db", NoEnqueuer(), audit_key=b"not for real use")
        await database.open()
        await migrate(database)
        async with database.outside_the_line() as connection:
            await connection.run_sync(compare)
        await database.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m storage.migrations "why the tables change"')
    asyncio.run(write_migration(sys.argv[1]))
