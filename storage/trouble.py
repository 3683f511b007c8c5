"""Why a database cannot be used, for people: which one, what is wrong, and what to do, in our words.

A driver's text would name neither the file nor a remedy, and a statement in it is nobody's business.
"""

import errno
import os

from storage.address import Address
from storage.private_files import NoDatabaseError

NOT_WRITTEN = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR")
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
DISK_FULL, READ_ONLY_TRANSACTION, UNDEFINED_TABLE = "53100", "25006", "42P01"
"""How PostgreSQL says it."""


def trouble(error: BaseException, address: Address) -> str:
    """One sentence or two about ``error``, which the database at ``address`` gave."""
    what, remedy = trouble_and_remedy(error, address)
    return f"{what[:1].upper()}{what[1:]}: {remedy}."


def trouble_and_remedy(error: BaseException, address: Address) -> tuple[str, str]:
    """The same in two parts: which database has what trouble, and what to do; neither ends in a full stop."""
    cause = getattr(error, "orig", None) or error
    what, remedy = _of_file(cause, address) if address.file is not None else _of_server(cause)
    return f"{address.in_words} {what}", remedy


def is_full(error: BaseException) -> bool:
    """Whether there is no room for what was to be written."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError):
        return cause.errno in FULL
    return _word(cause) == "SQLITE_FULL" or getattr(cause, "sqlstate", None) == DISK_FULL


def is_read_only(error: BaseException) -> bool:
    """Whether writing is not allowed, or not possible, where the database is."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, OSError):
        return cause.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
    return _word(cause).startswith(NOT_WRITTEN) or getattr(cause, "sqlstate", None) == READ_ONLY_TRANSACTION


def _word(error: BaseException) -> str:
    return str(getattr(error, "sqlite_errorname", None) or "")


def _of_file(error: BaseException, address: Address) -> tuple[str, str]:
    file = address.file
    if file is None:
        raise ValueError("there is no file")
    if file.is_dir():
        return (
            "cannot be opened, for that is a directory",
            f"name a file in it in DATABASE_URL, such as {file}/watch.db",
        )
    if file.exists() and not file.is_file():
        return "cannot be opened, for that is a device, a pipe or a socket", "name a file in DATABASE_URL"
    if not file.parent.is_dir():
        return "cannot be opened, for its folder does not exist", f"make {file.parent}, or name another in DATABASE_URL"
    word = _word(error)
    if is_full(error):
        return "cannot be written, for its disk is full", "make room there; nothing that was answered is lost"
    if isinstance(error, NoDatabaseError) or word.startswith("SQLITE_NOTADB"):
        return "is no SQLite database", "name another file in DATABASE_URL; nothing in this one was changed"
    if word.startswith("SQLITE_CORRUPT"):
        return "is damaged", "stop Watchkeeper and take the last backup (docs/operating.md)"
    if isinstance(error, OSError) or word.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return (
            f"cannot be written by the user with number {os.getuid()}",
            "it and its folder must be that user's to write, on a disk that is not read-only",
        )
    if word.startswith("SQLITE_IOERR"):
        return "cannot be read or written", "look after the disk that it is on"
    if word.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "is kept busy by another process", "end that, or try again"
    return _said(error)


def _of_server(error: BaseException) -> tuple[str, str]:
    if is_full(error):
        return "cannot write, for its disk is full", "make room there; nothing that was answered is lost"
    return _said(error)


def _said(error: BaseException) -> tuple[str, str]:
    text = " ".join(str(error).split())
    if text.startswith("no such table") or getattr(error, "sqlstate", None) == UNDEFINED_TABLE:
        return "has no tables of Watchkeeper", "set DATABASE_URL to the one in use, or start `watchkeeper run` once"
    return f"cannot be used ({text.rstrip('.')})", "check DATABASE_URL, and that it is running"
