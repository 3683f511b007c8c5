"""SIGKILL between any two steps, and start again: nothing lost, nothing doubled."""

from pathlib import Path

from tests.crash.invariants import check_invariants
from tests.crash.points import reached
from tests.crash.scene import scene
from tests.crash.story import STORIES, Trouble, verify_within
from tests.crash.yard import Yard


async def test_killed_here_and_started_again_the_bot_loses_and_doubles_nothing(
    yard: Yard, story_name: str, point: str, tmp_path: Path
) -> None:
    story = STORIES[story_name]
    within = verify_within(story.outcome(point))
    async with (
        scene(yard, tmp_path, story.level, story.helps, within, story.veto_window, story.remediation) as here,
        here.kept_alive(point),
    ):
        trouble = Trouble(here, story)
        outcome = await trouble.run_its_course()
        assert outcome in story.outcomes(point, reached(here.crash_log(1)))
        await check_invariants(here, {trouble: outcome})
