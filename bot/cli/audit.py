"""The audit record, read from the command line: verified and exported without starting anything else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy.exc import SQLAlchemyError

from storage.audit_chain import Reader, Verification
from storage.audit_export import export_lines, verify_export
from storage.database import Database


class RecordError(Exception):
    """The record cannot be read; the text says which one and what to do."""


class _Nothing:
    """An enqueuer for commands that start no work."""

    def enqueue(self, session: Any, flow: str, *arguments: Any, **options: Any) -> None:
        raise RuntimeError(f"a command that only reads tried to start {flow}")


async def verify_database(url: str, key: bytes) -> Verification:
    """Check the whole chain in the database against its head and anchors.

    Raises:
        RecordError: the database cannot be read.
    """
    async with _reading(url, key) as database, database.read() as work:
        reader = Reader(key, await work.audit.anchors())
        async for entry in work.audit.entries():
            reader.read(entry)
        return reader.close(await work.audit.head())


def verify_file(path: Path, key: bytes) -> Verification:
    """Check an export, with nothing but the key.

    Raises:
        RecordError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return verify_export(lines, key)
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{str(path)!r} cannot be read: {error}. Name a file that `audit export` wrote.") from error


async def export(url: str, key: bytes, target: TextIO) -> int:
    """Write the record as JSON lines; how many lines there are.

    Raises:
        RecordError: the database cannot be read.
    """
    count = 0
    async with _reading(url, key) as database, database.read() as work:
        async for line in export_lines(work.audit, key, datetime.now(UTC)):
            target.write(line + "\n")
            count += 1
    return count


@asynccontextmanager
async def _reading(url: str, key: bytes) -> AsyncIterator[Database]:
    _refuse_to_create(url)
    database = Database(url, _Nothing(), key)
    try:
        yield database
    except SQLAlchemyError as error:
        raise RecordError(f"The record cannot be read: {error}. Check DATABASE_URL.") from error
    finally:
        await database.close()


def _refuse_to_create(url: str) -> None:
    """A mistyped SQLite path would otherwise become an empty, and so perfectly whole, record."""
    path = url.split("///", 1)[-1]
    if url.startswith("sqlite") and not Path(path).exists():
        raise RecordError(f"There is no database at {path!r}. Set DATABASE_URL to the one in use.")
