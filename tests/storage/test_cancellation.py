"""A task that is cancelled in the middle of a transaction keeps nobody waiting."""

import asyncio
import sqlite3
from pathlib import Path

from sqlalchemy import text

from storage.database import Database
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer

TAKES_A_WHILE = text("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 2000000) SELECT n FROM c")


async def test_a_writer_that_is_cancelled_inside_a_statement_lets_go_of_the_write_lock(tmp_path: Path) -> None:
    path = tmp_path / "watch.db"
    database = Database(f"sqlite+aiosqlite:///{path}", RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    begun, still_referred_to = asyncio.Event(), []

    async def write() -> None:
        async with database.begin() as work:
            connection = await (await work.session.connection()).get_raw_connection()
            assert connection.driver_connection is not None
            still_referred_to.append(await connection.driver_connection.execute("SELECT 1 UNION SELECT 2"))
            begun.set()
            await work.session.execute(TAKES_A_WHILE)

    writing = asyncio.create_task(write())
    await begun.wait()
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert writing.cancelled()
    other = sqlite3.connect(path, isolation_level=None, timeout=1)
    other.execute("BEGIN IMMEDIATE")
    other.close()
    await database.close()
