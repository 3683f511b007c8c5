"""The address of the database, read in one place for every command: what it names, or why it is none.

People copy it from other tools, in quotes, with another driver's name, or with a password as it is. Each of these would
end somewhere deep in a library; here each has an answer that says what to write, and no answer shows the password.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

SQLITE, POSTGRESQL = "sqlite+aiosqlite", "postgresql+psycopg"
EXAMPLES = f"{SQLITE}:///watchkeeper.db or {POSTGRESQL}://user@host:5432/watchkeeper"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_PATH = re.compile(r"[./~]|[\w.-]+\.(?:db|sqlite3?)\Z")
PORT_MAX = 65535
NAME_MAX_BYTES = 255 - len("-journal")
"""Linux' limit, less what SQLite puts behind the name."""
NO_PORT = f"its port is none: it is a number from 1 to {PORT_MAX}, behind the host's name"
TOO_MANY = "there is more than one @ in it: write @ in a user's name or password as %40"


class AddressError(ValueError):
    """This is the address of no database that can be used; the text says why and what to write, without a password."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is."""

    url: str
    file: Path | None = None
    """SQLite's file; None where a server is named."""
    server: str = ""
    """In words, such as ``db.example:5432``; empty where the socket of this machine is meant."""

    @property
    def in_words(self) -> str:
        """For people: nobody's password is in it."""
        if self.file is not None:
            return f"the SQLite database {str(self.file)!r}"
        if not self.server:
            return "the PostgreSQL server of this machine (the address names no host)"
        return f"the PostgreSQL server at {self.server}"


def read_address(url: str) -> Address:
    """What ``url`` names.

    Raises:
        AddressError: it names nothing that can be used.
    """
    if url[:1] in ("'", '"') or url[-1:] in ("'", '"'):
        raise AddressError("it stands in quotes, which became a part of it: write it without them")
    found = _SCHEME.fullmatch(url)
    if found is None:
        if _PATH.match(url):
            raise AddressError(f"{url!r} is only a path: write {SQLITE}:/// in front of it")
        raise AddressError(f"it begins with no {SQLITE}:// or {POSTGRESQL}://: write it like {EXAMPLES}")
    scheme, rest = found[1], found[2]
    if scheme not in (SQLITE, POSTGRESQL):
        raise AddressError(_other_scheme(scheme))
    if not rest.startswith("//"):
        raise AddressError(f"behind {scheme}: two slashes are missing: write it like {EXAMPLES}")
    return _sqlite(url, rest) if scheme == SQLITE else _postgresql(url)


def _other_scheme(scheme: str) -> str:
    kind = scheme.lower().partition("+")[0]
    if kind in ("postgres", "postgresql"):
        return f"{scheme}:// is another driver's name for PostgreSQL: write {POSTGRESQL}:// instead"
    if kind in ("sqlite", "sqlite3", "file"):
        return f"{scheme}:// is another driver's name for SQLite: write {SQLITE}:/// and the file behind it"
    return f"{scheme}:// is not a supported database: use {EXAMPLES}"


def _sqlite(url: str, rest: str) -> Address:
    if rest != "//" and not rest.startswith("///"):
        raise AddressError(
            f"behind {SQLITE}:// comes a third slash and then the file: {SQLITE}:///watchkeeper.db in the working "
            f"directory, {SQLITE}:////var/lib/watchkeeper/watchkeeper.db anywhere"
        )
    name = rest[3:].partition("?")[0]
    if not name or name == ":memory:" or "mode=memory" in rest:
        raise AddressError(f"an in-memory SQLite database forgets everything; name a file: {SQLITE}:///watchkeeper.db")
    file = Path(name.removeprefix("file:"))
    if any(len(os.fsencode(part)) > NAME_MAX_BYTES for part in file.parts):
        raise AddressError(f"a part of its path is longer than a file's name may be: {NAME_MAX_BYTES} bytes")
    return Address(url, file=file)


def _postgresql(url: str) -> Address:
    from sqlalchemy.engine import make_url  # here, because it takes a while to import

    try:
        if url.partition("?")[0].count("@") > 1:
            raise AddressError(TOO_MANY)
        parts = make_url(url)
    except ValueError as error:
        if isinstance(error, AddressError):
            raise
        raise AddressError(NO_PORT) from None  # what stands there may be a password without its @
    host, port = parts.host or "", parts.port
    if "@" in host:
        raise AddressError(TOO_MANY)
    if port is not None and not 1 <= port <= PORT_MAX:
        raise AddressError(NO_PORT)
    if re.search(r"[\s#%\\]", host):
        raise AddressError("its host is none: it is a name or an address, an IPv6 address in brackets, behind the @")
    socket = parts.query.get("host", "")
    server = (f"[{host}]" if ":" in host else host) + f":{port or 5432}" if host else str(socket)
    return Address(url, server=server)
