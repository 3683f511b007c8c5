"""A process ends in the middle: asked to, it stops before the next step; killed, the next one finds the steps."""

import asyncio
import os
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import ClassVar

import pytest

from bot.policy.evidence import Finding
from bot.remediation import Condition
from bot.response.interventions.take_override import roll_back
from bot.response.model.actions import ActionState, Result
from bot.response.model.notices import Button
from bot.response.model.records import execute_key
from tests.fixtures.row_of_lamps import Gate, RowOfLamps, lamps_of
from tests.response.clicks import approve, pressed
from tests.response.test_steps import WIDE, begun, held_in_step, kinds, steps_of
from tests.response.world import ALICE, BOB, world, written_policy

KILLED = 77
"""How the process ends that ends itself at once, as if it had been killed."""


async def test_asked_to_stop_it_ends_before_the_next_step_and_goes_on_with_verification(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = await held_in_step(here)
        here.context.closing.begin()
        gate.opened.set()
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        action = await here.until(ActionState.FAILED)
        await here.idle()
        assert action.result is Result.INTERRUPTED
        assert action.outcome.startswith("Watchkeeper is shutting down, after 2 steps.")
        assert lamps_of(here.switch).lit() == ["lamp-1", "lamp-2"]
        async with here.database.read() as work:
            assert await work.locks.held() == {}


async def test_asked_to_stop_before_the_first_step_it_begins_after_the_restart(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = Gate()

        async def held(what: str) -> None:
            await gate.pass_by()

        lamps_of(here.switch).on_before = held
        await begun(here)
        await gate.wait_until_reached()
        here.context.closing.begin()
        gate.opened.set()
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        await here.until(ActionState.SUCCEEDED)
        assert lamps_of(here.switch).lit() == ["lamp-1", "lamp-2", "lamp-3"]
        assert (await kinds(here)).count("action.returned") == 1


async def test_closing_the_engine_tells_what_runs(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = await held_in_step(here)
        assert here.engine is not None
        closing = asyncio.create_task(here.engine.close())
        async with asyncio.timeout(20):
            while not here.context.closing.begun:
                await asyncio.sleep(0.01)
        gate.opened.set()
        await closing
        assert lamps_of(here.switch).lit() == ["lamp-1", "lamp-2"]


class Crashing(RowOfLamps):
    """Its process dies at once inside the second step, or right after it, or inside the first of the rollback."""

    asks_after_crash: ClassVar[bool] = False


class Asking(Crashing):
    asks_after_crash: ClassVar[bool] = True


def _die() -> None:
    os._exit(KILLED)


def _run(folder: Path, place: tuple[str, int], after: bool) -> None:
    """Be a process that dies at this place; ``after``: when the next step begins, and so after the one before."""

    async def live() -> None:
        async def die() -> None:
            _die()

        async with world(folder, written_policy("L1", **WIDE), remediation=Crashing) as here:
            here.senses.health = Finding.CONTRADICTS
            lamps = lamps_of(here.switch)
            what, number = place
            if after:
                _at_the_beginning_of(lamps, number + 1)
            else:
                lamps.on_step[what, number] = die
            await here.fire()
            await here.until(ActionState.WAITING)
            assert (await approve(here, ALICE)).accepted
            await asyncio.sleep(60)

    asyncio.run(live())


def _at_the_beginning_of(lamps: RowOfLamps, number: int) -> None:
    """Die when the execution is asked for this step, before anything of it is stored."""
    real = lamps.execute

    async def execute(plan, snapshot, execution):  # type: ignore[no-untyped-def]
        step: Callable[..., object] = execution.step

        def counted(words: str, target: str = "") -> object:
            if f"({number} of" in words:
                _die()
            return step(words, target)

        execution.step = counted
        return await real(plan, snapshot, execution)

    vars(lamps)["execute"] = execute


def killed(folder: Path, what: str, number: int, *, after: bool = False) -> None:
    """Run a process until it has died there."""
    process = get_context("spawn").Process(target=_run, args=(folder, (what, number), after))
    process.start()
    process.join(60)
    assert process.exitcode == KILLED


@pytest.mark.parametrize("after", [False, True])
async def test_killed_inside_a_step_or_between_two_it_is_not_done_again(tmp_path: Path, after: bool) -> None:
    """Between two steps what was left can be told, so it is rolled back; inside one it cannot, so people are asked."""
    await asyncio.to_thread(killed, tmp_path, "execute", 2, after=after)
    end = ActionState.ROLLED_BACK if after else ActionState.FAILED
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=Crashing) as here:
        here.senses.health = Finding.CONTRADICTS
        action = await here.until(end)
        await here.idle()
        stored = [(target, ended) for target, ended, _ in await steps_of(here, execute_key(action.id))]
        assert stored == [("switch:lamp-1", True), ("switch:lamp-2", after)]
        assert lamps_of(here.switch).read()["flips"] == 0
        assert lamps_of(here.switch).lit() == ([] if after else ["lamp-1"])
        if not after:
            assert "cannot be told" in action.outcome
            assert (await pressed(roll_back, here, BOB)).accepted
            await here.until(ActionState.ROLLED_BACK)
            assert lamps_of(here.switch).lit() == []


async def test_where_going_back_after_a_crash_is_for_people_they_are_asked(tmp_path: Path) -> None:
    await asyncio.to_thread(killed, tmp_path, "execute", 2, after=True)
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=Asking) as here:
        here.senses.health = Finding.CONTRADICTS
        action = await here.until(ActionState.FAILED)
        await here.idle()
        assert action.result is Result.INTERRUPTED
        assert "its process died inside" in action.outcome
        assert lamps_of(here.switch).lit() == ["lamp-1", "lamp-2"]
        told = await here.until_thread("Ended half-way")
        assert {Button.ROLL_BACK, Button.GO_ON} <= set(told.buttons)


async def test_killed_between_two_steps_and_healthy_all_the_same_it_is_done(tmp_path: Path) -> None:
    await asyncio.to_thread(killed, tmp_path, "execute", 2, after=True)
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=Crashing) as here:
        lamps_of(here.switch).condition = lambda: Condition.HEALTHY
        await here.until(ActionState.SUCCEEDED)
