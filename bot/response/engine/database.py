"""How the durable engine reaches its tables, which stand in our own database: its address, and how it commits."""

import sqlite3
from typing import Any

from sqlalchemy.engine import make_url

IDLE_SECONDS = 15
"""PostgreSQL ends a transaction of DBOS that does nothing for so long: a frozen process must not stop the others."""


def system_url(database_url: str) -> str:
    """Our async database URL as DBOS's synchronous one: same file or server, same database."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite").render_as_string(hide_password=False)
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


class _UnhurriedConnection(sqlite3.Connection):
    """Does not wait for the disk when it commits."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA synchronous=NORMAL")


def memory_options(database_url: str) -> dict[str, Any]:
    """How DBOS's own connections commit: in order, but without waiting for the disk at each commit.

    Each of our own commits does wait, and takes to the disk everything before it. So a power failure sets the engine
    back by a few steps at most, none before an effect was claimed or a person was answered, and they are repeated.
    """
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return {"factory": _UnhurriedConnection}
    given = url.query.get("options", "")
    return {
        "application_name": "watchkeeper flows",
        "options": f"{given} -c synchronous_commit=off -c idle_in_transaction_session_timeout={IDLE_SECONDS}s",
    }
