"""Restarting services of a real systemd in a container: what differs there from a supervised process."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import pytest

from bot.policy.file.protected import Protected
from bot.policy.plan import Plan, Remaining
from bot.remediation import Condition, KnowsTargets, PermanentError, Remediation, TemporaryError
from remediations.catalogue import build_catalogue
from remediations.infrastructure.restart_service import RestartServiceParameters
from tests.fixtures.servers import until
from tests.fixtures.systemd import SystemdContainer, running_systemd
from tests.remediations.restarting import about, condition, execute, restart

pytestmark = pytest.mark.xdist_group("restart-on-systemd")
SLEEPS = "ExecStart=/bin/sleep infinity\n"
LOOPS = "[Service]\nRestart=always\nRestartSec=100ms\nExecStart=/bin/sleep 2\n[Unit]\nStartLimitIntervalSec=0\n"
UNITS = {
    "web.service": f"[Service]\n{SLEEPS}",
    "web.socket": "[Socket]\nListenStream=/run/web.sock\n",
    "shop@.service": f"[Service]\n{SLEEPS}",
    "cafe@.service": f"[Service]\n{SLEEPS}",
    "bank@.service": f"[Service]\n{SLEEPS}",
    "idle.service": f"[Service]\n{SLEEPS}",
    "looping.service": LOOPS,
    "stubborn.service": f"[Service]\nKillSignal=SIGWINCH\nTimeoutStopSec=infinity\n{SLEEPS}",
    "sullen.service": f"[Service]\nKillSignal=SIGWINCH\nTimeoutStopSec=infinity\n{SLEEPS}",
    "limited.service": f"[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=2\n[Service]\n{SLEEPS}",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A systemd, and the remediation over it."""

    container: SystemdContainer
    remediation: Remediation

    async def plan(self, service: str, **known: object) -> Plan:
        return await self.remediation.plan(
            RestartServiceParameters(backend="systemd", service=service),
            about(**known),  # type: ignore[arg-type]
        )

    async def invocation(self, unit: str) -> str:
        return await self.container.property(unit, "InvocationID")

    async def state(self, unit: str) -> str:
        return await self.container.property(unit, "ActiveState")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One for all: no test touches another's units."""
    stack = AsyncExitStack()
    with asyncio.Runner() as runner:
        container = runner.run(stack.enter_async_context(running_systemd(tmp_path_factory.mktemp("systemd"), UNITS)))
        settings = {"bus": container.bus, "timeout": "10s", "settle_within": "30s"}
        try:
            yield Machine(container, build_catalogue({"systemd": settings})["restart_service"])
        finally:
            runner.run(stack.aclose())


async def test_a_service_runs_as_another_invocation_and_a_second_plan_is_another(machine: Machine) -> None:
    await machine.container.systemctl("start", "web.service")
    before = await machine.invocation("web.service")
    plan = await machine.plan("web")
    assert [(target.key, target.label) for target in plan.targets] == [("systemd:web.service", "web")]
    assert plan.digest == (await machine.plan("web.service")).model_copy(update={"parameters": plan.parameters}).digest
    assert plan.remaining == Remaining(healthy=1, total=1, taken=1)
    assert plan.step_limit_seconds is not None
    await restart(machine.remediation, plan)
    assert await machine.invocation("web.service") not in {before, ""}
    assert await condition(machine.remediation, plan) is Condition.HEALTHY
    with pytest.raises(PermanentError, match="changed since the plan was made"):
        await restart(machine.remediation, plan)


async def test_a_name_means_a_unit_or_every_instance_of_a_template(machine: Machine) -> None:
    await machine.container.systemctl("start", "web.service", "shop@east.service", "shop@west.service")
    meant = {
        "web": ["web"],
        "web.service": ["web"],
        "shop@east": ["shop@east"],
        "shop@*": ["shop@east", "shop@west"],
        "web@*": [],
        "shop@": [],
        "shop": [],
        "*": [],
        "": [],
        "web.socket": [],
        "../../web": [],
        "web\n": [],
    }
    plans = {name: await machine.plan(name) for name in meant if name}
    assert {name: [each.label for each in plan.targets] for name, plan in plans.items()} == {
        name: labels for name, labels in meant.items() if name
    }
    assert plans["shop@east"].remaining == Remaining(healthy=2, total=2, taken=1)


async def test_instances_are_restarted_one_after_the_other_and_only_they(machine: Machine) -> None:
    units = ("cafe@east.service", "cafe@west.service", "web.service")
    await machine.container.systemctl("start", *units)
    before = {unit: await machine.invocation(unit) for unit in units}
    await restart(machine.remediation, await machine.plan("cafe@*"))
    after = {unit: await machine.invocation(unit) for unit in units}
    assert {unit for unit in units if before[unit] != after[unit]} == set(units[:2])


