"""The worked example of docs/remediations.md works as it stands there."""

import re
from pathlib import Path
from typing import Any

import pytest

from bot.policy.plan import Plan
from bot.remediation import PermanentError, Remediation, Snapshot
from remediations.backends.base import Backends
from remediations.backends.supervisor import Supervisor, SupervisorSettings
from tests.fixtures.servers import Program, running_supervisord, until

DOCUMENT = Path(__file__).parents[2] / "docs" / "remediations.md"


def the_example(backends: Backends) -> Remediation:
    source = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[0]
    written: dict[str, Any] = {"__name__": "example"}
    exec(compile(source, str(DOCUMENT), "exec"), written)  # noqa: S102  # our own document, read from the tree
    example: Remediation = written["ParkWorker"](backends)
    return example


async def test_the_documented_example_parks_a_worker_and_brings_it_back(tmp_path: Path) -> None:
    worker = Program("one", group="workers")
    async with running_supervisord(tmp_path, worker, Program("two", group="workers")) as supervisord:
        settings = SupervisorSettings.model_validate({"server": supervisord.server})
        example = the_example(Backends({"supervisor": Supervisor("supervisor", settings)}))
        assert isinstance(example, Remediation)

        async def planned() -> Plan:
            return await example.plan(example.parameters.model_validate({"worker": worker.address}), "queue", 2)

        plan = await planned()
        assert plan.blast_radius.share == 0.5
        assert plan.digest == (await planned()).digest
        await example.rehearse(plan)
        snapshot: Snapshot = await example.snapshot(plan)
        await example.execute(plan, snapshot)
        assert (await example.health(plan)).healthy is True
        assert await supervisord.state(worker.address) == "STOPPED"
        assert await supervisord.state("workers:two") == "RUNNING"
        assert (await planned()).targets == ()

        await example.roll_back(plan, snapshot)
        await until(worker.answers, "the worker answers again")
        with pytest.raises(PermanentError, match="Plan again"):
            await example.execute(plan, snapshot)
