"""Verification waits: what is settling is asked about again, and after half an act only a healthy look counts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.policy.evidence import Finding
from bot.remediation import Condition, PermanentError
from bot.response.model.actions import ActionState
from tests.fixtures.row_of_lamps import RowOfLamps, lamps_of
from tests.response.clicks import approve
from tests.response.test_steps import WIDE
from tests.response.world import ALICE, World, world, written_policy

HEALTHY, SETTLING, UNHEALTHY, UNKNOWN = Condition.HEALTHY, Condition.SETTLING, Condition.UNHEALTHY, Condition.UNKNOWN
QUICK = {"within": "1s", "healthy": "light == 1", "stable": 1}
PATIENT = {"within": "20s", "healthy": "light == 1", "stable": 2}


def looks(here: World, *conditions: Condition) -> list[Condition]:
    """One condition for each look; the last goes on. What was answered so far."""
    given: list[Condition] = []
    left: Iterator[Condition] = iter(conditions)

    def look() -> Condition:
        given.append(next(left, conditions[-1]))
        return given[-1]

    lamps_of(here.switch).condition = look
    return given


async def approved(here: World) -> None:
    await here.fire()
    await here.until(ActionState.WAITING)
    assert (await approve(here, ALICE)).accepted


def policy_with(verify: dict[str, Any]) -> Any:
    return written_policy("L1", verify=verify, **WIDE)


async def test_what_is_settling_is_asked_about_until_it_is_healthy_often_enough_in_a_row(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with(PATIENT), remediation=RowOfLamps) as here:
        given = looks(here, SETTLING, SETTLING, HEALTHY, UNHEALTHY, HEALTHY, SETTLING, HEALTHY)
        await approved(here)
        await here.until(ActionState.SUCCEEDED)
        assert given == [SETTLING, SETTLING, HEALTHY, UNHEALTHY, HEALTHY, SETTLING, HEALTHY, HEALTHY]


@pytest.mark.parametrize("condition", [SETTLING, UNHEALTHY])
async def test_what_never_becomes_healthy_fails_when_the_time_is_over(tmp_path: Path, condition: Condition) -> None:
    async with world(tmp_path, policy_with(QUICK), remediation=RowOfLamps) as here:
        given = looks(here, condition)
        await approved(here)
        action = await here.until(ActionState.ROLLED_BACK)
        assert len(given) > 1, "it was asked until then"
        assert "the monitor says healthy, but they flicker." in action.outcome


async def test_where_the_targets_cannot_tell_the_monitor_decides_after_a_whole_act(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with(QUICK), remediation=RowOfLamps) as here:
        looks(here, UNKNOWN)
        await approved(here)
        await here.until(ActionState.SUCCEEDED)


@pytest.mark.parametrize(
    ("condition", "end"),
    [
        (HEALTHY, ActionState.SUCCEEDED),
        (UNKNOWN, ActionState.ROLLED_BACK),
        (SETTLING, ActionState.ROLLED_BACK),
        (UNHEALTHY, ActionState.ROLLED_BACK),
    ],
)
async def test_after_half_an_act_only_healthy_passes(tmp_path: Path, condition: Condition, end: ActionState) -> None:
    async def breaks() -> None:
        raise PermanentError("the ladder is gone")

    async with world(tmp_path, policy_with(QUICK), remediation=RowOfLamps) as here:
        lamps_of(here.switch).on_step["execute", 2] = breaks
        looks(here, condition)
        await approved(here)
        await here.until(end)


@pytest.mark.parametrize(("condition", "end"), [(HEALTHY, ActionState.SUCCEEDED), (UNKNOWN, ActionState.ROLLED_BACK)])
async def test_where_no_monitor_sees_it_the_remediations_own_look_suffices(
    tmp_path: Path, condition: Condition, end: ActionState
) -> None:
    own = {"within": "1s", "own": True, "stable": 1}
    async with world(tmp_path, policy_with(own), remediation=RowOfLamps) as here:
        here.senses.health = Finding.UNKNOWN  # nobody asks it
        looks(here, condition)
        await approved(here)
        await here.until(end)
