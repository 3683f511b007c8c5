"""`functions.*`: how an app says that it has carried out a workflow's step, or could not."""

from bot.local.workspace.changes import Change
from bot.local.workspace.methods.registry import Call, Implementation
from bot.local.workspace.refusal import Refusal, invalid_arguments
from bot.local.workspace.team import Json
from bot.local.workspace.workflows import Execution, ExecutionState, missing, unknown


def complete_success(call: Call) -> Json:
    """The step is done; the workflow goes on with its outputs."""
    execution = _running(call)
    outputs = call.arguments.data("outputs")
    if not isinstance(outputs, dict):
        raise invalid_arguments("must be an object [json-pointer:/outputs]")
    declared = call.state.installation.functions[execution.callback_id]["output_parameters"]
    if missing(declared, outputs) or unknown(declared, outputs):
        raise Refusal("parameter_validation_failed")
    execution.state, execution.outputs = ExecutionState.COMPLETED, outputs
    call.state.changes.announce(Change("call"))
    return {}


def complete_error(call: Call) -> Json:
    """The step cannot be done; the workflow stops and shows why."""
    execution = _running(call)
    execution.state, execution.error = ExecutionState.FAILED, call.arguments.text("error")
    call.state.changes.announce(Change("call"))
    return {}


def _running(call: Call) -> Execution:
    execution = call.state.executions.get(call.arguments.text("function_execution_id"))
    if execution is None:
        raise Refusal("function_execution_not_found")
    if execution.state is not ExecutionState.RUNNING:
        raise Refusal("execution_not_in_running_state")
    return execution


METHODS: dict[str, Implementation] = {
    "functions.completeSuccess": complete_success,
    "functions.completeError": complete_error,
}
