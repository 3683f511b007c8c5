"""A7. A rollback is an act: judged, limited in time, compared with what we left, and possible again after a failure."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.policy.file.document import Policy
from bot.remediation import PermanentError, TemporaryError
from bot.response.model.actions import Action, ActionState, Result
from bot.response.model.records import AttemptState, rollback_key
from tests.promises.brakes import active_pauses, brakes, gated, locked, rolled_back, settled, thread
from tests.response.clicks import approve
from tests.response.world import ALICE, BOB, DAVE, World, written_policy


async def done(here: World) -> Action:
    """Approved, done and verified."""
    await here.fire()
    await here.until(ActionState.WAITING)
    assert (await approve(here, ALICE)).accepted
    action = await here.until(ActionState.SUCCEEDED)
    await here.idle()
    return action


async def state_of_attempt(here: World, action: Action, number: int) -> AttemptState | None:
    async with here.database.read() as work:
        attempt = await work.attempts.get(rollback_key(action.id, number))
    return attempt.state if attempt is not None else None


async def test_what_was_there_right_before_is_restored_and_whoever_may_not_is_refused(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await done(here)
        assert not (await rolled_back(here, DAVE)).accepted
        assert (await rolled_back(here, BOB)).accepted
        action = await here.until(ActionState.ROLLED_BACK)
        assert action.result is Result.ROLLED_BACK
        assert here.switch.read() == {"position": "off", "flips": 1, "restores": 1}
        assert (await rolled_back(here, BOB)).text == "Rolled back already."


@pytest.mark.parametrize(
    "problem", [TemporaryError("the line is busy", retry_after=3600), PermanentError("refused"), ValueError("a bug")]
)
async def test_one_that_failed_sets_its_target_free_and_can_be_tried_again(tmp_path: Path, problem: Exception) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        action = await done(here)
        gated(here).fails["roll_back"] = problem
        assert (await rolled_back(here, BOB)).accepted
        failed = await here.until(ActionState.FAILED)
        assert failed.result is Result.NOT_RESTORED
        await here.idle()
        assert await locked(here) == {}
        del gated(here).fails["roll_back"]
        assert (await rolled_back(here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)
        await here.idle()
        assert here.switch.read()["restores"] == 1
        assert await locked(here) == {}
        assert await state_of_attempt(here, action, 2) is AttemptState.DONE


async def test_one_of_ours_that_failed_is_offered_to_people_and_works_when_they_press(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        here.senses.health = Finding.CONTRADICTS
        gated(here).fails["roll_back"] = TemporaryError("the line is busy", retry_after=3600)
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.FAILED)
        await here.idle()
        assert await active_pauses(here) == ["runbook flip"]
        del gated(here).fails["roll_back"]
        assert (await rolled_back(here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)
        assert here.switch.read()["restores"] == 1


async def test_one_that_takes_too_long_is_given_up_after_its_own_time(tmp_path: Path) -> None:
    document = written_policy("L1").model_dump(by_alias=True, mode="json")
    document["defaults"]["rollback_within"] = "1s"
    policy = Policy.model_validate(document)
    assert policy.rollback_within_of("flip") == timedelta(seconds=1)
    async with brakes(tmp_path, policy) as here:
        await done(here)
        gated(here).hold("roll_back")  # and never lets go
        assert (await rolled_back(here, BOB)).accepted
        failed = await here.until(ActionState.FAILED)
        assert "did not finish within 1 s" in failed.outcome
        assert failed.result is Result.UNKNOWN
        await here.idle()
        assert await locked(here) == {}


async def test_what_somebody_has_changed_since_is_said_and_asked_about_instead_of_overwritten(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await done(here)
        here.switch.write(position="dimmed by hand")
        assert (await rolled_back(here, BOB)).accepted
        await here.until(ActionState.FAILED)
        await here.idle()
        assert here.switch.read() == {"position": "dimmed by hand", "flips": 1, "restores": 0}
        assert any("somebody has changed lamp since" in said for said in thread(here))
        assert (await rolled_back(here, BOB)).accepted, "told, a person may overwrite it"
        await here.until(ActionState.ROLLED_BACK)
        assert here.switch.read()["position"] == "off"


async def test_what_changes_again_after_the_person_was_told_is_another_question(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await done(here)
        for position in ("dimmed by hand", "dimmed further"):
            here.switch.write(position=position)
            assert (await rolled_back(here, BOB)).accepted
            await here.until(ActionState.FAILED)
            await here.idle()
        assert here.switch.read() == {"position": "dimmed further", "flips": 1, "restores": 0}
        assert (await rolled_back(here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)


async def test_where_it_cannot_be_seen_whether_somebody_changed_it_nothing_is_overwritten_unasked(
    tmp_path: Path,
) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await done(here)
        gated(here).fails["snapshot"] = PermanentError("no answer")
        assert (await rolled_back(here, BOB)).accepted
        await here.until(ActionState.FAILED)
        await here.idle()
        assert here.switch.read()["restores"] == 0
        assert any("cannot be seen" in said for said in thread(here))
        assert (await rolled_back(here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)


async def test_our_own_never_overwrites_what_somebody_changed(tmp_path: Path) -> None:
    """The harm breaker wants to go back; a person has put the switch somewhere else by then."""
    async with brakes(tmp_path, written_policy("L1")) as here:
        await done(here)
        here.switch.write(position="dimmed by hand")
        await here.fire(name="RoomCold", service="room", fingerprint="f9")
        await here.until(ActionState.FAILED)
        await here.idle()
        assert here.switch.read() == {"position": "dimmed by hand", "flips": 1, "restores": 0}
        assert any("to overwrite nothing: somebody has changed lamp since" in said for said in thread(here))


async def test_a_newer_act_of_ours_on_the_same_target_is_not_overwritten_unasked(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1", **{"with": {"switch": "lamp"}})) as here:
        first = await done(here)
        old = await here.press(BOB)
        await here.fire(service="attic", fingerprint="f2")
        await here.until(ActionState.WAITING, 2)
        assert (await approve(here, ALICE, 2)).accepted
        await here.until(ActionState.SUCCEEDED, 2)
        await here.idle()
        assert (await rolled_back(here, BOB, press=old)).accepted
        await settled(here, 2)
        async with here.database.read() as work:
            action = await work.actions.get(first.id)
        assert action is not None
        assert action.state is ActionState.FAILED
        assert "INC-2 has acted on the same target since" in action.outcome
        assert here.switch.read()["restores"] == 0
