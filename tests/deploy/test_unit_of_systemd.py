"""deploy/watchkeeper.service under a real systemd, set up with the commands that docs/operating.md gives."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.local.servers import until
from tests.deploy.composed import CHECKOUT, POLICY, VALUES
from tests.fixtures.systemd import SystemdContainer, running_systemd

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

UNIT = "watchkeeper.service"
OPERATING = (CHECKOUT / "docs" / "operating.md").read_text()
STARTED_WITHIN_SECONDS = 120.0
(EXPOSURE,) = re.findall(r"With\s+systemd \d+ it says (\d\.\d)", OPERATING)
"""What the page says."""
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/healthz', timeout=5).status)"


def commands(title: str) -> str:
    """The commands of the page that stand under a comment which begins so."""
    found = re.search(rf"^# {re.escape(title)}.*\n((?:.+\n)+)", OPERATING, re.MULTILINE)
    assert found is not None, title
    return found[1]


@asynccontextmanager
async def set_up(tmp_path: Path, installed: Path) -> AsyncIterator[SystemdContainer]:
    """A machine on which Watchkeeper is set up, and not started."""
    unit = (CHECKOUT / "deploy" / UNIT).read_text()
    told = tmp_path / "told"
    told.mkdir()
    for name in ("slack-bot-token", "slack-app-token", "audit-key", "alert-token"):
        (told / name).write_text(VALUES[name])
    (told / "environment").write_text((CHECKOUT / "deploy" / "environment").read_text())
    (told / "policy.yml").write_text(POLICY)
    binds = {"/opt/watchkeeper": installed, "/told": told}
    async with running_systemd(tmp_path, {UNIT: unit}, binds) as machine:
        await machine.run("sh", "-e", "-c", commands("its user, and its folder"))
        await machine.run("install", "-d", "-m", "0750", "-g", "watchkeeper", "/etc/watchkeeper")
        await machine.run("sh", "-c", "install -m 0640 -g watchkeeper /told/* /etc/watchkeeper")
        yield machine


async def until_it_answers(machine: SystemdContainer) -> None:
    async def answers() -> bool:
        return await machine.run("/opt/watchkeeper/bin/python3", "-c", ASK) == "200"

    await until(answers, "Watchkeeper answers", within_seconds=STARTED_WITHIN_SECONDS)


async def exposure(machine: SystemdContainer) -> float:
    """How exposed systemd finds the unit, from 0 to 10."""
    plain = ("env", "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0")
    told = await machine.run(*plain, "systemd-analyze", "security", "--no-pager", UNIT)
    measured = re.search(r"Overall exposure level for \S+: (\d+\.\d)", told)
    assert measured is not None, told
    return float(measured[1])


async def test_it_is_verified_starts_under_its_hardening_and_ends_when_it_is_told(
    tmp_path: Path, installed: Path
) -> None:
    async with set_up(tmp_path, installed) as machine:
        assert await machine.run("systemd-analyze", "verify", UNIT) == ""
        assert await exposure(machine) <= float(EXPOSURE)
        await machine.systemctl("start", UNIT)
        try:
            await until_it_answers(machine)
        except Exception:
            print(await machine.run("sh", "-c", f"systemctl status {UNIT}; journalctl --no-pager --unit={UNIT}; true"))
            raise
        assert await machine.property(UNIT, "ActiveState") == "active"
        pid = await machine.property(UNIT, "MainPID")
        status = await machine.run("cat", f"/proc/{pid}/status")
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
        assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
        assert await machine.run("stat", "--format=%U", f"/proc/{pid}") == "watchkeeper"
        inside = ("nsenter", f"--target={pid}", "--mount", "setpriv", "--reuid=watchkeeper", "--clear-groups", "touch")
        await machine.run(*inside, "/var/lib/watchkeeper/written")
        with pytest.raises(OSError, match="Read-only file system"):
            await machine.run(*inside, "/opt/watchkeeper/written")
        await machine.systemctl("stop", UNIT)
        assert await machine.property(UNIT, "Result") == "success"
        assert await machine.property(UNIT, "ExecMainStatus") == "0"


async def test_what_only_a_person_can_mend_is_not_started_again(tmp_path: Path, installed: Path) -> None:
    async with set_up(tmp_path, installed) as machine:
        await machine.run("tee", "/etc/watchkeeper/policy.yml", text="version: 2\n")
        await machine.systemctl("start", UNIT)

        async def failed() -> bool:
            return await machine.property(UNIT, "ActiveState") == "failed"

        await until(failed, "the unit has failed", within_seconds=STARTED_WITHIN_SECONDS)
        assert await machine.property(UNIT, "ExecMainStatus") == "2"
        assert await machine.property(UNIT, "NRestarts") == "0"
