"""The systemd backend against a real systemd in a container."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.remediation import PermanentError, TemporaryError
from remediations.backends.systemd import Systemd, SystemdSettings
from remediations.backends.systemd.unit import UnitState
from tests.fixtures.servers import until
from tests.fixtures.systemd import SystemdContainer, running_systemd

SLEEPS = "ExecStart=/bin/sleep infinity\n"
UNITS = {
    "web.service": f"[Service]\n{SLEEPS}",
    "unkillable.service": f"[Service]\nRestart=always\nRestartSec=0\nStartLimitIntervalSec=0\n{SLEEPS}",
    "hopeless.service": "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=1\n[Service]\nExecStart=/bin/false\n",
    "broken.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "ghost.service": "[Service]\nType=exec\nExecStart=/nowhere/ghost\n",
    "slow.service": "[Service]\nType=oneshot\nExecStart=/bin/sleep infinity\nTimeoutStartSec=infinity\n",
    "needy.service": f"[Unit]\nRequires=broken.service\nAfter=broken.service\n[Service]\n{SLEEPS}",
    "aloof.service": f"[Unit]\nRefuseManualStart=yes\n[Service]\n{SLEEPS}",
    "other-bus.service": "[Service]\nType=notify\n"
    "ExecStart=/usr/bin/dbus-daemon --session --nofork --address=unix:path=/run/other-bus\n",
    "unreadable.service": "[Service]\nType=simple\n",
}
RELOAD_BUS = (
    *("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus"),
    *("/org/freedesktop/DBus", "org.freedesktop.DBus.ReloadConfig"),
)
DENIED = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy context="mandatory">
<deny send_destination="org.freedesktop.systemd1" send_interface="org.freedesktop.systemd1.Manager"
 send_member="RestartUnit"/>
</policy></busconfig>
"""


def systemd_at(bus: str, timeout: str = "5s", settle_within: str = "30s") -> Systemd:
    settings = {"bus": bus, "timeout": timeout, "settle_within": settle_within}
    return Systemd("systemd", SystemdSettings.model_validate(settings))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
async def container(tmp_path: Path) -> AsyncIterator[SystemdContainer]:
    async with running_systemd(tmp_path, UNITS) as running:
        yield running


async def test_what_keeps_us_from_it_is_told(container: SystemdContainer, tmp_path: Path) -> None:
    systemd = systemd_at(container.bus)
    assert await systemd.reach() == ""
    assert (await systemd.unit("web.service")).state is UnitState.INACTIVE
    await systemd.start("other-bus.service")
    elsewhere = systemd_at(container.bus.replace("dbus/system_bus_socket", "other-bus"))
    assert "no systemd is on that bus at the moment" in (await elsewhere.reach() or "")
    nowhere = systemd_at(f"unix:path={tmp_path}/none")
    assert "cannot be reached (no such socket)" in (await nowhere.reach() or "")


