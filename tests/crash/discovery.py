"""Finds all points of all stories by telling each once without a death.

Every worker of a test run needs the same list before the first test, so the first one that comes records it for all,
and for later runs until something in the sources changes.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.crash.invariants import check_invariants
from tests.crash.points import reached
from tests.crash.scene import scene
from tests.crash.story import STORIES, Story, Trouble, verify_within
from tests.crash.yard import running_yard
from tests.fixtures.database import exclusively
from tests.scenarios.stage import ROOT

SOURCES = ("bot", "handlers", "remediations", "storage", "tests/crash")


EVERYWHERE = "CRASH_EVERYWHERE"
"""Set in the environment: every story is told at each of its points, also where it repeats another."""


def points_of_all_stories(cache: Path) -> Mapping[str, Sequence[str]]:
    """The points of each story by its name, in the order in which they are reached.

    Args:
        cache: a folder that the workers of a test run share.

    Raises:
        ValueError: a story's first or last point is not reached any more.
    """
    found = _recorded(cache)
    if os.environ.get(EVERYWHERE):
        return found
    return {name: _own_part(STORIES[name], points) for name, points in found.items()}


def _own_part(story: Story, points: Sequence[str]) -> Sequence[str]:
    begin = points.index(story.first) if story.first else 0
    end = points.index(story.last) + 1 if story.last else len(points)
    return [point for point in points[begin:end] if point.startswith(story.about)]


def _recorded(cache: Path) -> Mapping[str, Sequence[str]]:
    recording = cache / f"{_digest_of_sources()}.json"
    with exclusively(cache / "lock"):
        if not recording.exists():
            recording.write_text(json.dumps(asyncio.run(_record())))
    found: Mapping[str, Sequence[str]] = json.loads(recording.read_text())
    return found


async def _record() -> dict[str, list[str]]:
    found = {}
    with TemporaryDirectory(prefix="watchkeeper-crash-") as name:
        folder = Path(name)
        async with running_yard(folder) as yard:
            for story in STORIES.values():
                (folder / story.name).mkdir()
                expected, own = story.outcome(""), folder / story.name
                async with (
                    scene(
                        yard,
                        own,
                        story.level,
                        story.helps,
                        verify_within(expected),
                        story.veto_window,
                        story.remediation,
                    ) as here,
                    here.kept_alive(),
                ):
                    trouble = Trouble(here, story)
                    outcome = await trouble.run_its_course()
                    if outcome != expected:
                        raise RuntimeError(f"{story.name}: {outcome} instead of {expected}, without any death")
                    await check_invariants(here, {trouble: outcome})
                found[story.name] = reached(here.crash_log(1))
    return found


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for file in sorted(file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")):
        digest.update(str(file.relative_to(ROOT)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
