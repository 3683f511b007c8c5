"""``watchkeeper change begin`` and ``end``, as a deploy script uses them, against a real listener."""

import asyncio
import os
import sys

from bot.response.model.audit_kinds import AuditKind
from storage.database import Database
from tests.handlers.test_change_webhook import SECRET, Deployer, listening


async def change(deployer: Deployer, *words: str, **environment: str) -> tuple[int, str]:
    """Exit code, and everything that was printed."""
    told = {
        "PATH": os.environ["PATH"],
        "WATCHKEEPER_URL": deployer.address,
        "WATCHKEEPER_CHANGES_SECRET": SECRET.decode(),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "change", *words),
        env={**told, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


BEGIN = ("begin", "d-1", "--what", "deploy of checkout 4.2", "--by", "argo", "--service", "checkout", "--for", "30m")


async def test_a_script_reports_its_deploy_and_the_end_of_it(database: Database) -> None:
    async with listening(database, now=None) as deployer:
        code, said = await change(deployer, *BEGIN)
        assert code == 0, said
        assert said.startswith("d-1: begun, until ")
        code, said = await change(deployer, "end", "d-1")
        assert (code, said) == (0, "d-1: ended.\n")
        assert [kind for kind, _ in await deployer.recorded()] == [AuditKind.CHANGE_REPORTED, AuditKind.CHANGE_ENDED]


async def test_what_is_refused_is_said_and_ends_the_script(database: Database) -> None:
    async with listening(database, now=None) as deployer:
        code, said = await change(deployer, *BEGIN, WATCHKEEPER_CHANGES_SECRET="another secret of somebody")
        assert code == 1
        assert said.startswith("Not taken (401): X-Watchkeeper-Signature does not fit")
        code, said = await change(deployer, "end", "d-9")
        assert (code, said.split(":")[0]) == (1, "Not taken (404)")
        code, said = await change(deployer, *BEGIN, WATCHKEEPER_URL="http://127.0.0.1:9")
        assert code == 1
        assert "cannot be reached" in said
        code, said = await change(deployer, *BEGIN, WATCHKEEPER_CHANGES_SECRET="")
        assert code == 2
        assert "WATCHKEEPER_CHANGES_SECRET is not set" in said
