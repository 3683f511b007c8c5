"""Why SQLite cannot use a file: what it says itself is "unable to open database file", whatever the reason."""

import os
from pathlib import Path

BEGINS_WITH = b"SQLite format 3\0"


class DatabaseFileError(Exception):
    """The file cannot be the database; the text names it and the remedy."""


def check_file(file: Path, *, writing: bool) -> None:
    """Whether a file can be the database, or become it. Blocks.

    Args:
        file: as the address names it; it need not be there.
        writing: whether it is to be written, for which SQLite also writes beside it.

    Raises:
        DatabaseFileError: it cannot.
    """
    folder = file.parent
    if file.is_dir():
        raise DatabaseFileError(f"{file} is a folder; name a file in it, such as {file / 'watchkeeper.db'}")
    if not folder.is_dir():
        raise DatabaseFileError(f"there is no folder {folder}; make it, or name another one")
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(BEGINS_WITH))
    except FileNotFoundError:
        begins = b""
    except OSError as error:
        raise DatabaseFileError(f"{file} cannot be read: {error.strerror}; make it this user's own") from error
    if begins not in (b"", BEGINS_WITH):
        raise DatabaseFileError(f"{file} is no SQLite database; name another file")
    if not writing:
        return
    for path in (folder, file):
        if path.exists() and not os.access(path, os.W_OK):
            raise DatabaseFileError(
                f"{path} cannot be written: it is read-only, or somebody else's; make it this user's own, or name "
                "another place"
            )
