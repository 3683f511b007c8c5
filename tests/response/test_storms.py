"""One storm of alerts is one card: who shares it, whom a yes speaks for, and what is still said."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.document import Policy
from bot.policy.situation import Scope, ScopeKind
from bot.remediation import TemporaryError
from bot.response import bundles, controls, interventions, requests
from bot.response.actions import ActionState
from bot.response.answers import Answer, Press, Roster
from bot.response.notices import BundleNotice, Button, CardNotice, DirectNotice, ThreadNotice
from bot.response.ports import Work
from bot.response.questions import Bundle
from bot.response.reminders import sweep_questions
from bot.response.requests import Wanted
from bot.response.stored import AuditEntry
from bot.response.watch import Watch
from tests.response.test_nobody_answers import CHAIN, Clock, settled
from tests.response.world import ALICE, BOB, CAROL, DAVE, SwitchBoard, World, orders, world

Deed = Callable[[Work, Watch, Roster, Press], Awaitable[Answer]]
EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)


def stormy(level: str = "L1", approvals: dict[str, Any] | None = None) -> Policy:
    """Two questions get a card each; more share one."""
    written = orders(level, **({"approvals": approvals} if approvals else {})).model_dump(by_alias=True, mode="json")
    services = {f"lamp-{number}": {"fleet": 4} for number in range(1, 10)}
    return Policy.model_validate(written | {"storm": {"after": 2, "within": "5m"}, "services": services})


async def storm(here: World, number: int, first: int = 1) -> None:
    """As many lamps go out; each is asked about before the next does, so that their order is known."""
    for lamp in range(first, first + number):
        await here.fire(service=f"lamp-{lamp}", fingerprint=f"f{lamp}")
        async with asyncio.timeout(20):
            while await decided(here) < lamp:
                await asyncio.sleep(0.01)


async def decided(here: World) -> int:
    async with here.database.read() as work:
        incidents = await work.incidents.unresolved(500)
        return sum([await work.decisions.latest(incident.id) is not None for incident in incidents])


def said(here: World) -> list[ThreadNotice]:
    return [notice for notice in here.delivered if isinstance(notice, ThreadNotice)]


def cards(here: World) -> list[BundleNotice]:
    return [notice for notice in here.delivered if isinstance(notice, BundleNotice)]


async def until_bundle(here: World, true: Callable[[BundleNotice], bool]) -> BundleNotice:
    """Wait until the newest delivered card about many is such that ``true`` holds."""
    async with asyncio.timeout(30):
        while True:
            if cards(here) and true(cards(here)[-1]):
                return cards(here)[-1]
            await asyncio.sleep(0.02)


def standing(card: BundleNotice) -> dict[str, ActionState | None]:
    return {line.incident: line.action_state for line in card.lines}


def waiting(number: int) -> Callable[[BundleNotice], bool]:
    return lambda card: list(standing(card).values()).count(ActionState.WAITING) == number


async def press(here: World, person: str, card: BundleNotice, deed: Deed = bundles.approve_these) -> Answer:
    roster = await here.watch.roster()
    async with here.database.begin() as work:
        return await deed(work, here.watch, roster, Press(person, card.subject, card.revision))


def choosing(*chosen: str, alone: bool = False) -> Deed:
    async def deed(work: Work, watch: Watch, roster: Roster, press: Press) -> Answer:
        return await (bundles.ask_alone if alone else bundles.approve_chosen)(work, watch, roster, press, chosen)

    return deed


async def audit(here: World, incidents: Collection[int], kind: str) -> Sequence[AuditEntry]:
    async with here.database.read() as work:
        found = [entry for number in incidents for entry in await work.audit.of_incident(number)]
    return [entry for entry in found if entry.kind == kind]


async def bundle_of(here: World, incident: int) -> Bundle | None:
    async with here.database.read() as work:
        return await work.bundles.of(incident)


def flips(here: World, *lamps: int) -> list[int]:
    assert isinstance(here.switch, SwitchBoard)
    return [here.switch.at(f"lamp-{lamp}").read()["flips"] for lamp in lamps]


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
        assert found.count(None) == 2, "no more cards than the orders say, whoever decides"
        assert len({one.id for one in found if one is not None}) == 1


async def test_one_yes_runs_all_that_the_card_shows_each_with_its_own_vote_and_outcome(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 5)
        card = await until_bundle(here, waiting(3))
        answer = await press(here, ALICE, card)
        assert (answer.accepted, answer.text) == (True, "Your yes is counted. 3 questions start now.")
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
        assert all(Button.ROLL_BACK in one.buttons for one in outcomes), "each has its own way back"
        again = await press(here, BOB, card)
        assert (again.accepted, again.text) == (False, "Nothing here waits for a yes any more. See the card.")
        assert flips(here, 3, 4, 5) == [1, 1, 1]


async def test_a_yes_does_not_speak_for_what_joined_after_the_card_that_was_pressed(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        old = await until_bundle(here, waiting(2))
        await storm(here, 1, first=5)
        await until_bundle(here, waiting(3))
        answer = await press(here, ALICE, old)
        assert (
            answer.text == "Your yes is counted. 2 questions start now. 1 question came since: look at the card again."
        )
        new = await until_bundle(here, lambda card: list(standing(card).values()).count(ActionState.SUCCEEDED) == 2)
        assert flips(here, 3, 4, 5) == [1, 1, 0]
        assert standing(new)["INC-5"] is ActionState.WAITING
        assert (await press(here, ALICE, old)).text == "1 question came since: look at the card again."
        assert (await press(here, ALICE, new)).accepted
        await here.until(ActionState.SUCCEEDED, 5)


async def test_some_are_chosen_and_the_others_go_on_waiting(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 5)
        card = await until_bundle(here, waiting(3))
        assert (await press(here, ALICE, card, choosing("INC-4"))).text == "Your yes is counted. 1 question starts now."
        await here.until(ActionState.SUCCEEDED, 4)
        card = await until_bundle(here, waiting(2))
        assert flips(here, 3, 4, 5) == [0, 1, 0]
        foreign = await press(here, ALICE, card, choosing("INC-1", "INC-99"))
        assert not foreign.accepted
        await here.until(ActionState.WAITING, 1)


async def test_a_question_gets_a_card_of_its_own_when_somebody_wants_to_look_closer(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        answer = await press(here, BOB, card, choosing("INC-4", alone=True))
        assert answer.text == "INC-4: it gets a card of its own in a moment."
        own = await here.until_card(lambda card: card.incident == "INC-4")
        assert Button.OVERRIDE in own.buttons
        told = await here.until_thread("A card of its own")
        assert told.by == BOB
        card = await until_bundle(here, lambda card: "INC-4" not in standing(card))
        assert (await here.incident(4)).thread_ts != (await here.incident(3)).thread_ts
        assert (await press(here, ALICE, card)).text == "Your yes is counted. 1 question starts now."
        await here.until(ActionState.SUCCEEDED, 3)
        assert flips(here, 3, 4) == [1, 0]
        assert (await audit(here, (4,), "question.asked_alone"))[0].actor == BOB


async def test_each_question_keeps_its_own_quorum(tmp_path: Path) -> None:
    two = {"from": ["sre-oncall"], "needed": 2}
    async with world(tmp_path, stormy(approvals=two), remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        assert (await press(here, ALICE, card)).text == "Your yes is counted. 2 more need somebody else's yes, too."
        card = await until_bundle(here, lambda card: all(line.approved_by == (ALICE,) for line in card.lines))
        assert card.approvals_needed == 2
        assert (await press(here, ALICE, card)).text.endswith("2 more need somebody else's yes, too.")
        assert flips(here, 3, 4) == [0, 0]
        assert (await press(here, BOB, card)).text == "Your yes is counted. 2 questions start now."
        for incident in (3, 4):
            assert (await here.until(ActionState.SUCCEEDED, incident)).decided_by == (ALICE, BOB)


async def test_who_may_not_answer_one_may_not_answer_all(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        for person, deed in (
            (CAROL, bundles.approve_these),
            (DAVE, bundles.take_these),
            (DAVE, choosing("INC-3", alone=True)),
        ):
            answer = await press(here, person, card, deed)
            assert not answer.accepted
            assert "the policy does not name you" in answer.text
        refused = await audit(here, (3,), "person.refused")
        assert [(entry.actor, entry.body["deed"]) for entry in refused] == [
            (CAROL, "approve"),
            (DAVE, "take"),
            (DAVE, "take"),
        ]
        assert flips(here, 3, 4) == [0, 0]
        assert await bundle_of(here, 3) is not None


async def test_a_yes_to_all_leaves_alone_what_somebody_else_has_taken(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        roster = await here.watch.roster()
        incident = await here.incident(4)
        async with here.database.begin() as work:
            pressed = Press(BOB, incident.handle, incident.revision)
            assert (await interventions.take(work, here.watch, roster, pressed)).accepted
        answer = await press(here, ALICE, card)
        assert answer.text == (
            "Your yes is counted. 1 question starts now. Taken by others: INC-4. To say yes there, choose them."
        )
        await here.until(ActionState.SUCCEEDED, 3)
        assert flips(here, 3, 4) == [1, 0]
        assert (await press(here, ALICE, card)).text == "Taken by others: INC-4. To say yes there, choose them."
        assert (await press(here, BOB, card)).text == "Your yes is counted. 1 question starts now."
        await here.until(ActionState.SUCCEEDED, 4)


async def test_a_card_we_do_not_know_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        roster = await here.watch.roster()
        for deed in (bundles.approve_these, bundles.take_these, choosing("INC-1"), choosing("INC-1", alone=True)):
            async with here.database.begin() as work:
                assert not (await deed(work, here.watch, roster, Press(ALICE, "no such bundle", 1))).accepted
                assert await bundles.view(work, here.watch, "no such bundle") is None


async def test_a_pause_holds_them_and_what_is_asked_after_it_is_a_new_question(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        old = await until_bundle(here, waiting(2))
        roster = await here.watch.roster()
        async with here.database.begin() as work:
            assert (await controls.pause(work, here.watch, roster, BOB, EVERYTHING, None, "look first")).accepted
        held = await until_bundle(here, lambda card: set(standing(card).values()) == {ActionState.HELD})
        assert Button.APPROVE_THESE not in held.buttons
        async with here.database.begin() as work:
            assert (await controls.resume(work, here.watch, roster, ALICE, EVERYTHING)).accepted
        new = await until_bundle(here, waiting(2))
        assert "2 questions came since" in (await press(here, ALICE, old)).text
        assert flips(here, 3, 4) == [0, 0]
        assert (await press(here, ALICE, new)).accepted
        await here.until(ActionState.SUCCEEDED, 3)
        await here.until(ActionState.SUCCEEDED, 4)
        assert {one.incident for one in here.delivered if isinstance(one, CardNotice)} == {"INC-1", "INC-2"}


async def test_what_acts_by_itself_is_never_hidden_among_others(tmp_path: Path) -> None:
    async with world(tmp_path, stormy("L3"), remediation=SwitchBoard) as here:
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
        roster = await here.watch.roster()
        wanted = Wanted("flip", {"service": "lamp-9"}, "it looks dark to me")
        async with here.database.begin() as work:
            asked = await requests.run(work, here.watch, roster, ALICE, wanted)
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


async def test_people_are_reminded_once_for_all_and_the_next_are_asked_once(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(approvals=CHAIN), now=clock, remediation=SwitchBoard) as here:
        await storm(here, 6)
        await until_bundle(here, waiting(4))
        await settled(here)
        for minutes in (15, 1, 14, 1):
            clock.forward(minutes)
            await sweep_questions(here.watch)
            await sweep_questions(here.watch)
            await settled(here)
        shared = [one for one in said(here) if one.of_bundle]
        assert [(one.title, one.to) for one in shared] == [
            ("Still waiting for an answer", (ALICE, BOB)),
            ("Now asking leads as well", (CAROL,)),
        ]
        assert shared[0].lines[0] == "4 questions: Flip the switch"
        direct = [one for one in here.delivered if isinstance(one, DirectNotice) and one.service == "several services"]
        assert [one.to for one in direct] == [ALICE, BOB, CAROL]
        assert len(await audit(here, (3, 4, 5, 6), "action.reminded")) == 4, "the record is each question's own"
        assert cards(here)[-1].approvers == (ALICE, BOB, CAROL)


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


async def test_only_the_first_failure_of_many_calls_people(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        here.switch.breaks = TemporaryError("the fuse is out")
        await storm(here, 5)
        card = await until_bundle(here, waiting(3))
        await press(here, ALICE, card)
        await until_bundle(here, lambda card: ActionState.FAILED in standing(card).values() and waiting(0)(card))
        for incident in (3, 4, 5):
            await here.until(ActionState.FAILED, incident)
        await settled(here)
        failed = [one for one in said(here) if "Failed" in one.title]
        assert len(failed) == 3
        assert [bool(one.to) for one in failed].count(True) == 1
        assert all(one.broadcast is bool(one.to) for one in failed), "the channel hears of the first"


async def test_a_hundred_share_one_card_and_more_get_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.bundles.MEMBERS_MAX", 3)
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 7)
        found = [await bundle_of(here, number) for number in range(3, 8)]
        numbers = [one.id if one is not None else None for one in found]
        assert numbers[:3] == [numbers[0]] * 3
        assert numbers[3:] == [numbers[3]] * 2
        assert numbers[0] != numbers[3]


async def test_a_yes_after_the_time_ran_out_starts_nothing_and_says_so(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(), now=clock, remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        clock.at += timedelta(hours=3)
        answer = await press(here, ALICE, card)
        assert (answer.accepted, answer.text) == (False, "2 ran out of time just before.")
        assert flips(here, 3, 4) == [0, 0]
