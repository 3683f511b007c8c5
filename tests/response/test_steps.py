"""Effects in steps: what is on record of each, how the card tells of them, and what people can halt between two."""

from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.policy.plan import Exactness, Plan
from bot.policy.situation import Scope, ScopeKind
from bot.remediation import Condition, PermanentError, Snapshot, TemporaryError
from bot.response.interventions import go_on as going_on
from bot.response.interventions import pauses
from bot.response.interventions.clicks import Answer, Press
from bot.response.interventions.take_override import NOTHING, override, roll_back
from bot.response.model.actions import Action, ActionState, Result
from bot.response.model.notices import Button, CardNotice, ThreadNotice
from bot.response.model.records import execute_key, rollback_key
from tests.fixtures.row_of_lamps import Gate, RowOfLamps, lamps_of
from tests.response.clicks import approve, pressed, stop, take
from tests.response.world import ALICE, BOB, CAROL, Switch, World, world, written_policy

WIDE = {"blast_radius": {"targets": 3}, "with": {"switch": "row"}}


async def begun(here: World) -> Action:
    """Fired and approved."""
    await here.fire()
    await here.until(ActionState.WAITING)
    assert (await approve(here, ALICE)).accepted
    return await here.until(ActionState.EXECUTING)


async def held_in_step(here: World, number: int = 2, what: str = "execute") -> Gate:
    """Approved, and held inside its step."""
    gate = lamps_of(here.switch).hold(what, number)
    await begun(here)
    await gate.wait_until_reached()
    return gate


async def kinds(here: World) -> list[str]:
    async with here.database.read() as work:
        return [entry.kind for entry in await work.audit.of_incident(1)]


async def steps_of(here: World, key: str) -> list[tuple[str, bool, str]]:
    async with here.database.read() as work:
        return [(step.target, step.ended, step.problem) for step in await work.steps.of(key)]


async def test_each_step_is_on_record_before_and_after_it_and_the_card_tells_of_it_in_one_line(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = await held_in_step(here)
        card = await here.until_card(lambda card: "2 of 3" in card.progress)
        assert card.progress == "Light lamp-2 (2 of 3), 1 done so far"
        assert card.buttons == (Button.STOP, Button.WHY)
        action = await here.until(ActionState.EXECUTING)
        assert await steps_of(here, execute_key(action.id)) == [
            ("switch:lamp-1", True, ""),
            ("switch:lamp-2", False, ""),
        ]
        gate.opened.set()
        await here.until(ActionState.SUCCEEDED)
        await here.idle()
        assert [kind for kind in await kinds(here) if "step" in kind] == ["action.step_begun", "action.step_ended"] * 3
        async with here.database.read() as work:
            assert [step.details for step in await work.steps.of(execute_key(action.id))] == [
                {"number": number} for number in (1, 2, 3)
            ]
            attempt = await work.attempts.get(execute_key(action.id))
        assert attempt is not None
        assert attempt.details == {"lamps": 3}
        titles = [notice.title for notice in here.delivered if isinstance(notice, ThreadNotice)]
        assert not any("Light lamp" in title for title in titles), "no message for each step"
        assert [n for n in here.delivered if isinstance(n, CardNotice)][-1].progress == ""


async def _pause(here: World) -> None:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        scope = Scope(kind=ScopeKind.TARGET, name="switch:lamp-3")
        assert (await pauses.pause(work, here.context, roster, BOB, scope, None, "a fuse")).accepted


async def _stop(here: World) -> None:
    answer = await stop(here, BOB)
    assert answer.accepted
    assert answer.text.startswith("Stopping: no further step begins.")
    assert (await here.until_thread("Stopping")).by == BOB


async def _take(here: World) -> None:
    assert (await take(here, CAROL)).accepted


async def _override(here: World) -> None:
    async def choose(work: object, context: object, roster: object, press: Press) -> Answer:
        return await override(work, context, roster, press, NOTHING, "wrong row")  # type: ignore[arg-type]

    assert "no further step" in (await pressed(choose, here, BOB)).text


HALTS = {"stop": _stop, "pause": _pause, "take": _take, "override": _override}
WORDS = {"stop": "Stopped by", "pause": "Paused:", "take": "over", "override": "Stopped by"}


@pytest.mark.parametrize("how", HALTS)
async def test_whoever_halts_it_between_two_steps_keeps_the_next_from_beginning(tmp_path: Path, how: str) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).condition = lambda: Condition.HEALTHY
        gate = await held_in_step(here)
        await HALTS[how](here)
        gate.opened.set()
        action = await here.until(ActionState.FAILED)
        await here.idle()
        assert lamps_of(here.switch).lit() == ["lamp-1", "lamp-2"], "what is done stays, and nothing else begins"
        assert action.result is Result.INTERRUPTED
        assert WORDS[how] in action.outcome
        assert "after 2 steps" in action.outcome
        assert "healthy at the moment" in action.outcome, "it was verified once"
        ended = await here.until_thread("Ended half-way")
        assert ended.to, "people are called"
        assert {Button.ROLL_BACK, Button.GO_ON} <= set(ended.buttons)
        async with here.database.read() as work:
            assert await work.locks.held() == {}
            paused = await work.pauses.active(here.context.now())
        assert [str(pause.scope) for pause in paused if pause.by == "watchkeeper"] == [], "nobody says that it did harm"


