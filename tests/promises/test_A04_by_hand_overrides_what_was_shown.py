"""A4. Acting by hand overrides exactly the pauses that the person was shown; a later or another one holds it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.policy.file.document import Policy
from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.pauses import follow_pause_file
from bot.response.model.actions import ActionState, By
from storage.database import Database
from storage.pause_file import PauseFile
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.promises.brakes import EVERYTHING, LAMP, brakes, gated, locked, overridden, pause, resume, settled
from tests.response.world import ALICE, World, written_policy

ROOM = Scope(kind=ScopeKind.SERVICE, name="room")


async def by_hand_up_to_the_effect(here: World) -> None:
    """The service is paused, and somebody acts by hand all the same; the effect is about to begin."""
    assert (await pause(here, LAMP)).accepted
    await here.fire()
    await here.until(ActionState.HELD)
    gate = gated(here).hold("snapshot")
    assert (await overridden(here, ALICE, "flip")).accepted
    await gate.wait_until_reached()


async def test_what_was_shown_does_not_hold_it(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await by_hand_up_to_the_effect(here)
        gated(here).gates["snapshot"].opened.set()
        assert await settled(here) is ActionState.SUCCEEDED
        action = await here.action()
        assert action is not None
        assert (action.by, len(action.overridden)) == (By.BY_HAND, 1)
        assert here.switch.read()["flips"] == 1


async def test_a_later_pause_holds_it_although_the_one_that_was_shown_does_not(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await by_hand_up_to_the_effect(here)
        assert (await pause(here, EVERYTHING, reason="STOP NOW")).accepted
        gated(here).gates["snapshot"].opened.set()
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0
        assert await locked(here) == {}


async def test_the_same_pause_put_on_anew_is_another_one(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await by_hand_up_to_the_effect(here)
        assert (await resume(here, LAMP)).accepted
        assert (await pause(here, LAMP)).accepted
        gated(here).gates["snapshot"].opened.set()
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0


async def test_a_pause_of_something_else_takes_nothing_away(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await by_hand_up_to_the_effect(here)
        assert (await pause(here, ROOM)).accepted
        gated(here).gates["snapshot"].opened.set()
        assert await settled(here) is ActionState.SUCCEEDED


async def test_a_freeze_that_begins_later_holds_it(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    in_force = [written_policy("L1")]
    async with brakes(tmp_path, in_force[0]) as here:
        object.__setattr__(here.context, "policy", lambda: in_force[0])
        await by_hand_up_to_the_effect(here)
        document = in_force[0].model_dump(by_alias=True, mode="json")
        hour = timedelta(hours=1)
        document["freezes"] = [{"name": "sale", "from": (now - hour).isoformat(), "until": (now + hour).isoformat()}]
        in_force[0] = Policy.model_validate(document)
        gated(here).gates["snapshot"].opened.set()
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0


async def test_what_the_card_did_not_show_holds_it_until_it_is_shown_and_overridden_too(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        assert (await pause(here, LAMP)).accepted
        await here.fire()
        await here.until(ActionState.HELD)
        shown = await here.press(ALICE)
        await pause(here, EVERYTHING)
        await overridden(here, ALICE, "flip", press=shown)
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0
        assert (await overridden(here, ALICE, "flip")).accepted
        assert await settled(here) is ActionState.SUCCEEDED


async def test_a_pause_file_stays_the_same_pause_until_it_is_written_anew(tmp_path: Path) -> None:
    """Before and after a row tells other machines of it; and a file that is touched is another pause."""
    file = tmp_path / "pause"
    file.write_text("rack 4 burns")
    async with brakes(tmp_path, written_policy("L1")) as here:
        url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
        database = Database(url, RecordingEnqueuer(), AUDIT_KEY, PauseFile(file))
        try:
            now = here.context.now()
            async with database.begin() as work:
                (unnoted,) = await work.pauses.active(now)
                await follow_pause_file(work, now)
                (noted,) = await work.pauses.active(now)
            async with database.begin() as work:
                (after,) = await work.pauses.active(now)
            assert (unnoted.by, unnoted.since) == (noted.by, noted.since) == (after.by, after.since)
            os.utime(file, (1, 1))
            async with database.begin() as work:
                (anew,) = await work.pauses.active(now)
            assert anew.since != after.since
        finally:
            await database.close()
