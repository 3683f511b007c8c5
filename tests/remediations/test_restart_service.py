"""Restarting with a real supervisord that runs a real small service, which really hangs, crashes and comes back."""

import asyncio
from pathlib import Path

import pytest

from bot.policy.plan import Effect, Exactness
from bot.remediation import Condition, KnowsTargets, PermanentError, TemporaryError
from tests.fixtures.servers import Program, running_supervisord, until
from tests.remediations.restarting import (
    STARTS_FOR_LONG,
    condition,
    execute,
    plan_for,
    restart,
    restart_through,
    restarting,
    roll_back,
)


async def test_a_hung_service_answers_again_as_another_process(tmp_path: Path) -> None:
    checkout = Program("checkout")
    async with restarting(tmp_path, checkout) as (supervisord, remediation):
        hung = await supervisord.pid("checkout")
        await checkout.hang()
        plan = await plan_for(remediation, "checkout")
        snapshot = await remediation.snapshot(plan)
        report = await execute(remediation, plan, snapshot)
        await until(checkout.answers, "the restarted service answers")
        now = await supervisord.pid("checkout")
        assert now != hung
        assert report.details == {"restarted": {"checkout:checkout": {"pid_before": hung, "pid_after": now}}}
        assert await condition(remediation, plan) is Condition.HEALTHY


