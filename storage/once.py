"""Inserting a row unless it is there already, the same on both databases."""

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession


async def insert_once(session: AsyncSession, table: Table, **values: Any) -> bool:
    """Insert the row; False when a row with its primary or a unique key exists, which is then left as it is."""
    key = list(table.primary_key.columns)
    if session.get_bind().dialect.name == "sqlite":
        result = await session.execute(sqlite.insert(table).values(**values).on_conflict_do_nothing().returning(*key))
    else:
        result = await session.execute(
            postgresql.insert(table).values(**values).on_conflict_do_nothing().returning(*key)
        )
    return result.first() is not None
