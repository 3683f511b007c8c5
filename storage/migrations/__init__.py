"""The history of the tables, applied at start: ``await migrate(database)``.

To write the next one, change ``storage/tables`` and run
``python -m storage.migrations "why the tables change"``; then read, correct and format what it wrote.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from storage.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

HISTORY = "watchkeeper_migrations"
"""Where the database says which version its tables have."""
LOCK_NUMBER = 0x57415443
"""PostgreSQL advisory lock that migrating processes wait at ("WATC")."""


async def migrate(database: Database) -> None:
    """Bring the tables up to date, in one transaction; safe when several processes start at once.

    Run it before the durable engine is launched on this database.
    """
    async with database.outside_the_line() as connection:
        # On SQLite the transaction has begun as a writer, so a second process already waits.
        if not database.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK_NUMBER})
        if not await connection.run_sync(is_up_to_date):
            await connection.run_sync(upgrade)


def is_up_to_date(connection: Connection) -> bool:
    """Whether the tables have the newest version."""
    if not inspect(connection).has_table(HISTORY):
        return False
    found = list(connection.scalars(text(f"SELECT version_num FROM {HISTORY}")))  # noqa: S608 our own word
    return found == [newest_version()]


def newest_version() -> str:
    """The version of the tables that this release needs: ``0015``."""
    return max(path.name for path in (Path(__file__).parent / "versions").glob("[0-9]*.py"))[:4]


def upgrade(connection: Connection) -> None:
    """Apply what is missing, on an open transaction that the caller commits."""
    from alembic import command  # here, because it takes a third of a second, and only a new version needs it

    command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> "Config":
    """Alembic's configuration, without a file and without touching logging."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
