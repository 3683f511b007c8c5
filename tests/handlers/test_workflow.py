"""The workflow step "Request a remediation", from the event to the step's end."""

import asyncio
from datetime import timedelta

import pytest

from bot.local.workspace.workflows import Execution, ExecutionState
from bot.response.ports.context import utc_now
from bot.response.ports.flow import FlowName
from handlers.slack.inbox import ATTEMPTS_MAX
from handlers.slack.workflow import FUNCTION
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
    assert ship.flows() == [FlowName.CONSIDER]
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


async def recovered(ship: Ship, **later: float) -> None:
    """What the next process, started so much later, makes of what was left behind."""
    next_process = await ship.at(utc_now() + timedelta(**later))
    await next_process.recover()
    assert await next_process.drain() == 0


async def left_behind(ship: Ship, monkeypatch: pytest.MonkeyPatch, unreached: str) -> Execution:
    """A step whose process dies before it comes to this function of the handler's."""
    died = asyncio.Event()

    async def die(*_: object) -> None:
        died.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(f"handlers.slack.workflow.{unreached}", die)
        execution = ship.workspace.run_step(FUNCTION, **INPUTS)
        await died.wait()
        assert await ship.inbox.drain(0.01) == 1
    assert execution.state is ExecutionState.RUNNING
    return execution


async def test_a_workflow_whose_request_was_made_by_a_process_that_then_died_hears_of_it_from_the_next(
    ship: Ship, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = await left_behind(ship, monkeypatch, "_deliver")
    await recovered(ship, minutes=30)
    assert (execution.state, execution.outputs) == (ExecutionState.COMPLETED, {"incident": "INC-1"})
    assert len(await ship.audited("runbook.requested")) == 1
    assert await ship.unfinished() == 0


async def test_a_step_that_has_ended_is_not_ended_again(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = await left_behind(ship, monkeypatch, "_deliver")
    await ship.client.functions_completeError(function_execution_id=execution.id, error="somebody stopped it")
    await recovered(ship)
    assert execution.error == "somebody stopped it"
    assert await ship.unfinished() == 0


async def test_a_workflow_is_told_again_as_long_as_slack_stumbles(ship: Ship) -> None:
    tries = ATTEMPTS_MAX + 2
    ship.workspace.misbehave.fail("functions.completeSuccess", times=tries)
    execution = ship.workspace.run_step(FUNCTION, **INPUTS)
    await ship.workspace.until(
        lambda: [one for one in ship.workspace.calls if one.method == "functions.completeSuccess"]
    )
    await ship.settled()
    for number in range(1, tries):
        assert execution.state is ExecutionState.RUNNING
        await recovered(ship, minutes=20 * number)
    await recovered(ship, minutes=20 * tries)
    assert execution.outputs == {"incident": "INC-1"}
    assert ship.flows() == [FlowName.CONSIDER]
    assert await ship.unfinished() == 0


async def test_a_step_that_is_found_too_late_is_not_carried_out_and_ends_with_why(
    ship: Ship, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = await left_behind(ship, monkeypatch, "_ask")
    await recovered(ship, hours=3)
    assert execution.state is ExecutionState.FAILED
    assert "please run the workflow again" in execution.error
    assert ship.flows() == []


async def test_a_step_that_fails_on_our_side_ends_with_that(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr("handlers.slack.workflow._ask", fail)
    execution = await run_step(ship)
    assert execution.state is ExecutionState.FAILED
    assert "Nothing was done" in execution.error
