"""What is on the list of unit tests starts no server: this file is on it, and so every test here is held to that."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.fixtures.servers import Program, running_supervisord
from tests.unit import ROOT, UNIT, is_unit


async def listen(_: Path) -> None:
    await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)


async def connect(_: Path) -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def start_a_program(_: Path) -> None:
    await asyncio.create_subprocess_exec(sys.executable, "-c", "")


async def start_a_server(folder: Path) -> None:
    async with running_supervisord(folder, Program("checkout")):
        pass


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (listen, "reaches for"),
        (connect, "reaches for"),
        (start_a_program, "starts .*python"),
        (start_a_server, "a unit test (reaches for|starts)"),
    ],
)
async def test_a_unit_test_cannot_reach_a_server(
    way: Callable[[Path], Awaitable[None]], told: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=told):
        await way(tmp_path)


def test_a_unit_test_may_ask_a_tool() -> None:
    assert subprocess.run(["git", "--version"], capture_output=True, check=True).stdout


def test_every_file_on_the_list_is_there() -> None:
    assert [each for each in UNIT if not (ROOT / each).exists()] == []


def test_only_what_is_on_the_list_is_a_unit_test() -> None:
    assert is_unit(Path(__file__))
    assert is_unit(ROOT / "tests" / "policy" / "test_quiet.py")
    assert not is_unit(ROOT / "tests" / "crash" / "test_killed_at_random.py")
