"""What a landed version's durable engine has under way can be gone on with: every name it recorded is known today."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from bot.response.engine.dbos import APPLICATION_VERSION
from bot.response.flows import flows
from bot.response.ports.context import Context
from bot.response.ports.flow import Flow, Json, QueueName
from tests.upgrade.landed import Landed, rows
from tests.upgrade.replay import REMEDY, Begun, OtherFlowError, begun, replay

WITHOUT_COLLABORATORS = cast(Context, None)
"""Between its steps a flow uses nothing but what the steps gave it, or it would not go on in the same way."""


@pytest.fixture
def file(version: Landed, tmp_path: Path) -> Path:
    """The database that the version wrote."""
    return version.database(tmp_path / "stored.sqlite")


def test_every_flow_that_was_begun_is_still_known_by_its_name(file: Path) -> None:
    gone = {run.name for run in begun(file)} - flows(WITHOUT_COLLABORATORS).keys()
    assert gone == set(), f"nobody would ever go on with what was begun as {sorted(gone)}: {REMEDY}"


def test_every_queue_that_holds_work_is_still_served(file: Path) -> None:
    held = {row["queue_name"] for row in rows(file, "SELECT DISTINCT queue_name FROM workflow_status")}
    gone = held - set(QueueName)
    assert gone == set(), f"nobody would ever take what waits in {sorted(gone)}: keep serving it until it is empty"


def test_what_was_begun_runs_under_the_version_of_then(file: Path) -> None:
    begun_as = {row["application_version"] for row in rows(file, "SELECT application_version FROM workflow_status")}
    assert begun_as == {APPLICATION_VERSION}, (
        f"the engine leaves alone what was begun under another version: {REMEDY}, and the version stays"
    )


async def test_every_run_that_was_recorded_is_the_same_when_it_is_gone_through_today(file: Path) -> None:
    known = flows(WITHOUT_COLLABORATORS)
    for run in begun(file):
        await replay(run, known[run.name])


def test_each_flow_was_left_unfinished_at_least_once(file: Path) -> None:
    runs = begun(file)
    assert {run.name for run in runs if not run.finished} == {run.name for run in runs}


# what the replay itself finds

RECORDED = (("look", {"found": 1}), ("settle", None))


async def looks(flow: Flow, steps: Sequence[str]) -> None:
    async def nothing(*_arguments: Any) -> Json:
        raise AssertionError("a replay runs no step")

    for name in steps:
        await flow.step(name, nothing)


def run(*steps: str, finished: bool = True, recorded: Sequence[tuple[str, Json]] = RECORDED) -> Begun:
    return Begun("looks.v1", "looks:1", finished=finished, arguments=(list(steps),), steps=recorded)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (run("glance", "settle"), "recorded 'look' as its step 1, and today's asks for 'glance'"),
        (run("settle", "look"), "recorded 'look' as its step 1, and today's asks for 'settle'"),
        (run("look"), "recorded 'settle' as well, and today's is over before that"),
        (run("look", "settle", "tell"), "was over here, and today's asks for 'tell'"),
        (run("look", finished=False), "recorded 'settle' as well"),
    ],
    ids=["renamed", "reordered", "shorter", "longer", "shorter, and under way"],
)
async def test_a_changed_flow_is_told_by_its_step_and_the_remedy(changed: Begun, says: str) -> None:
    with pytest.raises(OtherFlowError, match="a new name beside the old one") as told:
        await replay(changed, looks)
    assert says in str(told.value)


@pytest.mark.parametrize("same", [run("look", "settle"), run("look", "settle", "tell", finished=False)])
async def test_a_flow_that_only_goes_on_is_the_same(same: Begun) -> None:
    await replay(same, looks)
