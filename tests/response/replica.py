"""One process of Watchkeeper over the small world, for tests that kill, freeze and cut off real processes.

At each point of its fate the first process of the folder that comes by sends itself the point's signal. A point is
``after NAME`` of a step or transaction, or ``inside execute``.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import tests.response.world as small_world
from bot.policy.plan import Plan
from bot.remediation import About, Condition, Execution, Health, Parameters, Record, Report, Snapshot
from bot.response.engine.dbos import Engine
from bot.response.ports.flow import Json
from bot.response.ports.work import Work
from tests.response.world import Switch, world, written_policy

ONE_TARGET: Mapping[str, Any] = {"with": {"switch": "main"}}
INSIDE_SECONDS = 0.2


class Fate:
    """What happens to the process at which point; each happens once per folder."""

    def __init__(self, folder: Path, points: Mapping[str, signal.Signals]) -> None:
        self._folder = folder
        self._points = points

    def at(self, point: str) -> None:
        """Send ourselves the point's signal, unless another process had this fate."""
        number = self._points.get(point)
        if number is None:
            return
        try:
            (self._folder / f"{point}.{os.getpid()}").touch()
            os.link(self._folder / f"{point}.{os.getpid()}", self._folder / point)
        except FileExistsError:
            return
        os.kill(os.getpid(), number)


class FatefulEngine(Engine):
    """The real engine, with a fate after each step."""

    fate: Fate

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Json]]) -> Json:
        result = await super().transaction(name, body)
        self.fate.at(f"after {name}")
        return result

    async def step(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        result = await super().step(name, body)
        self.fate.at(f"after {name}")
        return result


class SharedSwitch(Switch):
    """A switch on which two actions may follow each other, and which keeps a journal of who is at it."""

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        plan = await super().plan(parameters, about)
        target = plan.targets[0].model_copy(update={"state": {}})
        rollback = plan.rollback.model_copy(update={"summary": "Flip it back"})
        return plan.model_copy(update={"targets": (target,), "rollback": rollback})

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        self._note("begin")
        FatefulEngine.fate.at("inside execute")
        await asyncio.sleep(INSIDE_SECONDS)
        report = await super().execute(plan, snapshot, execution)
        self._note("end")
        return report

    async def health(self, plan: Plan, record: Record) -> Health:
        """It says so itself: after a death in the middle nothing less counts."""
        return Health(condition=Condition.HEALTHY, summary="It is lit.")

    def _note(self, what: str) -> None:
        with self.path.with_name("journal").open("a") as journal:
            journal.write(f"{what} {os.getpid()}\n")


def run(
    folder: Path,
    url: str,
    fate: Mapping[str, signal.Signals],
    output: Path,
    runbook: Mapping[str, Any] = ONE_TARGET,
) -> None:
    """Be one process, until killed; what it says goes to ``output``. ``runbook``: what the policy says of it."""
    with output.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    FatefulEngine.fate = Fate(folder, fate)
    vars(small_world)["Engine"] = FatefulEngine
    asyncio.run(_keep_watch(folder, url, runbook))


async def _keep_watch(folder: Path, url: str, runbook: Mapping[str, Any]) -> None:
    async with world(folder, written_policy("L1", **runbook), url, remediation=SharedSwitch):
        os.write(1, b"ready\n")
        await asyncio.Event().wait()
