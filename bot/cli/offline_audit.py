"""The audit record, read from the command line: verified and exported without starting anything else."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from bot.cli.offline import offline_database
from storage.audit_anchors import anchor_line
from storage.audit_chain import Head, Verification
from storage.audit_export import export_lines, verify_export

Reached = Callable[[int, int | None], None]
"""Told how far a command is: so much is done, of so much, or None where nobody knows of how much."""


def _untold(_done: int, _total: int | None) -> None:
    """The ``Reached`` of whoever is in no hurry."""


async def verify_database(
    url: str, key: bytes, anchors: Sequence[Head] = (), reached: Reached = _untold
) -> Verification:
    """Check the whole chain in the database against its head, its own anchors and those that were published.

    ``reached`` is told of entries.

    Raises:
        OfflineError: the database cannot be used.
    """
    async with offline_database(url, key) as database, database.read() as work:
        count = await work.audit.count()
        return await work.audit.verify(anchors, lambda number: reached(number, count))


def verify_file(path: Path, key: bytes, anchors: Sequence[Head] = (), reached: Reached = _untold) -> Verification:
    """Check an export, with nothing but the key and the anchors that were published before it.

    ``reached`` is told of bytes, of which a pipe does not say how many there will be.

    Raises:
        OSError: the file cannot be read.
        UnicodeDecodeError: it is no text.
    """

    def lines(file: TextIO) -> Iterator[str]:
        total, done = path.stat().st_size or None, 0
        for line in file:
            yield line
            done += len(line)  # an export is ASCII
            reached(done, total)

    with path.open(encoding="utf-8") as file:
        return verify_export(lines(file), key, anchors)


async def anchor_database(url: str, key: bytes) -> str | None:
    """The record's head as a line to be kept elsewhere, remembered in the database as well; None while it is empty.

    Raises:
        OfflineError: the database cannot be used, or the key is not the record's.
    """
    now = datetime.now(UTC)
    async with offline_database(url, key) as database, database.begin() as work:
        await work.audit.anchor(now)
        head = await work.audit.head()
        return anchor_line(head, await work.audit.count(), key, now) if head.number else None


async def export_database(url: str, key: bytes, opened: Callable[[], AbstractContextManager[TextIO]]) -> int:
    """Write the record as JSON lines; how many lines there are. What is written to is opened last: it may be emptied.

    Raises:
        OfflineError: the database cannot be used, or the key is not the record's: nobody could prove such an export.
    """
    count = 0
    async with offline_database(url, key, of_this_key=True) as database, database.read() as work:
        with opened() as target:
            async for line in export_lines(work.audit, key, datetime.now(UTC)):
                target.write(line + "\n")
                count += 1
    return count
