"""Killed again and again at any line, with several troubles at once: what the named points may have missed.

``CRASH_SOAKS=50 pytest tests/crash/test_killed_at_random.py`` goes on for longer, and ``CRASH_SEED`` repeats a run, as
far as time can be repeated.
"""

import asyncio
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from bot.response.engine.dbos import MAX_RECOVERIES
from bot.response.model.actions import ActionState
from tests.crash.invariants import check_invariants
from tests.crash.scene import scene
from tests.crash.story import STORIES, Outcome, Trouble
from tests.crash.yard import SERVICES, Yard

SOAKS = int(os.environ.get("CRASH_SOAKS", "1"))
SEED = int(os.environ.get("CRASH_SEED", random.SystemRandom().randrange(1_000_000)))
KILLS = MAX_RECOVERIES
"""One more, and a flow that happened to be under way each time would rightly be given up and left to people."""
LONGEST_LIFE_SECONDS = 2.5
POSSIBLE = {
    Outcome(ActionState.SUCCEEDED, starts=1),
    *(Outcome(ActionState.FAILED, starts) for starts in (0, 1)),
}
"""A death inside an effect leaves more than one ending; none in which the service was started twice."""


@pytest.mark.parametrize("soak", range(SOAKS))
async def test_killed_again_and_again_the_bot_sees_to_every_trouble_once(yard: Yard, soak: int, tmp_path: Path) -> None:
    seed = SEED + soak
    print(f"CRASH_SEED={seed}")
    chance = random.Random(seed)
    lifetimes = [chance.uniform(0, LONGEST_LIFE_SECONDS) for _ in range(KILLS)]
    async with scene(yard, tmp_path, "L1", True, "3s") as here, here.kept_alive(lifetimes=lifetimes):
        troubles = [
            Trouble(here, replace(STORIES["approved"], hangs=chance.random() < 0.5), service) for service in SERVICES
        ]
        outcomes = await asyncio.gather(*(trouble.run_its_course() for trouble in troubles))
        assert POSSIBLE.issuperset(outcomes)
        await check_invariants(here, dict(zip(troubles, outcomes, strict=True)))
