"""The workflow step "Request a remediation", from the event to the step's end."""

import pytest

from bot.local.workspace.workflows import Execution, ExecutionState
from handlers.workflow import FUNCTION
from storage.tables import ARRIVALS
from tests.handlers.ship import Ship

INPUTS = {
    "runbook": "restart-checkout",
    "service": "checkout",
    "reason": "the form says it hangs",
    "requested_by": "U02BOB",
}


async def run_step(ship: Ship, **changes: str) -> Execution:
    execution = ship.workspace.run_step(FUNCTION, **(INPUTS | changes))
    await ship.workspace.until(lambda: execution.state is not ExecutionState.RUNNING)
    return execution


async def test_a_workflow_asks_for_a_runbook_on_behalf_of_a_person(ship: Ship) -> None:
    execution = await run_step(ship)
    assert (execution.state, execution.outputs) == (ExecutionState.COMPLETED, {"incident": "INC-1"})
    assert ship.flows() == ["consider.v1"]
    (entry,) = await ship.audited("runbook.requested")
    assert (entry.actor, entry.body["via"], entry.body["reason"]) == ("U02BOB", "workflow", "the form says it hangs")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"requested_by": "U04DAVE"}, "You may not run here"),
        ({"requested_by": "<!channel>"}, "You may not run here"),
        ({"runbook": "restart-chekout"}, "Did you mean restart-checkout?"),
        ({"service": "chekout"}, "Did you mean service=checkout?"),
        ({"runbook": "x" * 10_000}, "There is no runbook"),
    ],
)
async def test_a_step_that_cannot_be_done_ends_with_why(ship: Ship, changes: dict[str, str], says: str) -> None:
    execution = await run_step(ship, **changes)
    assert execution.state is ExecutionState.FAILED
    assert says in execution.error
    assert ship.flows() == []


async def test_an_event_that_is_delivered_twice_asks_once(ship: Ship) -> None:
    ship.workspace.misbehave.duplicate_envelopes()
    await run_step(ship)
    await ship.settled()
    assert len(await ship.audited("runbook.requested")) == 1


async def test_the_token_that_comes_with_the_event_is_not_kept(ship: Ship) -> None:
    await run_step(ship)
    async with ship.database.begin() as work:
        rows = await work.session.execute(ARRIVALS.select())
        assert "xwfp-" not in str([row.envelope for row in rows])


async def test_a_workflow_is_told_again_when_slack_stumbled(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.workflow.RETRY_DELAYS_SECONDS", (0.01,))
    ship.workspace.misbehave.fail("functions.completeSuccess")
    assert (await run_step(ship)).outputs == {"incident": "INC-1"}
    assert ship.flows() == ["consider.v1"]
