"""The command line as a whole: what it offers, and how soon it answers."""

import os
import re
import shlex
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from bot.cli.app import app

SLOW_TO_IMPORT = ("aiohttp", "apscheduler", "dbos", "pydantic", "slack_bolt", "slack_sdk", "sqlalchemy", "yaml")
EXAMPLE = re.compile(r"^ *(?:[A-Z_]+=\S+ )?watchkeeper (.+)$", re.MULTILINE)


def commands(group: typing.Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that does something, as it is typed."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield (*before, name)


WHOLE: typing.Any = typer.main.get_command(app)
COMMANDS = [" ".join(command) for command in commands(WHOLE)]


def test_help_waits_for_nothing_that_is_slow_to_import() -> None:
    look = f"import bot.cli.app, sys; print(*(name for name in {SLOW_TO_IMPORT!r} if name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_by_its_own_help(command: str) -> None:
    answer = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="watchkeeper")
    assert answer.exit_code == 0, answer.output
    assert f"Usage: watchkeeper {command}" in answer.output
    _, examples, after = answer.output.partition("Examples")
    assert examples
    given = EXAMPLE.findall(after.partition("╭")[0])
    assert given
    for example in given:
        _takes(WHOLE, shlex.split(re.split(r" [|<>] ?", example)[0]))


def _takes(command: typing.Any, words: list[str]) -> None:
    """The words are a use of the command that it would not refuse."""
    if hasattr(command, "commands"):
        return _takes(command.commands[words[0]], words[1:])
    with command.make_context(command.name, words):
        return None


def test_the_module_is_the_same_command() -> None:
    said = subprocess.run([sys.executable, "-m", "bot", "audit"], capture_output=True, text=True, check=False)
    assert "verify" in said.stdout
    assert "export" in said.stdout


def test_it_says_which_release_it_is() -> None:
    answer = CliRunner().invoke(app, ["--version"])
    assert (answer.exit_code, answer.output) == (0, f"watchkeeper {version('watchkeeper')}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    typed = {"COMP_WORDS": "watchkeeper che", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "watchkeeper che"}
    asks = {"_WATCHKEEPER_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    start = "import sys; sys.argv = ['watchkeeper']; from bot.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start], env={**os.environ, **typed, **asks}, capture_output=True, text=True, check=False
    )
    assert "check" in done.stdout