async def test_a_service_is_started_restarted_and_stopped(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    before = await systemd.unit("web.service")
    assert (before.state, before.sub_state, before.main_pid) == (UnitState.INACTIVE, "dead", 0)
    await systemd.start("web.service")
    started = await systemd.unit("web.service")
    assert (started.state, started.sub_state) == (UnitState.ACTIVE, "running")
    assert started.main_pid == int(await container.property("web.service", "MainPID")) != 0
    await systemd.start("web.service")
    assert await systemd.unit("web.service") == started
    await systemd.restart("web.service")
    restarted = await systemd.unit("web.service")
    assert restarted.state is UnitState.ACTIVE
    assert restarted.main_pid not in {0, started.main_pid}
    assert restarted.invocation != started.invocation
    await systemd.stop("web.service")
    await systemd.stop("web.service")
    stopped = await systemd.unit("web.service")
    assert (stopped.state, stopped.main_pid) == (UnitState.INACTIVE, 0)
    assert await container.property("web.service", "ActiveState") == "inactive"


async def test_a_crash_is_seen_and_a_restart_mends_it(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    await systemd.start("web.service")
    await container.crash("web.service")
    crashed = await systemd.unit("web.service")
    assert (crashed.state, crashed.result, crashed.main_pid) == (UnitState.FAILED, "signal", 0)
    await systemd.restart("web.service")
    mended = await systemd.unit("web.service")
    assert (mended.state, mended.result) == (UnitState.ACTIVE, "success")


async def test_what_systemd_restarts_itself_is_told_apart_by_its_invocation(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    await systemd.start("unkillable.service")
    before = await systemd.unit("unkillable.service")
    await container.crash("unkillable.service")

    async def back() -> bool:
        return (await systemd.unit("unkillable.service")).state is UnitState.ACTIVE

    await until(back, "systemd has restarted it")
    assert (await systemd.unit("unkillable.service")).invocation != before.invocation


async def test_a_start_limit_is_named_and_can_be_forgotten(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    await systemd.start("hopeless.service")

    async def failed() -> bool:
        return (await systemd.unit("hopeless.service")).state is UnitState.FAILED

    await until(failed, "it has failed")
    with pytest.raises(
        PermanentError, match=r"it failed\. .*if it was only started too often, `systemctl reset-failed"
    ):
        await systemd.restart("hopeless.service")
    await systemd.reset_failed("hopeless.service")
    assert (await systemd.unit("hopeless.service")).state is UnitState.INACTIVE
    await systemd.start("hopeless.service")


async def test_a_start_that_cannot_succeed_says_why(container: SystemdContainer) -> None:
    await container.systemctl("mask", "masked.service")
    expected = {
        "absent.service": r"NoSuchUnit\): it knows no such unit; check the name",
        "web": r"InvalidArgs\): a unit is named in full",
        "broken.service": r"did not succeed: it failed\. It is failed \(failed, exit-code\): read `systemctl status",
        "ghost.service": r"did not succeed: it failed\. It is failed \(failed, exit-code\)",
        "needy.service": "did not succeed: a unit that it needs could not be started. It is inactive",
        "aloof.service": r"OnlyByDependency\): its unit file forbids that",
        "masked.service": r"UnitMasked\): somebody has masked it",
        "unreadable.service": r"BadUnitSetting\): its unit file is wrong",
    }
    for unit, text in expected.items():
        with pytest.raises(PermanentError, match=text):
            await systemd_at(container.bus).start(unit)


async def test_a_bus_that_does_not_let_us_is_told_with_the_remedy_and_nothing_is_done(
    container: SystemdContainer,
) -> None:
    systemd = systemd_at(container.bus)
    await systemd.start("web.service")
    before = await systemd.unit("web.service")
    await container.run("tee", "/etc/dbus-1/system.d/denied.conf", text=DENIED)
    await container.run(*RELOAD_BUS)
    with pytest.raises(PermanentError, match=r"refused RestartUnit\(web.service\) \(AccessDenied\).*a rule of polkit"):
        await systemd.restart("web.service")
    assert await systemd.unit("web.service") == before


async def test_a_bus_without_a_systemd_is_temporary_even_for_a_change(container: SystemdContainer) -> None:
    await systemd_at(container.bus).start("other-bus.service")
    elsewhere = systemd_at(container.bus.replace("dbus/system_bus_socket", "other-bus"))
    for act in (elsewhere.unit("web.service"), elsewhere.restart("web.service"), elsewhere.reset_failed("web.service")):
        with pytest.raises(TemporaryError, match=r"no systemd is on that bus at the moment"):
            await act


async def test_units_are_found_by_pattern_and_an_unknown_one_is_not_a_unit(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    await systemd.start("web.service")
    found = await systemd.units("web.*", "absent.service", "dbus.s*")
    assert [unit.name for unit in found] == ["dbus.service", "dbus.socket", "web.service"]
    assert await systemd.units("absent.service") == ()
    with pytest.raises(PermanentError, match="it knows no such unit"):
        await systemd.unit("absent.service")


async def test_a_job_that_outlives_its_time_is_reported_and_not_taken_back(container: SystemdContainer) -> None:
    with pytest.raises(PermanentError, match=r"did not end within 1 s and goes on there.*`settle_within`"):
        await systemd_at(container.bus, settle_within="1s").start("slow.service")
    assert (await systemd_at(container.bus).unit("slow.service")).state is UnitState.ACTIVATING


async def test_what_somebody_else_has_begun_is_not_replaced(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    await container.systemctl("start", "--no-block", "slow.service")
    with pytest.raises(TemporaryError, match="something else is being done with the unit"):
        await systemd.stop("slow.service")
    assert (await systemd.unit("slow.service")).state is UnitState.ACTIVATING


async def test_a_job_that_somebody_cancels_is_told_as_that(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    starting = asyncio.ensure_future(systemd.start("slow.service"))

    async def begun() -> bool:
        return (await systemd.unit("slow.service")).state is UnitState.ACTIVATING

    await until(begun, "it is being started")
    await container.systemctl("stop", "slow.service")
    with pytest.raises(PermanentError, match=r"did not succeed: somebody cancelled it"):
        await starting


async def test_a_systemd_that_hangs_is_temporary_to_look_at_and_an_unknown_outcome_to_change(
    container: SystemdContainer,
) -> None:
    await systemd_at(container.bus).start("web.service")
    hasty = systemd_at(container.bus, timeout="500ms")
    container.pause()
    with pytest.raises(TemporaryError, match=r"did not answer LoadUnit\(web.service\) within 0.5 s"):
        await hasty.unit("web.service")
    with pytest.raises(TemporaryError, match=r"did not answer Subscribe"):  # nothing has been asked for yet
        await hasty.restart("web.service")
    with pytest.raises(PermanentError, match=r"did not answer ResetFailed.* whether it took effect is unknown"):
        await hasty.reset_failed("web.service")
    container.resume()
    assert (await systemd_at(container.bus).unit("web.service")).state is UnitState.ACTIVE


async def test_a_systemd_that_goes_away_in_the_middle_is_an_unknown_outcome(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    starting = asyncio.ensure_future(systemd.start("slow.service"))

    async def begun() -> bool:
        return (await systemd.unit("slow.service")).state is UnitState.ACTIVATING

    await until(begun, "it is being started")
    await container.systemctl("kill", "--signal=KILL", "dbus.service")
    with pytest.raises(PermanentError, match=r"broke off before StartUnit\(slow.service\) ended; whether it took"):
        await starting


async def test_a_wait_that_is_cancelled_leaves_no_task_and_no_connection(container: SystemdContainer) -> None:
    systemd = systemd_at(container.bus)
    open_before = open_files()
    starting = asyncio.ensure_future(systemd.start("slow.service"))

    async def begun() -> bool:
        return (await systemd.unit("slow.service")).state is UnitState.ACTIVATING

    await until(begun, "it is being started")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert open_files() == open_before


async def test_a_bus_that_is_not_there_is_temporary_even_for_a_change(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match=r"cannot be reached \(no such socket\): start D-Bus there"):
        await systemd_at(f"unix:path={tmp_path}/absent").restart("web.service")


async def test_a_socket_that_speaks_no_dbus_is_explained(tmp_path: Path) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(greet, tmp_path / "bus"):
        with pytest.raises(PermanentError, match=r"does not let us in \(AuthError\): check `bus`"):
            await systemd_at(f"unix:path={tmp_path}/bus").unit("web.service")


async def test_a_bus_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other side closes
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with await asyncio.start_unix_server(hold, tmp_path / "bus"):
        with pytest.raises(TemporaryError, match=r"cannot be reached \(no answer in time\)"):
            await systemd_at(f"unix:path={tmp_path}/bus", timeout="200ms").unit("web.service")
        await asyncio.wait_for(closed.wait(), 10)
