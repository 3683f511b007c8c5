"""E31: a database of a newer release, or of another key, is refused in our words, and nothing in it is changed."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.migrations import HISTORY, newest_version
from tests.cli.shell import Shell
from tests.fixtures.database import AUDIT_KEY, migrated
from tests.promises.mistakes import GOOD, ROOT, ended
from tests.scenarios.set_up import begin_record
from tests.scenarios.test_doctor import as_it_lies

ANOTHER_KEY = "canary-key-of-another-database"
EXAMPLE = ROOT / "docs" / "policy.example.yml"
ALERT = (
    '{"version": "4", "alerts": [{"status": "firing", "fingerprint": "f1", "labels": {"alertname": "ServiceDown", '
    '"service": "checkout", "severity": "critical"}}]}'
)
OFFLINE: tuple[tuple[str, ...], ...] = (
    ("audit", "verify"),
    ("audit", "export"),
    ("audit", "anchor"),
    ("pause", "everything", "--reason", "any"),
    ("resume", "everything"),
    ("runbooks",),
    ("incident", "INC-1"),
    ("confidence",),
    ("decide", "alert.json", "--live"),
    ("validate", "restart-checkout"),
)
"""Every command that opens the database without a running bot."""
WITH_THE_KEY = (OFFLINE[1], OFFLINE[2], OFFLINE[3], OFFLINE[8], OFFLINE[9])
"""Of those, whatever writes into the record, seals with the key, or says what a running bot would do."""


@pytest.fixture
async def shell(tmp_path: Path) -> Shell:
    """A shell beside a database with one entry on its record."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    await asyncio.to_thread(migrated, url)
    await begin_record(url)
    (tmp_path / "policy.yml").write_text(EXAMPLE.read_text())
    (tmp_path / "alert.json").write_text(ALERT)
    return Shell(tmp_path, url)


def of_a_newer_release(folder: Path) -> None:
    of_version(folder, "9999")


def of_version(folder: Path, version: str) -> None:
    with closing(sqlite3.connect(folder / "watch.db", isolation_level=None)) as connection:
        connection.execute(f"UPDATE {HISTORY} SET version_num = '{version}'")  # noqa: S608 - our own word
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def rows(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "watch.db")) as connection:
        return list(connection.iterdump())


def started(shell: Shell, key: str) -> tuple[int, str]:
    """How ``run`` ends."""
    settings = GOOD | {"SMTP_PASSWORD": "any", "DATABASE_URL": shell.url, "WATCHKEEPER_AUDIT_KEY": key}
    return ended(shell.folder, settings, "run")


def test_the_bot_does_not_start_on_a_database_of_a_newer_release(shell: Shell) -> None:
    of_a_newer_release(shell.folder)
    before = rows(shell.folder)
    code, said = started(shell, AUDIT_KEY.decode())
    assert code == 1, said
    assert f"has tables of version 9999, and this release knows {newest_version()}: install the release" in said
    assert "Traceback" not in said
    assert rows(shell.folder) == before


@pytest.mark.parametrize("version", ["0014", newest_version()])
def test_the_bot_does_not_start_with_the_key_of_another_record(shell: Shell, version: str) -> None:
    of_version(shell.folder, version)
    before = rows(shell.folder)
    code, said = started(shell, ANOTHER_KEY)
    assert rows(shell.folder) == before, "an older release's tables are not brought up to date either"
    assert code == 1, said
    assert "The audit key does not fit: the record was begun with the key" in said
    assert "the record itself is not broken" in said
    assert "is running" not in said
    assert "Traceback" not in said
    assert "canary" not in said


@pytest.mark.parametrize("command", OFFLINE, ids=" ".join)
async def test_no_command_uses_a_database_of_a_newer_release(command: tuple[str, ...], shell: Shell) -> None:
    of_a_newer_release(shell.folder)
    before = as_it_lies(shell.folder)["watch.db"][1]
    code, said = await shell.run(*command)
    assert code in (1, 2), said
    assert f"has tables of version 9999, and this release knows {newest_version()}: install the release" in said
    assert "Traceback" not in said
    assert as_it_lies(shell.folder)["watch.db"][1] == before


@pytest.mark.parametrize("command", WITH_THE_KEY, ids=" ".join)
async def test_what_needs_the_key_of_the_record_refuses_another(command: tuple[str, ...], shell: Shell) -> None:
    shell.key = ANOTHER_KEY
    code, said = await shell.run(*command)
    assert code in (1, 2), said
    assert "The audit key does not fit: the record was begun with the key" in said
    assert "the record itself is not broken" in said
    assert "Traceback" not in said
    assert "{" not in said, "nothing of an export, which nobody could prove"
    shell.key = AUDIT_KEY.decode()
    assert await shell.record() == [("alert.received", "watchkeeper")]


@pytest.mark.parametrize("mistake", ["another key", "no database"])
async def test_an_export_of_before_outlives_a_mistake(mistake: str, shell: Shell) -> None:
    assert (await shell.run("audit", "export", "record.jsonl"))[0] == 0
    before = (shell.folder / "record.jsonl").read_text()
    assert before
    if mistake == "another key":
        shell.key = ANOTHER_KEY
    else:
        shell.url = "sqlite+aiosqlite:///none.db"
    code, said = await shell.run("audit", "export", "record.jsonl")
    assert code == 2, said
    assert (shell.folder / "record.jsonl").read_text() == before
