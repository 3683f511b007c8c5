"""What ends by itself: when the time has come somebody looks whether it has, and what it was done for is asked anew."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.remediation import Condition
from bot.response.deadlines.wear_offs import CHECKS, check_wear_offs
from bot.response.interventions.take_override import roll_back
from bot.response.model.actions import ActionState
from bot.response.model.notices import ThreadNotice
from tests.fixtures.row_of_lamps import RowOfLamps, lamps_of
from tests.response.clicks import approve, pressed
from tests.response.test_nobody_answers import Clock
from tests.response.test_steps import WIDE, kinds
from tests.response.world import ALICE, BOB, World, world, written_policy

HOUR = 3600.0
SOON = timedelta(minutes=1)
"""The story begins after its alert: what comes after an act looks like harm."""


async def lit_for_an_hour(here: World) -> str:
    lamps_of(here.switch).ends_after = HOUR
    await here.fire()
    await here.until(ActionState.WAITING)
    assert (await approve(here, ALICE)).accepted
    action = await here.until(ActionState.SUCCEEDED)
    await here.idle()
    return action.id


async def test_what_has_ended_is_said_and_what_it_was_done_for_is_asked_anew(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC) + SOON)
    async with world(tmp_path, written_policy("L1", **WIDE), now=clock, remediation=RowOfLamps) as here:
        before = await lit_for_an_hour(here)
        assert await check_wear_offs(here.context) == 0, "it is not time yet"
        clock.forward(minutes=61)
        for lamp in ("lamp-1", "lamp-2", "lamp-3"):
            lamps_of(here.switch).put(lamp, lit=False)
        assert await check_wear_offs(here.context) == 1
        assert await check_wear_offs(here.context) == 0, "once"
        await here.until_thread("It has ended by itself")
        assert "action.wore_off" in await kinds(here)
        again = await here.until(ActionState.WAITING)
        assert again.id != before


async def test_what_is_gone_as_its_remediation_sees_it_has_ended_too(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC) + SOON)
    async with world(tmp_path, written_policy("L1", **WIDE), now=clock, remediation=RowOfLamps) as here:
        await lit_for_an_hour(here)
        clock.forward(minutes=61)
        lamps_of(here.switch).condition = lambda: Condition.UNHEALTHY
        assert await check_wear_offs(here.context) == 1
        await here.until_thread("It has ended by itself")


async def test_what_stays_on_is_looked_at_some_times_and_then_brought_to_people(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC) + SOON)
    async with world(tmp_path, written_policy("L1", **WIDE), now=clock, remediation=RowOfLamps) as here:
        await lit_for_an_hour(here)
        clock.forward(minutes=61)
        for _ in range(CHECKS - 1):
            assert await check_wear_offs(here.context) == 0
            clock.forward(minutes=1)
        assert await check_wear_offs(here.context) == 1
        told = await here.until_thread("It was to end by itself")
        assert told.to
        assert "action.stayed_on" in await kinds(here)


async def test_what_was_rolled_back_before_is_not_looked_at(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC) + SOON)
    async with world(tmp_path, written_policy("L1", **WIDE), now=clock, remediation=RowOfLamps) as here:
        await lit_for_an_hour(here)
        assert (await pressed(roll_back, here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)
        await here.idle()
        clock.forward(minutes=61)
        assert await check_wear_offs(here.context) == 1
        await here.idle()
        assert not any(isinstance(n, ThreadNotice) and "by itself" in n.title for n in here.delivered)
