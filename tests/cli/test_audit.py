"""``watchkeeper audit verify`` and ``export``: what they say, and the exit code that a script goes by."""

import asyncio
import json

import pytest

from tests.cli.shell import Shell


@pytest.fixture
async def shell_with_a_record(shell: Shell) -> Shell:
    for words in (("pause", "--reason", "disk swap"), ("resume",)):
        code, said = await shell.run(*words)
        assert code == 0, said
    return shell


async def test_a_whole_record_is_proved_in_the_database_and_offline(shell_with_a_record: Shell) -> None:
    shell = shell_with_a_record
    code, said = await shell.run("audit", "verify")
    assert code == 0, said
    assert "The record is whole: 2 entries" in said
    code, said = await shell.run("audit", "export", "record.jsonl")
    assert code == 0, said
    assert "Prove them with `watchkeeper audit verify record.jsonl`." in " ".join(said.split())
    shell.url = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    code, said = await shell.run("audit", "verify", "record.jsonl")
    assert code == 0, said
    assert "The record is whole: 2 entries" in said


async def test_an_export_without_a_file_goes_to_standard_output(shell_with_a_record: Shell) -> None:
    code, said = await shell_with_a_record.run("audit", "export")
    assert code == 0, said
    kinds = [json.loads(line).get("kind") for line in said.splitlines()]
    assert [kind for kind in kinds if kind is not None] == ["automation.paused", "automation.resumed"]


async def test_a_changed_export_is_broken_and_says_where(shell_with_a_record: Shell) -> None:
    shell = shell_with_a_record
    await shell.run("audit", "export", "record.jsonl")
    file = shell.folder / "record.jsonl"
    text = await asyncio.to_thread(file.read_text)
    assert "disk swap" in text
    await asyncio.to_thread(file.write_text, text.replace("disk swap", "nothing"))
    code, said = await shell.run("audit", "verify", "record.jsonl")
    assert code == 1
    assert "The record is broken: 1 problem(s) in 2 entries." in said


@pytest.mark.parametrize(
    ("url", "words", "told"),
    [
        ("sqlite+aiosqlite:///elsewhere.db", ["verify"], "There is no database at 'elsewhere.db'"),
        ("sqlite+aiosqlite:///elsewhere.db", ["export"], "There is no database at 'elsewhere.db'"),
        (
            "postgresql+psycopg://nobody@127.0.0.1:9/none",
            ["verify"],
            "server at 127.0.0.1:9 cannot be used",
        ),
        ("mysql://127.0.0.1/none", ["export"], "DATABASE_URL cannot be used"),
        ("", ["verify", "nowhere.jsonl"], "Name a file that `audit export` wrote."),
    ],
)
async def test_what_cannot_be_read_is_named_with_a_remedy(shell: Shell, url: str, words: list[str], told: str) -> None:
    shell.url = url or shell.url
    code, said = await shell.run("audit", *words)
    assert code == 2
    assert told in " ".join(said.split())
    assert not await asyncio.to_thread((shell.folder / "elsewhere.db").exists)
