"""A rollback sees: what was before, what we left, what is there now, and what it did itself."""

from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.policy.plan import Exactness, Plan
from bot.remediation import Execution, MovedOnError, PermanentError, Record, Report, Snapshot, TemporaryError
from bot.response.interventions.take_override import roll_back
from bot.response.model.actions import Action, ActionState, Result
from bot.response.model.records import AttemptState, execute_key, rollback_key
from tests.fixtures.row_of_lamps import RowOfLamps, lamps_of
from tests.response.clicks import approve, pressed
from tests.response.test_steps import WIDE, begun, kinds, steps_of
from tests.response.world import ALICE, BOB, World, world, written_policy


async def done(here: World) -> Action:
    await here.fire()
    await here.until(ActionState.WAITING)
    assert (await approve(here, ALICE)).accepted
    action = await here.until(ActionState.SUCCEEDED)
    await here.idle()
    return action


async def snapshots(here: World, key: str) -> tuple[object, object]:
    """Before and after this attempt, as far as they are compared."""
    async with here.database.read() as work:
        attempt = await work.attempts.get(key)
    assert attempt is not None
    return (
        attempt.snapshot and attempt.snapshot.state["lit"],
        attempt.after and attempt.after.state["lit"],
    )


async def test_the_state_before_and_after_is_stored_of_the_act_and_of_its_rollback(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).put("lamp-2", lit=True)
        action = await done(here)
        everything = ["lamp-1", "lamp-2", "lamp-3"]
        assert await snapshots(here, execute_key(action.id)) == (["lamp-2"], everything)
        assert (await pressed(roll_back, here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)
        assert lamps_of(here.switch).lit() == ["lamp-2"]
        assert await snapshots(here, rollback_key(action.id, 1)) == (["lamp-2"], ["lamp-2"])


async def test_what_changes_by_itself_is_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        await done(here)
        here.switch.write(flickered=True)  # the file is another one now, and the lamps are as we left them
        assert (await pressed(roll_back, here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)


@pytest.mark.parametrize("knows", [True, False])
async def test_where_nobody_looked_after_the_act_what_its_steps_must_have_left_is_compared_or_people_are_asked(
    tmp_path: Path, knows: bool
) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).knows_what_it_left = knows
        blind = lamps_of(here.switch)
        seen = blind.snapshot

        async def cannot(plan: Plan) -> Snapshot:
            if blind.lit() == ["lamp-1", "lamp-2", "lamp-3"]:
                raise PermanentError("no answer")
            return await seen(plan)

        vars(blind)["snapshot"] = cannot
        action = await done(here)
        assert await snapshots(here, execute_key(action.id)) == ([], None)
        del vars(blind)["snapshot"]
        assert (await pressed(roll_back, here, BOB)).accepted
        if not knows:
            await here.until(ActionState.FAILED)
            await here.idle()
            assert blind.lit() == ["lamp-1", "lamp-2", "lamp-3"]
            assert "cannot be told" in str(here.delivered)
            assert (await pressed(roll_back, here, BOB)).accepted, "told, a person may"
        await here.until(ActionState.ROLLED_BACK)
        assert blind.lit() == []


class Careless(RowOfLamps):
    """It says that it has restored what it has not."""

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        async with execution.step("Restore them", plan.targets[0].key):
            pass
        return Report(summary="Restored.")


@pytest.mark.parametrize(
    ("exactness", "state"),
    [(Exactness.EXACT, ActionState.FAILED), (Exactness.APPROXIMATE, ActionState.ROLLED_BACK)],
)
async def test_what_was_to_be_exact_and_is_not_as_before_is_no_success(
    tmp_path: Path, exactness: Exactness, state: ActionState
) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=Careless) as here:
        lamps_of(here.switch).exactness = exactness
        await done(here)
        assert (await pressed(roll_back, here, BOB)).accepted
        action = await here.until(state)
        await here.idle()
        if state is ActionState.FAILED:
            assert action.result is Result.NOT_RESTORED
            assert "not as it was before" in action.outcome


async def test_a_remediation_that_sees_itself_that_somebody_moved_on_overwrites_nothing(tmp_path: Path) -> None:
    async def moved(what: str) -> None:
        if what == "roll_back":
            raise MovedOnError("lamp-2 belongs to somebody else by now.")

    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).on_before = moved
        await done(here)
        assert (await pressed(roll_back, here, BOB)).accepted
        action = await here.until(ActionState.FAILED)
        assert action.outcome.startswith("Not rolled back, to overwrite nothing: lamp-2 belongs")
        assert lamps_of(here.switch).lit() == ["lamp-1", "lamp-2", "lamp-3"]


async def test_a_rollback_that_has_changed_nothing_yet_is_tried_again_within_its_time(tmp_path: Path) -> None:
    tries: list[str] = []

    async def busy(what: str) -> None:
        if what == "roll_back":
            tries.append(what)
            if len(tries) < 3:
                raise TemporaryError("the fuse box is locked", retry_after=0.01)

    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).on_before = busy
        action = await done(here)
        assert (await pressed(roll_back, here, BOB)).accepted
        rolled = await here.until(ActionState.ROLLED_BACK)
        await here.idle()
        assert len(tries) == 3
        assert rolled.rollbacks == 1, "one attempt"
        assert (await kinds(here)).count("action.returned") == 2
        async with here.database.read() as work:
            attempt = await work.attempts.get(rollback_key(action.id, 1))
        assert attempt is not None
        assert attempt.state is AttemptState.DONE


async def test_a_rollback_goes_on_from_where_our_last_one_was_ended(tmp_path: Path) -> None:
    """What our own first attempt has changed is not taken for somebody's doing."""

    async def breaks() -> None:
        raise PermanentError("the ladder is gone")

    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        action = await done(here)
        lamps_of(here.switch).on_step["roll_back", 2] = breaks
        assert (await pressed(roll_back, here, BOB)).accepted
        await here.until(ActionState.FAILED)
        await here.idle()
        assert lamps_of(here.switch).lit() == ["lamp-2", "lamp-3"]
        lamps_of(here.switch).on_step.clear()
        assert (await pressed(roll_back, here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)
        assert lamps_of(here.switch).lit() == []
        assert len(await steps_of(here, rollback_key(action.id, 2))) == 3


async def test_after_an_act_that_failed_only_what_it_touched_is_restored(tmp_path: Path) -> None:
    async def breaks() -> None:
        raise PermanentError("the ladder is gone")

    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        here.senses.health = Finding.CONTRADICTS
        lamps_of(here.switch).on_step["execute", 2] = breaks
        action = await begun(here)
        await here.until(ActionState.ROLLED_BACK)
        touched = [target for target, _, _ in await steps_of(here, rollback_key(action.id, 1))]
        assert touched == ["switch:lamp-1", "switch:lamp-2"]
