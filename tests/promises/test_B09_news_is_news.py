"""Point 9: news is news: somebody hears of an alert that fires, joins during an act, or goes on firing afterwards.

A second act on the same targets in one incident always asks.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.response.deadlines.still_firing import still_firing, tell_still_firing
from bot.response.deadlines.sweep import sweep
from bot.response.model.actions import ActionState
from tests.promises.incoming import STAGING, alert, card, decided, policy_with, said, send, swept, verified
from tests.response.clicks import approve, stop, take
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, BOB, World, world

STILL = "Still firing, and nothing is under way"


async def acts_alone(here: World) -> None:
    """Wait until what was announced has been done and verified."""
    async with asyncio.timeout(20):
        while (action := await here.action()) is None or action.state is not ActionState.SUCCEEDED:
            await sweep(here.context)
            await asyncio.sleep(0.02)


async def test_an_alert_that_joins_and_one_that_fires_again_are_said_once_each(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        await send(here, alert("f2", name="SwitchOff"))
        await here.until_thread("Also firing now")
        await send(here, alert("f1", started=datetime.now(UTC)))
        async with asyncio.timeout(20):
            while len(said(here, "Also firing now")) < 2:
                await asyncio.sleep(0.02)
        await send(here, alert("f2"))  # the monitor repeats itself
        await here.idle()
        assert len(said(here, "Also firing now")) == 2


@pytest.mark.parametrize("health", [Finding.SUPPORTS, Finding.CONTRADICTS])
async def test_what_joins_during_an_act_is_said_at_once_and_judged_however_it_ends(
    tmp_path: Path, health: Finding
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    async with world(tmp_path, policy_with()) as here:
        here.switch.before_execute, here.senses.health = hold, health
        await send(here, alert("f1"))
        first = await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        async with asyncio.timeout(20):
            await reached.wait()
        await send(here, alert("f2"))
        await here.until_thread("Also firing now")
        go_on.set()
        # After an act that did not help, its runbook is paused: the next question is held.
        helped = health is Finding.SUPPORTS
        await here.until(ActionState.WAITING if helped else ActionState.HELD)
        async with here.database.read() as work:
            before = await work.actions.get(first.id)
        assert before is not None
        assert before.state is (ActionState.SUCCEEDED if helped else ActionState.ROLLED_BACK)
        stored = await decided(here)
        assert {one.fingerprint for one in stored.situation.alerts} == {"f1", "f2"}


async def test_after_a_verified_act_people_hear_in_each_period_that_it_goes_on_firing(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))
    async with world(tmp_path, policy_with(), now=clock) as here:
        await verified(here, alert("f1"))
        clock.forward(9)
        await swept(here)
        assert said(here, STILL) == []
        clock.forward(2)
        await swept(here)
        (told,) = said(here, STILL)
        assert (told.to, told.broadcast, told.audit != ()) == ((ALICE, BOB), True, True)
        assert "SwitchOff on lamp" in told.lines[0]
        clock.forward(5)
        await swept(here)
        assert len(said(here, STILL)) == 1
        clock.forward(6)
        await swept(here)
        assert len(said(here, STILL)) == 2


async def test_the_period_is_the_policys(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))
    defaults = {"approvals": {"from": ["sre-oncall"]}, "still_firing_after": "45m"}
    async with world(tmp_path, policy_with(defaults=defaults), now=clock) as here:
        await verified(here, alert("f1"))
        clock.forward(44)
        await swept(here)
        assert said(here, STILL) == []
        clock.forward(2)
        await swept(here)
        assert len(said(here, STILL)) == 1


async def test_after_an_expired_question_people_hear_as_well(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))
    async with world(tmp_path, policy_with(), now=clock) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        clock.forward(31)
        await swept(here)
        await here.until(ActionState.EXPIRED)
        clock.forward(11)
        await swept(here)
        assert len(said(here, STILL)) == 1


async def test_it_is_told_once_by_all_replicas_and_after_a_restart(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))
    async with world(tmp_path, policy_with(), now=clock) as here:
        await verified(here, alert("f1"))
    clock.forward(11)
    async with world(tmp_path, policy_with(), now=clock) as here:
        async with here.database.read() as work:
            seen = await still_firing(work, here.context)
        assert sorted(await asyncio.gather(*(tell_still_firing(here.context, seen) for _ in range(5)))) == [
            0,
            0,
            0,
            0,
            1,
        ]
        await here.idle()
        assert len(said(here, STILL)) == 1


@pytest.mark.parametrize("why", ["it has ended", "it is muted", "somebody is on it", "somebody said no"])
async def test_nobody_hears_of_what_is_over_or_in_good_hands(tmp_path: Path, why: str) -> None:
    clock = Clock(datetime.now(UTC))
    policy = policy_with(mute=[STAGING])
    async with world(tmp_path, policy, now=clock) as here:
        if why == "somebody said no":
            await send(here, alert("f1"))
            await here.until(ActionState.WAITING)
            assert (await stop(here, ALICE)).accepted
        else:
            await verified(here, alert("f1"))
        if why == "somebody is on it":
            assert (await take(here, ALICE)).accepted
        if why == "it is muted":
            await send(here, alert("f2", env="staging"))
        if why in ("it has ended", "it is muted"):
            await send(here, alert("f1", ended=datetime.now(UTC)))
        await here.idle()
        clock.forward(60)
        await swept(here)
        assert said(here, STILL) == []


async def test_a_second_act_on_the_same_targets_always_asks(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with("L3")) as here:
        await here.license()
        await send(here, alert("f1"))
        await acts_alone(here)
        here.switch.write(position="off")
        await send(here, alert("f2"))
        await here.until(ActionState.WAITING)
        stored = await decided(here)
        assert stored.decision.decisive == "again"
        assert here.switch.read()["flips"] == 1
        assert card(here).headline == stored.decision.headline


async def test_another_plan_is_not_needed_for_news_to_be_news(tmp_path: Path) -> None:
    """Crash, approve, verified, no resolve; crash again with a new fingerprint: the plan is the very same."""
    async with world(tmp_path, policy_with()) as here:
        done = await verified(here, alert("f1"))
        here.switch.write(position="off")
        await send(here, alert("f2", started=datetime.now(UTC) - timedelta(minutes=5)))
        asked = await here.until(ActionState.WAITING)
        assert (asked.plan_digest, asked.id != done.id) == (done.plan_digest, True)
