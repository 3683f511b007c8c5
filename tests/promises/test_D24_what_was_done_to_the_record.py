"""Point 24, as an attacker: whatever was done to the record is found, by seals, by links, or by what was given away."""

import asyncio
import json
import stat
from datetime import datetime
from typing import Any

import pytest

from bot.cli.offline_audit import anchor_database
from storage.audit_anchors import read_anchor
from storage.audit_chain import GENESIS, seal
from storage.audit_export import verify_export
from tests.cli.conftest import shell
from tests.cli.shell import Shell
from tests.promises.test_D24_the_head_of_the_record import damaged, recorded

__all__ = ["shell"]

ANOTHER_KEY = "another key, just as long"


async def given_away(shell: Shell) -> str:
    """The record's head as the audit channel shows it."""
    line = await anchor_database(shell.url, shell.key.encode())
    anchor = json.loads(line or "")
    return f"{anchor['number']}:{anchor['hash']}"


async def verified(shell: Shell, *words: str) -> tuple[int, str]:
    code, said = await shell.run("audit", "verify", *words)
    return code, " ".join(said.split())


async def lines_of(shell: Shell) -> list[Any]:
    code, said = await shell.run("audit", "export", "record.jsonl")
    assert code == 0, said
    text = await asyncio.to_thread((shell.folder / "record.jsonl").read_text, "utf-8")
    return [json.loads(line) for line in text.splitlines()]


