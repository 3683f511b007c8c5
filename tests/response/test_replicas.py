"""Several processes on one database: killed, frozen and cut off, they finish every action and do nothing twice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from bot.response import approvals
from bot.response.actions import ActionState
from bot.response.engine import Engine
from bot.response.replicas import EXIT_STATUS_LOST, LIVENESS, PlaceTakenError, place_of
from bot.response.watch import Watch
from storage.database import Database
from storage.intake import Intake
from tests.fixtures.database import AUDIT_KEY
from tests.response.replica import ONE_TARGET, SharedSwitch
from tests.response.world import ALICE, People, Senses, World, orders

pytestmark = pytest.mark.xdist_group("replicas")

BEFORE_THE_EFFECT = ("after brief", "after look again", "after claim", "after snapshot", "after remember")
FROM_THE_EFFECT_ON = ("inside execute", "after execute", "after executed", "after verify", "after conclude")


@dataclass
class Replicas:
    """The processes of one test, and a way to the database that runs no flows itself."""

    folder: Path
    url: str
    here: World
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def start(self, *fates: str) -> subprocess.Popen[bytes]:
        """Start a process that meets these fates, and wait until it runs."""
        process = self._spawn(fates)
        await until(lambda: "ready" in self.output(process) or process.poll() is not None)
        assert process.poll() is None, self.output(process)
        return process

    def _spawn(self, fates: Sequence[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.response.replica", str(self.folder), self.url, *fates]
        with (self.folder / f"output-{len(self.processes)}").open("wb") as output:
            self.processes.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        return self.processes[-1]

    def output(self, process: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"output-{self.processes.index(process)}").read_text()

    def met(self, point: str) -> subprocess.Popen[bytes]:
        """The process that met its fate at this point."""
        fate = self.folder / point
        [name] = [path.name for path in self.folder.glob(f"{point}.*") if path.samefile(fate)]
        return next(process for process in self.processes if name == f"{point}.{process.pid}")

    def alive(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self.processes if process.poll() is None]

    async def approve(self, service: str, incident_id: int) -> None:
        """Fire an alert of the service and say yes to what is asked."""
        await self.here.fire(service=service, fingerprint=service)
        await self.here.until(ActionState.WAITING, incident_id)
        press, roster = await self.here.press(ALICE, incident_id), await self.here.watch.roster()
        async with self.here.database.begin() as work:
            assert (await approvals.approve(work, self.here.watch, roster, press)).accepted

    def cut_off(self, process: subprocess.Popen[bytes]) -> None:
        """End the process's liveness connection, as a failing network or server would."""
        uri = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(uri, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                [f"{LIVENESS} {process.pid}"],
            ).fetchall()
        assert ended == [(True,)]

    def journal(self) -> list[str]:
        """``begin`` and ``end`` of every effect, in order."""
        path = self.folder / "journal"
        return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


@asynccontextmanager
async def replicas(folder: Path, url: str) -> AsyncIterator[Replicas]:
    engine = Engine(url)
    database = Database(url, engine, AUDIT_KEY)
    switch, senses = SharedSwitch(folder / "switch.json"), Senses()
    policy = orders("L1", **ONE_TARGET)
    people = People({"sre-oncall": (ALICE,), "leads": ()})
    watch = Watch(database, lambda: policy, {switch.name: switch}, senses, people)
    intake = Intake(database, watch.orders, watch.now)
    group = Replicas(folder, url, World(database, watch, intake, switch, senses))
    try:
        yield group
    finally:
        for process in group.processes:
            process.kill()
            process.wait()
        await intake.close()
        await engine.close()
        await database.close()


async def until(true: Callable[[], object]) -> None:
    """Wait, for as long as the test may take."""
    while not true():
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("points", [BEFORE_THE_EFFECT, FROM_THE_EFFECT_ON], ids=["before the effect", "from it on"])
async def test_an_action_survives_a_kill_at_every_step_and_is_done_once(
    tmp_path: Path, empty_postgresql_url: str, points: tuple[str, ...]
) -> None:
    fates = [f"{point}=SIGKILL" for point in points]
    async with replicas(tmp_path, empty_postgresql_url) as group:
        await asyncio.gather(group.start(*fates), group.start(*fates))
        await group.approve("lamp", 1)
        for point in points:
            await until((tmp_path / point).exists)
            await until(lambda: len(group.alive()) == 1)
            await group.start(*fates)  # the one that is left does not wait for it
        await group.here.until(ActionState.SUCCEEDED)
        assert group.here.switch.read()["flips"] == (0 if "inside execute" in points else 1)
        assert group.journal() == (["begin"] if "inside execute" in points else ["begin", "end"])


async def test_two_actions_on_one_target_never_overlap_though_a_process_dies_inside(
    tmp_path: Path, empty_postgresql_url: str
) -> None:
    async with replicas(tmp_path, empty_postgresql_url) as group:
        fate = "inside execute=SIGKILL"
        await asyncio.gather(group.start(fate), group.start(fate))
        for incident_id, service in enumerate(("lamp", "fan", "door"), start=1):
            await group.approve(service, incident_id)
        for incident_id in (1, 2, 3):
            await group.here.until(ActionState.SUCCEEDED, incident_id)
        assert group.journal() == ["begin", "begin", "end", "begin", "end"], "the first one died, the others took turns"
        assert group.here.switch.read()["flips"] == 2


@pytest.mark.parametrize("point", ["after remember", "inside execute"])
async def test_a_process_that_was_frozen_and_overtaken_does_nothing_twice_and_leaves(
    tmp_path: Path, empty_postgresql_url: str, point: str
) -> None:
    async with replicas(tmp_path, empty_postgresql_url) as group:
        fate = f"{point}=SIGSTOP"
        await asyncio.gather(group.start(fate), group.start(fate))
        await group.approve("lamp", 1)
        await until((tmp_path / point).exists)
        frozen = group.met(point)
        await until(lambda: os.waitid(os.P_PID, frozen.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT))
        group.cut_off(frozen)
        await group.here.until(ActionState.SUCCEEDED)
        frozen.send_signal(signal.SIGCONT)
        await until(lambda: frozen.poll() is not None)
        assert frozen.returncode == EXIT_STATUS_LOST
        assert (await group.here.until(ActionState.SUCCEEDED)).outcome
        assert group.journal().count("begin") == 1
        assert group.here.switch.read()["flips"] <= 1


async def test_a_process_that_loses_its_liveness_connection_stops_at_once_and_says_why(
    tmp_path: Path, empty_postgresql_url: str
) -> None:
    async with replicas(tmp_path, empty_postgresql_url) as group:
        process = await group.start()
        group.cut_off(process)
        await until(lambda: process.poll() is not None)
        assert process.returncode == EXIT_STATUS_LOST
        assert "the liveness connection to the database is lost" in group.output(process)


async def test_a_second_process_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    first = place_of(url, "first")
    await first.take()
    command = [sys.executable, "-m", "tests.response.replica", str(tmp_path), url]
    second = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "ready" not in second.stdout
    assert f"watch.db is already kept by another Watchkeeper (process {os.getpid()})" in second.stderr
    await first.release()
    third = place_of(url, "third")
    await third.take()
    with pytest.raises(PlaceTakenError):
        await first.take()
    await third.release()
