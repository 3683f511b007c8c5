"""The database's address, as people write it: what is meant is taken, what is not is refused, and no password is told.

Must not know: the database itself.
"""

from urllib.parse import SplitResult, urlsplit

SQLITE, POSTGRESQL = "sqlite+aiosqlite", "postgresql+psycopg"
DRIVERS = {
    "sqlite": SQLITE,
    SQLITE: SQLITE,
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    POSTGRESQL: POSTGRESQL,
}
"""What other programs call the two databases, and with which driver they are spoken to here."""
EXAMPLES = f"{SQLITE}:///watchkeeper.db or {POSTGRESQL}://user:password@host:5432/watchkeeper"
QUOTES = "'\"`"
ENCODED = "in a user name or a password write @ as %40, / as %2F, : as %3A, # as %23, ? as %3F and % as %25"


class DatabaseUrlError(ValueError):
    """It names no database that can be used; the text says why and what to write, and nothing of a password."""


def database_url(text: str) -> str:
    """The address with the driver that is used.

    Raises:
        DatabaseUrlError: it is none.
    """
    if text[:1] in QUOTES or text[-1:] in QUOTES:
        raise DatabaseUrlError("has quotes around it, which are taken for a part of it; leave them out")
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise DatabaseUrlError(f"does not say which kind of database it is; write {EXAMPLES}")
    driver = DRIVERS.get(scheme.lower())
    if driver is None:
        raise DatabaseUrlError(f"begins with {scheme[:40]!r}, which is not supported; write {EXAMPLES}")
    if driver == SQLITE:
        _check_file(rest)
    else:
        _check_server(rest)
    return f"{driver}://{rest}"


def _check_file(rest: str) -> None:
    file = rest.partition("?")[0]
    if not file.startswith("/"):
        raise DatabaseUrlError(
            f"needs a third slash before the file, and a fourth if the path begins with one: {SQLITE}:///watchkeeper.db"
        )
    if file[1:] in ("", ":memory:"):
        raise DatabaseUrlError(
            f"names no file, and what is not in a file is forgotten; write {SQLITE}:///watchkeeper.db"
        )
    if file.endswith("/"):
        raise DatabaseUrlError("names a folder; add the name of a file, such as watchkeeper.db")


def _check_server(rest: str) -> None:
    if rest.partition("?")[0].count("@") > 1 or "#" in rest:
        raise DatabaseUrlError(f"cannot be taken apart; {ENCODED}")
    parts = _parts(rest)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise DatabaseUrlError(f"has no number from 1 to 65535 as its port; {ENCODED}")
    if not parts.path.strip("/"):
        raise DatabaseUrlError("names no database; write its name after the server: .../watchkeeper")
    if "/" in parts.path.strip("/"):
        raise DatabaseUrlError(f"has more than a database's name after the server; {ENCODED}")


def _parts(rest: str) -> SplitResult:
    try:
        return urlsplit(f"//{rest}")
    except ValueError:
        raise DatabaseUrlError(f"cannot be taken apart; {ENCODED}") from None
