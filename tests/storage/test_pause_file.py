"""A file that pauses everything: true in every transaction, for other machines too, and whatever the disk does."""

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy.situation import Pause, Scope, ScopeKind
from storage import pause_file
from storage.database import Database
from storage.pause_file import PauseFile
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import NOW

EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)


@dataclass
class Disk:
    """Where the pause file is, or is not."""

    path: Path

    def write(self, text: str | bytes) -> None:
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def remove(self) -> None:
        self.path.unlink()

    def make_folder(self) -> None:
        self.path.mkdir()

    def make_dangling_link(self) -> None:
        self.path.rmdir()
        self.path.symlink_to("nowhere")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "watchkeeper.pause")


@pytest.fixture
async def here(database_url: str, disk: Disk) -> AsyncIterator[Database]:
    """The database as the machine with the file opens it."""
    database = Database(database_url, RecordingEnqueuer(), AUDIT_KEY, PauseFile(disk.path, "one"))
    yield database
    await database.close()


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Database]:
    """The same as another machine, without such a file, opens it."""
    database = Database(database_url, RecordingEnqueuer(), AUDIT_KEY, PauseFile(Path("/nonexistent/pause"), "two"))
    yield database
    await database.close()


async def paused(database: Database) -> list[str]:
    async with database.read() as work:
        return [f"{pause.scope}: {pause.reason}" for pause in await work.pauses.active(NOW)]


async def follow(database: Database) -> tuple[bool, Pause] | None:
    async with database.begin() as work:
        return await work.pauses.follow_file(NOW)


async def test_while_the_file_exists_everything_is_paused_without_any_row(here: Database, disk: Disk) -> None:
    assert await paused(here) == []
    disk.write("disk swap\non rack 4\n")
    assert await paused(here) == ["everything: disk swap on rack 4"]
    disk.remove()
    assert await paused(here) == []


async def test_a_transaction_for_an_effect_sees_the_file_of_its_own_moment(here: Database, disk: Disk) -> None:
    async with here.begin() as work:
        assert await work.pauses.active(NOW) == ()
    disk.write("")
    async with here.begin() as work:
        (pause,) = await work.pauses.active(NOW)
        assert pause.by == f"file:{disk.path}@one"
        assert pause.reason == "(the file says nothing)"
        assert pause.until is None


async def test_other_machines_learn_of_it_and_of_its_end(here: Database, elsewhere: Database, disk: Disk) -> None:
    disk.write("disk swap")
    change = await follow(here)
    assert change is not None
    assert change[0]
    assert await paused(elsewhere) == ["everything: disk swap"]
    assert await paused(here) == ["everything: disk swap"], "told once, though there are a file and a row"
    assert await follow(here) is None
    disk.write("disk swap, second try")
    assert (await follow(here) or (None,))[0] is True
    assert await paused(elsewhere) == ["everything: disk swap, second try"]
    disk.remove()
    assert await paused(here) == [], "at once"
    assert (await follow(here) or (None,))[0] is False
    assert await paused(elsewhere) == []
    assert await follow(here) is None


async def test_no_machine_ends_the_pause_of_anothers_file(here: Database, elsewhere: Database, disk: Disk) -> None:
    disk.write("disk swap")
    await follow(here)
    assert await follow(elsewhere) is None
    assert await paused(elsewhere) == ["everything: disk swap"]


async def test_nobody_can_resume_what_the_file_still_pauses(here: Database, elsewhere: Database, disk: Disk) -> None:
    disk.write("disk swap")
    await follow(here)
    async with here.begin() as work:
        await work.pauses.add(EVERYTHING, "U01ALICE", "hers", NOW, NOW + timedelta(hours=1))
        assert [pause.by for pause in await work.pauses.end(EVERYTHING, "U01ALICE", NOW)] == ["U01ALICE"]
    async with elsewhere.begin() as work:
        assert len(await work.pauses.end(EVERYTHING, "U01ALICE", NOW)) == 1, "another machine's file may be forgotten"
    assert await paused(here) == ["everything: disk swap"]
    assert (await follow(here) or (None,))[0] is True, "but while it is there, its machine says so again"
    assert await paused(elsewhere) == ["everything: disk swap"]


async def test_whatever_is_at_its_place_is_a_pause(here: Database, disk: Disk) -> None:
    disk.make_folder()
    (told,) = await paused(here)
    assert "cannot be read" in told
    disk.make_dangling_link()
    (told,) = await paused(here)
    assert "cannot be read" in told


async def test_what_cannot_be_seen_counts_as_there(database_url: str, tmp_path: Path) -> None:
    Disk(tmp_path / "file").write("")
    database = Database(database_url, RecordingEnqueuer(), AUDIT_KEY, PauseFile(tmp_path / "file" / "pause"))
    (told,) = await paused(database)
    assert "cannot be seen" in told
    await database.close()


async def test_a_disk_that_does_not_answer_counts_as_a_file_until_it_does(
    here: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def there_is_none(_: Path) -> None:
        answer.wait()
        raise FileNotFoundError

    monkeypatch.setattr(Path, "lstat", there_is_none)
    monkeypatch.setattr(pause_file, "ANSWER_SECONDS", 0.05)
    try:
        assert await paused(here) == ["everything: The disk with the pause file does not answer."]
    finally:
        answer.set()
    monkeypatch.setattr(pause_file, "ANSWER_SECONDS", 30)
    assert await paused(here) == []


async def test_hostile_text_is_a_short_harmless_reason(here: Database, disk: Disk) -> None:
    disk.write(b"a\0b \xff\xfe\x1b[31m" + b"x" * 5000)
    (told,) = await paused(here)
    assert len(told) < 1100
    assert told.isprintable()
    await follow(here)
    assert await follow(here) is None, "what is stored is what is read again"
