"""The head of the record, told once a day where the database's owner cannot change it, finds what was cut off later."""

import asyncio
import os
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from bot.local.workspace import Message
from tests.fixtures.database import AUDIT_KEY
from tests.scenarios.small_stage import small_stage
from tests.scenarios.stage import ROOT, said

AUDIT_CHANNEL = "C02AUD"


def with_audit_channel(orders: dict[str, Any]) -> None:
    orders["channels"]["audit"] = AUDIT_CHANNEL


async def verify(url: str, command: str) -> tuple[int, str]:
    """What the command on the message says, run by somebody who has the database and the key."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *command.split()[1:],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url, "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, " ".join(out.decode().split())


async def test_the_digest_in_the_audit_channel_finds_a_tail_that_was_cut_off(tmp_path: Path) -> None:
    async with small_stage(tmp_path, change_policy=with_audit_channel) as stage:
        await stage.card_of(await stage.fire())

        def digest() -> Message | None:
            found = [one for one in stage.workspace.messages(AUDIT_CHANNEL) if "The audit record on" in said(one)]
            return found[0] if found else None

        message = await stage.workspace.until(digest, timeout=30)
        assert isinstance(message, Message)
    command = re.search(r"watchkeeper audit verify --anchor (\d+):[0-9a-f]{64}", said(message))
    assert command is not None, said(message)
    file = tmp_path / "watch.db"
    url = f"sqlite+aiosqlite:///{file}"
    code, answer = await verify(url, command[0])
    assert code == 0, answer

    cut = int(command[1]) - 1
    with closing(sqlite3.connect(file, isolation_level=None)) as owner:
        for (name,) in owner.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            owner.execute(f'DROP TRIGGER "{name}"')
        owner.execute("DELETE FROM audit_entries WHERE number > ?", (cut,))
        owner.execute("DELETE FROM audit_anchors")
        last = "(SELECT hash FROM audit_entries WHERE number = ?)"
        owner.execute(f"UPDATE audit_head SET number = ?, hash = {last}", (cut, cut))  # noqa: S608 - two constants
    assert (await verify(url, "watchkeeper audit verify"))[0] == 0, "by itself the shorter record is whole"
    code, answer = await verify(url, command[0])
    assert code == 1, answer
    assert "removed from the end of the chain" in answer