async def test_what_was_ended_half_way_can_be_rolled_back_and_only_what_was_touched_is(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = await held_in_step(here)
        await _stop(here)
        card = await here.until_card(lambda card: card.halted.startswith("Stopped by"))
        assert Button.STOP not in card.buttons
        gate.opened.set()
        action = await here.until(ActionState.FAILED)
        lamps_of(here.switch).put("lamp-9", lit=False)
        card = await here.until_card(lambda card: card.interrupted)
        assert Button.GO_ON in card.buttons
        assert (await pressed(roll_back, here, BOB)).accepted
        await here.until(ActionState.ROLLED_BACK)
        assert lamps_of(here.switch).lit() == []
        assert await steps_of(here, rollback_key(action.id, 1)) == [
            ("switch:lamp-1", True, ""),
            ("switch:lamp-2", True, ""),
        ]


async def test_going_on_is_a_new_question_about_a_new_plan(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = await held_in_step(here)
        await _stop(here)
        gate.opened.set()
        halted = await here.until(ActionState.FAILED)
        await here.idle()
        lamps_of(here.switch).on_step.clear()
        assert (await pressed(going_on.go_on, here, BOB)).accepted
        asked = await here.until(ActionState.WAITING)
        assert asked.id != halted.id
        assert asked.requested_by == BOB
        assert not (await approve(here, BOB)).accepted, "whoever asks does not approve it"
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        assert lamps_of(here.switch).lit() == ["lamp-1", "lamp-2", "lamp-3"]
        assert not (await pressed(going_on.go_on, here, BOB)).accepted, "it is whole now"


async def test_a_stop_before_the_first_step_ends_it_and_nothing_was_changed(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = Gate()

        async def held(what: str) -> None:
            await gate.pass_by()

        lamps_of(here.switch).on_before = held
        await begun(here)
        await gate.wait_until_reached()
        await _stop(here)
        gate.opened.set()
        action = await here.until(ActionState.STOPPED)
        await here.idle()
        assert action.decided_by == (BOB,)
        assert lamps_of(here.switch).lit() == []
        assert "action.returned" in await kinds(here)


async def test_a_pause_before_the_first_step_holds_it_as_if_it_had_not_begun(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        gate = Gate()

        async def held(what: str) -> None:
            await gate.pass_by()

        lamps_of(here.switch).on_before = held
        await begun(here)
        await gate.wait_until_reached()
        await _pause(here)
        gate.opened.set()
        await here.until(ActionState.HELD)
        assert lamps_of(here.switch).lit() == []


async def test_a_step_that_takes_too_long_fails_and_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps = lamps_of(here.switch)
        lamps.step_limit = 0.05
        here.senses.health = Finding.CONTRADICTS
        lamps.hold("execute", 2)  # and never lets go
        action = await begun(here)
        await here.until(ActionState.ROLLED_BACK)
        [first, second] = await steps_of(here, execute_key(action.id))
        assert first[1]
        assert second == (
            "switch:lamp-2",
            False,
            "“Light lamp-2 (2 of 3)” did not finish within 0.05 s; how far it got is unknown.",
        )
        assert lamps.lit() == []


@pytest.mark.parametrize("error", [KeyError("secret-pid-4711"), PermanentError("no such lamp")])
async def test_an_authors_bug_reaches_people_as_a_class_name_and_a_refusal_as_its_text(
    tmp_path: Path, error: Exception
) -> None:
    async def breaks() -> None:
        raise error

    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).on_step["execute", 1] = breaks
        here.senses.health = Finding.CONTRADICTS
        action = await begun(here)
        await here.until(ActionState.ROLLED_BACK)
        await here.idle()
        async with here.database.read() as work:
            said = str([entry.body for entry in await work.audit.of_incident(1)])
            attempt = await work.attempts.get(execute_key(action.id))
        assert attempt is not None
        said += attempt.report + str(here.delivered)
        assert "secret-pid" not in said
        assert ("no such lamp" if isinstance(error, PermanentError) else "KeyError") in said


async def test_what_has_changed_nothing_is_tried_again_with_the_same_key_until_it_works(tmp_path: Path) -> None:
    tries: list[str] = []

    async def busy(what: str) -> None:
        tries.append(what)
        if len(tries) < 3:
            raise TemporaryError("the fuse box is locked", retry_after=0.01)

    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).on_before = busy
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        await here.idle()
        assert tries == ["execute"] * 3
        assert len(set(lamps_of(here.switch).keys)) == 1
        assert (await kinds(here)).count("action.returned") == 2


async def test_while_it_waits_to_be_tried_again_a_stop_counts_as_before_it_began(tmp_path: Path) -> None:
    async def busy(what: str) -> None:
        raise TemporaryError("the fuse box is locked", retry_after=0.2)

    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).on_before = busy
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.RUNNING)
        assert (await stop(here, BOB)).accepted
        await here.until(ActionState.STOPPED)
        await here.idle()
        assert lamps_of(here.switch).lit() == []


