"""Opens the database and hands out transactions: one way to write, one way to read, the same on both databases.

SQLite has one writer at a time by nature. On PostgreSQL our writers take turns as well, by a table lock that is the
first statement of every transaction: the audit chain needs strictly gapless numbers and so would serialise them anyway,
and taking the lock first means that no two of our transactions can deadlock, none fails to serialise at any isolation
level, and every check-then-change inside a transaction is sound. Readers never wait.

Knows nothing of what is stored; that is left to the unit of work.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from bot.response.ports.work import Enqueuer
from storage.address import read_address
from storage.pause_file import PauseFile
from storage.pooler import refuse_pooler
from storage.private_files import keep_private
from storage.tables import AUDIT_HEAD
from storage.unit_of_work import UnitOfWork

BUSY_TIMEOUT_SECONDS = 30
"""How long a writer waits for its turn before it gives up with an error."""
IDLE_IN_TRANSACTION_SECONDS = 15
"""PostgreSQL ends a transaction that does nothing for so long: a frozen replica must not stop the others for ever."""
WAL_RETRY_SECONDS = 0.05
WAL_SIZE_LIMIT_BYTES = 64 * 1024 * 1024
AUDIT_KEY_MIN_BYTES = 16
SQLITE_READERS = 4
POSTGRESQL_WRITERS = 4
POSTGRESQL_READERS = 6
OUTSIDE_THE_LINE = "watchkeeper_outside_the_line"
"""Execution option of a PostgreSQL connection that does not wait for the writers' lock."""


class Database:
    """One process's way to the database. Open it inside the running loop, close it there."""

    def __init__(self, url: str, enqueuer: Enqueuer, audit_key: bytes, pause_file: PauseFile | None = None) -> None:
        """Nothing is connected before ``open``.

        Args:
            url: ``sqlite+aiosqlite:///file.db`` or ``postgresql+psycopg://...``.
            enqueuer: starts durable work inside an open transaction.
            audit_key: keys the audit chain; at least 16 bytes.
            pause_file: pauses everything while it exists, in every transaction that asks.

        Raises:
            ValueError: the URL names another database or driver, or the key is too short.
        """
        if len(audit_key) < AUDIT_KEY_MIN_BYTES:
            raise ValueError(
                f"the audit key has {len(audit_key)} bytes; give at least {AUDIT_KEY_MIN_BYTES}, such as the output of "
                "`openssl rand -hex 32`"
            )
        self.url = url
        self.address = read_address(url)
        self.is_sqlite = self.address.file is not None
        self.outbox_wakeup = asyncio.Event()
        """Set after each commit that queued a notice in this process; the courier clears it. Other replicas poll."""
        self._enqueuer = enqueuer
        self._audit_key = audit_key
        self._pause_file = pause_file
        self.engine, self._readers = _sqlite_engines(url) if self.is_sqlite else _postgresql_engines(url)
        self.sessionmaker = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)
        self._read_sessionmaker = async_sessionmaker(self._readers, class_=AsyncSession, expire_on_commit=False)

    async def open(self) -> None:
        """Connect once, so that a wrong URL is an error now and not at the first alert.

        A file that others could open becomes its user's alone.

        Raises:
            NoDatabaseError: there is something else where the file should be.
            PoolerError: what hands one session to many stands before PostgreSQL.
            psycopg.OperationalError, sqlalchemy.exc.OperationalError: it cannot be reached or not be written.
        """
        if self.address.file is not None:
            await asyncio.to_thread(keep_private, self.address.file)
            await self._use_write_ahead_log()
        else:
            await refuse_pooler(make_url(self.url))
        async with self.outside_the_line() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Return every connection; work that is still open is rolled back."""
        await self.engine.dispose()
        await self._readers.dispose()
        if self._pause_file is not None:
            self._pause_file.close()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """One transaction: commits when the block ends well, else rolls back. Keep it short: writers wait for it."""
        async with self.sessionmaker() as session, session.begin():
            yield self.work(session)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """One consistent view of everything, in which writing is refused and nobody is kept waiting."""
        async with self._read_sessionmaker() as session, session.begin():
            yield self.work(session)

    def work(self, session: Any) -> UnitOfWork:
        """The nouns over a session that somebody else opened on ``sessionmaker``, and will commit."""
        return UnitOfWork(session, self._enqueuer, self._audit_key, self.outbox_wakeup, self._pause_file)

    @asynccontextmanager
    async def outside_the_line(self) -> AsyncIterator[AsyncConnection]:
        """A writing transaction outside the writers' lock: for migrations, before its table exists."""
        async with self.engine.connect() as connection:
            await connection.execution_options(**{OUTSIDE_THE_LINE: True})
            async with connection.begin():
                yield connection

    async def _use_write_ahead_log(self) -> None:
        """Switch the file to WAL, which is remembered in it. SQLite does not wait for its turn here, so we do."""
        async with asyncio.timeout(BUSY_TIMEOUT_SECONDS), self.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            if driver is None:
                raise RuntimeError("the SQLite connection was closed while it was being opened")
            while True:
                try:
                    await driver.execute_fetchall("PRAGMA journal_mode=WAL")
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error):
                        raise
                    await asyncio.sleep(WAL_RETRY_SECONDS)
                else:
                    return