async def test_every_process_is_known_by_its_key_and_by_the_name_people_see(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (_, remediation):
        assert isinstance(remediation, KnowsTargets)
        plan = await plan_for(remediation, "checkout")
        known = await remediation.targets()
        assert {plan.targets[0].key, plan.targets[0].label} <= set(known)
        assert plan.targets[0].label == "checkout"


async def test_where_supervisord_is_away_nobody_can_say_what_there_is() -> None:
    remediation = restart_through("http://127.0.0.1:9/RPC2")
    assert isinstance(remediation, KnowsTargets)
    with pytest.raises(TemporaryError):
        await remediation.targets()


async def test_a_service_that_ignores_terminate_is_killed_and_started(tmp_path: Path) -> None:
    stubborn = Program("stubborn", ignore_terminate=True, stop_seconds=1)
    async with restarting(tmp_path, stubborn) as (_, remediation):
        await restart(remediation, await plan_for(remediation, "stubborn"))
        await until(stubborn.answers, "the restarted service answers")


async def test_a_crashed_service_is_started(tmp_path: Path) -> None:
    checkout = Program("checkout")
    async with restarting(tmp_path, checkout) as (supervisord, remediation):
        await checkout.crash()
        await supervisord.until_state("checkout", "EXITED")
        plan = await plan_for(remediation, "checkout")
        assert await condition(remediation, plan) is Condition.UNHEALTHY
        await restart(remediation, plan)
        await until(checkout.answers, "the restarted service answers")


async def test_a_group_is_restarted_and_only_the_group(tmp_path: Path) -> None:
    east, west, other = Program("east", group="shop"), Program("west", group="shop"), Program("other")
    async with restarting(tmp_path, east, west, other) as (supervisord, remediation):
        before = {each.address: await supervisord.pid(each.address) for each in (east, west, other)}
        plan = await plan_for(remediation, "shop:*", fleet=4)
        assert [target.key for target in plan.targets] == ["supervisor:shop:east", "supervisor:shop:west"]
        await restart(remediation, plan)
        after = {each.address: await supervisord.pid(each.address) for each in (east, west, other)}
        assert {address for address in before if before[address] != after[address]} == {east.address, west.address}


async def test_a_name_means_the_smallest_set_it_can_mean(tmp_path: Path) -> None:
    meant = {
        "checkout": ["checkout"],
        "shop": ["shop:east", "shop:west"],
        "shop:*": ["shop:east", "shop:west"],
        "shop:west": ["shop:west"],
        "west": ["shop:west"],
        "unheard-of": [],
        "shop:unheard-of": [],
        "*": [],
        "*:*": [],
        "all": [],
        ":": [],
        "shop\n": [],
    }
    programs = (Program("checkout"), Program("east", group="shop"), Program("west", group="shop"))
    async with restarting(tmp_path, *programs) as (_, remediation):
        plans = {service: await plan_for(remediation, service) for service in meant}
        assert {service: [target.label for target in plan.targets] for service, plan in plans.items()} == meant


async def test_a_lone_name_in_two_groups_is_refused_with_the_remedy(tmp_path: Path) -> None:
    # supervisord wants program names to be distinct, but one program's processes may be given any name.
    async with running_supervisord(tmp_path, Program("one", group="shop"), Program("two", group="mail")) as supervisord:
        configuration = tmp_path / "supervisord.conf"
        text = configuration.read_text()
        await supervisord.stop()
        for name in ("one", "two"):
            text = text.replace(f"[program:{name}]\n", f"[program:{name}]\nprocess_name=worker\n")
        configuration.write_text(text)
        await supervisord.start()
        remediation = restart_through(supervisord.server)
        with pytest.raises(PermanentError, match=r"mail:worker, shop:worker\): write the one that is meant"):
            await plan_for(remediation, "worker")
        assert [target.label for target in (await plan_for(remediation, "shop:worker")).targets] == ["shop:worker"]


async def test_the_share_is_the_targets_part_of_the_fleet(tmp_path: Path) -> None:
    share_by_fleet = {None: None, 1: 1.0, 2: 1.0, 4: 0.5}
    async with restarting(tmp_path, Program("east", group="shop"), Program("west", group="shop")) as (_, remediation):
        plans = {fleet: await plan_for(remediation, "shop", fleet) for fleet in share_by_fleet}
        assert {fleet: plan.blast_radius.share for fleet, plan in plans.items()} == share_by_fleet


async def test_a_plan_says_what_it_touches_and_that_a_restart_leaves_nothing_to_undo(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (_, remediation):
        plan = await plan_for(remediation, "checkout", fleet=4)
        assert plan.effects == frozenset({Effect.RESTART})
        assert plan.rollback.exactness is Exactness.NOTHING_TO_UNDO
        assert plan.summary == "Restart checkout through supervisor."


async def test_planning_twice_without_changes_gives_the_same_digest(tmp_path: Path) -> None:
    programs = (Program("east", group="shop"), Program("west", group="shop"))
    async with restarting(tmp_path, *programs) as (_, remediation):
        first = await plan_for(remediation, "shop", fleet=2)
        await programs[0].hang()
        assert (await plan_for(remediation, "shop", fleet=2)).digest == first.digest


async def test_a_crash_loop_does_not_make_its_plan_stale_but_recovery_does(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    looping = Program("looping", fail_while=broken, start_seconds=3, autorestart="true")
    async with restarting(tmp_path, looping) as (supervisord, remediation):
        await supervisord.until_state("looping", "BACKOFF", "STARTING")
        looped = (await plan_for(remediation, "looping")).digest
        await supervisord.until_state("looping", "FATAL")
        assert (await plan_for(remediation, "looping")).digest == looped
        broken.unlink()
        await supervisord.call("startProcess", "looping")
        assert (await plan_for(remediation, "looping")).digest != looped


async def test_a_running_process_with_another_pid_makes_the_plan_stale_and_is_left_alone(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (supervisord, remediation):
        plan = await plan_for(remediation, "checkout")
        snapshot = await remediation.snapshot(plan)
        await supervisord.call("stopProcess", "checkout")
        await supervisord.call("startProcess", "checkout")
        by_hand = await supervisord.pid("checkout")
        assert (await plan_for(remediation, "checkout")).digest != plan.digest
        with pytest.raises(PermanentError, match="changed since the plan was made"):
            await remediation.rehearse(plan)
        with pytest.raises(PermanentError, match=r"changed since the plan was made.*left alone"):
            await execute(remediation, plan, snapshot)
        assert await supervisord.pid("checkout") == by_hand


async def test_a_process_stopped_by_a_person_is_not_restarted(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (supervisord, remediation):
        plan = await plan_for(remediation, "checkout")
        snapshot = await remediation.snapshot(plan)
        await supervisord.call("stopProcess", "checkout")
        with pytest.raises(PermanentError, match=r"stopped on purpose.*supervisorctl start checkout:checkout"):
            await plan_for(remediation, "checkout")
        with pytest.raises(PermanentError, match="changed since the plan was made"):
            await execute(remediation, plan, snapshot)
        assert await supervisord.state("checkout") == "STOPPED"


async def test_a_group_member_stopped_by_a_person_is_spared_and_the_plan_says_so(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("east", group="shop"), Program("west", group="shop")) as (
        supervisord,
        remediation,
    ):
        whole = await plan_for(remediation, "shop")
        await supervisord.call("stopProcess", "shop:west")
        plan = await plan_for(remediation, "shop")
        assert plan.digest != whole.digest
        assert [target.label for target in plan.targets] == ["shop:east"]
        assert plan.steps[0] == "Leave shop:west alone: stopped on purpose."
        await restart(remediation, plan)
        assert await supervisord.state("shop:west") == "STOPPED"


async def test_a_process_that_is_being_stopped_is_left_to_settle(tmp_path: Path) -> None:
    stubborn = Program("stubborn", ignore_terminate=True, stop_seconds=2)
    async with restarting(tmp_path, stubborn) as (supervisord, remediation):
        await supervisord.call("stopProcess", "stubborn", False)
        with pytest.raises(TemporaryError, match="being stopped at this moment"):
            await plan_for(remediation, "stubborn")
        await supervisord.until_state("stubborn", "STOPPED")


async def test_nothing_to_restart_is_a_plan_without_targets(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (supervisord, remediation):
        before = await supervisord.pid("checkout")
        plan = await plan_for(remediation, "unheard-of", fleet=3)
        assert (plan.targets, plan.blast_radius.share) == ((), 0.0)
        await restart(remediation, plan)
        assert await condition(remediation, plan) is Condition.UNKNOWN
        assert await supervisord.pid("checkout") == before


async def test_a_rehearsal_names_what_would_be_restarted_and_changes_nothing(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (supervisord, remediation):
        before = await supervisord.pid("checkout")
        report = await remediation.rehearse(await plan_for(remediation, "checkout"))
        assert report.details == {"instances": ["checkout:checkout"]}
        assert await supervisord.pid("checkout") == before


async def test_a_target_that_has_left_the_configuration_is_a_bad_name(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (supervisord, remediation):
        plan = await plan_for(remediation, "checkout")
        await supervisord.call("stopProcess", "checkout")
        await supervisord.call("removeProcessGroup", "checkout")
        with pytest.raises(PermanentError, match=r"BAD_NAME \(fault 10\).*supervisorctl update"):
            await remediation.rehearse(plan)
        assert await condition(remediation, plan) is Condition.UNHEALTHY


async def test_a_process_that_does_not_come_up_fails_the_restart(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    checkout = Program("checkout", fail_while=broken, start_seconds=STARTS_FOR_LONG)
    async with restarting(tmp_path, checkout) as (_, remediation):
        plan = await plan_for(remediation, "checkout")
        broken.touch()
        with pytest.raises(PermanentError, match=r"did not start: it is FATAL.*supervisorctl tail"):
            await restart(remediation, plan)
        assert await condition(remediation, plan) is Condition.UNHEALTHY


async def test_the_first_failure_ends_a_group_restart_and_later_members_stay_untouched(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    east = Program("east", group="shop", fail_while=broken, start_seconds=STARTS_FOR_LONG)
    west = Program("west", group="shop")
    async with restarting(tmp_path, east, west) as (supervisord, remediation):
        plan = await plan_for(remediation, "shop")
        untouched = await supervisord.pid("shop:west")
        broken.touch()
        with pytest.raises(PermanentError, match="Nothing else was done"):
            await restart(remediation, plan)
        assert await supervisord.pid("shop:west") == untouched


async def test_a_server_that_is_down_is_temporary_and_nothing_has_happened(tmp_path: Path) -> None:
    async with restarting(tmp_path, Program("checkout")) as (supervisord, remediation):
        plan = await plan_for(remediation, "checkout")
        snapshot = await remediation.snapshot(plan)
        await supervisord.stop()
        with pytest.raises(TemporaryError, match="cannot be reached") as caught:
            await execute(remediation, plan, snapshot)
        assert caught.value.retry_after > 0
        with pytest.raises(TemporaryError):
            await plan_for(remediation, "checkout")
        with pytest.raises(TemporaryError):
            await roll_back(remediation, plan, snapshot)
        assert await condition(remediation, plan) is Condition.UNKNOWN


async def test_a_server_lost_mid_way_leaves_the_outcome_to_people_and_is_mended_by_rolling_back(
    tmp_path: Path,
) -> None:
    east = Program("east", group="shop", start_seconds=1)
    west = Program("west", group="shop", ignore_terminate=True, stop_seconds=60)
    async with restarting(tmp_path, east, west) as (supervisord, _):
        remediation = restart_through(supervisord.server, timeout="2s")
        plan = await plan_for(remediation, "shop")
        snapshot = await remediation.snapshot(plan)
        acting = asyncio.create_task(execute(remediation, plan, snapshot))
        await supervisord.until_state("shop:west", "STOPPING")
        supervisord.freeze()
        with pytest.raises(PermanentError, match=r"outcome is unknown.*Restarted before that: shop:east"):
            await acting
        supervisord.thaw()
        await supervisord.call("signalProcess", "shop:west", "KILL")
        await roll_back(remediation, plan, snapshot)
        assert await supervisord.state("shop:west") == "RUNNING"


async def test_a_silent_server_is_given_up_in_time(tmp_path: Path) -> None:
    async with running_supervisord(tmp_path, Program("checkout")) as supervisord:
        for server in (supervisord.server, supervisord.http_server):
            plan = await plan_for(restart_through(server), "checkout")
            remediation = restart_through(server, timeout="200ms")
            supervisord.freeze()
            with pytest.raises(TemporaryError, match=r"did not answer getAllProcessInfo within 0\.2 s"):
                await plan_for(remediation, "checkout")
            with pytest.raises(TemporaryError):
                await remediation.rehearse(plan)
            supervisord.thaw()


async def test_a_wrong_password_is_permanent_and_appears_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SUPERVISOR_PASSWORD", "wr0ng-guess")
    async with running_supervisord(tmp_path, Program("checkout"), password="r1ght-one") as supervisord:
        for server in (supervisord.server, supervisord.http_server):
            remediation = restart_through(
                server, username=supervisord.username, password_env="TEST_SUPERVISOR_PASSWORD"
            )
            with pytest.raises(PermanentError, match=r"refused our credentials \(HTTP 401\)") as caught:
                await plan_for(remediation, "checkout")
            chain: list[BaseException | None] = [caught.value, caught.value.__cause__, caught.value.__context__]
            assert "wr0ng-guess" not in "".join(f"{error!r}{error}" for error in chain)


async def test_a_password_in_a_file_is_read_again_when_it_has_been_rotated(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("outdated\n")
    async with running_supervisord(tmp_path, Program("checkout"), password="r1ght-one") as supervisord:
        remediation = restart_through(supervisord.server, username=supervisord.username, password_file=str(secret))
        with pytest.raises(PermanentError):
            await plan_for(remediation, "checkout")
        secret.write_text("r1ght-one\n")
        await restart(remediation, await plan_for(remediation, "checkout"))
