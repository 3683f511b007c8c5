"""The durable flows by name. A changed flow gets a new name beside the old one, until the old has drained."""

from collections.abc import Mapping

from bot.response.act import act
from bot.response.consider import consider
from bot.response.ports.context import Watch
from bot.response.ports.flow import Flow, FlowFunction, Json
from bot.response.roll_back import roll_back


def flows(watch: Watch) -> Mapping[str, FlowFunction]:
    """Every flow, bound to its collaborators."""
    return {
        "consider.v1": _bound(consider, watch),
        "act.v1": _bound(act, watch),
        "roll_back.v1": _bound(roll_back, watch),
    }


def _bound(function: FlowFunction, watch: Watch) -> FlowFunction:
    async def run(flow: Flow, *arguments: Json) -> None:
        await function(flow, watch, *arguments)

    return run