async def test_what_is_stopped_or_masked_on_purpose_is_left_alone_with_the_remedy(machine: Machine) -> None:
    with pytest.raises(PermanentError, match=r"idle on .* is stopped on purpose.*`systemctl start idle.service`"):
        await machine.plan("idle")  # never started, so systemd has it on disk only
    await machine.container.systemctl("mask", "masked.service")
    with pytest.raises(PermanentError, match=r"masked on .* is masked.*`systemctl unmask masked.service`"):
        await machine.plan("masked")
    await machine.container.systemctl("start", "bank@east.service", "bank@west.service")
    await machine.container.systemctl("stop", "bank@west.service")
    await machine.container.systemctl("start", "bank@north.service")
    plan = await machine.plan("bank@*")
    assert [target.label for target in plan.targets] == ["bank@east", "bank@north"]


async def test_a_service_that_hit_its_start_limit_is_restarted_all_the_same(machine: Machine) -> None:
    for _ in range(2):
        await machine.container.systemctl("start", "limited.service")
        await machine.container.crash("limited.service")
    with pytest.raises(OSError, match=r"limited\.service"):
        await machine.container.systemctl("start", "limited.service")
    plan = await machine.plan("limited")
    assert await condition(machine.remediation, plan) is Condition.UNHEALTHY
    await restart(machine.remediation, plan)
    assert await machine.state("limited.service") == "active"


async def test_a_crash_loop_neither_makes_its_plan_stale_nor_looks_healthy(machine: Machine) -> None:
    await machine.container.systemctl("start", "looping.service")

    async def looping() -> bool:
        return int(await machine.container.property("looping.service", "NRestarts")) > 0

    await until(looping, "systemd has started it again")
    plan = await machine.plan("looping")
    assert plan.remaining == Remaining(healthy=0, total=1, taken=0)
    first = await machine.invocation("looping.service")

    async def again() -> bool:
        return await machine.invocation("looping.service") != first

    await until(again, "it has crashed once more")
    assert (await machine.plan("looping")).digest == plan.digest
    assert await condition(machine.remediation, plan) is Condition.SETTLING
    await machine.remediation.rehearse(plan)


async def test_a_service_that_is_being_stopped_is_left_to_settle(machine: Machine) -> None:
    await machine.container.systemctl("start", "stubborn.service")
    await machine.container.systemctl("stop", "--no-block", "stubborn.service")

    async def stopping() -> bool:
        return await machine.state("stubborn.service") == "deactivating"

    await until(stopping, "it is being stopped")
    with pytest.raises(TemporaryError, match="being stopped at this moment"):
        await machine.plan("stubborn")
    await machine.container.systemctl("kill", "--signal=KILL", "stubborn.service")


async def test_cancelled_in_the_middle_nothing_is_left_to_go_on(machine: Machine) -> None:
    await machine.container.systemctl("start", "sullen.service")
    plan = await machine.plan("sullen")
    acting = asyncio.create_task(execute(machine.remediation, plan, await machine.remediation.snapshot(plan)))

    async def stopping() -> bool:
        return await machine.state("sullen.service") == "deactivating"

    await until(stopping, "its restart has begun")
    acting.cancel()
    with suppress(asyncio.CancelledError):
        await acting
    assert await machine.container.systemctl("list-jobs", "--no-legend") in {"", "No jobs running."}
    await machine.container.systemctl("kill", "--signal=KILL", "sullen.service")

    async def ended() -> bool:
        return await machine.state("sullen.service") in {"failed", "inactive"}

    await until(ended, "it has ended")
    assert await condition(machine.remediation, plan) is Condition.UNHEALTHY


async def test_what_is_protected_is_refused_by_any_of_its_names(machine: Machine) -> None:
    await machine.container.systemctl("start", "shop@east.service", "shop@west.service")
    for pattern in ("systemd:shop@west.service", "*@west", "shop@west.service"):
        with pytest.raises(PermanentError, match=r"shop@west of backend 'systemd' is protected"):
            await machine.plan("shop@*", protected=Protected(targets=(pattern,)))


async def test_every_service_is_known_by_its_key_and_by_the_name_people_see(machine: Machine) -> None:
    await machine.container.systemctl("start", "web.service")
    assert isinstance(machine.remediation, KnowsTargets)
    assert {"systemd:web.service", "web"} <= set(await machine.remediation.targets())
