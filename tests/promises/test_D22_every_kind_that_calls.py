"""Point 22: of whatever nature it is that a person must look at, people are called until somebody is on it.

What is on hold, what could not begin, what did harm and cannot be undone, what was to end by itself and has not.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.policy.plan import Exactness, Plan, Rollback
from bot.policy.situation import Scope
from bot.remediation import About, Parameters
from bot.response.deadlines.wear_offs import CHECKS, check_wear_offs
from bot.response.failures import flow_failed
from bot.response.interventions import pauses
from bot.response.interventions.take_override import override
from bot.response.model.actions import ActionEvent, ActionState
from bot.response.model.notices import BundleNotice
from bot.slack.cards import render
from bot.slack.replies import status
from handlers.slack.overview import for_home, gather
from tests.fixtures.row_of_lamps import RowOfLamps
from tests.promises.incoming import card, said
from tests.promises.test_D22_people_are_called import after, untaken
from tests.response.clicks import approve, take
from tests.response.test_nobody_answers import Clock, chain, direct, entries
from tests.response.test_steps import WIDE
from tests.response.test_wear_offs import lit_for_an_hour
from tests.response.world import ALICE, BOB, CAROL, DAVE, Switch, World, world, written_policy

ALL = Scope(kind="all")


async def pause(here: World, person: str = CAROL) -> None:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        assert (await pauses.pause(work, here.context, roster, person, ALL, None, "a quiet release")).accepted
    await here.idle()


async def resume(here: World, person: str = ALICE) -> None:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        assert (await pauses.resume(work, here.context, roster, person, ALL)).accepted
    await here.idle()


async def held(here: World) -> None:
    """An alert comes while everything is paused."""
    await pause(here)
    await here.fire()
    await here.until(ActionState.HELD)
    await here.idle()


async def of_the_world(here: World) -> str:
    """The first words of ``/watch status``."""
    async with here.database.read() as work:
        facts = (await gather(work, here.context.policy(), here.context.now())).status((), "digest", here.context.now())
    return status(facts).text


async def test_what_is_on_hold_mentions_reminds_hands_over_and_says_what_silence_means(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await held(here)
        assert (card(here).called, card(here).untaken) == ((ALICE, BOB), True)
        assert card(here).if_nobody_answers == (
            "leads will be called as well. Nothing is done while automation is paused here."
        )
        drawn = str(render(card(here), 1).blocks)
        assert f"<@{ALICE}>" in drawn
        assert "Not taken by" in drawn
        assert "1 incident open, 1 taken by nobody" in await of_the_world(here)
        await after(here, clock, 15)
        assert [one.to for one in said(here, "Still waiting for a person")] == [(ALICE, BOB)]
        await after(here, clock, 15)
        assert [one.to for one in said(here, "Now calling leads as well")] == [(CAROL,)]
        assert f"<@{CAROL}>" in str(render(card(here), 1).blocks)
        assert (await take(here, BOB)).accepted
        often = len(direct(here))
        await after(here, clock, 120)
        assert (len(direct(here)), await untaken(here)) == (often, 0)


async def test_who_acts_by_hand_ends_the_call_and_who_resumes_makes_it_a_question(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await held(here)
        await resume(here)
        await here.until(ActionState.WAITING)
        await here.idle()
        assert (await untaken(here), card(here).untaken) == (0, False)
        await after(here, clock, 15)
        assert not said(here, "Still waiting for a person"), "it is asked now, and reminds as a question"
        await pause(here)
        await here.until(ActionState.HELD)
        await here.idle()
        (holding,) = said(here, "Holding")[1:]
        assert holding.to == (), "who was asked a moment ago is not mentioned again"
        assert await untaken(here) == 1
        press, roster = await here.press(ALICE), await here.context.roster()
        async with here.database.begin() as work:
            assert (await override(work, here.context, roster, press, "flip", "it cannot wait")).accepted
        await here.until(ActionState.SUCCEEDED)
        await here.idle()
        assert await untaken(here) == 0
        assert len(await entries(here, "incident.called")) == 2


async def test_a_storm_under_a_pause_is_one_call(tmp_path: Path) -> None:
    clock, written = Clock(), chain().model_dump(by_alias=True, mode="json")
    policy = type(chain()).model_validate(written | {"storm": {"after": 1, "within": "5m"}})
    async with world(tmp_path, policy, now=clock) as here:
        await pause(here)
        for number in range(4):
            await here.fire(service=f"lamp-{number}", fingerprint=f"f{number}")
            await here.idle()
        assert "4 taken by nobody" in await of_the_world(here)
        shared = [one for one in here.delivered if isinstance(one, BundleNotice)][-1]
        drawn = str(render(shared, 1).blocks)
        assert (f"<@{ALICE}>" in drawn, "If nobody takes them:" in drawn) == (True, True)
        await after(here, clock, 15)
        assert len(direct(here)) == 4, "once for the card of the first, once for those that share one"


async def test_what_was_approved_and_could_not_begin_for_an_error_of_ours_calls_people(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(needed=2), now=clock) as here:
        await here.fire()
        action = await here.until(ActionState.WAITING)
        async with here.database.begin() as work:  # approved, and its flow fails before it claims anything
            moved = await work.actions.move(action.id, ActionEvent.APPROVE, decided_by=(ALICE,))
        assert moved is not None
        await flow_failed(here.context, "act.v2", (action.id,), RuntimeError("nobody foresaw this"))
        await here.until(ActionState.SUPERSEDED)
        await here.idle()
        assert (await untaken(here), card(here).called) == (1, (ALICE, BOB))
        assert "leads will be called as well." in card(here).if_nobody_answers
        await after(here, clock, 15)
        assert [one.to for one in said(here, "Still waiting for a person")] == [(ALICE, BOB)]
        await after(here, clock, 15)
        assert [one.to for one in said(here, "Now calling leads as well")] == [(CAROL,)]


async def test_home_says_of_the_world_what_status_says(tmp_path: Path) -> None:
    async with world(tmp_path, chain(), now=Clock()) as here:
        await held(here)
        await here.fire("LampHot", "room", "f2")
        await here.idle()
        async with here.database.read() as work:
            home = await for_home(work, here.context, await here.context.roster(), "https://shop.example")
        for person, theirs in ((ALICE, 2), (DAVE, 0)):
            seen = home.seen_by(person, ())
            assert (seen.world.incidents_open, seen.world.untaken, len(seen.to_take)) == (2, 2, theirs)
        assert "2 incidents open, 2 taken by nobody" in await of_the_world(here)


class NothingToUndo(Switch):
    """What it has done cannot be taken back."""

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        made = await super().plan(parameters, about)
        rollback = Rollback(summary="Nothing to undo.", exactness=Exactness.NOTHING_TO_UNDO)
        return made.model_copy(update={"rollback": rollback})


async def test_harm_that_cannot_be_undone_calls_until_somebody_takes_it(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock, remediation=NothingToUndo) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        await here.idle()
        assert await untaken(here) == 0
        clock.forward(1)
        await here.fire("RoomDark", "room", "f2")
        harm = await here.until_thread("It may have made things worse")
        assert harm.to == (ALICE, BOB)
        await here.idle()
        async with here.database.read() as work:
            assert [call.incident_id for call in await work.calls.standing()] == [1, 2]
        await after(here, clock, 15)
        reminded = [*said(here, "Still firing"), *said(here, "Still waiting for a person")]
        assert [(one.incident, one.to) for one in reminded] == [("INC-1", (ALICE, BOB)), ("INC-2", (ALICE, BOB))]
        await after(here, clock, 15)
        handed = {(one.incident, one.to) for one in said(here, "Now calling leads as well")}
        assert handed == {("INC-1", (CAROL,)), ("INC-2", (CAROL,))}


async def test_what_was_to_end_by_itself_and_has_not_calls_as_long_as_its_incident_is_open(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC) + timedelta(minutes=1))
    wide = type(chain()).model_validate(
        chain().model_dump(by_alias=True, mode="json")
        | {"runbooks": written_policy("L1", **WIDE).model_dump(by_alias=True, mode="json")["runbooks"]}
    )
    async with world(tmp_path, wide, now=clock, remediation=RowOfLamps) as here:
        await lit_for_an_hour(here)
        clock.forward(minutes=61)
        for _ in range(CHECKS):
            await check_wear_offs(here.context)
            clock.forward(minutes=1)
        told = await here.until_thread("It was to end by itself")
        await here.idle()
        assert (told.to, await untaken(here)) == ((ALICE, BOB), 1)
        await after(here, clock, 30)
        assert [one.to for one in said(here, "Now calling leads as well")] == [(CAROL,)]
