"""E31: a real PgBouncer before a real PostgreSQL is refused with the remedy where it hands sessions around."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from bot.doctor.database import database_checks
from bot.doctor.diagnosis import Grade
from bot.local.servers import until
from storage.address import read_address
from storage.database import Database
from storage.pooler import PoolerError
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import free_port, require_binary


def told(folder: Path, server: URL, port: int, mode: str, *, takes_parameters: bool) -> Path:
    """PgBouncer's configuration, which its own user can read."""
    folder.chmod(0o755)
    address = f"host={server.host or server.query['host']} port={server.port or 5432} user={server.username}"
    lines = [
        "[databases]",
        f"{server.database} = {address} password={server.password}",
        "[pgbouncer]",
        "listen_addr = 127.0.0.1",
        f"listen_port = {port}",
        "unix_socket_dir =",
        "auth_type = any",
        f"pool_mode = {mode}",
        *(["ignore_startup_parameters = options"] if takes_parameters else []),
    ]
    file = folder / "pgbouncer.ini"
    file.write_text("\n".join(lines))
    return file


@asynccontextmanager
async def pooled(url: str, mode: str, *, takes_parameters: bool) -> AsyncIterator[str]:
    """The same database behind a PgBouncer."""
    program, port, server = require_binary("pgbouncer"), free_port(), make_url(url)
    folder = Path(tempfile.mkdtemp(prefix="watchkeeper-pgbouncer-"))
    file = told(folder, server, port, mode, takes_parameters=takes_parameters)
    owner = await asyncio.to_thread(Path(str(server.host or server.query["host"])).owner)
    as_whom = ["-u", owner] if os.geteuid() == 0 else []  # it does not run as root, and the socket is its owner's
    process = await asyncio.create_subprocess_exec(program, "-q", *as_whom, str(file))

    async def answers() -> bool:
        assert process.returncode is None
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True

    try:
        await until(answers, "pgbouncer listens")
        yield server.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(folder)


@pytest.mark.parametrize("takes_parameters", [True, False])
async def test_a_pooler_by_transactions_is_refused_with_what_to_do(
    empty_postgresql_url: str, takes_parameters: bool
) -> None:
    async with pooled(empty_postgresql_url, "transaction", takes_parameters=takes_parameters) as url:
        database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            with pytest.raises(PoolerError, match="pool_mode = session"):
                await database.open()
        finally:
            await database.close()


async def test_a_pooler_by_sessions_serves(empty_postgresql_url: str) -> None:
    async with pooled(empty_postgresql_url, "session", takes_parameters=True) as url:
        database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            await database.open()
        finally:
            await database.close()


@pytest.mark.parametrize(("mode", "grade"), [("transaction", Grade.BROKEN), ("session", Grade.OK)])
async def test_it_is_named_before_the_first_start_as_well(
    mode: str, grade: Grade, migrated_postgresql_url: str
) -> None:
    async with pooled(migrated_postgresql_url, mode, takes_parameters=True) as url:
        [found] = await database_checks(read_address(url), AUDIT_KEY)[0].ask()
    assert found.grade is grade, found
    assert ("pool_mode = session" in found.remedy) == (mode == "transaction")
