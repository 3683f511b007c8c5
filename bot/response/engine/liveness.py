"""Liveness: a lock that every process holds on the database while it lives, and proof that another one is dead.

Flows and leases change hands only when the liveness lock of their holder is free. On PostgreSQL it is a session
advisory lock, which the server frees when a process or its host dies; on SQLite a file lock beside the database, which
also refuses a second process. Knows nothing of flows: how a dead process's flows are recovered is left to the engine.
"""

import asyncio
import fcntl
import hashlib
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import psycopg
from sqlalchemy.engine import URL, make_url

HEARTBEAT_SECONDS = 1.0
ANSWER_WITHIN_SECONDS = 5.0
"""A connection that is silent for longer counts as lost."""
SERVER_GIVES_UP = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""The server drops a vanished host after 25 s: later than the process itself gives up, sooner than never."""
LIVENESS = "watchkeeper liveness"
"""How the connection is called in ``pg_stat_activity``, followed by the process number."""
EXIT_STATUS_LOST = 75
"""EX_TEMPFAIL: start it again."""

log = logging.getLogger(__name__)


class PlaceTakenError(Exception):
    """Another process already uses this database; the text names it and the remedy."""


class Place(Protocol):
    """This process's liveness lock among those that share the database."""

    async def take(self) -> None:
        """Take it, for as long as the process lives.

        Raises:
            PlaceTakenError: only one process may use this database, and another does.
            psycopg.OperationalError: the database cannot be reached.
        """
        ...

    async def lost(self) -> str:
        """Wait until the lock is lost against our will; why. Usually waits for ever."""
        ...

    def proven_dead(self, executor_id: str) -> AbstractAsyncContextManager[bool]:
        """Whether that process is dead; if so, its lock is ours inside the block, and nobody else recovers its work."""
        ...

    async def release(self) -> None:
        """Release it. Nothing happens if it was never taken."""
        ...


def place_of(database_url: str, executor_id: str) -> Place:
    """The kind of liveness lock that this database offers."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return FilePlace(Path(f"{url.database}.lock"))
    return ServerPlace(url, executor_id)


def exit_at_once(reason: str) -> None:
    """Stop without another step, as a crash would: another process may recover this one's work from now on."""
    log.critical("stopping at once: %s", reason)
    print(f"Watchkeeper stops at once: {reason}. Start it again.", file=sys.stderr, flush=True)  # noqa: T201 - last words
    logging.shutdown()
    os._exit(EXIT_STATUS_LOST)


class FilePlace:
    """The only process of a SQLite file: whoever holds the lock beside it knows that every other one is dead."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    async def take(self) -> None:
        """See ``Place``."""
        self._file = await asyncio.to_thread(self._lock)

    def _lock(self) -> IO[str]:
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            database = self._path.with_suffix("")
            raise PlaceTakenError(
                f"{database} is already used by another Watchkeeper (process {holder}). SQLite serves one process: "
                "stop the other one, name another file in DATABASE_URL, or use PostgreSQL for several replicas."
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    async def lost(self) -> str:
        """See ``Place``. A file lock lasts as long as its process."""
        await asyncio.Event().wait()
        return ""

    @asynccontextmanager
    async def proven_dead(self, executor_id: str) -> AsyncIterator[bool]:
        """See ``Place``."""
        yield self._file is not None

    async def release(self) -> None:
        """See ``Place``."""
        if self._file is not None:
            self._file.close()
            self._file = None


class ServerPlace:
    """One of many processes at a PostgreSQL server: a session advisory lock on a connection of its own."""

    def __init__(self, url: URL, executor_id: str) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._executor_id = executor_id
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def take(self) -> None:
        """See ``Place``."""
        self._connection = await psycopg.AsyncConnection.connect(
            self._conninfo,
            autocommit=True,
            application_name=f"{LIVENESS} {os.getpid()}",
            connect_timeout=int(ANSWER_WITHIN_SECONDS),
        )
        for name, value in SERVER_GIVES_UP.items():
            await self._connection.execute("SELECT set_config(%s, %s, false)", [name, str(value)])
        if not await self._ask("SELECT pg_try_advisory_lock(%s)", self._executor_id):
            raise PlaceTakenError(f"another process runs under the name {self._executor_id}; names must be unique")

    async def lost(self) -> str:
        """See ``Place``."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                async with asyncio.timeout(ANSWER_WITHIN_SECONDS):
                    await self._here.execute("SELECT 1")
            except TimeoutError:
                return f"the database has not answered for {ANSWER_WITHIN_SECONDS:.0f} s on the liveness connection"
            except psycopg.Error as error:
                return f"the liveness connection to the database is lost ({error})"

    @asynccontextmanager
    async def proven_dead(self, executor_id: str) -> AsyncIterator[bool]:
        """See ``Place``."""
        dead = await self._ask("SELECT pg_try_advisory_lock(%s)", executor_id)
        try:
            yield dead
        finally:
            if dead:
                await self._ask("SELECT pg_advisory_unlock(%s)", executor_id)

    async def release(self) -> None:
        """See ``Place``."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    @property
    def _here(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None:
            raise RuntimeError("this process holds no liveness lock; call take() first")
        return self._connection

    async def _ask(self, question: str, executor_id: str) -> bool:
        cursor = await self._here.execute(question.encode(), [lock_number(executor_id)])
        row = await cursor.fetchone()
        return bool(row and row[0])


def lock_number(executor_id: str) -> int:
    """The advisory lock of a process: 64 bits of its name's hash, which nothing else uses."""
    digest = hashlib.blake2b(f"{LIVENESS}:{executor_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
