"""What rolling back a restart does: nothing to what works, and for older plans it starts what ran."""

from pathlib import Path

import pytest

from bot.remediation import PermanentError
from tests.fixtures.servers import Program
from tests.remediations.restarting import STARTS_FOR_LONG, plan_for, restart, restarting, roll_back


async def test_rolling_back_an_older_plan_starts_what_ran_and_never_stops_what_runs(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    steady = tuple(Program(name, group="shop") for name in ("running", "exited", "stopped"))
    looping = Program("looping", group="shop", start_seconds=STARTS_FOR_LONG, fail_while=broken)
    async with restarting(tmp_path, *steady, looping) as (supervisord, remediation):
        plan = await plan_for(remediation, "shop")
        await steady[1].crash()
        await supervisord.until_state("shop:exited", "EXITED")
        await supervisord.call("stopProcess", "shop:stopped")
        broken.touch()
        await supervisord.call("stopProcess", "shop:looping")
        await supervisord.call("startProcess", "shop:looping", False)
        await supervisord.until_state("shop:looping", "STARTING", "BACKOFF")
        snapshot = await remediation.snapshot(plan)
        # Turn everything round.
        await supervisord.call("stopProcess", "shop:running")
        await supervisord.call("startProcess", "shop:exited")
        await supervisord.call("startProcess", "shop:stopped")
        await supervisord.until_state("shop:looping", "FATAL")

        report = await roll_back(remediation, plan, snapshot)

        assert report.details["restored"] == {
            "shop:running": "started",
            "shop:exited": "unchanged",
            "shop:stopped": "unchanged",
            "shop:looping": "started",
        }
        assert report.summary == "Started shop:looping, shop:running again."
        assert await supervisord.state("shop:running") == "RUNNING"
        assert await supervisord.state("shop:exited") == "RUNNING"
        assert await supervisord.state("shop:stopped") == "RUNNING"
        assert await supervisord.state("shop:looping") in {"STARTING", "BACKOFF"}
        untouched = await supervisord.pid("shop:running")
        await roll_back(remediation, plan, snapshot)
        assert await supervisord.pid("shop:running") == untouched


async def test_rolling_back_a_restart_that_helped_leaves_the_service_running(tmp_path: Path) -> None:
    checkout = Program("checkout")
    async with restarting(tmp_path, checkout) as (supervisord, remediation):
        await checkout.crash()
        await supervisord.until_state("checkout", "EXITED")
        plan = await plan_for(remediation, "checkout")
        snapshot = await restart(remediation, plan)
        running = await supervisord.pid("checkout")
        report = await roll_back(remediation, plan, snapshot)
        assert report.summary == "Nothing had to be started; what runs goes on."
        assert await supervisord.pid("checkout") == running


async def test_one_process_that_cannot_be_restored_does_not_keep_the_others_from_it(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    east = Program("east", group="shop", fail_while=broken, start_seconds=3)
    west = Program("west", group="shop")
    async with restarting(tmp_path, east, west) as (supervisord, remediation):
        await supervisord.until_state("shop:east", "RUNNING")
        plan = await plan_for(remediation, "shop")
        snapshot = await remediation.snapshot(plan)
        broken.touch()
        await supervisord.call("stopProcessGroup", "shop")
        with pytest.raises(PermanentError, match=r"shop:east .*did not start.*Restored: shop:west"):
            await roll_back(remediation, plan, snapshot)
        assert await supervisord.state("shop:west") == "RUNNING"
