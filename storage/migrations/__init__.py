"""The history of the tables, applied at start: ``await migrate(database)``.

To write the next one, change ``storage/tables`` and run
``python -m storage.migrations "why the tables change"``; then read, correct and format what it wrote.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from storage.database import Database

LOCK_NUMBER = 0x57415443
"""PostgreSQL advisory lock that migrating processes line up at ("WATC")."""


async def migrate(database: Database) -> None:
    """Bring the tables up to date, in one transaction; safe when several processes start at once.

    Run it before the durable engine is launched on this database.
    """
    async with database.outside_the_line() as connection:
        # On SQLite the transaction has begun as a writer, so a second process already waits.
        if not database.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK_NUMBER})
        await connection.run_sync(upgrade)


def upgrade(connection: Connection) -> None:
    """Apply what is missing, on an open transaction that the caller commits."""
    command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> Config:
    """Alembic's configuration, without a file and without touching logging."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
