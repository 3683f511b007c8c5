"""Runs a flow of today over what a flow of then has recorded, as the durable engine does after an upgrade.

After a restart the engine calls the flow of the recorded name from the top, and gives it, for each step it asks for,
the result that was recorded in that place. A step of another name in that place is an error; so is a result that the
flow cannot read. Nothing of a step's body is run here.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.response.ports.flow import Json
from bot.response.ports.rows import Work
from tests.upgrade.landed import rows

REMEDY = "a changed flow gets a new name beside the old one, until the old one has drained"
_FLOWS = """
    SELECT workflow_uuid, name, status, workflow_input.inputs AS arguments
    FROM workflow_status JOIN workflow_input USING (workflow_uuid) ORDER BY created_at, workflow_uuid
"""
_STEPS = "SELECT function_name, output FROM operation_outputs WHERE workflow_uuid = ? ORDER BY function_id"


class OtherFlowError(AssertionError):
    """The flow of this name is not the one that was begun; the text says where, and the remedy."""


class GoesOn(BaseException):
    """Everything that was recorded is used up, and from here on the flow would really run. No flow may handle this."""


@dataclass(frozen=True, slots=True)
class Begun:
    """One run of a flow as it was recorded."""

    name: str
    workflow_id: str
    finished: bool
    arguments: tuple[Json, ...]
    steps: Sequence[tuple[str, Json]]
    """Name and result of each, in order."""

    def __str__(self) -> str:
        return f"{self.name} of {self.workflow_id}"


def begun(database: Path) -> list[Begun]:
    """Every run in a database, oldest first."""
    found = []
    for flow in rows(database, _FLOWS):
        steps = rows(database, _STEPS, flow["workflow_uuid"])
        found.append(
            Begun(
                name=flow["name"],
                workflow_id=flow["workflow_uuid"],
                finished=flow["status"] == "SUCCESS",
                arguments=tuple(json.loads(flow["arguments"])["positionalArgs"]),
                steps=[(step["function_name"], json.loads(step["output"])) for step in steps],
            )
        )
    return found


@dataclass(slots=True)
class Replay:
    """A ``Flow`` that remembers, and does nothing."""

    of: Begun
    place: int = field(default=0)

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Json]]) -> Json:
        """See ``bot.response.ports.flow.Flow``."""
        return self._recorded(name)

    async def step(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        """See ``bot.response.ports.flow.Flow``."""
        return self._recorded(name)

    def _recorded(self, name: str) -> Any:
        if self.place == len(self.of.steps):
            if self.of.finished:
                raise OtherFlowError(f"{self.of} was over here, and today's asks for {name!r}: {REMEDY}")
            raise GoesOn
        recorded, result = self.of.steps[self.place]
        self.place += 1
        if recorded != name:
            raise OtherFlowError(
                f"{self.of} has recorded {recorded!r} as its step {self.place}, and today's asks for {name!r}: {REMEDY}"
            )
        return result


async def replay(run: Begun, flow: Callable[..., Awaitable[None]]) -> None:
    """Run ``flow`` over what ``run`` has recorded.

    Raises:
        OtherFlowError: it is not the flow that was begun.
    """
    recorded = Replay(run)
    try:
        await flow(recorded, *run.arguments)
    except GoesOn:
        return
    if recorded.place < len(run.steps):
        left = ", ".join(repr(name) for name, _ in run.steps[recorded.place :])
        raise OtherFlowError(f"{run} has recorded {left} as well, and today's is over before that: {REMEDY}")
