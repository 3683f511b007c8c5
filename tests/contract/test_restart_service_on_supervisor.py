"""``restart_service`` on a real supervisord keeps the contract."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.policy.plan import Target
from bot.remediation import Remediation
from remediations.testing import Ability, Promise, Subject, made
from tests.contract.doors import BROKEN_OFF, PLAIN_PAGE, answering
from tests.fixtures.servers import Program, Supervisord, running_supervisord, until

pytestmark = pytest.mark.xdist_group("contract-supervisor")
PASSWORD = "canary-of-supervisord"
EAST, WEST = "shop:east", "shop:west"


@dataclass(frozen=True, slots=True)
class Sleeper(Program):
    """A process that does nothing, and that can be kept from being started again."""

    folder: Path = Path()

    @property
    def command(self) -> Path:
        return self.folder / self.name

    def section(self) -> str:
        """Its part of supervisord's configuration; supervisord starts it again when it dies."""
        return f"[program:{self.name}]\ncommand={self.command} infinity\nautorestart=true\nstartsecs=0\n"

    async def answers(self) -> bool:
        return True


class OnSupervisor(Subject):
    """A group of two, both of which hang."""

    name = "restart_service"
    golden = Path(__file__).parent / "golden" / "restart_service_on_supervisor"
    canary = PASSWORD
    cuts = 12
    absent: ClassVar = {
        Ability.CONFLICT: "supervisord knows no versions of what it is asked to do",
        Ability.ENDS: "a restart does not end by itself",
        Ability.HELD: "without startsecs a process runs from its first moment",
        Ability.LIMITED: "supervisord counts nobody's requests",
        Ability.MOVED_ON: "there is nothing to roll back",
        Ability.PROTECTED: "a process is no network and no account",
        Ability.ROLL_BACK: "a restart leaves nothing to undo",
        Ability.TOO_MANY: "a group may be restarted whole, one process after the other",
    }

    def __init__(self, supervisord: Supervisord, programs: tuple[Sleeper, ...], folder: Path) -> None:
        self.supervisord, self.programs, self.folder = supervisord, programs, folder
        self.hung: dict[str, int] = {}
        self.password = folder / "password"
        self.password.write_text(PASSWORD)

    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        return {"supervisor": self.backend_at(self.supervisord.server)}

    def backend_at(self, server: str, **others: Any) -> Mapping[str, Any]:
        access = {"username": self.supervisord.username, "password_file": str(self.password)}
        limits = {"timeout": "2s", "settle_within": "30s", "staging": ["shop:east"]}
        return {"server": server, **access, **limits, **others}

    async def begin(self) -> None:
        for program in self.programs:
            if not program.command.exists():
                program.command.symlink_to(str(shutil.which("sleep")))
            await self._at_rest()
            if await self.supervisord.state(program.address) != "RUNNING":
                await self.supervisord.call("startProcess", program.address)
        self.hung = {address: pid for address, (_, pid) in (await self._processes()).items()}

    def parameters(self) -> dict[str, Any]:
        return {"backend": "supervisor", "service": "shop:*"}

    def nothing(self) -> dict[str, Any]:
        return {"backend": "supervisor", "service": "no-such-group:*"}

    async def outside(self) -> Any:
        await self._at_rest()
        return {address: list(each) for address, each in (await self._processes()).items()}

    async def works(self) -> bool:
        now = await self._processes()
        return all(now[address][0] == "RUNNING" and now[address][1] != self.hung[address] for address in (EAST, WEST))

    def same(self, before: Any, now: Any) -> bool:
        return {address: state for address, (state, _) in before.items()} == {a: s for a, (s, _) in now.items()}

    async def drift(self, target: Target) -> None:
        address = target.key.removeprefix("supervisor:")
        await self.supervisord.call("stopProcess", address)
        await self.supervisord.call("startProcess", address)

    async def by_itself(self, target: Target) -> None:
        address = target.key.removeprefix("supervisor:")
        before = await self.supervisord.pid(address)
        await self.supervisord.call("signalProcess", address, "KILL")

        async def another() -> bool:
            return await self.supervisord.pid(address) not in {0, before}

        await until(another, "supervisord has started it again")

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        (gone,) = (each for each in self.programs if targets[-1].key.endswith(each.address))
        gone.command.unlink()
        return targets[-1]

    def staging(self) -> tuple[str, str, str]:
        return "kill", EAST, WEST

    def volatile(self) -> Mapping[str, Any]:
        return {f"pid of {address}": pid for address, pid in self.hung.items()}

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        async with AsyncExitStack() as stack:
            server, others = self.supervisord.server, {}
            if how is Ability.REFUSED:
                (self.folder / "wrong").write_text("another password")
                others = {"password_file": str(self.folder / "wrong")}
            elif how is Ability.DEAD:
                server = f"unix://{self.folder}/nobody"
            elif how is Ability.SLOW:
                self.supervisord.freeze()
                stack.callback(self.supervisord.thaw)
                others = {"timeout": "300ms"}
            else:
                answer = PLAIN_PAGE if how is Ability.LYING else BROKEN_OFF
                server = f"unix://{await stack.enter_async_context(answering(answer, self.folder / 'door'))}"
            yield made(self.name, {"supervisor": self.backend_at(server, **others)})

    async def _processes(self) -> dict[str, tuple[str, int]]:
        found = await self.supervisord.call("getAllProcessInfo")
        return {f"{each['group']}:{each['name']}": (each["statename"], each["pid"]) for each in found}

    async def _at_rest(self) -> None:
        async def resting() -> bool:
            states = {state for state, _ in (await self._processes()).values()}
            return not states & {"STARTING", "STOPPING", "BACKOFF", "EXITED"}

        await until(resting, "supervisord has come to rest")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSupervisor]:
    folder = tmp_path_factory.mktemp("supervisord")
    where = {"east": "shop", "west": "shop", "other": None}
    programs = tuple(Sleeper(name, group=group, folder=folder) for name, group in where.items())
    for program in programs:
        program.command.symlink_to(str(shutil.which("sleep")))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        running = running_supervisord(folder, *programs, password=PASSWORD)
        try:
            supervisord = runner.run(stack.enter_async_context(running))
            yield OnSupervisor(supervisord, programs, folder)
        finally:
            runner.run(stack.aclose())


@pytest.mark.contract(subject=OnSupervisor)
async def test_restart_service_on_supervisor(promise: Promise, shop: OnSupervisor) -> None:
    await promise.of(shop)
