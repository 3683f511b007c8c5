"""``restart_service`` on a real systemd keeps the contract."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.policy.plan import Target
from bot.remediation import Remediation
from remediations.testing import Ability, Promise, Subject, made
from tests.contract.doors import PLAIN_PAGE, answering, breaking_off, line
from tests.fixtures.servers import until
from tests.fixtures.systemd import SystemdContainer, running_systemd

pytestmark = pytest.mark.xdist_group("contract-systemd")
EAST, WEST = "shop@east.service", "shop@west.service"
UNITS = {
    "shop@.service": """[Unit]
StartLimitIntervalSec=1h
StartLimitBurst=3
[Service]
Type=exec
Restart=on-failure
RestartSec=0
ExecStartPre=/bin/sh -c 'while test -e /run/held; do sleep 0.05; done; test ! -e /run/spoilt-%i'
ExecStart=/bin/sleep infinity
"""
}
INTO_AN_ANSWER_BYTES = 400
"""What a bus says until it has let us in and begins to answer."""
DENIED = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy context="mandatory"><deny send_destination="org.freedesktop.systemd1"/></policy></busconfig>
"""
RULE = "/etc/dbus-1/system.d/denied.conf"
RELOAD = (
    *("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus"),
    *("/org/freedesktop/DBus", "org.freedesktop.DBus.ReloadConfig"),
)


class OnSystemd(Subject):
    """Two instances of a template, both of which hang."""

    name = "restart_service"
    golden = Path(__file__).parent / "golden" / "restart_service_on_systemd"
    cuts = 12
    absent: ClassVar = {
        Ability.CANARY: "a bus knows us by our user, and asks for nothing",
        Ability.CONFLICT: "a job of somebody else shows as a unit in transition, which is not as planned",
        Ability.ENDS: "a restart does not end by itself",
        Ability.LIMITED: "a bus closes the connection of whoever asks too much",
        Ability.MOVED_ON: "there is nothing to roll back",
        Ability.PROTECTED: "a unit is no network and no account",
        Ability.ROLL_BACK: "a restart leaves nothing to undo",
        Ability.TOO_MANY: "a template may be restarted whole, one instance after the other",
    }

    def __init__(self, container: SystemdContainer, folder: Path) -> None:
        self.container, self.folder = container, folder
        self.hung: dict[str, str] = {}

    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        return self.backends_at(self.container.bus)

    def backends_at(self, bus: str, timeout: str = "10s") -> Mapping[str, Mapping[str, Any]]:
        settings = {"bus": bus, "timeout": timeout, "settle_within": "30s", "staging": [EAST]}
        return {"systemd": settings}

    async def begin(self) -> None:
        await self.container.run("rm", "-f", "/run/held", "/run/spoilt-east", "/run/spoilt-west")
        await self._at_rest()
        await self.container.systemctl("reset-failed", "shop@*")
        await self.container.systemctl("restart", EAST, WEST)
        self.hung = {unit: invocation for unit, (_, invocation) in (await self._units()).items()}

    def parameters(self) -> dict[str, Any]:
        return {"backend": "systemd", "service": "shop@*"}

    def nothing(self) -> dict[str, Any]:
        return {"backend": "systemd", "service": "no-such-service"}

    async def outside(self) -> Any:
        await self._at_rest()
        return {unit: list(seen) for unit, seen in (await self._units()).items()}

    async def works(self) -> bool:
        now = await self._units()
        return all(state == "active" and invocation != self.hung[unit] for unit, (state, invocation) in now.items())

    def same(self, before: Any, now: Any) -> bool:
        return {unit: state for unit, (state, _) in before.items()} == {unit: state for unit, (state, _) in now.items()}

    async def drift(self, target: Target) -> None:
        await self.container.systemctl("restart", _unit(target))

    async def by_itself(self, target: Target) -> None:
        await self.container.crash(_unit(target))
        await self._at_rest()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        await self.container.run("touch", "/run/held")
        yield
        await self.container.run("rm", "/run/held")

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        await self.container.run("touch", f"/run/spoilt-{targets[-1].label.partition('@')[2]}")
        return targets[-1]

    def staging(self) -> tuple[str, str, str]:
        return "stop", EAST, WEST

    def volatile(self) -> Mapping[str, Any]:
        return {f"invocation of {unit}": invocation for unit, invocation in self.hung.items()}

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        async with AsyncExitStack() as stack:
            bus, timeout = self.container.bus, "10s"
            if how is Ability.REFUSED:
                await stack.enter_async_context(self._denied())
            elif how is Ability.DEAD:
                bus = f"unix:path={self.folder}/nobody"
            elif how is Ability.SLOW:
                self.container.pause()
                stack.callback(self.container.resume)
                timeout = "300ms"
            else:
                real, door = Path(bus.removeprefix("unix:path=")), self.folder / "door"
                lying = how is Ability.LYING
                opened = answering(PLAIN_PAGE, door, line) if lying else breaking_off(real, INTO_AN_ANSWER_BYTES, door)
                bus = f"unix:path={await stack.enter_async_context(opened)}"
            yield made(self.name, self.backends_at(bus, timeout))

    @asynccontextmanager
    async def _denied(self) -> AsyncIterator[None]:
        await self.container.run("tee", RULE, text=DENIED)
        await self.container.run(*RELOAD)
        yield
        await self.container.run("rm", RULE)
        await self.container.run(*RELOAD)

    async def _units(self) -> dict[str, tuple[str, str]]:
        shown = await self.container.systemctl("show", "--property=Id,ActiveState,InvocationID", EAST, WEST)
        units = [dict(each.split("=", 1) for each in unit.splitlines()) for unit in shown.split("\n\n")]
        return {unit["Id"]: (unit["ActiveState"], unit["InvocationID"]) for unit in units}

    async def _at_rest(self) -> None:
        async def resting() -> bool:
            states = {state for state, _ in (await self._units()).values()}
            return not states & {"activating", "deactivating"} and not await self.container.systemctl("list-jobs", "-q")

        await until(resting, "systemd has come to rest")


def _unit(target: Target) -> str:
    return target.key.removeprefix("systemd:")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnSystemd]:
    folder = tmp_path_factory.mktemp("systemd")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            container = runner.run(stack.enter_async_context(running_systemd(folder, UNITS)))
            yield OnSystemd(container, folder)
        finally:
            runner.run(stack.aclose())


@pytest.mark.contract(subject=OnSystemd)
async def test_restart_service_on_systemd(promise: Promise, shop: OnSystemd) -> None:
    await promise.of(shop)
