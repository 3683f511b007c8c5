"""The audit record, read from the command line: verified and exported without starting anything else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from bot.cli.offline import offline_database
from storage.audit_chain import Reader, Verification
from storage.audit_export import export_lines, verify_export


async def verify_database(url: str, key: bytes) -> Verification:
    """Check the whole chain in the database against its head and anchors.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key) as database, database.read() as work:
        reader = Reader(key, await work.audit.anchors())
        async for entry in work.audit.entries():
            reader.read(entry)
        return reader.close(await work.audit.head())


def verify_file(path: Path, key: bytes) -> Verification:
    """Check an export, with nothing but the key.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is no text.
    """
    with path.open(encoding="utf-8") as lines:
        return verify_export(lines, key)


async def export_database(url: str, key: bytes, target: TextIO) -> int:
    """Write the record as JSON lines; how many lines there are.

    Raises:
        OfflineError: the database cannot be used.
    """
    count = 0
    async with offline_database(url, key) as database, database.read() as work:
        async for line in export_lines(work.audit, key, datetime.now(UTC)):
            target.write(line + "\n")
            count += 1
    return count
