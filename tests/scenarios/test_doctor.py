"""``watchkeeper doctor`` against real systems: all is well, or the one thing that is not is named with its remedy."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text

from handlers.web.seldom import NOT_WELL
from storage.database import Database
from storage.migrations import HISTORY
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import get_json
from tests.promises.mistakes import WITHOUT_ROOTS_RIGHTS
from tests.scenarios.broken_set_ups import BROKEN, Broken, backend_away, no_query, no_second_channel
from tests.scenarios.set_up import Json, SetUp, Systems, begin_record, running_systems, set_up
from tests.scenarios.small_stage import small_stage
from tests.scenarios.stage import behind_a_password, document


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    with running_systems(tmp_path_factory.mktemp("systems")) as running:
        yield running


def as_it_lies(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a database there, with its rights and its content."""
    return {file.name: (file.stat().st_mode, file.read_bytes()) for file in sorted(folder.glob("watch.db*"))}


async def test_where_nothing_is_missing_every_part_is_ok_and_nothing_is_changed(
    systems: Systems, tmp_path: Path, database_url: str
) -> None:
    await begin_record(database_url)
    before = as_it_lies(tmp_path)
    async with set_up(tmp_path, database_url, systems) as here:
        code, said = await here.told()
        assert code == 0, said
        lines = said.splitlines()
        assert all(line.startswith(("ok  ", "    ")) for line in lines[:-2]), said
        assert lines[-1] == "14 ok. Nothing was changed."
        assert max(map(len, lines)) <= 80
        said = " ".join(said.split())
        for words in (
            "fits the record, up to entry 1",
            "all 20 of the manifest",
            "the bot is in #incidents, #audit",
        ):
            assert words in said
        assert {call.method for call in here.workspace.calls} == {
            "auth.test",
            "apps.connections.open",
            "conversations.info",
            "users.info",
            "usergroups.users.list",
        }
        assert here.workspace.sockets.connection_count == 0
    assert as_it_lies(tmp_path) == before


async def test_a_database_that_is_not_there_yet_is_no_trouble_and_is_not_made(systems: Systems, tmp_path: Path) -> None:
    async with set_up(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'none.db'}", systems) as here:
        code, said = await here.told()
    assert code == 0, said
    assert "none yet, run makes it" in " ".join(said.split())
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("broken", BROKEN, ids=str)
async def test_what_is_broken_is_named_with_its_value_and_remedy(
    broken: Broken, systems: Systems, tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "watch.db")
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    await begin_record(url)
    async with set_up(tmp_path, url, systems) as here:
        broken.change(here)
        code, parts = await here.parts()
    found = [part for part in parts if part["grade"] == broken.grade]
    assert [part["part"] for part in found] == [broken.part], parts
    assert broken.told in found[0]["told"]
    assert broken.remedy in found[0]["remedy"]
    assert code == broken.code
    assert all(part["grade"] == "ok" or part["remedy"] for part in parts)
    assert "canary" not in json.dumps(parts)


async def test_a_database_in_which_somebody_keeps_the_writers_turn_is_told(
    systems: Systems, tmp_path: Path, database_url: str
) -> None:
    database = Database(database_url, RecordingEnqueuer(), AUDIT_KEY)
    async with set_up(tmp_path, database_url, systems) as here:
        async with database.begin() as work:
            await work.session.execute(text("SELECT 1"))
            code, parts = await here.parts()
        await database.close()
    assert (code, parts[0]["part"], parts[0]["grade"]) == (1, "database", "broken")
    assert "is kept busy" in parts[0]["told"]
    assert parts[0]["remedy"].startswith("end that")
    assert [part["grade"] for part in parts if part["part"] == "audit key"] == ["cannot tell"]


async def test_the_worst_comes_first_aligned_and_in_eighty_columns(
    systems: Systems, tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "watch.db")
    async with set_up(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}", systems) as here:
        here.environment["SLACK_BOT_TOKEN"] = "xoxb-canary-wrong"
        for change in (backend_away, no_query, no_second_channel):
            change(here)
        code, said = await here.told()
    lines = said.splitlines()
    grades = [line[:11].strip() for line in lines[:-2] if not line.startswith(" ")]
    assert grades == ["broken"] * 3 + ["cannot tell"] * 3 + ["remark"] + ["ok"] * 7, said
    assert max(map(len, lines)) <= 80
    assert {line[11:13] for line in lines[:-2]} == {"  "}
    assert lines[-1] == "3 broken, 3 cannot tell, 1 remark, 7 ok. Nothing was changed."
    assert code == 1


