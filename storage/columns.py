"""What every table is made of: kinds of columns that mean the same on SQLite and PostgreSQL, and the base of all rows.

Must not know: any table.
"""

from datetime import UTC, datetime
from typing import ClassVar

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, Table, Text, TypeDecorator
from sqlmodel import SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
INDEXED_TEXT_MAX_CHARACTERS = 512
"""PostgreSQL refuses index rows above about 2,700 bytes; three such columns of four-byte characters never are."""


class UtcTime(TypeDecorator[datetime]):
    """An aware time, always UTC: SQLite forgets the zone, and PostgreSQL answers in the session's zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Any aware time, stored as UTC.

        Raises:
            ValueError: the time has no zone, and would mean something else on another machine.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; pass an aware datetime such as datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What was stored, aware again and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def nul_free(value: str) -> str:
    """Text as ``PlainText`` stores it: PostgreSQL refuses NUL characters, and no label needs them."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")


class PlainText(TypeDecorator[str]):
    """Text that may come from outside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text without what PostgreSQL refuses, so that both databases keep the same."""
        return None if value is None else nul_free(value)


Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column that is exactly INTEGER."""


class Row(SQLModel):
    """Base of every table; its own metadata, so that only these tables are ours to migrate."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def table(row: type[Row]) -> Table:
    """The Core table of a row class; repositories speak Core, so that nothing is cached between statements."""
    return Row.metadata.tables[str(row.__tablename__)]
