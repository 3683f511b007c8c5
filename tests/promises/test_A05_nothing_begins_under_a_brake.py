"""A5. Under a person's pause, the pause file or a freeze nothing begins by itself, a rollback included: it is offered.

Watchkeeper's own pause after harm stops new acts, never the rollback it stands beside.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.policy.file.document import Policy
from bot.response.model.actions import ActionState, Result
from bot.response.model.notices import Button, ThreadNotice
from storage.pause_file import PauseFile
from tests.promises.brakes import EVERYTHING, LAMP, active_pauses, brakes, gated, locked, pause, rolled_back, settled
from tests.response.clicks import approve, take
from tests.response.world import ALICE, CAROL, World, written_policy

Brake = Callable[[World], Awaitable[object]]


async def person(here: World) -> None:
    assert (await pause(here, LAMP)).accepted


async def file(here: World) -> None:
    path = here.switch.path.with_name("pause")
    path.write_text("rack 4 burns")
    here.database._pause_file = PauseFile(path)


async def freeze(here: World) -> None:
    now, hour = datetime.now(UTC), timedelta(hours=1)
    document = here.context.policy().model_dump(by_alias=True, mode="json")
    document["freezes"] = [{"name": "sale", "from": (now - hour).isoformat(), "until": (now + hour).isoformat()}]
    frozen = Policy.model_validate(document)
    object.__setattr__(here.context, "policy", lambda: frozen)


async def taken(here: World) -> None:
    assert (await take(here, CAROL)).accepted


@pytest.mark.parametrize("brake", [person, file, freeze])
async def test_no_act_begins_by_itself(tmp_path: Path, brake: Brake) -> None:
    async with brakes(tmp_path, written_policy("L3", veto_window="0s")) as here:
        await here.license()
        await brake(here)
        await here.fire()
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0


@pytest.mark.parametrize("brake", [person, file, freeze, taken])
async def test_a_rollback_does_not_begin_by_itself_either_but_is_offered(tmp_path: Path, brake: Brake) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        here.senses.health = Finding.CONTRADICTS
        gate = gated(here).hold("execute")
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await gate.wait_until_reached()
        await brake(here)
        gate.opened.set()
        action = await here.until(ActionState.FAILED)
        assert (action.result, here.switch.read()["restores"]) == (Result.NOT_RESTORED, 0)
        assert await locked(here) == {}
        await here.idle()
        ends = [n for n in here.delivered if isinstance(n, ThreadNotice) and Button.ROLL_BACK in n.buttons]
        assert "Not rolled back by itself" in " ".join(ends[-1].lines)
        assert ends[-1].to, "people are called"
        assert (await rolled_back(here, ALICE)).accepted
        await here.until(ActionState.ROLLED_BACK)
        assert here.switch.read()["restores"] == 1


async def test_harm_under_a_persons_pause_calls_people_and_leaves_the_rollback_to_them(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        assert (await pause(here, EVERYTHING)).accepted
        await here.fire(name="RoomCold", service="room", fingerprint="f9")
        line = await here.until_thread("It may have made things worse")
        assert "Not rolled back by itself" in " ".join(line.lines)
        await here.idle()
        assert here.switch.read()["restores"] == 0
        assert (await rolled_back(here, ALICE)).accepted
        await here.until(ActionState.ROLLED_BACK)


async def test_a_pause_between_the_decision_to_roll_back_and_its_beginning_holds_it(tmp_path: Path) -> None:
    """The harm breaker has asked for the rollback; a person pauses before it begins."""
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        await here.idle()
        gate = gated(here).hold("snapshot")  # it looks at the target first
        await here.fire(name="RoomCold", service="room", fingerprint="f9")
        await gate.wait_until_reached()
        assert (await pause(here, EVERYTHING)).accepted
        gate.opened.set()
        await here.until(ActionState.FAILED)
        assert here.switch.read()["restores"] == 0
        assert await locked(here) == {}


async def test_our_own_pause_after_harm_never_stops_the_rollback_it_stands_beside(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        await here.fire(name="RoomCold", service="room", fingerprint="f9")
        await here.until(ActionState.ROLLED_BACK)
        assert here.switch.read()["restores"] == 1
        assert await active_pauses(here) == ["runbook flip"], "and it stops new acts"
