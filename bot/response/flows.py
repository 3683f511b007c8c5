"""The durable flows by name. A changed flow gets a new name beside the old one, until the old has drained."""

from collections.abc import Mapping

from bot.response.act import act
from bot.response.consider import consider
from bot.response.ports.context import Context
from bot.response.ports.flow import Flow, FlowFunction, FlowName, Json
from bot.response.roll_back import roll_back


def flows(context: Context) -> Mapping[str, FlowFunction]:
    """Every flow, bound to its collaborators."""
    return {
        FlowName.CONSIDER: _bound(consider, context),
        FlowName.ACT: _bound(act, context),
        FlowName.ACT_V1: _bound(act, context),
        FlowName.ROLL_BACK: _bound(roll_back, context),
        FlowName.ROLL_BACK_V1: _bound(roll_back, context),
    }


def _bound(function: FlowFunction, context: Context) -> FlowFunction:
    async def run(flow: Flow, *arguments: Json) -> None:
        await function(flow, context, *arguments)

    return run
