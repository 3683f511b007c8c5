"""Whether a connection pooler in transaction mode stands between us and PostgreSQL.

Such a one hands the same session to others between our transactions. Session locks, by which replicas know of each
other, are then held by nobody in particular, and prepared statements collide.
"""

from psycopg import AsyncConnection
from sqlalchemy.engine import URL


class PoolerError(Exception):
    """There is one; the text says what to do."""


async def refuse_pooler(url: URL) -> None:
    """Check whether two connections at once have a session each, and keep it.

    Raises:
        PoolerError: they have not.
        psycopg.OperationalError: the server cannot be reached.
    """
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    async with (
        await AsyncConnection.connect(server, autocommit=True) as one,
        await AsyncConnection.connect(server, autocommit=True) as other,
    ):
        before = await _session(one)
        async with other.transaction():
            beside = await _session(other)
            after = await _session(one)
    if beside in (before, after) or before != after:
        raise PoolerError(
            "a connection pooler in transaction mode stands before it: give the address of PostgreSQL itself, or set "
            "`pool_mode = session` for this database"
        )


async def _session(connection: AsyncConnection) -> int:
    found = await (await connection.execute("SELECT pg_backend_pid()", prepare=False)).fetchone()
    if found is None:
        raise RuntimeError("PostgreSQL does not say which session this is")
    return int(found[0])
