"""Faults are injected into staging and nowhere else, really break what they are injected into, and can be mended."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.remediation import PermanentError
from remediations.backends.base import Backend
from remediations.catalogue import capabilities, make_backends
from tests.fixtures.servers import Program, Supervisord, running_supervisord, until
from tests.fixtures.systemd import SystemdContainer, running_systemd

STAGED = "checkout-staging:checkout-staging"
UNITS = {f"{name}.service": "[Service]\nExecStart=/bin/sleep infinity\n" for name in ("checkout", "checkout-staging")}
NOT_STAGING = ("checkout", "checkout:checkout", "checkout-staging2", "*", "", "prod:checkout-staging-db")


@pytest.mark.parametrize("patterns", [[], ["*-staging"], ["checkout-staging"], ["shop-staging"], ["CHECKOUT"]])
@pytest.mark.parametrize(
    "kind", sorted({kind.kind for each in capabilities() for kind in each.adapters if kind.faults})
)
async def test_outside_staging_every_fault_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, kind: str, patterns: list[str]
) -> None:
    monkeypatch.setenv("TEST_TOKEN", "t0ken")
    nowhere = {
        "supervisor": {"server": "http://127.0.0.1:9"},
        "kubernetes": {"url": "https://127.0.0.1:9", "token_env": "TEST_TOKEN"},
    }
    made = make_backends({kind: {"staging": patterns, **nowhere.get(kind, {})}})[kind]
    for fault in made.faults:
        for target in NOT_STAGING:
            for change in (made.inject, made.mend):
                with pytest.raises(PermanentError, match=r"is not staging, so no fault is injected there"):
                    await change(fault, target)


async def test_a_fault_that_it_does_not_have_is_answered_with_those_it_has() -> None:
    made = make_backends({"supervisor": {"server": "http://127.0.0.1:9", "staging": ["*"]}})["supervisor"]
    with pytest.raises(PermanentError, match=r"cannot inject 'sulk': it can inject hang \(.*\), kill \(.*\), stop"):
        await made.inject("sulk", "checkout")


@pytest.mark.parametrize(
    ("kind", "pattern", "staging", "production"),
    [
        ("supervisor", "*-staging", "checkout-staging:checkout-staging", "checkout:web"),
        ("supervisor", "shop-staging", "shop-staging:east", "shop:shop-staging-east"),
        ("supervisor", "shop-staging:*", "shop-staging:east", "shop:shop-staging:east"),
        ("systemd", "*-staging", "checkout-staging.service", "checkout.service"),
        ("systemd", "web-staging", "web-staging@east.service", "web@web-staging.service"),
        ("systemd", "web-staging@*", "web-staging@east.service", "web.service"),
    ],
)
def test_a_pattern_is_held_to_every_name_that_people_know_a_target_by(
    kind: str, pattern: str, staging: str, production: str
) -> None:
    (backend,) = {k for each in capabilities() for k in each.adapters if k.kind == kind}
    assert backend.on_staging([pattern], staging)
    assert not backend.on_staging([pattern], production)


@asynccontextmanager
async def supervised(folder: Path) -> AsyncIterator[tuple[Supervisord, Backend, Program]]:
    staged = Program("checkout-staging")
    async with running_supervisord(folder, Program("checkout"), staged) as supervisord:
        section = {"server": supervisord.server, "timeout": "10s", "staging": ["*-staging"]}
        yield supervisord, make_backends({"supervisor": section})["supervisor"], staged


async def test_a_supervised_process_is_killed_stopped_and_hung_and_mended_each_time(tmp_path: Path) -> None:
    async with supervised(tmp_path) as (supervisord, backend, staged):
        production = await supervisord.pid("checkout")
        for fault, state in {"kill": "EXITED", "stop": "STOPPED", "hang": "RUNNING"}.items():
            await backend.inject(fault, STAGED)
            await supervisord.until_state(STAGED, state)
            if fault == "hang":
                assert process_state(await supervisord.pid(STAGED)) == "T"  # stopped by a signal
            await backend.mend(fault, STAGED)
            await until(staged.answers, f"it answers again after {fault}")
            await backend.mend(fault, STAGED)  # again, where there is nothing to mend
            assert await supervisord.state(STAGED) == "RUNNING"
        assert await supervisord.pid("checkout") == production


async def test_what_was_hung_and_restarted_since_has_nothing_to_mend(tmp_path: Path) -> None:
    async with supervised(tmp_path) as (supervisord, backend, staged):
        await backend.inject("hang", STAGED)
        await supervisord.call("signalProcess", STAGED, "KILL")
        await supervisord.until_state(STAGED, "EXITED")
        await backend.mend("hang", STAGED)
        await until(staged.answers, "it answers")


def process_state(pid: int) -> str:
    return state_in(Path(f"/proc/{pid}/stat").read_text())


def state_in(stat: str) -> str:
    """The kernel's letter for it: T is halted by a signal, S sleeps, R runs."""
    return stat.rpartition(") ")[2][0]


async def test_a_unit_is_killed_stopped_and_hung_and_mended_each_time(tmp_path: Path) -> None:
    async with running_systemd(tmp_path, UNITS) as container:
        section = {"bus": container.bus, "timeout": "10s", "staging": ["*-staging"]}
        backend = make_backends({"systemd": section})["systemd"]
        await container.systemctl("start", *UNITS)
        production = await container.property("checkout.service", "InvocationID")
        staged = "checkout-staging.service"
        for fault, state in {"kill": "failed", "stop": "inactive", "hang": "active"}.items():
            await backend.inject(fault, staged)
            await until(lambda wanted=state: _is(container, staged, wanted), f"it is {state}")  # type: ignore[misc]
            if fault == "hang":
                assert await _process_state(container, staged) == "T"
            await backend.mend(fault, staged)
            assert await container.property(staged, "ActiveState") == "active"
            assert await _process_state(container, staged) in {"S", "R"}
            await backend.mend(fault, staged)
        assert await container.property("checkout.service", "InvocationID") == production


async def _process_state(container: SystemdContainer, unit: str) -> str:
    return state_in(await container.run("cat", f"/proc/{await container.property(unit, 'MainPID')}/stat"))


async def _is(container: SystemdContainer, unit: str, state: str) -> bool:
    return await container.property(unit, "ActiveState") == state
