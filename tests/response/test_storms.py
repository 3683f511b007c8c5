"""One storm of alerts is one card: who shares it, whom an approval speaks for, and what is still said."""

import asyncio
from pathlib import Path

import pytest

from bot.response.interventions import bundles, requests
from bot.response.interventions import pauses as controls
from bot.response.interventions.requests import Wanted
from bot.response.model.actions import ActionState
from bot.response.model.notices import Button, CardNotice, ThreadNotice
from tests.response.storm import (
    EVERYTHING,
    audit,
    bundle_of,
    cards,
    decided,
    flips,
    press,
    said,
    standing,
    storm,
    stormy,
    until_bundle,
    waiting,
)
from tests.response.test_nobody_answers import Clock, settled
from tests.response.world import ALICE, BOB, CAROL, SwitchBoard, world


async def test_the_first_questions_get_a_card_each_and_the_rest_share_one(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 6)
        card = await until_bundle(here, waiting(4))
        await settled(here)
        assert {one.incident for one in here.delivered if isinstance(one, CardNotice)} == {"INC-1", "INC-2"}
        assert [line.incident for line in card.lines] == ["INC-3", "INC-4", "INC-5", "INC-6"]
        assert [line.service for line in card.lines] == ["lamp-3", "lamp-4", "lamp-5", "lamp-6"]
        assert card.because == "More than 2 such incidents came within 5m: these share one card."
        assert card.headlines == ("L1, assisted: Watchkeeper proposes, a person approves.",)
        assert (card.targets, card.approvers, card.summary) == (4, (ALICE, BOB), "Flip the switch")
        expected = (Button.APPROVE_THESE, Button.CHOOSE, Button.TAKE_THESE, Button.PAUSE_THESE, Button.WHY_THESE)
        assert card.buttons == expected
        assert [one.incident for one in said(here)] == ["INC-1", "INC-2"], "the card says the rest"
        places = {(await here.incident(number)).thread_ts for number in (3, 4, 5, 6)}
        assert len(places) == 1, "they live where their card is"


async def test_what_is_decided_at_the_same_time_counts_the_same_storm(
    tmp_path: Path, empty_postgresql_url: str
) -> None:
    async with world(tmp_path, stormy(), empty_postgresql_url, remediation=SwitchBoard) as here:
        await asyncio.gather(*(here.fire(service=f"lamp-{lamp}", fingerprint=f"f{lamp}") for lamp in range(1, 10)))
        async with asyncio.timeout(40):
            while await decided(here) < 9:
                await asyncio.sleep(0.05)
        found = [await bundle_of(here, number) for number in range(1, 10)]
        assert found.count(None) == 2, "no more cards than the policy says, whoever decides"
        assert len({one.id for one in found if one is not None}) == 1


async def test_one_yes_runs_all_that_the_card_shows_each_with_its_own_vote_and_outcome(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 5)
        card = await until_bundle(here, waiting(3))
        answer = await press(here, ALICE, card)
        assert (answer.accepted, answer.text) == (True, "Your approval is counted. 3 questions start now.")
        done = await until_bundle(here, lambda card: set(standing(card).values()) == {ActionState.SUCCEEDED})
        await settled(here)
        assert flips(here, 1, 2, 3, 4, 5) == [0, 0, 1, 1, 1]
        assert Button.APPROVE_THESE not in done.buttons
        votes = await audit(here, (3, 4, 5), "action.vote")
        assert [vote.body["bundle"] for vote in votes] == [card.subject] * 3
        assert {vote.actor for vote in votes} == {ALICE}
        thread = [
            one for one in here.delivered if isinstance(one, ThreadNotice) and one.incident not in ("INC-1", "INC-2")
        ]
        (approved, *outcomes) = thread
        assert (approved.title, approved.by, approved.lines) == (
            "Approved: 3 questions",
            ALICE,
            ("INC-3, INC-4, INC-5",),
        )
        assert approved.audit == tuple(vote.number for vote in votes)
        assert sorted(one.title for one in outcomes) == [f"INC-{number}: Done and verified" for number in (3, 4, 5)]
        assert not any(one.broadcast for one in thread), "a storm is not told in the channel line by line"
        assert all(Button.ROLL_BACK in one.buttons for one in outcomes), "each has a rollback of its own"
        again = await press(here, BOB, card)
        assert (again.accepted, again.text) == (False, "Nothing here waits for approval any more. See the card.")
        assert flips(here, 3, 4, 5) == [1, 1, 1]


