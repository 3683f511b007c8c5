"""E29: the files of the database are its user's alone, also those that an earlier version has left open to all."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import Database
from storage.private_files import keep_private
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer, migrated
from tests.scenarios.small_stage import small_stage
from tests.scenarios.stage import ROOT


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "storage.private_files"]


async def test_files_of_an_earlier_version_are_closed_at_the_start_which_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "watch.db"
    migrated(f"sqlite+aiosqlite:///{file}")
    with closing(sqlite3.connect(file)) as another:  # so that what SQLite keeps beside the file is there
        another.execute("SELECT * FROM incidents").fetchall()
        beside = [file, tmp_path / "watch.db-wal", tmp_path / "watch.db-shm"]
        for path, mode in zip(beside, (0o644, 0o664, 0o666), strict=True):
            path.chmod(mode)
        async with small_stage(tmp_path):
            assert [rights(path) for path in beside] == [0o600] * 3
    assert told(caplog) == [
        f"{path} could be opened by others on this machine (mode {mode}); from now on only by its own user (600)"
        for path, mode in zip(beside, (644, 664, 666), strict=True)
    ]
    caplog.clear()
    async with small_stage(tmp_path):
        assert rights(file) == 0o600
    assert told(caplog) == []


async def test_what_sqlite_puts_beside_a_private_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    file = tmp_path / "watch.db"
    migrated(f"sqlite+aiosqlite:///{file}")
    file.chmod(0o644)
    database = Database(f"sqlite+aiosqlite:///{file}", RecordingEnqueuer(), AUDIT_KEY)
    before = os.umask(0)
    try:
        await database.open()
        async with database.read() as work:
            await work.incidents.get(1)
        assert [rights(tmp_path / f"watch.db{ending}") for ending in ("", "-wal", "-shm")] == [0o600] * 3
    finally:
        os.umask(before)
        await database.close()


def test_a_file_of_somebody_else_is_named_with_the_remedy_and_the_start_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "watch.db"
    file.touch(0o644)
    file.chmod(0o644)

    def refused(_path: Path, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)
    keep_private(file)
    assert told(caplog) == [
        f"{file} can be opened by others on this machine, which cannot be changed: Operation not permitted. "
        f"Do it: chmod 600 {file}"
    ]


def test_no_file_is_made_and_a_private_one_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "watch.db"
    keep_private(file)
    assert not file.exists()
    file.touch(0o400)
    keep_private(file)
    assert rights(file) == 0o400
    assert told(caplog) == []


def test_what_a_command_makes_is_its_users_alone(tmp_path: Path) -> None:
    migrated(f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}")
    for command in (("pause", "all", "--reason", "any"), ("audit", "anchor", "anchors.jsonl")):
        subprocess.run(
            [sys.executable, "-m", "bot", *command],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}",
                "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
            },
            cwd=tmp_path,
            check=True,
            umask=0,
        )
    assert rights(tmp_path / "anchors.jsonl") == 0o600


def test_the_level_of_it_is_seen_in_every_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "watch.db"
    file.touch()
    file.chmod(0o640)
    keep_private(file)
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
