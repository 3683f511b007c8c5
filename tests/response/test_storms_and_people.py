"""What people do with the card of a storm: choose, say yes together, be called once for all; and who may."""

from datetime import timedelta
from pathlib import Path

from bot.remediation import TemporaryError
from bot.response.deadlines.reminders import sweep_questions
from bot.response.interventions import bundles
from bot.response.interventions import take_override as interventions
from bot.response.interventions.clicks import Press
from bot.response.model.actions import ActionState
from bot.response.model.notices import Button, DirectNotice, ThreadNotice
from tests.response.storm import (
    audit,
    bundle_of,
    cards,
    choosing,
    flips,
    press,
    said,
    standing,
    storm,
    stormy,
    until_bundle,
    waiting,
)
from tests.response.test_nobody_answers import CHAIN, Clock, settled
from tests.response.world import ALICE, BOB, CAROL, DAVE, SwitchBoard, world


async def test_some_are_chosen_and_the_others_go_on_waiting(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 5)
        card = await until_bundle(here, waiting(3))
        assert (
            await press(here, ALICE, card, choosing("INC-4"))
        ).text == "Your approval is counted. 1 question starts now."
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
        assert (await press(here, ALICE, card)).text == "Your approval is counted. 1 question starts now."
        await here.until(ActionState.SUCCEEDED, 3)
        assert flips(here, 3, 4) == [1, 0]
        assert (await audit(here, (4,), "question.asked_alone"))[0].actor == BOB


async def test_each_question_keeps_its_own_quorum(tmp_path: Path) -> None:
    two = {"from": ["sre-oncall"], "needed": 2}
    async with world(tmp_path, stormy(approvals=two), remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        assert (
            await press(here, ALICE, card)
        ).text == "Your approval is counted. 2 more need somebody else's approval, too."
        card = await until_bundle(here, lambda card: all(line.approved_by == (ALICE,) for line in card.lines))
        assert card.approvals_needed == 2
        assert (await press(here, ALICE, card)).text.endswith("2 more need somebody else's approval, too.")
        assert flips(here, 3, 4) == [0, 0]
        assert (await press(here, BOB, card)).text == "Your approval is counted. 2 questions start now."
        for incident in (3, 4):
            assert (await here.until(ActionState.SUCCEEDED, incident)).decided_by == (ALICE, BOB)


async def test_who_may_not_answer_one_may_not_answer_all(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        for person, intervention in (
            (CAROL, bundles.approve_these),
            (DAVE, bundles.take_these),
            (DAVE, choosing("INC-3", alone=True)),
        ):
            answer = await press(here, person, card, intervention)
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
        roster = await here.context.roster()
        incident = await here.incident(4)
        async with here.database.begin() as work:
            pressed = Press(BOB, incident.handle, incident.revision)
            assert (await interventions.take(work, here.context, roster, pressed)).accepted
        answer = await press(here, ALICE, card)
        assert answer.text == (
            "Your approval is counted. 1 question starts now. Taken by others: INC-4. To approve there, choose them."
        )
        await here.until(ActionState.SUCCEEDED, 3)
        assert flips(here, 3, 4) == [1, 0]
        assert (await press(here, ALICE, card)).text == "Taken by others: INC-4. To approve there, choose them."
        assert (await press(here, BOB, card)).text == "Your approval is counted. 1 question starts now."
        await here.until(ActionState.SUCCEEDED, 4)


async def test_a_card_we_do_not_know_is_refused(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        roster = await here.context.roster()
        for intervention in (
            bundles.approve_these,
            bundles.take_these,
            choosing("INC-1"),
            choosing("INC-1", alone=True),
        ):
            async with here.database.begin() as work:
                assert not (await intervention(work, here.context, roster, Press(ALICE, "no such bundle", 1))).accepted
                assert await bundles.view(work, here.context, "no such bundle") is None


async def test_people_are_reminded_once_for_all_and_the_next_are_asked_once(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(approvals=CHAIN), now=clock, remediation=SwitchBoard) as here:
        await storm(here, 6)
        await until_bundle(here, waiting(4))
        await settled(here)
        for minutes in (15, 1, 14, 1):
            clock.forward(minutes)
            await sweep_questions(here.context)
            await sweep_questions(here.context)
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


async def test_only_the_first_failure_of_many_calls_people(tmp_path: Path) -> None:
    async with world(tmp_path, stormy(), remediation=SwitchBoard) as here:
        here.switch.breaks = TemporaryError("the fuse is out", retry_after=3600)
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


async def test_a_yes_after_the_time_ran_out_starts_nothing_and_says_so(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(), now=clock, remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        clock.at += timedelta(hours=3)
        answer = await press(here, ALICE, card)
        assert (answer.accepted, answer.text) == (False, "2 ran out of time just before.")
        assert flips(here, 3, 4) == [0, 0]


async def test_the_card_speaks_of_what_nobody_has_taken(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(approvals=CHAIN), now=clock, remediation=SwitchBoard) as here:
        await storm(here, 3)
        clock.forward(2)
        await storm(here, 1, first=4)
        card = await until_bundle(here, waiting(2))
        assert card.due_at == (await here.until(ActionState.WAITING, 3)).due_at
        incident, roster = await here.incident(3), await here.context.roster()
        async with here.database.begin() as work:
            pressed = Press(BOB, incident.handle, incident.revision)
            assert (await interventions.take(work, here.context, roster, pressed)).accepted
        card = await until_bundle(here, lambda card: card.lines[-1].incident == "INC-3")
        assert card.due_at == (await here.until(ActionState.WAITING, 4)).due_at
        assert card.if_nobody_answers == "leads will be asked as well."


async def test_what_silence_means_is_said_of_all_of_them_and_of_the_last_one_by_its_name(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(), now=clock, remediation=SwitchBoard) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        assert card.if_nobody_answers == "nothing happens, and they stay as they are."
        clock.forward(15)
        await sweep_questions(here.context)
        await settled(here)
        (reminder,) = [line for line in here.delivered if isinstance(line, ThreadNotice) and line.of_bundle and line.to]
        assert "nothing happens, and they stay as they are." in reminder.lines[-1]
        written = [notice for notice in here.delivered if isinstance(notice, DirectNotice) and not notice.buttons]
        assert {notice.if_nobody_answers for notice in written} == {"nothing happens, and they stay as they are."}
        assert (await press(here, ALICE, card, choosing("INC-4"))).accepted
        card = await until_bundle(here, waiting(1))
        service = (await here.incident(3)).service
        assert card.if_nobody_answers == f"nothing happens, and {service} stays as it is."
