"""Point 24: the record's head is given away daily, a cut-off tail is found, a wrong key is no broken record."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.policy.file.document import Policy
from bot.response.deadlines.bulletins import sweep_bulletins
from bot.response.model.bulletins import BulletinNotice
from storage.audit_chain import Damage
from storage.database import Database
from tests.cli.conftest import shell
from tests.cli.shell import Shell
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.response.test_nobody_answers import Clock, chain
from tests.response.world import World, world

__all__ = ["shell"]


def with_audit_channel() -> Policy:
    written = chain().model_dump(by_alias=True, mode="json")
    return Policy.model_validate(written | {"channels": {"incidents": "C01INC", "audit": "C02AUD"}})


async def told(here: World) -> list[BulletinNotice]:
    await sweep_bulletins(here.context)
    await sweep_bulletins(here.context)
    await here.idle()
    return [one for one in here.delivered if isinstance(one, BulletinNotice)]


async def test_the_audit_channel_gets_the_head_once_a_day(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, with_audit_channel(), now=clock) as here:
        assert not await told(here), "of an empty record there is nothing to tell"
        await here.fire("LampHot")
        await here.idle()
        (first,) = await told(here)
        async with here.database.read() as work:
            head, count = await work.audit.head(), await work.audit.count()
        assert first.channel == "C02AUD"
        assert f"Number {head.number}, count {count}, hash {head.hash}" in first.lines
        assert first.command.endswith(f"--anchor {head.number}:{head.hash}")
        assert "alert.received" in first.lines[0]
        clock.at += timedelta(hours=1)
        assert len(await told(here)) == 1
        clock.at += timedelta(days=1)
        assert (await told(here))[1].lines[0].startswith("Nothing new since")


async def test_without_an_audit_channel_nothing_is_posted(tmp_path: Path) -> None:
    async with world(tmp_path, chain()) as here:
        await here.fire("LampHot")
        await here.idle()
        assert not await told(here)


async def recorded(shell: Shell) -> None:
    for words in (("pause", "--reason", "disk swap"), ("resume",)):
        code, said = await shell.run(*words)
        assert code == 0, said


async def damaged(shell: Shell, *statements: str) -> None:
    """What the owner of the database can do to it."""
    database = Database(shell.url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            names = await work.session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for name in names.all():
                await work.session.execute(text(f"DROP TRIGGER {name}"))
            for statement in statements:
                await work.session.execute(text(statement))
    finally:
        await database.close()


CUT = (
    "DELETE FROM audit_entries WHERE number = 2",
    "UPDATE audit_head SET number = 1, hash = (SELECT hash FROM audit_entries WHERE number = 1)",
    "DELETE FROM audit_anchors",
)


async def test_a_cut_off_tail_is_found_by_what_was_given_away(shell: Shell) -> None:
    await recorded(shell)
    code, said = await shell.run("audit", "anchor", "anchors.jsonl")
    assert code == 0, said
    anchor = json.loads(await asyncio.to_thread((shell.folder / "anchors.jsonl").read_text))
    assert (anchor["number"], anchor["count"]) == (2, 2)
    short = f"{anchor['number']}:{anchor['hash']}"
    for words in (("--anchors", "anchors.jsonl"), ("--anchor", short)):
        code, said = await shell.run("audit", "verify", *words)
        assert code == 0, said
        assert "1 anchor(s) fit" in said
    await damaged(shell, *CUT)
    code, said = await shell.run("audit", "verify")
    assert code == 0, "by itself the shorter chain is whole: that is why the head is given away"
    code, said = await shell.run("audit", "export", "record.jsonl")
    assert code == 0, said
    for held in (("--anchors", "anchors.jsonl"), ("--anchor", short), ("record.jsonl", "--anchor", short)):
        code, said = await shell.run("audit", "verify", *held)
        assert (code, "entry 2 was removed from the end of the chain" in said) == (1, True), said


async def test_a_wrong_key_is_not_a_broken_record(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    await recorded(shell)
    await shell.run("audit", "export", "record.jsonl")
    await shell.run("audit", "anchor", "anchors.jsonl")
    monkeypatch.setattr(shell, "key", "another key, just as long")
    for words in ((), ("record.jsonl",), ("--anchors", "anchors.jsonl")):
        code, said = await shell.run("audit", "verify", *words)
        assert code == 2, said
        assert "broken" not in said
        assert re.search("not the key of this record|set WATCHKEEPER_AUDIT_KEY", said)
    code, said = await shell.run("audit", "anchor")
    assert (code, "begun with the key" in said) == (2, True), said


async def test_a_record_in_which_nothing_fits_is_broken_where_it_names_this_very_key(shell: Shell) -> None:
    await recorded(shell)
    await damaged(shell, "UPDATE audit_entries SET actor = 'os:mallory'")
    code, said = await shell.run("audit", "verify")
    assert (code, "The record is broken: 2 problem(s)" in said) == (1, True), said


@pytest.mark.parametrize("given", ["7", "7:abc", "{}", "[]", '{"format":"watchkeeper-anchor","version":1}', "x" * 9000])
async def test_what_is_no_anchor_is_named_with_a_remedy(shell: Shell, given: Any) -> None:
    await recorded(shell)
    code, said = await shell.run("audit", "verify", "--anchor", given)
    assert (code, "is no anchor: write number:hash" in " ".join(said.split())) == (2, True), said
    assert Damage.CUT_OFF not in said
