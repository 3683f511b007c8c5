"""Several processes on one database: killed, frozen and cut off, they finish every action and do nothing twice."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from bot.response.engine.dbos import Engine
from bot.response.engine.liveness import EXIT_STATUS_LOST, LIVENESS, PlaceTakenError, place_of
from bot.response.interventions import approvals
from bot.response.model.actions import ActionState
from bot.response.ports.context import Context
from storage.database import Database
from storage.intake import Intake
from tests.fixtures.database import AUDIT_KEY
from tests.response.outside import People, Senses
from tests.response.replica import ONE_TARGET, SharedSwitch, run
from tests.response.world import ALICE, World, written_policy

pytestmark = pytest.mark.xdist_group("replicas")

BEFORE_THE_EFFECT = ("after brief", "after look again", "after claim", "after snapshot", "after remember")
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.response.replica"])  # processes of their own, without importing it all again
Process = multiprocessing.context.ForkServerProcess
FROM_THE_EFFECT_ON = ("inside execute", "after execute", "after executed", "after verify", "after conclude")


@dataclass
class Replicas:
    """The processes of one test, and a way to the database that runs no flows itself."""

    folder: Path
    url: str
    here: World
    runbook: Mapping[str, Any]
    processes: list[Process] = field(default_factory=list)

    async def start(self, fate: Mapping[str, signal.Signals] | None = None) -> Process:
        """Start a process that meets this fate, and wait until it runs."""
        output = self.folder / f"output-{len(self.processes)}"
        process = PROCESSES.Process(target=run, args=(self.folder, self.url, fate or {}, output, self.runbook))
        self.processes.append(process)
        process.start()
        await until(lambda: "ready" in self.output(process).splitlines() or process.exitcode is not None)
        assert process.exitcode is None, self.output(process)
        return process

    def output(self, process: Process) -> str:
        path = self.folder / f"output-{self.processes.index(process)}"
        return path.read_text() if path.exists() else ""

    def met(self, point: str) -> Process:
        """The process that met its fate at this point."""
        fate = self.folder / point
        [name] = [path.name for path in self.folder.glob(f"{point}.*") if path.samefile(fate)]
        return next(process for process in self.processes if name == f"{point}.{process.pid}")

    def alive(self) -> list[Process]:
        return [process for process in self.processes if process.exitcode is None]

    async def approve(self, service: str, incident_id: int) -> None:
        """Fire an alert of the service and say yes to what is asked."""
        await self.here.fire(service=service, fingerprint=service)
        await self.here.until(ActionState.WAITING, incident_id)
        press, roster = await self.here.press(ALICE, incident_id), await self.here.context.roster()
        async with self.here.database.begin() as work:
            assert (await approvals.approve(work, self.here.context, roster, press)).accepted

    def cut_off(self, process: Process) -> None:
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
async def replicas(folder: Path, url: str, runbook: Mapping[str, Any] = ONE_TARGET) -> AsyncIterator[Replicas]:
    engine = Engine(url)
    database = Database(url, engine, AUDIT_KEY)
    switch, senses = SharedSwitch(folder / "switch.json"), Senses()
    policy = written_policy("L1", **runbook)
    people = People({"sre-oncall": (ALICE,), "leads": ()})
    context = Context(database, lambda: policy, {switch.name: switch}, senses, people)
    intake = Intake(database, context.policy, context.now)
    group = Replicas(folder, url, World(database, context, intake, switch, senses), runbook)
    try:
        yield group
    finally:
        for process in group.processes:
            process.kill()
            process.join()
            process.close()
        await intake.close()
        await engine.close()
        await database.close()


async def until(true: Callable[[], object]) -> None:
    """Wait, for as long as the test may take."""
    while not true():
        await asyncio.sleep(0.05)


def is_frozen(process: Process) -> bool:
    state = subprocess.run(["ps", "-o", "state=", "-p", str(process.pid)], capture_output=True, check=True).stdout
    return state.strip() == b"T"


@pytest.mark.parametrize("points", [BEFORE_THE_EFFECT, FROM_THE_EFFECT_ON], ids=["before the effect", "from it on"])
async def test_an_action_survives_a_kill_at_every_step_and_is_done_once(
    tmp_path: Path, empty_postgresql_url: str, points: tuple[str, ...]
) -> None:
    fate = dict.fromkeys(points, signal.SIGKILL)
    async with replicas(tmp_path, empty_postgresql_url) as group:
        await asyncio.gather(group.start(fate), group.start(fate))
        await group.approve("lamp", 1)
        for point in points:
            await until((tmp_path / point).exists)
            await until(lambda: len(group.alive()) == 1)
            await group.start(fate)  # the one that is left does not wait for it
        await group.here.until(ActionState.SUCCEEDED)
        assert group.here.switch.read()["flips"] == (0 if "inside execute" in points else 1)
        assert group.journal() == (["begin"] if "inside execute" in points else ["begin", "end"])


async def test_an_incident_that_settles_is_decided_in_time_though_its_process_was_killed_meanwhile(
    tmp_path: Path, empty_postgresql_url: str
) -> None:
    async with replicas(tmp_path, empty_postgresql_url, {**ONE_TARGET, "settle": "3s"}) as group:
        await group.start({"after begin": signal.SIGKILL})
        await group.here.fire()
        await until((tmp_path / "after begin").exists)
        await until(lambda: not group.alive())
        assert await group.here.action() is None
        await group.start()
        action = await group.here.until(ActionState.WAITING)
        assert action.created_at - (await group.here.incident()).opened_at >= timedelta(seconds=3)


async def test_two_actions_on_one_target_never_overlap_though_a_process_dies_inside(
    tmp_path: Path, empty_postgresql_url: str
) -> None:
    async with replicas(tmp_path, empty_postgresql_url) as group:
        fate = {"inside execute": signal.SIGKILL}
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
        fate = {point: signal.SIGSTOP}
        await asyncio.gather(group.start(fate), group.start(fate))
        await group.approve("lamp", 1)
        await until((tmp_path / point).exists)
        frozen = group.met(point)
        await until(lambda: is_frozen(frozen))
        group.cut_off(frozen)
        await group.here.until(ActionState.SUCCEEDED)
        assert frozen.pid is not None
        os.kill(frozen.pid, signal.SIGCONT)
        await until(lambda: frozen.exitcode is not None)
        assert frozen.exitcode == EXIT_STATUS_LOST
        assert (await group.here.until(ActionState.SUCCEEDED)).outcome
        assert group.journal().count("begin") == 1
        assert group.here.switch.read()["flips"] <= 1


async def test_a_process_that_loses_its_liveness_connection_stops_at_once_and_says_why(
    tmp_path: Path, empty_postgresql_url: str
) -> None:
    async with replicas(tmp_path, empty_postgresql_url) as group:
        process = await group.start()
        group.cut_off(process)
        await until(lambda: process.exitcode is not None)
        assert process.exitcode == EXIT_STATUS_LOST
        assert "the liveness connection to the database is lost" in group.output(process)


async def test_a_second_process_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    first = place_of(url, "first")
    await first.take()
    async with replicas(tmp_path, url) as group:
        with pytest.raises(AssertionError) as refused:
            await group.start()
        assert "PlaceTakenError" in str(refused.value)
        assert f"watch.db is already used by another Watchkeeper (process {os.getpid()})" in str(refused.value)
        await first.release()
        await group.start()
        with pytest.raises(PlaceTakenError):
            await first.take()
