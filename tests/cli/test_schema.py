"""``watchkeeper schema``: the policy's JSON Schema, printed and written."""

import json
from pathlib import Path

from typer.testing import CliRunner

from bot.cli.app import app
from bot.policy.file.schema import policy_schema

ROOT = Path(__file__).parents[2]


def test_it_is_a_schema_that_the_command_prints_and_that_lies_beside_the_example(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["schema"])
    assert (printed.exit_code, json.loads(printed.output)) == (0, policy_schema())
    assert (ROOT / "docs" / "policy.schema.json").read_text() == printed.output, "`watchkeeper schema` has changed it"
    file = tmp_path / "policy.schema.json"
    assert CliRunner().invoke(app, ["schema", str(file)]).exit_code == 0
    assert file.read_text() == printed.output
    assert (
        (ROOT / "docs" / "policy.example.yml")
        .read_text()
        .startswith("# yaml-language-server: $schema=policy.schema.json\n")
    )


def test_it_says_which_file_cannot_be_written() -> None:
    answer = CliRunner().invoke(app, ["schema", "/none/policy.schema.json"])
    assert (answer.exit_code, "'/none/policy.schema.json' cannot be written: No such file" in answer.output) == (
        2,
        True,
    )
