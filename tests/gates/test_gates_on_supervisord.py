"""The gates of a restart, run on a real supervisord with a twin of the service, and on a real Prometheus."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from sqlalchemy import select

from bot.cli.offline import offline_database, operator
from bot.cli.validate import INTERRUPTED
from bot.gates.conductor import Conductor, Progress, Tell
from bot.gates.missions import Setup
from bot.gates.report import Ending, Report
from bot.policy.file.document import Policy
from bot.policy.rules.licence import licence_of, why_missing
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.situation import Gate
from bot.response.ports.context import utc_now
from remediations.infrastructure.restart_service import RestartService
from storage.tables import AUDIT_ENTRIES
from tests.fixtures.database import AUDIT_KEY, migrated
from tests.fixtures.servers import Program, Prometheus, Supervisord, running_prometheus, running_supervisord, until
from tests.scenarios.stage import document, loaded

TWIN = "checkout-staging"
ADDRESS = f"{TWIN}:{TWIN}"


@dataclass
class Yard:
    """Production, its twin, and what watches both."""

    folder: Path
    production: Program
    supervisord: Supervisord
    prometheus: Prometheus

    def policy(self, **changes: Any) -> dict[str, Any]:
        """A file whose runbook has what its gates need; ``changes`` are of its ``staging``."""
        written = document(self.supervisord.server, "L3")
        staging = {"with": {"service": TWIN}, "alert": {"service": TWIN}, "inject": "kill"} | changes
        runbook = written["runbooks"]["restart-checkout"]
        runbook |= {"staging": staging}
        runbook["verify"] |= {"within": "20s"}
        return written

    def setup(self, fires_within: float = 30, **changes: Any) -> Setup:
        policy = loaded(self.policy(**changes))
        return Setup(
            runbook="restart-checkout",
            policy=policy.model_dump(mode="json", by_alias=True),
            prometheus_url=self.prometheus.url,
            audit_key=AUDIT_KEY.decode(),
            verify_interval_seconds=0.2,
            fires_within_seconds=fires_within,
        )

    async def twin_runs(self) -> bool:
        return await self.supervisord.state(ADDRESS) == "RUNNING"


@asynccontextmanager
async def yard(folder: Path) -> AsyncIterator[Yard]:
    production, twin = Program("checkout"), Program(TWIN)
    services = {program.name: program.port for program in (production, twin)}
    async with (
        running_supervisord(folder, production, twin) as supervisord,
        running_prometheus(folder, services=services, scrape_milliseconds=500) as prometheus,
    ):
        await prometheus.until_value(f"up{{service='{TWIN}'}}", 1)
        yield Yard(folder, production, supervisord, prometheus)


@pytest.mark.timeout(600)
async def test_a_restart_passes_every_gate_and_nothing_but_its_twin_is_touched(tmp_path: Path) -> None:
    (tmp_path / "record").mkdir()
    url = f"sqlite+aiosqlite:///{tmp_path / 'record' / 'watch.db'}"
    migrated(url)
    async with yard(tmp_path) as place:
        (tmp_path / "policy.yml").write_text(yaml.safe_dump(place.policy(), sort_keys=False))
        before = await place.supervisord.pid(place.production.address)
        code, printed = await watchkeeper(
            place, "validate", "restart-checkout", "--report", "report.json", DATABASE_URL=url
        )
        assert code == 0, printed
        assert f"Stored as evidence. On the record as {operator()}." in printed
        assert await place.supervisord.pid(place.production.address) == before
        assert await place.twin_runs()
        assert not [each for each in await asyncio.to_thread(os.listdir, tmp_path) if each.endswith(".db")]
    for gate in (Gate.STAGING_DRY_RUN, Gate.FAILURE_SIMULATION, Gate.CHAOS_TEST, Gate.ROLLBACK_VERIFICATION):
        assert f"{gate.in_words}: passed." in printed
    report = Report.model_validate_json((tmp_path / "report.json").read_text())
    dry, simulation, chaos, again = report.gates
    assert report.passed
    assert dry.runs[0].before == dry.runs[0].after
    simulated = simulation.runs[0]
    assert simulated.alert is not None
    assert (simulated.alert.name, simulated.alert.service) == ("ServiceDown", TWIN)
    assert simulated.would.startswith("have ")
    assert [step.words for step in simulated.steps] == [f"Restart {TWIN}"]
    assert {"firing", "repair"} <= set(simulated.seconds)
    assert {run.name for run in chaos.runs} == {
        "“read” of the backend reaches nobody at first",
        "“read” of the backend is refused",
        "“read” of the backend is not answered",
        "“read” of the backend is done and its answer lost",
        "“restart” of the backend reaches nobody at first",
        "“restart” of the backend is refused",
        "“restart” of the backend is not answered",
        "“restart” of the backend is done and its answer lost",
        "the process is killed before the change of step 1",
        "the process is killed after the change of step 1",
    }
    ends = {run.name: run.ending for run in chaos.runs}
    assert ends["“restart” of the backend is refused"] is Ending.INTERRUPTED
    assert ends["“restart” of the backend is done and its answer lost"] is Ending.HEALTHY
    assert [run.ending for run in again.runs] == [Ending.HEALTHY, Ending.HEALTHY]
    await stands_on_record(url, report, loaded(yaml.safe_load((tmp_path / "policy.yml").read_text())))
    acted = [run for gate in (simulation, chaos, again) for run in gate.runs]
    assert all(run.record.whole and run.record.entries and run.record.head and run.told for run in acted)


@pytest.mark.timeout(180)
async def test_whoever_is_interrupted_or_killed_the_twin_is_mended(tmp_path: Path) -> None:
    async with yard(tmp_path) as place:
        (tmp_path / "policy.yml").write_text(yaml.safe_dump(place.policy(), sort_keys=False))

        interrupted, _ = await until_injected(place)
        interrupted.terminate()
        assert interrupted.stdout is not None
        assert "Interrupted. Staging is mended." in (await interrupted.stdout.read()).decode()
        assert await interrupted.wait() == INTERRUPTED
        assert await place.twin_runs()

        report = await killed_once_injected(place)
        assert report.gates[1].problem == "The process of the run ended with -9."
        assert [gate.passed for gate in report.gates] == [True, False, False, False]
        assert await place.twin_runs()

        orphaned, child = await until_injected(place)
        orphaned.kill()  # nobody is left who could tell the child to mend
        await orphaned.wait()
        await until(place.twin_runs, "the orphan has mended the twin")
        await asyncio.to_thread(child.wait, 60)


@pytest.mark.timeout(180)
async def test_what_proves_nothing_does_not_pass(tmp_path: Path) -> None:
    async with yard(tmp_path) as place:
        production = await place.supervisord.pid(place.production.address)

        deaf = await run_gates(place.setup(4, alert={"service": TWIN, "team": "shop"}), nobody)
        assert deaf.gates[1].problem.startswith(f"No alert with service='{TWIN}', team='shop' fired within 4 s")
        assert "staging.alert" in deaf.gates[1].problem
        assert deaf.gates[2].problem == "Not run, as the failure simulation has not passed."

        elsewhere = place.setup(30)
        elsewhere.policy["runbooks"]["restart-checkout"]["evidence"] = {"down": "up{service='checkout'} == 0"}
        asked = await run_gates(elsewhere, nobody)
        assert asked.gates[1].problem == "The fault is there, and the evidence 'down' says contradicts."

        mistaken = place.setup(4, **{"with": {"service": "checkout"}})
        touching = await run_gates(mistaken, nobody)
        assert (
            "The plan touches checkout, which backend 'supervisor' does not call staging" in touching.gates[0].problem
        )
        assert not any(gate.passed for gate in touching.gates)

        assert await place.supervisord.pid(place.production.address) == production
        assert await place.twin_runs()


async def stands_on_record(url: str, report: Report, policy: Policy) -> None:
    """The report, its passes with the seal of everything as it is, a case, and an entry of who ran them."""
    name = "restart-checkout"
    seal = seal_of(policy, name, RestartService.version)
    async with offline_database(url, AUDIT_KEY) as database, database.begin() as work:
        held, seen = await work.licences.of(name), await work.licences.report_of(name, report.digest)
        recorded = await work.session.execute(select(AUDIT_ENTRIES.c.actor, AUDIT_ENTRIES.c.kind, AUDIT_ENTRIES.c.body))
    assert {row.gate for row in held.gates} == set(Gate) - {Gate.HUMAN_SIGN_OFF}
    assert {row.seal for row in held.gates} == {digest_of_seal(seal)}
    assert why_missing(licence_of(held, policy, name, seal, utc_now())) == "not passed yet: human sign-off"
    assert [(case.ending.value, case.alert, case.staging) for case in held.cases or ()] == [
        ("verified", "ServiceDown", True)
    ]
    assert Report.model_validate(seen) == report
    ((actor, kind, body),) = recorded
    assert (actor, kind, body["seal"]) == (operator(), "gates.passed", digest_of_seal(seal))


def nobody(_progress: Progress) -> None:
    """Nobody watches."""


async def until_injected(place: Yard) -> tuple[asyncio.subprocess.Process, psutil.Process]:
    """The command, and its child, at the moment when the fault is there."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "bot", "validate", "restart-checkout"),
        cwd=place.folder,
        env=environment(place),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert command.stdout is not None
    while b"Injected" not in (line := await command.stdout.readline()):
        assert line
    return command, worker(command.pid)


async def killed_once_injected(place: Yard) -> Report:
    """The report of a run whose child dies as soon as the fault is there."""

    def watch(progress: Progress) -> None:
        if progress.text.startswith("Injected"):
            worker().kill()

    return await run_gates(place.setup(), watch)


async def run_gates(setup: Setup, tell: Tell) -> Report:
    async with Conductor(setup, tell) as conductor:
        return await conductor.run()


def worker(of: int | None = None) -> psutil.Process:
    """The child in which the gates of this process are run."""
    children = psutil.Process(of).children()
    (found,) = [child for child in children if "bot.gates.worker" in child.cmdline()]
    return found


def environment(place: Yard) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PROMETHEUS_URL": place.prometheus.url,
        "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
    }


async def watchkeeper(place: Yard, *words: str, **more: str) -> tuple[int, str]:
    """The command as an operator types it: its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *words),
        cwd=place.folder,
        env=environment(place) | more,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()