async def test_a_yes_does_not_speak_for_what_joined_after_the_card_that_was_pressed(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        old = await until_bundle(here, waiting(2))
        await storm(here, 1, first=5)
        await until_bundle(here, waiting(3))
        answer = await press(here, ALICE, old)
        assert (
            answer.text
            == "Your approval is counted. 2 questions start now. 1 question came since: look at the card again."
        )
        new = await until_bundle(here, lambda card: list(standing(card).values()).count(ActionState.SUCCEEDED) == 2)
        assert flips(here, 3, 4, 5) == [1, 1, 0]
        assert standing(new)["INC-5"] is ActionState.WAITING
        assert (await press(here, ALICE, old)).text == "1 question came since: look at the card again."
        assert (await press(here, ALICE, new)).accepted
        await here.until(ActionState.SUCCEEDED, 5)


async def test_a_pause_holds_them_and_what_is_asked_after_it_is_a_new_question(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        old = await until_bundle(here, waiting(2))
        roster = await here.context.roster()
        async with here.database.begin() as work:
            assert (await controls.pause(work, here.context, roster, BOB, EVERYTHING, None, "look first")).accepted
        held = await until_bundle(here, lambda card: set(standing(card).values()) == {ActionState.HELD})
        assert Button.APPROVE_THESE not in held.buttons
        assert held.names == (BOB,)
        async with here.database.begin() as work:
            assert (await controls.resume(work, here.context, roster, ALICE, EVERYTHING)).accepted
        new = await until_bundle(here, waiting(2))
        assert new.names == ()
        assert "2 questions came since" in (await press(here, ALICE, old)).text
        assert flips(here, 3, 4) == [0, 0]
        assert (await press(here, ALICE, new)).accepted
        await here.until(ActionState.SUCCEEDED, 3)
        await here.until(ActionState.SUCCEEDED, 4)
        assert {one.incident for one in here.delivered if isinstance(one, CardNotice)} == {"INC-1", "INC-2"}


async def test_what_acts_by_itself_is_never_hidden_among_others(tmp_path: Path) -> None:
    unrelated = stormy("L3", common_cause={"incidents": 9})  # else more than three are taken for one cause, and ask
    async with world(tmp_path, unrelated, remediation=SwitchBoard) as here:
        await here.license()
        await storm(here, 4)
        for incident in (1, 2, 3, 4):
            await here.until(ActionState.VETO_WINDOW, incident)
        assert not cards(here)
        assert {one.incident for one in here.delivered} == {"INC-1", "INC-2", "INC-3", "INC-4"}


async def test_what_a_person_asks_for_gets_its_own_card_in_the_middle_of_a_storm(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        await until_bundle(here, waiting(2))
        roster = await here.context.roster()
        wanted = Wanted("flip", {"service": "lamp-9"}, "it looks dark to me")
        async with here.database.begin() as work:
            asked = await requests.run(work, here.context, roster, ALICE, wanted)
        assert asked.incident == "INC-5"
        await here.until_card(lambda card: card.incident == "INC-5")
        assert await bundle_of(here, 5) is None


async def test_incidents_that_only_people_can_handle_share_a_card_as_well(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        for number in range(1, 6):
            await here.fire("Unheard", f"lamp-{number}", f"f{number}")
            async with asyncio.timeout(20):
                while await decided(here) < number:
                    await asyncio.sleep(0.01)
        card = await until_bundle(here, lambda card: len(card.lines) == 3)
        assert card.buttons == (Button.CHOOSE, Button.TAKE_THESE, Button.PAUSE_THESE, Button.WHY_THESE)
        assert (card.runbook, card.summary) == (None, "No runbook covers these")
        answer = await press(here, CAROL, card, bundles.take_these)
        assert answer.text == "3 incidents are yours. Nothing acts by itself there, and nobody else is called."
        taken = await until_bundle(here, lambda card: Button.TAKE_THESE not in card.buttons)
        assert {line.incident_state for line in taken.lines} == {"taken"}
        assert (await here.until_thread("On it: 3 incidents")).by == CAROL
        assert (await press(here, ALICE, taken, bundles.take_these)).accepted is False
        assert len(await audit(here, (3, 4, 5), "incident.taken")) == 3


async def test_a_card_that_people_have_read_takes_no_more(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(), now=clock, remediation=SwitchBoard) as here:
        await storm(here, 4)
        first = await bundle_of(here, 4)
        clock.forward(4)
        await storm(here, 1, first=5)
        assert first is not None
        joined = await bundle_of(here, 5)
        assert joined is not None
        assert joined.id == first.id
        clock.forward(2)
        await storm(here, 3, first=6)
        other = await bundle_of(here, 8)
        assert other is not None
        assert other.id != first.id, "the storm goes on: a new card, which people see"
        clock.forward(60)
        await storm(here, 1, first=9)
        assert await bundle_of(here, 9) is None, "the storm is over"


async def test_what_is_resolved_waits_for_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        await until_bundle(here, waiting(2))
        await here.resolve(service="lamp-3", fingerprint="f3")
        card = await until_bundle(here, waiting(1))
        assert card.lines[-1].incident == "INC-3", "what needs somebody stands first"
        await here.resolve(service="lamp-4", fingerprint="f4")
        card = await until_bundle(here, waiting(0))
        assert card.buttons == (Button.WHY_THESE,)
        await settled(here)
        assert not [
            one for one in here.delivered if isinstance(one, ThreadNotice) and one.incident in ("INC-3", "INC-4")
        ]


async def test_a_hundred_share_one_card_and_more_get_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.bundles.MEMBERS_MAX", 3)
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 7)
        found = [await bundle_of(here, number) for number in range(3, 8)]
        numbers = [one.id if one is not None else None for one in found]
        assert numbers[:3] == [numbers[0]] * 3
        assert numbers[3:] == [numbers[3]] * 2
        assert numbers[0] != numbers[3]
