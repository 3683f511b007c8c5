"""A long command shows how far it is, on a terminal and after two seconds; what it prints stays the same."""

import asyncio
import json
import os
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bot.cli.progress import SILENT_SECONDS, Bar, waiting
from storage.audit_chain import GENESIS, key_id, seal, seal_document, time_text
from storage.audit_export import FORMAT, VERSION
from tests.cli.shell import CHECKOUT
from tests.fixtures.database import AUDIT_KEY

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ENTRIES = 600
BETWEEN_LINES_SECONDS = 0.02
PATIENCE_SECONDS = 60.0


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """An export of many entries."""
    entry: dict[str, Any]
    lines: list[dict[str, Any]] = [{"format": FORMAT, "version": VERSION, "key_id": key_id(AUDIT_KEY)}]
    previous = GENESIS
    for number in range(1, ENTRIES + 1):
        entry = {"number": number, "actor": "os:alice", "kind": "noted", "incident_id": None, "body": {}}
        sealed = seal(AUDIT_KEY, at=NOW, previous=previous, **entry)
        lines.append({**entry, "at": time_text(NOW), "previous": previous, "hash": sealed})
        previous = sealed
    end = {"head": {"number": ENTRIES, "hash": previous}}
    lines.append({**end, "seal": seal_document(AUDIT_KEY, end)})
    file = tmp_path / "record.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


async def verifying(file: Path, stderr: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "audit", "verify", str(file)),
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT),
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
            "TERM": "xterm",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
    )


def written_slowly(pipe: Path, lines: list[str], seen: threading.Event) -> None:
    """One line after the other, and all that is left once the bar was seen."""
    with pipe.open("w", buffering=1) as file:
        for line in lines:
            file.write(line)
            seen.wait(BETWEEN_LINES_SECONDS)


async def test_a_record_that_takes_long_shows_a_bar_on_the_terminal_and_prints_the_same(record: Path) -> None:
    quick = await verifying(record, asyncio.subprocess.PIPE)
    printed, told = await quick.communicate()
    assert (quick.returncode, told) == (0, b"")
    assert f"The record is whole: {ENTRIES} entries".encode() in printed

    pipe = record.with_name("pipe")
    os.mkfifo(pipe)
    seen, (ours, theirs) = threading.Event(), os.openpty()
    lines = await asyncio.to_thread(lambda: record.read_text().splitlines(keepends=True))
    writing = asyncio.create_task(asyncio.to_thread(written_slowly, pipe, lines, seen))
    slow = await verifying(pipe, theirs)
    os.close(theirs)

    def until_shown() -> None:
        shown = b""
        while b"Verifying the record" not in shown:
            shown += os.read(ours, 4096)
        seen.set()
        with suppress(OSError):  # the other side is closed
            while os.read(ours, 4096):
                pass

    async with asyncio.timeout(PATIENCE_SECONDS):
        (again, _), _, _ = await asyncio.gather(slow.communicate(), asyncio.to_thread(until_shown), writing)
    os.close(ours)
    assert (slow.returncode, again) == (0, printed)


@pytest.mark.parametrize(
    ("terminal", "silent_seconds", "drawn"), [(True, 0.0, True), (True, 3600.0, False), (False, 0.0, False)]
)
def test_a_bar_is_drawn_on_a_terminal_only_and_only_when_it_takes_long(
    terminal: bool, silent_seconds: float, drawn: bool
) -> None:
    printed = StringIO()
    bar = Bar("Verifying the record", Console(file=printed, force_terminal=terminal, width=80), silent_seconds)
    bar.reached(1, 2)
    bar.reached(2, 2)
    bar.close()
    assert ("Verifying the record" in printed.getvalue()) == drawn
    assert ("100%" in printed.getvalue()) == drawn


class Terminal(StringIO):
    """Tells when the words are on it."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words, self.told = words, threading.Event()

    def write(self, text: str) -> int:
        if self.words in text:
            self.told.set()
        return super().write(text)


@pytest.mark.parametrize("terminal", [True, False])
def test_what_is_waited_for_is_told_on_a_terminal_only_and_only_when_it_takes_long(terminal: bool) -> None:
    printed = Terminal("Asking monitoring")
    console = Console(file=printed, force_terminal=terminal, width=80)
    with waiting("Asking monitoring", console, silent_seconds=3600.0):
        pass
    assert not printed.told.is_set()
    with waiting("Asking monitoring", console, silent_seconds=0.0):
        assert printed.told.wait(PATIENCE_SECONDS if terminal else 0.0) is terminal


def test_what_takes_less_than_two_seconds_shows_nothing() -> None:
    assert SILENT_SECONDS == 2.0
