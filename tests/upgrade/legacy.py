"""A stored database, carried over to where the present code reads it: a SQLite file, or a PostgreSQL database.

What was stored is written by SQLite, so on PostgreSQL the tables are first made as that version made them, filled with
its rows, and only then brought up to date: a migration that rows of then stand in the way of fails here.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from alembic import command
from pydantic_core import to_jsonable_python
from sqlalchemy import JSON, Boolean, Connection, DateTime, MetaData, Table, insert

from storage.database import Database
from storage.migrations import configuration, migrate
from tests.fixtures.database import RecordingEnqueuer
from tests.upgrade.landed import AUDIT_KEY, Landed, rows

HISTORY = "watchkeeper_migrations"
"""Which version our tables have."""


@dataclass(frozen=True, slots=True)
class Legacy:
    """What was stored, and the same as the present code finds it."""

    version: Landed
    file: Path
    """As it was written; nothing is ever done to this file."""
    database: Database
    """Up to date, and open."""

    def stored(self, table: str, order: str = "rowid") -> list[Any]:
        """The table's rows as they were written."""
        return rows(self.file, f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608 - our own words


@asynccontextmanager
async def brought_up_to_date(url: str) -> AsyncIterator[Database]:
    """The database that a version left at ``url``, as the present code opens it."""
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        await database.open()
        await migrate(database)
        yield database
    finally:
        await database.close()


async def leave_on_postgresql(url: str, file: Path) -> None:
    """Fill an empty PostgreSQL database as if the version that wrote ``file`` had left it there."""
    (then,) = rows(file, f"SELECT version_num FROM {HISTORY}")  # noqa: S608 - our own word

    def fill(connection: Connection) -> None:
        command.upgrade(configuration(connection), then["version_num"])
        tables = MetaData()
        tables.reflect(connection)
        for table in reversed(tables.sorted_tables):
            connection.execute(table.delete())  # what the migrations themselves have put there
        for table in tables.sorted_tables:
            found = rows(file, f'SELECT * FROM "{table.name}"')  # noqa: S608 - our own word
            if found:
                connection.execute(insert(table), [_converted(table, dict(row)) for row in found])

    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.outside_the_line() as connection:
            await connection.run_sync(fill)
    finally:
        await database.close()


def _converted(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """SQLite's ways to write what PostgreSQL has types for."""
    return {name: _value(table.c[name].type, value) for name, value in row.items()}


def _value(kind: object, value: Any) -> Any:
    match kind, value:
        case _, None:
            return None
        case JSON(), _:
            return json.loads(value)
        case DateTime(), _:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        case Boolean(), _:
            return bool(value)
        case _:
            return value


def agrees(found: object, row: Any, *unlike: str) -> bool:
    """Whether a value has what its row holds, in every column that it has a field for, but those named."""
    assert found is not None
    names = [name for name in row.keys() if hasattr(found, name) and name not in unlike]  # noqa: SIM118 - a row
    assert names
    return all(same(getattr(found, name), row[name]) for name in names)


def same(now: object, then: object) -> bool:
    """Whether a value of ours says what its column holds in SQLite; a document may have got new fields.

    Args:
        now: the value, as the present code has read it.
        then: what the column holds.
    """
    match now:
        case None:
            return then in (None, "null")
        case datetime():
            return now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") == then
        case Enum():
            return bool(now.value == then)
        case str() | bool() | int() | float():
            return now == then
        case _ if then is None:
            return not now
        case _:
            return said_again(to_jsonable_python(now), json.loads(str(then)))


def said_again(now: object, then: object) -> bool:
    """Whether everything that was said then is still said; new fields may have joined it.

    Args:
        now: JSON that the present code writes of what it has read.
        then: JSON as it was stored.
    """
    match now, then:
        case dict(), dict():
            return all(name in now and said_again(now[name], value) for name, value in then.items())
        case list(), list():
            return len(now) == len(then) and all(map(said_again, now, then))
        case _:
            return now == then