async def kept(shell: Shell, lines: list[Any]) -> str:
    """The export as somebody has changed it; the file's name."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    await asyncio.to_thread((shell.folder / "changed.jsonl").write_text, text, "utf-8")
    return "changed.jsonl"


async def test_the_file_of_anchors_grows_is_private_and_holds(shell: Shell) -> None:
    await recorded(shell)
    for _ in range(2):
        assert (await shell.run("audit", "anchor", "heads.jsonl"))[0] == 0
    path = shell.folder / "heads.jsonl"
    assert stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode) == 0o600
    assert len((await asyncio.to_thread(path.read_text)).splitlines()) == 2, "appended, never written anew"
    code, said = await verified(shell, "--anchors", "heads.jsonl")
    assert (code, "2 anchor(s) fit" in said) == (0, True), said


async def test_the_line_of_the_digest_is_an_anchor_as_it_was_copied(shell: Shell) -> None:
    await recorded(shell)
    number, _, seal_ = (await given_away(shell)).partition(":")
    pasted = f"  Number {number}, count {number}, hash {seal_} "
    assert read_anchor(pasted, b"").hash == seal_
    code, said = await verified(shell, "--anchor", pasted)
    assert (code, "1 anchor(s) fit" in said) == (0, True), said
    code, said = await verified(shell, "--anchor", pasted.replace(seal_, GENESIS))
    assert (code, "is not the one an anchor remembers" in said) == (1, True), said


async def test_an_edited_middle_is_found_by_its_seal(shell: Shell) -> None:
    for _ in range(2):
        await recorded(shell)
    await damaged(shell, "UPDATE audit_entries SET actor = 'os:mallory' WHERE number = 2")
    code, said = await verified(shell)
    assert (code, "entry 2 was changed" in said, "1 problem(s) in 4" in said) == (1, True, True), said


async def test_a_middle_written_anew_with_the_very_key_is_found_by_what_was_given_away(shell: Shell) -> None:
    for _ in range(2):
        await recorded(shell)
    anchor = await given_away(shell)
    _, *entries, _ = await lines_of(shell)
    entries[1]["actor"], previous = "os:mallory", GENESIS
    statements = []
    for entry in entries:
        entry["previous"] = previous
        sealed = {name: value for name, value in entry.items() if name != "hash"}
        previous = entry["hash"] = seal(shell.key.encode(), **(sealed | {"at": datetime.fromisoformat(entry["at"])}))
        statements.append(
            f"UPDATE audit_entries SET actor = '{entry['actor']}', previous = '{entry['previous']}', "  # noqa: S608
            f"hash = '{previous}' WHERE number = {entry['number']}"
        )
    statements += [f"UPDATE audit_head SET hash = '{previous}'", "DELETE FROM audit_anchors"]  # noqa: S608
    await damaged(shell, *statements)
    code, said = await verified(shell)
    assert code == 0, "whoever has the key and the database can do that, and only anchors tell"
    code, said = await verified(shell, "--anchor", anchor)
    assert (code, "the chain was rewritten" in said) == (1, True), said


async def test_another_database_in_its_place_is_found(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    await recorded(shell)
    await recorded(shell)
    assert (await shell.run("audit", "anchor", "heads.jsonl"))[0] == 0
    anchor = await given_away(shell)
    ours, key = shell.folder / "heads.jsonl", shell.key
    await damaged(shell, "DELETE FROM audit_entries", "DELETE FROM audit_anchors")
    await damaged(shell, f"UPDATE audit_head SET number = 0, hash = '{GENESIS}', key_id = ''")  # noqa: S608
    monkeypatch.setattr(shell, "key", ANOTHER_KEY)
    for _ in range(3):
        await recorded(shell)
    monkeypatch.setattr(shell, "key", key)
    code, said = await verified(shell)
    assert (code, "hold an anchor against it" in said) == (2, True), "it may be the wrong key as well"
    for held in (("--anchors", str(ours)), ("--anchor", anchor)):
        code, said = await verified(shell, *held)
        assert (code, "is not the one an anchor remembers" in said) == (1, True), said
        assert "The record is broken" in said


async def test_with_a_wrong_key_what_needs_none_is_still_found(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        await recorded(shell)
    anchor, lines = await given_away(shell), await lines_of(shell)
    monkeypatch.setattr(shell, "key", ANOTHER_KEY)
    code, said = await verified(shell, "record.jsonl", "--anchor", anchor)
    assert (code, "so it is that record, and the key is a wrong one" in said) == (2, True), said
    del lines[2]
    code, said = await verified(shell, await kept(shell, lines))
    assert (code, "entry 2 was removed before entry 3" in said, "fits this audit key" in said) == (1, True, True), said


HOSTILE: dict[str, dict[str, Any]] = {
    "a seal that is no ASCII": {"hash": "é" * 64},
    "half a surrogate": {"hash": "\ud800"},
    "a number without end": {"number": float("inf")},
    "a number that is none": {"body": {"a": float("nan")}},
    "a time that no clock shows": {"at": "0001-01-01T00:00:00+23:59"},
    "no body": {"body": None},
    "an actor that is a list": {"actor": [1]},
}


@pytest.mark.parametrize("what", HOSTILE)
async def test_whatever_is_written_into_an_export_it_is_told_as_damage(shell: Shell, what: str) -> None:
    await recorded(shell)
    lines = await lines_of(shell)
    lines[2] |= HOSTILE[what]
    code, said = await verified(shell, await kept(shell, lines))
    assert (code, "The record is broken" in said) == (1, True), said
    assert "Traceback" not in said


def test_lines_that_are_nested_without_end_are_damage() -> None:
    header = '{"format":"watchkeeper-audit","version":1,"key_id":""}'
    found = verify_export([header, "[" * 200_000, '{"head":{"number":NaN},"seal":"é"}'], b"key")
    assert not found.intact


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET body = '{' WHERE number = 1",
        "UPDATE audit_entries SET at = 'never' WHERE number = 1",
        "UPDATE audit_entries SET hash = 'é' WHERE number = 1",
        "UPDATE audit_entries SET body = '{\"a\": 1e999}' WHERE number = 1",
    ],
)
async def test_whatever_is_written_into_the_database_it_is_told_as_damage(shell: Shell, statement: str) -> None:
    await recorded(shell)
    await damaged(shell, statement)
    code, said = await verified(shell)
    assert "Traceback" not in said
    assert (code, "broken" in said, "entry 1 was changed" in said) == (1, True, True), said
    code, said = await shell.run("audit", "export", "record.jsonl")
    assert "Traceback" not in said