_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
"""Not a number is an error on both databases, instead of only on PostgreSQL."""


def _sqlite_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """The one writer, whose pool of one is a fair queue for this process's tasks, and a few readers."""
    writer = create_async_engine(
        url,
        json_serializer=_to_json,
        hide_parameters=True,
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        connect_args={"factory": _SqliteConnection},
    )
    readers = create_async_engine(
        url, json_serializer=_to_json, hide_parameters=True, pool_size=SQLITE_READERS, max_overflow=SQLITE_READERS
    )
    event.listen(writer.sync_engine, "connect", partial(_prepare_sqlite, read_only=False))
    event.listen(readers.sync_engine, "connect", partial(_prepare_sqlite, read_only=True))
    event.listen(writer.sync_engine, "begin", _begin_immediate)
    event.listen(readers.sync_engine, "begin", _begin_deferred)
    return writer, readers


class _SqliteConnection(sqlite3.Connection):
    """Ends its transaction when it is closed.

    A connection whose task was cancelled in the middle of a statement is closed with its transaction open. SQLite then
    keeps the write lock until Python has collected the last cursor, and every other writer waits in vain.
    """

    def close(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # closed before
            self.rollback()
        super().close()


def _prepare_sqlite(connection: Any, _record: Any, *, read_only: bool) -> None:
    # The driver must not begin transactions by itself: it would begin them too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")
    # FULL, not NORMAL: with a write-ahead log, NORMAL may lose the last commits when the power fails, and an alert is
    # answered 200 only when it is really there.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA journal_size_limit={WAL_SIZE_LIMIT_BYTES}")
    if read_only:
        cursor.execute("PRAGMA query_only=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A transaction that first reads and then writes would otherwise fail when another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _postgresql_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """Writers, of which a few may wait for the lock at once, and readers, whom no queue of writers may starve."""
    writer = create_async_engine(
        url,
        json_serializer=_to_json,
        hide_parameters=True,
        pool_size=POSTGRESQL_WRITERS,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args=_postgresql_arguments(
            url,
            lock_timeout=f"{BUSY_TIMEOUT_SECONDS}s",
            idle_in_transaction_session_timeout=f"{IDLE_IN_TRANSACTION_SECONDS}s",
        ),
    )
    readers = create_async_engine(
        url,
        json_serializer=_to_json,
        hide_parameters=True,
        pool_size=POSTGRESQL_READERS,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        connect_args=_postgresql_arguments(url),
    )
    event.listen(writer.sync_engine, "begin", _join_the_line)
    return writer, readers


def _postgresql_arguments(url: str, **settings: str) -> dict[str, Any]:
    given = make_url(url).query.get("options", "")
    ours = " ".join(f"-c {name}={value}" for name, value in {"timezone": "UTC", **settings}.items())
    return {"options": f"{given} {ours}".strip(), "application_name": "watchkeeper"}


def _join_the_line(connection: Connection) -> None:
    # LOCK TABLE takes no snapshot, unlike a SELECT: the transaction sees what the one before it committed, at every
    # isolation level.
    if not connection.get_execution_options().get(OUTSIDE_THE_LINE):
        connection.exec_driver_sql(f"LOCK TABLE {AUDIT_HEAD.name} IN EXCLUSIVE MODE")
