"""The tables that migrations make are the tables the code expects, however many processes make them."""

import asyncio
import sys

from alembic import command
from dbos import run_dbos_database_migrations
from sqlalchemy import Connection, inspect, select, text

from bot.response.engine.database import system_url
from bot.response.model.audit_kinds import AuditKind
from storage.audit_chain import EMPTY
from storage.columns import Row
from storage.database import Database
from storage.migrations import configuration, migrate
from storage.tables import AUDIT_HEAD
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW


def check_for_differences(connection: Connection) -> None:
    """Raises when autogenerate would write anything."""
    command.check(configuration(connection))


async def test_models_and_migrations_agree_beside_the_engines_tables(empty_database_url: str) -> None:
    await asyncio.to_thread(run_dbos_database_migrations, system_url(empty_database_url))
    database = Database(empty_database_url, RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    await migrate(database)
    async with database.outside_the_line() as connection:
        await connection.run_sync(check_for_differences)
        tables = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    await database.close()
    assert tables >= set(Row.metadata.tables)
    if database.is_sqlite:
        assert "workflow_status" in tables, "the engine's tables were there to be mistaken for ours"


async def test_our_tables_have_none_of_the_engines_names(database: Database) -> None:
    engines = {"workflow_status", "workflow_input", "workflow_output", "operation_outputs", "notifications"}
    engines |= {"workflow_events", "workflow_events_history", "streams", "workflow_schedules", "queues"}
    engines |= {"application_versions", "datasource_outputs"}
    assert not engines & set(Row.metadata.tables)


async def test_migrating_again_changes_nothing(database: Database) -> None:
    async with database.begin() as work:
        await work.audit.append(kind=AuditKind.RUNBOOK_REQUESTED, actor="U01ALICE", at=NOW, body={})
        head = await work.audit.head()
    await migrate(database)
    async with database.read() as work:
        assert await work.audit.head() == head


async def test_two_processes_that_boot_at_once_on_an_empty_database_both_succeed(
    empty_database_url: str,
) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.storage.boot_process",
            empty_database_url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    ends = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0, 0], ends
    database = Database(empty_database_url, RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    async with database.read() as work:
        assert await work.audit.head() == EMPTY
        assert len((await work.session.execute(select(AUDIT_HEAD))).all()) == 1
        versions = await work.session.execute(text("SELECT version_num FROM watchkeeper_migrations"))
        assert len(versions.all()) == 1
    await database.close()
