"""Workflow steps: the app is told, and says once how it ended."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Workspace
from bot.local.workspace.workflows import ExecutionState

MANIFEST: dict[str, Any] = {
    "features": {},
    "functions": {
        "greet": {
            "title": "Greet",
            "description": "Say hello",
            "input_parameters": {"properties": {"name": {"type": "string"}}, "required": ["name"]},
            "output_parameters": {"properties": {"words": {"type": "string"}}, "required": ["words"]},
        }
    },
    "settings": {"event_subscriptions": {"bot_events": ["function_executed"]}},
}


@pytest.fixture
def installed(workspace: Workspace) -> Workspace:
    workspace.manifest(MANIFEST)
    return workspace


async def test_bolts_own_way_to_carry_out_a_step_works_here(
    installed: Workspace, app: AsyncApp, connected: Any
) -> None:
    @app.function("greet")
    async def greet(inputs: dict[str, str], complete: Any) -> None:
        await complete(outputs={"words": f"Hello {inputs['name']}"})

    async with connected():
        execution = installed.run_step("greet", name="Alice")
        await installed.until(lambda: execution.state is ExecutionState.COMPLETED)
    assert execution.outputs == {"words": "Hello Alice"}


async def test_a_step_ends_once(installed: Workspace, client: AsyncWebClient, refused: Any) -> None:
    execution = installed.run_step("greet", name="Alice")
    await client.functions_completeError(function_execution_id=execution.id, error="no voice")
    assert (execution.state, execution.error) == (ExecutionState.FAILED, "no voice")
    again = client.functions_completeSuccess(function_execution_id=execution.id, outputs={"words": "hi"})
    assert (await refused(again))["error"] == "execution_not_in_running_state"


async def test_outputs_are_those_of_the_manifest(installed: Workspace, client: AsyncWebClient, refused: Any) -> None:
    execution = installed.run_step("greet", name="Alice")
    for outputs in ({}, {"words": "hi", "more": "x"}):
        call = client.functions_completeSuccess(function_execution_id=execution.id, outputs=outputs)
        assert (await refused(call))["error"] == "parameter_validation_failed"
    unknown = client.functions_completeError(function_execution_id="Fx0", error="?")
    assert (await refused(unknown))["error"] == "function_execution_not_found"


def test_a_step_needs_its_inputs(installed: Workspace) -> None:
    with pytest.raises(ValueError, match="name"):
        installed.run_step("greet")
    with pytest.raises(LookupError, match="greet"):
        installed.run_step("shout")
