"""The database and the audit key, asked without creating, migrating or writing anything.

A writer's turn is waited for and ended at once: that shows whether it can be had, and no row is touched. On SQLite
the file is opened as it is, and its rights stay as they are.
"""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy.engine import make_url

from bot.doctor.diagnosis import Check, Diagnosis, Grade, Once
from storage.address import Address
from storage.audit_chain import other_key
from storage.fitting import newer_tables
from storage.migrations import HISTORY, newest_version
from storage.pooler import PoolerError, refuse_pooler
from storage.private_files import BEGINS_WITH, NoDatabaseError
from storage.tables import AUDIT_HEAD
from storage.trouble import trouble_and_remedy
from storage.writing import ROOM_MIN_BYTES

DATABASE, AUDIT_KEY = "database", "audit key"
TURN_SECONDS = 2
"""How long a writer's turn is waited for; a running Watchkeeper has it for milliseconds."""
CONNECT_SECONDS = 3
LITTLE_ROOM_BYTES = 200 * 1024 * 1024
READ_HEAD = f"SELECT number, key_id FROM {AUDIT_HEAD.name}"  # noqa: S608 - our own word
READ_VERSIONS = f"SELECT version_num FROM {HISTORY}"  # noqa: S608 - our own word


class UnusableError(Exception):
    """The database cannot be used as it is."""

    def __init__(self, told: str, remedy: str) -> None:
        super().__init__(f"{told}: {remedy}")
        self.told, self.remedy = told, remedy


@dataclass(frozen=True, slots=True)
class Inside:
    """What is in a database."""

    there: bool = True
    """False: there is no file yet."""
    version: str = ""
    """Of its tables; empty where there are none."""
    entries: int = 0
    """Number of the last entry of the record."""
    key: str = ""
    """What recognises the key that the record was begun with; empty before the first entry."""


def database_checks(address: Address | None, key: bytes) -> list[Check]:
    """``address``: None where DATABASE_URL names none; ``key``: empty where there is none that can be used."""
    if address is None:
        why = [Diagnosis(DATABASE, Grade.UNKNOWN, "DATABASE_URL names none", "correct DATABASE_URL")]
        return [
            Check(DATABASE, _saying(why)),
            Check(AUDIT_KEY, _saying([_key_unknown("no database to ask", "correct DATABASE_URL")])),
        ]
    inside = Once(lambda: _inside(address))

    async def database() -> Sequence[Diagnosis]:
        try:
            return [_of_database(address, await inside())]
        except UnusableError as error:
            return [Diagnosis(DATABASE, Grade.BROKEN, error.told, error.remedy)]

    async def audit_key() -> Sequence[Diagnosis]:
        if not key:
            return [_key_unknown("no key to compare", "set WATCHKEEPER_AUDIT_KEY")]
        try:
            return [_of_key(await inside(), key)]
        except UnusableError:
            return [_key_unknown("the record cannot be read", "mend the database")]

    return [Check(DATABASE, database), Check(AUDIT_KEY, audit_key)]


def _saying(diagnoses: Sequence[Diagnosis]) -> Callable[[], Any]:
    async def ask() -> Sequence[Diagnosis]:
        return diagnoses

    return ask


def _key_unknown(why: str, remedy: str) -> Diagnosis:
    return Diagnosis(AUDIT_KEY, Grade.UNKNOWN, why, remedy)


def _of_key(inside: Inside, key: bytes) -> Diagnosis:
    if not inside.key:
        return Diagnosis(AUDIT_KEY, Grade.OK, "no record yet; it begins with this key")
    if trouble := other_key(inside.key, key):
        return Diagnosis(AUDIT_KEY, Grade.BROKEN, *trouble)
    return Diagnosis(AUDIT_KEY, Grade.OK, f"fits the record, up to entry {inside.entries}")


def _of_database(address: Address, inside: Inside) -> Diagnosis:
    place = str(address.file) if address.file is not None else f"PostgreSQL at {address.server or 'this machine'}"
    if not inside.there:
        return Diagnosis(DATABASE, Grade.OK, f"{place}: none yet, run makes it")
    if trouble := newer_tables(place, inside.version):
        return Diagnosis(DATABASE, Grade.BROKEN, *trouble)
    newest = newest_version()
    if inside.version and inside.version < newest:
        told = f"{place} has tables of version {inside.version}; `watchkeeper run` makes {newest} of them"
        return Diagnosis(DATABASE, Grade.REMARK, told, "back it up before you start this release")
    state = f"tables {newest}" if inside.version else "no tables yet, run makes them"
    if address.file is None:
        return Diagnosis(DATABASE, Grade.OK, f"{place}: {state}")
    return _with_room(place, address.file.absolute().parent, state)


