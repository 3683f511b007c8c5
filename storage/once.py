"""Inserting a row unless it is there already, or in place of what is there, the same on both databases."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession


async def insert_once(session: AsyncSession, table: Table, **values: Any) -> bool:
    """Insert the row; False when a row with its primary or a unique key exists, which is then left as it is."""
    statement = _insert(session, table).values(**values).on_conflict_do_nothing()
    result = await session.execute(statement.returning(*table.primary_key.columns))
    return result.first() is not None


async def put(session: AsyncSession, table: Table, **values: Any) -> None:
    """Insert the row, or give these values to the row that has its primary key."""
    key = list(table.primary_key.columns)
    changed = {name: value for name, value in values.items() if name not in {column.name for column in key}}
    await session.execute(
        _insert(session, table).values(**values).on_conflict_do_update(index_elements=key, set_=changed)
    )


def _insert(session: AsyncSession, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if session.get_bind().dialect.name == "sqlite" else postgresql.insert(table)
