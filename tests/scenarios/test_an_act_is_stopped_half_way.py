"""Bob stops what Watchkeeper does between two steps of it, from the card; then Alice lets it go on."""

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from bot.policy.plan import Plan
from bot.remediation import Execution, Report, Snapshot
from bot.response.model.actions import ActionState
from remediations import catalogue
from remediations.backends.supervisor import Supervisor
from remediations.backends.supervisor.restarts import SupervisorRestarts
from remediations.capability import Capability
from tests.fixtures.start_service import StartService
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import in_order, said


class StartAndWarm(StartService):
    """Starts a service, and then warms it up: two steps, and the first one lasts until the story lets it end."""

    name: ClassVar[str] = "start_and_warm"
    gate: ClassVar[asyncio.Event]

    async def execute(self, plan: Plan, snapshot: Snapshot, execution: Execution) -> Report:
        """Start it, wait for the story, warm it."""
        (target,) = plan.targets
        async with execution.step(f"Start {target.label} (1 of 2)", target.key):
            await self._supervisor(plan).start(target.key.partition(":")[2])
            await self.gate.wait()
        async with execution.step(f"Warm {target.label} (2 of 2)", target.key):
            return Report(summary="Started and warmed it.")


async def press(here: SmallStage, person: str, button: str, *words: str) -> str:
    """Press it once the card offers it and says all of ``words``; what the card said then."""
    card = await here.card_of("INC-1", f"'action_id': '{button}'", *words)
    assert (await here.workspace.person(person).click(card, button)).acked
    return said(card)


async def test_an_act_is_stopped_from_its_card_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capability = Capability(StartAndWarm, {Supervisor: SupervisorRestarts})
    monkeypatch.setattr(catalogue, "CAPABILITIES", (*catalogue.CAPABILITIES, capability))
    StartAndWarm.gate = asyncio.Event()
    async with small_stage(tmp_path, remediation=StartAndWarm.name) as here:
        await here.service.crash()
        await here.fire()
        await press(here, "alice", "approve")
        running = await press(here, "bob", "stop", "Start checkout", "(1 of 2)")
        assert "nothing is rolled back by itself" in running
        await here.privately("bob", "Stopping: no further step begins")
        await here.card_of("INC-1", "Running, but no further step begins")
        StartAndWarm.gate.set()
        await here.thread_of("INC-1", "Stopping", "Ended half-way", "Done: the one step that began", "please look")
        assert (await here.actions())[0].state is ActionState.FAILED

        await press(here, "alice", "go_on", "Critical, half done: ")
        await here.privately("alice", "it is planned anew", "Your own approval does not count")
        await press(here, "bob", "approve")
        texts = await here.thread_of("INC-1", "Going on is asked for", "Done and verified")
        assert not any("(1 of 2)" in text and "Ended half-way" not in text for text in texts), "no message for a step"
        kinds = await here.kinds()
        assert in_order(kinds, "action.step_begun", "action.halt_asked", "action.step_ended", "action.failed")
        assert in_order(kinds, "action.failed", "runbook.requested", "action.step_begun", "action.succeeded")