async def told_of_database(systems: Systems, folder: Path, url: str, *through: str) -> tuple[str, str]:
    """How the database is, and what is told of it."""
    async with set_up(folder, url, systems) as here:
        here.through = through
        _, parts = await here.parts()
    return next((part["grade"], f"{part['told']}: {part['remedy']}") for part in parts if part["part"] == "database")


@pytest.mark.parametrize(
    ("version", "grade", "words"),
    [
        ("0014", "remark", "has tables of version 0014; `watchkeeper run` makes 0015 of them: back it up"),
        ("9999", "broken", "has tables of version 9999, and this release knows 0015: install the release"),
    ],
)
async def test_tables_of_another_release_are_told(
    version: str, grade: str, words: str, systems: Systems, tmp_path: Path, database_url: str
) -> None:
    database = Database(database_url, RecordingEnqueuer(), AUDIT_KEY)
    async with database.begin() as work:
        await work.session.execute(text(f"UPDATE {HISTORY} SET version_num = '{version}'"))  # noqa: S608
    await database.close()
    found, told = await told_of_database(systems, tmp_path, database_url)
    assert (found, words in told) == (grade, True), told


async def test_a_server_that_can_only_be_read_and_a_user_without_rights_are_told(
    systems: Systems, tmp_path: Path, migrated_postgresql_url: str, postgresql_server: str
) -> None:
    name = make_url(migrated_postgresql_url).database
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
        grade, told = await told_of_database(systems, tmp_path, migrated_postgresql_url)
        assert (grade, "can only be read: name the server that can be written" in told) == ("broken", True), told
        connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only".encode())
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        try:
            url = make_url(migrated_postgresql_url).set(username=name).render_as_string(hide_password=False)
            grade, told = await told_of_database(systems, tmp_path, url)
        finally:
            connection.execute(f"DROP ROLE {name}".encode())
    assert (grade, "does not let its user write Watchkeeper's tables: give the user" in told) == ("broken", True), told


async def test_a_file_that_may_not_be_written_or_is_no_database_is_told(
    systems: Systems, tmp_path: Path, sqlite_template: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "watch.db")
    (folder / "watch.db").chmod(0o400)
    url = f"sqlite+aiosqlite:///{folder / 'watch.db'}"
    grade, told = await told_of_database(systems, tmp_path, url, *WITHOUT_ROOTS_RIGHTS)
    assert (grade, f"cannot be written by the user with number {os.getuid()}" in told) == ("broken", True), told
    grade, told = await told_of_database(systems, tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'policy.yml'}")
    assert (grade, "is no SQLite database: name another file" in told) == ("broken", True), told


def lost_backend(policy: Json) -> None:
    policy["backends"]["lost"] = {"kind": "supervisor", "server": "unix:///none/supervisor.sock"}


async def test_beside_a_running_bot_it_disturbs_nothing_and_readyz_remarks_the_same_in_fixed_words(
    tmp_path: Path,
) -> None:
    async with small_stage(tmp_path, with_prometheus=True, change_policy=lost_backend) as stage:
        settings = stage.settings
        environment = {
            "SLACK_BOT_TOKEN": settings.slack_bot_token,
            "SLACK_APP_TOKEN": str(settings.slack_app_token),
            "SLACK_API_URL": settings.slack_api_url,
            "DATABASE_URL": settings.database_url,
            "PROMETHEUS_URL": str(settings.prometheus_url),
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
        }
        policy = document(stage.supervisord.server)
        lost_backend(behind_a_password(policy, tmp_path))
        code, parts = await SetUp(tmp_path, stage.workspace, policy, environment).parts()
        assert [(part["part"], part["grade"]) for part in parts if part["grade"] == "broken"] == [
            ("backend lost", "broken")
        ]
        assert code == 1
        assert stage.workspace.sockets.connection_count == 1
        ready = await get_json(f"{stage.bot_url}/readyz")  # an error where it is not 200
        assert ready["status"] == "ready"
        told = {name: ready["parts"][name] for name in ("prometheus", "backend supervisor", "backend lost")}
        assert told == {"prometheus": "ok", "backend supervisor": "ok", "backend lost": NOT_WELL}
        assert "none/supervisor" not in json.dumps(ready)
