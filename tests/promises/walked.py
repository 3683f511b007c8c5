"""What a walk goes through: brakes that are watched at every commit, and a world that can die at each."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.policy import evidence
from bot.policy.evidence import Finding
from bot.response.model.actions import Action
from bot.response.ports.flow import Json
from bot.response.ports.work import Work
from storage.database import Database
from tests.response.outside import Senses
from tests.response.world import Switch


class Died(BaseException):
    """The process is gone; whoever starts it again runs the flow from the top."""


@dataclass
class Brakes:
    """What was committed, and so what must not begin from then on."""

    paused: bool = False
    taken: bool = False
    said_no: bool = False
    stopped: set[str] = field(default_factory=set)
    too_old: set[str] = field(default_factory=set)
    firing: set[str] = field(default_factory=set)
    marked: bool = False
    turned: bool = False
    forbidden: bool = False

    def against_act(self, action: Action) -> list[str]:
        alone = not action.decided_by
        return [
            name
            for name, holds in {
                "paused": self.paused,
                "taken": self.taken,
                "stopped": action.id in self.stopped,
                "a no in this incident": self.said_no and alone,
                "expired": action.id in self.too_old,
                "every alert has ended": not self.firing,
                "an alert that no runbook may answer alone": self.marked and alone,
                "evidence has turned": self.turned,
                "the policy forbids it": self.forbidden,
            }.items()
            if holds
        ]

    def against_step(self, action: Action) -> list[str]:
        """What people have said meanwhile; what monitors say only keeps the whole from beginning."""
        said = {"paused": self.paused, "taken": self.taken, "stopped": action.id in self.stopped}
        return [name for name, holds in said.items() if holds]

    def against_rollback(self) -> list[str]:
        return [name for name, holds in {"paused": self.paused, "taken": self.taken}.items() if holds]


@dataclass
class Watched(Switch):
    """A switch that says when an effect begins, and when its one step does."""

    begins: Callable[[str], Awaitable[None]] | None = None
    begins_step: Callable[[str], Awaitable[None]] | None = None

    async def before(self, what: str) -> None:
        assert self.begins is not None
        await self.begins(what)
        await super().before(what)

    async def inside(self, what: str) -> None:
        assert self.begins_step is not None
        await self.begins_step(what)
        await super().inside(what)


@dataclass
class Asked(Senses):
    """What monitoring has answered against acting counts from then on."""

    brakes: Brakes = field(default_factory=Brakes)

    async def ask(self, queries: Collection[str]) -> Mapping[str, evidence.Answer]:
        self.brakes.turned = self.brakes.turned or self.evidence is Finding.CONTRADICTS
        return await super().ask(queries)


class Interrupted:
    """The database as the flows see it: before each of their transactions something else may be committed."""

    def __init__(self, real: Database, before: Callable[[], Awaitable[None]]) -> None:
        self._real, self._before = real, before

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        await self._before()
        async with self._real.begin() as work:
            yield work

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Work]:
        async with self._real.read() as work:
            yield work


class Remembering:
    """``Flow`` over a dictionary: what was remembered is not done again."""

    def __init__(self, database: Interrupted, memory: dict[str, Json]) -> None:
        self._database, self._memory = database, memory

    async def transaction(self, name: str, body: Callable[[Work], Awaitable[Json]]) -> Json:
        if name not in self._memory:
            async with self._database.begin() as work:
                result = await body(work)
            self._memory[name] = json.loads(json.dumps(result))
        return self._memory[name]

    async def step(self, name: str, body: Callable[[], Awaitable[Json]]) -> Json:
        if name not in self._memory:
            self._memory[name] = json.loads(json.dumps(await body()))
        return self._memory[name]
