"""Whether a database is one that this release may use with this key: what does not fit, and what to do about it."""

from sqlalchemy import Connection, inspect, text

from storage.audit_chain import other_key
from storage.database import Database
from storage.migrations import HISTORY, newest_version
from storage.tables import AUDIT_HEAD

Trouble = tuple[str, str]
"""What does not fit and what to do; neither ends in a full stop."""


class MisfitError(Exception):
    """The database is of a newer release, or its record of another key; nothing was changed in it."""


def newer_tables(place: str, found: str) -> Trouble | None:
    """``place`` names the database, ``found`` is the version of its tables, empty where there are none."""
    newest = newest_version()
    if found <= newest:
        return None
    told = f"{place} has tables of version {found}, and this release knows {newest}"
    return told, f"install the release that made version {found}, or put the backup back"


async def refuse_newer_tables(database: Database) -> None:
    """Tables that a newer release has changed are neither written nor read: what they mean is not known here.

    Raises:
        MisfitError: they are.
    """
    async with database.read() as work:
        found = await (await work.session.connection()).run_sync(_version)
    _refuse(newer_tables(database.address.in_words, found))


async def refuse_other_key(database: Database, key: bytes) -> None:
    """Nothing could be written into the record with another key than its own. Where there is none yet, any will do.

    Raises:
        MisfitError: it was begun with another.
    """
    async with database.read() as work:
        begun = await (await work.session.connection()).run_sync(_has_table, AUDIT_HEAD.name)
        begun_with = await work.audit.named_key() if begun else ""
    _refuse(other_key(begun_with, key))


def _has_table(connection: Connection, name: str) -> bool:
    return inspect(connection).has_table(name)


def _version(connection: Connection) -> str:
    if not _has_table(connection, HISTORY):
        return ""
    return max(connection.scalars(text(f"SELECT version_num FROM {HISTORY}")), default="")  # noqa: S608 - our own word


def _refuse(trouble: Trouble | None) -> None:
    if trouble is not None:
        told, remedy = trouble
        raise MisfitError(f"{told[:1].upper()}{told[1:]}: {remedy}.")
