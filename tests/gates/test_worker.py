"""The child in which gates are run ends when nobody waits for it, and by no signal that its whole group is sent."""

import asyncio
import sys
from pathlib import Path

from bot.gates.missions import Kind, Mission, Setup
from bot.gates.report import LINES, Mended
from bot.policy.situation import Gate
from tests.fixtures.database import AUDIT_KEY
from tests.handlers.rising import rising
from tests.handlers.ship import RUNBOOK


async def test_a_stop_sent_to_the_whole_group_leaves_it_to_its_parent_when_it_ends(tmp_path: Path) -> None:
    policy = rising().model_dump(mode="json", by_alias=True)
    setup = Setup(runbook=RUNBOOK, policy=policy, audit_key=AUDIT_KEY.decode())
    mend = Mission(kind=Kind.MEND, gate=Gate.CHAOS_TEST, name="mend", folder=tmp_path / "run")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.gates.worker", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None

    tell, hear = child.stdin, child.stdout

    async def mended() -> bool:
        tell.write(mend.model_dump_json().encode() + b"\n")
        return LINES.validate_json(await hear.readline()) == Mended()

    child.stdin.write(setup.model_dump_json().encode() + b"\n")
    assert await mended()
    child.terminate()
    assert await mended(), "it is told to stop, and goes on until its input ends"
    child.stdin.close()
    assert await child.wait() == 0
