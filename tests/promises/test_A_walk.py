"""All of A at once: whatever happens between any two commits of an act, nothing begins that a brake forbade by then.

Every event at every point, for acts that people approve and for acts of our own, with an end that is rolled back; then
drawn sequences of several.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.migrations import migrate
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.promises.walk import BESIDES, EVENTS, Walk, walked

ALL = sorted({*EVENTS, *BESIDES})
POINTS = 15
"""Transactions of the flow act whose effect did not help: that many places for something to happen before."""
UP_TO_THE_EFFECT = 6
"""Of these, until it has begun: from there on it goes the same way, whoever let it act."""


@pytest.fixture(scope="module")
def empty() -> Iterator[Path]:
    """A database with every table and no row, to be copied for each walk."""
    folder = Path(tempfile.mkdtemp(prefix="walk-"))

    async def made() -> None:
        database = Database(f"sqlite+aiosqlite:///{folder / 'empty.db'}", RecordingEnqueuer(), AUDIT_KEY)
        await database.open()
        await migrate(database)
        await database.close()

    asyncio.run(made())
    yield folder / "empty.db"
    shutil.rmtree(folder)


def walk(empty: Path, level: str, schedule: dict[int, tuple[str, ...]], *, helps: bool = False) -> Walk:
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        database = Path(shutil.copy(empty, Path(folder) / "watch.db"))
        done = asyncio.run(walked(database, level, schedule, helps=helps))
    assert not done.faults, f"{level}, {schedule}: {done.faults}"
    return done


@pytest.mark.parametrize("level", ["L1", "L3"])
def test_undisturbed_it_acts_and_goes_back_when_that_did_not_help(empty: Path, level: str) -> None:
    undisturbed = walk(empty, level, {})
    assert sorted(key.split()[0] for key in undisturbed.executed) == ["execute", "roll_back"]
    assert undisturbed.points == POINTS
    helped = walk(empty, level, {}, helps=True)
    assert [key.split()[0] for key in helped.executed] == ["execute"]


@pytest.mark.parametrize(("level", "points"), [("L1", POINTS), ("L3", UP_TO_THE_EFFECT)])
@pytest.mark.parametrize("event", EVENTS)
def test_one_thing_happens_between_any_two_commits(empty: Path, level: str, points: int, event: str) -> None:
    for point in range(points):
        done = walk(empty, level, {point: (event,)})
        assert done.happened, "the point was reached"


@given(
    level=st.sampled_from(["L1", "L3"]),
    helps=st.booleans(),
    events=st.lists(
        st.tuples(st.integers(0, POINTS - 1), st.sampled_from(sorted({*EVENTS, *BESIDES}))), min_size=2, max_size=4
    ),
)
@settings(max_examples=40, derandomize=True, deadline=None, database=None)
def test_several_things_happen(empty: Path, level: str, helps: bool, events: list[tuple[int, str]]) -> None:
    schedule: dict[int, tuple[str, ...]] = {}
    for point, event in events:
        schedule[point] = (*schedule.get(point, ()), event)
    walk(empty, level, schedule, helps=helps)