def _with_room(place: str, folder: Path, state: str) -> Diagnosis:
    free = shutil.disk_usage(folder).free
    room = f"{free / 1e9:.1f} GB" if free >= 1e9 else f"{free / 1e6:.1f} MB"
    if free >= LITTLE_ROOM_BYTES:
        return Diagnosis(DATABASE, Grade.OK, f"{place}: {state}, {room} free")
    grade = Grade.BROKEN if free < ROOM_MIN_BYTES else Grade.REMARK
    return Diagnosis(DATABASE, grade, f"only {room} are free in {folder}", f"make room on the disk of {folder}")


async def _inside(address: Address) -> Inside:
    """What is in it.

    Raises:
        UnusableError: it cannot be read, or not be written.
    """
    try:
        if address.file is not None:
            return await asyncio.to_thread(_in_file, address.file)
        return await _on_server(address)
    except PoolerError as error:
        told, _, remedy = str(error).partition(": ")
        raise UnusableError(f"{address.in_words}: {told}", remedy) from error
    except (sqlite3.Error, psycopg.Error, OSError) as error:
        raise UnusableError(*_in_words(error, address)) from error


def _in_file(file: Path) -> Inside:
    """Blocks, for the time of a turn at most."""
    if not file.exists():
        if not file.absolute().parent.is_dir() or not os.access(file.absolute().parent, os.W_OK | os.X_OK):
            raise PermissionError
        return Inside(there=False)
    if not file.is_file():
        raise NoDatabaseError
    with file.open("rb") as opened:
        if opened.read(len(BEGINS_WITH)) not in (b"", BEGINS_WITH):
            raise NoDatabaseError
    if not os.access(file, os.W_OK) or not os.access(file.absolute().parent, os.W_OK | os.X_OK):
        raise PermissionError
    name = f"file:{quote(str(file.absolute()))}?mode=rw"  # which makes none where there is none
    with closing(sqlite3.connect(name, uri=True, timeout=TURN_SECONDS, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            return _read(lambda statement: connection.execute(statement).fetchone(), _tables_in_file(connection))
        finally:
            connection.rollback()


def _tables_in_file(connection: sqlite3.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))


def _read(one: Callable[[str], Any], tables: frozenset[str]) -> Inside:
    version = one(READ_VERSIONS) if HISTORY in tables else None
    head = one(READ_HEAD) if AUDIT_HEAD.name in tables else None
    number, key = head or (0, "")
    return Inside(version=version[0] if version else "", entries=number, key=key or "")


async def _on_server(address: Address) -> Inside:
    url = make_url(address.url)
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await psycopg.AsyncConnection.connect(server, connect_timeout=CONNECT_SECONDS)
    try:
        inside = await _read_on(connection, address)
    finally:
        await connection.close()  # which ends the transaction, and gives the turn back
    await refuse_pooler(url)
    return inside


async def _read_on(connection: "psycopg.AsyncConnection[Any]", address: Address) -> Inside:
    async def one(statement: str) -> Any:
        return await (await connection.execute(statement.encode())).fetchone()

    if (await one("SHOW transaction_read_only"))[0] == "on":
        told = f"{address.in_words} can only be read"
        raise UnusableError(told, "name the server that can be written in DATABASE_URL, and not its standby")
    found = [(await one(f"SELECT to_regclass('{name}')"))[0] for name in (HISTORY, AUDIT_HEAD.name)]
    if None in found:
        if not (await one("SELECT has_schema_privilege(current_schema(), 'CREATE')"))[0]:
            told = f"{address.in_words} has no tables of Watchkeeper, and its user may make none"
            raise UnusableError(told, "grant CREATE on the schema to the user that DATABASE_URL names")
        return Inside()
    await connection.execute(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'".encode())
    await connection.execute(f"LOCK TABLE {AUDIT_HEAD.name} IN EXCLUSIVE MODE".encode())
    version, head = await one(READ_VERSIONS), await one(READ_HEAD)
    number, key = head or (0, "")
    return Inside(version=version[0] if version else "", entries=number, key=key or "")


def _in_words(error: BaseException, address: Address) -> tuple[str, str]:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        told = f"{address.in_words} is kept busy: somebody has had the writers' turn for {TURN_SECONDS} s"
        return told, "end that session, which pg_stat_activity shows"
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        told = f"{address.in_words} does not let its user write Watchkeeper's tables"
        return told, "give the user that DATABASE_URL names all rights on them"
    if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
        reason = str(error).split("\n", maxsplit=1)[0].rpartition("failed: ")[2].strip()
        told = f"{address.in_words} does not let us in ({reason or 'no answer'})"
        return told, f"start it, or correct DATABASE_URL, which names {address.server or 'this machine'}"
    return trouble_and_remedy(error, address)
