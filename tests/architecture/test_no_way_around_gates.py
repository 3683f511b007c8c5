"""Nothing passes a gate but a run of it, and a person's sign-off: no command, flag, variable or field of the policy."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from bot.cli.app import app
from bot.policy.file.document import Policy
from handlers.slack.watch_words import SUBCOMMANDS

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("bot", "handlers", "remediations", "storage") for path in (ROOT / folder).rglob("*.py")]
PASSING = {"pass_gate": {"bot/gates/keeping.py", "bot/response/interventions/candidacies.py"}}
"""Who may call it: what keeps a report of runs, and the sign-off."""
KEEPERS = {"bot/gates/attendant.py", "bot/cli/offline_evidence.py"}
"""Who keeps reports: the bot, and ``watchkeeper validate``, each right after the runs."""
LIFTING = {"promote": {"bot/response/interventions/candidacies.py"}}
MEANS = re.compile(r"skip|force|waive|bypass|override.?gate|without.?gate|no.?gate|trust", re.IGNORECASE)


def calls() -> Iterator[tuple[str, str]]:
    """Every method that product code calls on ``licences``, with its file."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr=name, value=ast.Attribute(attr="licences"))):
                    yield name, str(path.relative_to(ROOT))


def test_only_runs_and_the_sign_off_pass_gates_and_only_people_lift_demotions() -> None:
    found: dict[str, set[str]] = {}
    for name, file in calls():
        found.setdefault(name, set()).add(file)
    assert {name: found.get(name) for name in PASSING | LIFTING} == PASSING | LIFTING
    keepers = {path for path in SOURCES if "from bot.gates.keeping import keep" in path.read_text()}
    assert {path.relative_to(ROOT).as_posix() for path in keepers} == KEEPERS


def test_rows_of_gates_are_written_by_their_repository_alone() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "migrations" not in path.parts
        if re.search(r"\b(?:insert|put|insert_once|update)\(\s*(?:self\._session,\s*)?LICENCES\b", path.read_text())
    }
    assert writers == {"storage/licences.py"}


def test_no_command_flag_or_word_in_slack_leads_around_a_gate() -> None:
    commands = typer.main.get_command(app)
    options = [
        f"{name} {option}"
        for name, command in _all(commands)
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    ]
    assert any(option == "validate --report" for option in options), "they are really read"
    hidden = [name for name, command in _all(commands) if command.hidden]
    variables = [name for name, command in _all(commands) for each in command.params if each.envvar]
    assert (hidden, variables) == ([], [])
    assert not [option for option in options if MEANS.search(option)]
    assert SUBCOMMANDS["promote"].usage == "promote <runbook>"
    assert not [word for one in SUBCOMMANDS.values() for word in one.usage.split() if MEANS.search(word)]


def test_no_variable_of_the_environment_and_no_field_of_the_policy_does_either() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if re.search(r"os\.environ|getenv", path.read_text())
        if "local" not in path.parts and path.relative_to(ROOT).as_posix() != "bot/settings.py"
    }
    assert not {file for file in readers if file.startswith(("bot/gates", "bot/policy", "bot/response", "handlers"))}
    names = re.findall(r'"([A-Z][A-Z_]{3,})"', (ROOT / "bot" / "settings.py").read_text())
    assert "WATCHKEEPER_POLICY" in names
    assert not [name for name in names if MEANS.search(name) or "GATE" in name or "LICENCE" in name]
    fields = set(Policy.model_fields["gates"].annotation.model_fields)  # type: ignore[union-attr]
    assert fields == {"sign_off", "expire"}


def _all(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    for each, sub in getattr(command, "commands", {}).items():
        yield f"{name} {each}".strip(), sub
        yield from _all(sub, f"{name} {each}".strip())