@pytest.mark.parametrize("how", ["stop", "pause"])
async def test_a_rollback_of_ours_is_halted_between_two_steps_like_the_act(tmp_path: Path, how: str) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        here.senses.health = Finding.CONTRADICTS
        gate = lamps_of(here.switch).hold("roll_back", 1)
        await begun(here)
        await gate.wait_until_reached()
        card = await here.until_card(lambda card: card.action_state is ActionState.ROLLING_BACK and bool(card.progress))
        assert Button.STOP in card.buttons
        await HALTS[how](here)
        gate.opened.set()
        action = await here.until(ActionState.FAILED)
        await here.idle()
        assert action.result is Result.INTERRUPTED
        assert lamps_of(here.switch).lit() == ["lamp-2", "lamp-3"]
        if how == "pause":
            roster = await here.context.roster()
            async with here.database.begin() as work:
                scope = Scope(kind=ScopeKind.TARGET, name="switch:lamp-3")
                assert (await pauses.resume(work, here.context, roster, BOB, scope)).accepted
        lamps_of(here.switch).on_step.clear()
        assert (await pressed(roll_back, here, BOB)).accepted, "and a person may finish it"
        await here.until(ActionState.ROLLED_BACK)
        assert lamps_of(here.switch).lit() == []


async def test_a_rollback_that_a_person_asked_for_under_a_pause_is_halted_by_a_stop_alone(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        await begun(here)
        await here.until(ActionState.SUCCEEDED)
        gate = lamps_of(here.switch).hold("roll_back", 1)
        assert (await pressed(roll_back, here, BOB)).accepted
        await gate.wait_until_reached()
        await _pause(here)
        gate.opened.set()
        await here.until(ActionState.ROLLED_BACK)


async def test_where_there_is_nothing_to_undo_no_rollback_is_offered_after_a_halt(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **WIDE), remediation=RowOfLamps) as here:
        lamps_of(here.switch).exactness = Exactness.NOTHING_TO_UNDO
        gate = await held_in_step(here)
        await _stop(here)
        gate.opened.set()
        await here.until(ActionState.FAILED)
        ended = await here.until_thread("Ended half-way")
        assert Button.ROLL_BACK not in ended.buttons
        assert Button.GO_ON in ended.buttons


class ForgetsItsKeys(Switch):
    """Fails as authors' mistakes do, with a text that holds whatever it was looking for."""

    async def snapshot(self, plan: Plan) -> Snapshot:
        raise KeyError("token-of-somebody")


async def test_of_a_mistake_in_reading_the_state_people_are_told_the_class_and_never_the_text(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=ForgetsItsKeys) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        failed = await here.until(ActionState.FAILED)
        assert "Nothing was changed" in failed.outcome
        assert "(KeyError)" in failed.outcome
        told = await here.until_thread("Failed")
        assert "token-of-somebody" not in str(told) + failed.outcome
        assert here.switch.read()["flips"] == 0
