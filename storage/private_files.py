"""Closes the files of a SQLite database to everybody else: earlier versions left them as the system's default has it.

Knows nothing of what is in them, but that it is not everybody's: alerts, votes and names of people.
"""

import logging
import stat
from pathlib import Path

BEGINS_WITH = b"SQLite format 3\0"
BESIDE = ("", "-wal", "-shm", "-journal")
"""What SQLite puts behind the name for what it keeps beside the file; it gives a new one the file's own rights."""
OTHERS = stat.S_IRWXG | stat.S_IRWXO

log = logging.getLogger(__name__)


class NoDatabaseError(OSError):
    """Something else is there: a file of another kind, a folder or a device, whose rights are not ours to change."""


def keep_private(file: Path) -> None:
    """Take from others every right to a database file, and to those beside it. Says so where there was any. Blocks.

    Raises:
        NoDatabaseError: it is there, and no SQLite database.
    """
    if file.exists() and not _may_be_a_database(file):
        raise NoDatabaseError(f"{file} is no SQLite database")
    for path in (file.with_name(f"{file.name}{ending}") for ending in BESIDE):
        try:
            rights = stat.S_IMODE(path.stat().st_mode)
            if rights & OTHERS:
                path.chmod(rights & ~OTHERS)
                log.warning(
                    "%s could be opened by others on this machine (mode %o); from now on only by its own user (%o)",
                    path,
                    rights,
                    rights & ~OTHERS,
                )
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning(
                "%s can be opened by others on this machine, which cannot be changed: %s. Do it: chmod 600 %s",
                path,
                error.strerror,
                path,
            )


def _may_be_a_database(file: Path) -> bool:
    """Whether it is a file that is one or, being empty, may become one. What cannot be read is told of later."""
    if not file.is_file():
        return False
    try:
        with file.open("rb") as opened:
            return opened.read(len(BEGINS_WITH)) in (b"", BEGINS_WITH)
    except OSError:
        return True
