"""What the stories about brakes share: a remediation that can be held at any step, and deadlines that pass."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bot.policy.file.document import Policy
from bot.policy.plan import Plan
from bot.policy.situation import Scope, ScopeKind
from bot.remediation import About, Parameters, Snapshot, TemporaryError
from bot.response.deadlines.sweep import sweep
from bot.response.interventions import pauses
from bot.response.interventions.clicks import Answer, Press
from bot.response.interventions.take_override import override, roll_back
from bot.response.model.actions import PENDING, UNDER_WAY, ActionState
from bot.response.model.notices import ThreadNotice
from tests.response.clicks import pressed
from tests.response.world import BOB, Switch, World, world, written_policy

EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)
LAMP = Scope(kind=ScopeKind.SERVICE, name="lamp")


@dataclass
class Gate:
    """A step of a remediation that waits until the story lets it go on."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_until_reached(self) -> None:
        async with asyncio.timeout(20):
            await self.reached.wait()


@dataclass
class Gated(Switch):
    """A switch whose ``plan``, ``snapshot``, ``execute`` and ``roll_back`` can be held, or told to fail."""

    gates: dict[str, Gate] = field(default_factory=dict)
    fails: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def hold(self, step: str) -> Gate:
        self.gates[step] = Gate()
        return self.gates[step]

    async def _at(self, step: str) -> None:
        self.calls.append(step)
        gate = self.gates.get(step)
        if gate is not None:
            gate.reached.set()
            await gate.opened.wait()
        if step in self.fails:
            raise self.fails[step]

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        await self._at("plan")
        return await super().plan(parameters, about)

    async def snapshot(self, plan: Plan) -> Snapshot:
        await self._at("snapshot")
        return await super().snapshot(plan)

    async def before(self, what: str) -> None:
        if isinstance(self.fails.get(what), TemporaryError):
            raise self.fails[what]
        await super().before(what)

    async def inside(self, what: str) -> None:
        await self._at(what)
        await super().inside(what)


@asynccontextmanager
async def brakes(folder: Path, policy: Policy | None = None, **more: Any) -> AsyncIterator[World]:
    """A small world whose deadlines are swept, with a switch that can be held."""
    async with world(folder, policy or written_policy("L3"), remediation=Gated, **more) as here:
        sweeping = asyncio.create_task(_sweep(here))
        try:
            yield here
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)


async def _sweep(here: World) -> None:
    while True:
        await sweep(here.context)
        await asyncio.sleep(0.02)


def gated(here: World) -> Gated:
    assert isinstance(here.switch, Gated)
    return here.switch


async def all_told(here: World) -> None:
    """Wait until all that was said is delivered: a story that turns its clock back would wait for the old time."""
    async with asyncio.timeout(20):
        waiting = 1
        while waiting:
            await asyncio.sleep(0.02)
            async with here.database.read() as work:
                waiting = await work.outbox.undelivered()


async def settled(here: World, incident_id: int = 1) -> ActionState | None:
    """Wait until nothing is under way and nothing leads on by itself; where its action stands."""
    leads_on = (PENDING | UNDER_WAY) - {ActionState.WAITING, ActionState.HELD}
    async with asyncio.timeout(30):
        while True:
            await here.idle()
            action = await here.action(incident_id)
            if action is None or action.state not in leads_on:
                return action.state if action is not None else None
            await asyncio.sleep(0.02)


async def pause(here: World, scope: Scope = EVERYTHING, person: str = BOB, reason: str = "release") -> Answer:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        return await pauses.pause(work, here.context, roster, person, scope, None, reason)


async def resume(here: World, scope: Scope = EVERYTHING, person: str = BOB) -> Answer:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        return await pauses.resume(work, here.context, roster, person, scope)


async def overridden(
    here: World, person: str, choice: str, *, press: Press | None = None, why: str = "I know"
) -> Answer:
    """Press Override and choose: a runbook, nothing, or by hand."""
    return await pressed(partial(_override, choice=choice, reason=why), here, person, press=press)


async def rolled_back(here: World, person: str, *, press: Press | None = None) -> Answer:
    return await pressed(roll_back, here, person, press=press)


async def _override(work: Any, context: Any, roster: Any, press: Press, *, choice: str, reason: str) -> Answer:
    return await override(work, context, roster, press, choice, reason)


def thread(here: World) -> list[str]:
    """Everything that was said in threads, as title and lines."""
    return [" | ".join((n.title, *n.lines)) for n in here.delivered if isinstance(n, ThreadNotice)]


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait until ``true`` says so."""
    async with asyncio.timeout(20):
        while not await true():
            await asyncio.sleep(0.02)


async def locked(here: World) -> Mapping[str, str]:
    async with here.database.read() as work:
        return await work.locks.held()


async def active_pauses(here: World) -> list[str]:
    async with here.database.read() as work:
        return [str(one.scope) for one in await work.pauses.active(here.context.now())]


def two_runbooks(level: str = "L3") -> Policy:
    """``careful`` for warnings and ``flip`` for everything else, on the same switch."""
    document = written_policy(level).model_dump(by_alias=True, mode="json")
    flip = document["runbooks"]["flip"]
    warned = "alert.name == 'SwitchOff' && alert.severity == 'warning'"
    document["runbooks"] = {"careful": flip | {"when": warned}, "flip": flip}
    return Policy.model_validate(document)
