"""A review is somebody's: assigned, handed over, reminded of once, and opened again when something new happens."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.track_record import Judged
from bot.response.deadlines.review_reminders import remind_of_reviews
from bot.response.execution.asking_reviews import in_turn
from bot.response.execution.demotions import sweep_demotions
from bot.response.interventions.clicks import Answer
from bot.response.interventions.reviews import hand_over
from bot.response.interventions.take_override import BY_HAND, NOTHING, override, roll_back, take
from bot.response.model.actions import ActionState
from bot.response.model.notices import Button, DirectNotice
from bot.response.model.records import Occasion, Review, ReviewLoad
from tests.fixtures.incidents import NOW
from tests.response.test_nobody_answers import Clock
from tests.response.test_reviews import acted, cap, review
from tests.response.world import ALICE, BOB, CAROL, DAVE, World, world, written_policy

FIVE_DAYS_IN_MINUTES = 5 * 24 * 60
DAY_IN_MINUTES = 24 * 60


async def stored(here: World) -> Review:
    async with here.database.read() as work:
        (action,) = await work.actions.of_incident(1)
        found = await work.reviews.get(action.id)
    assert found is not None
    return found


async def given_to(here: World, by: str, to: str) -> Answer:
    press, roster = await here.press(by), await here.context.roster()
    async with here.database.begin() as work:
        return await hand_over(work, here.context, roster, press, to)


async def overridden(here: World, by: str, choice: str) -> Answer:
    press, roster = await here.press(by), await here.context.roster()
    async with here.database.begin() as work:
        return await override(work, here.context, roster, press, choice, "the bulb is broken")


async def rolled_back(here: World, by: str) -> None:
    press, roster = await here.press(by), await here.context.roster()
    async with here.database.begin() as work:
        assert (await roll_back(work, here.context, roster, press, "too bright")).accepted
    await here.until(ActionState.ROLLED_BACK)


async def recorded(here: World, kind: str) -> list[Mapping[str, Any]]:
    async with here.database.read() as work:
        return [entry.body for entry in await work.audit.of_incident(1) if entry.kind == kind]


def messages(here: World) -> list[tuple[str, str]]:
    return [(one.to, one.title) for one in here.delivered if isinstance(one, DirectNotice)]


def asleep(person_group: str) -> Policy:
    """That group sleeps around the clock of the stories, but for a minute."""
    written = written_policy("L1").model_dump(by_alias=True, mode="json")
    written["people"][person_group]["quiet_hours"] = {"from": "00:01", "until": "00:00", "timezone": "UTC"}
    return Policy.model_validate(written)


async def test_whoever_approved_it_reviews_it_and_the_card_says_so(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await acted(here)
        assert ((await stored(here)).assigned_to, (await stored(here)).occasion) == (BOB, Occasion.ACTED)
        card = await here.until_card(lambda card: card.review_due_at is not None)
        assert card.review_by == BOB
        await review(here, ALICE)
        await here.until_card(lambda card: card.review_due_at is None)


async def test_what_it_did_by_itself_goes_to_its_approvers_in_turn(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L2")) as here:
        await here.license()
        await here.fire()
        await here.until(ActionState.SUCCEEDED)
        assert (await stored(here)).assigned_to == ALICE


def test_whose_turn_it_is_depends_on_what_each_has_to_review_and_had() -> None:
    assert in_turn((), {}) is None
    assert in_turn((ALICE, BOB), {}) == ALICE
    assert in_turn((ALICE, BOB), {ALICE: ReviewLoad(0, NOW)}) == BOB
    assert in_turn((ALICE, BOB), {ALICE: ReviewLoad(1, NOW), BOB: ReviewLoad(0, NOW)}) == BOB
    later = ReviewLoad(1, NOW + timedelta(hours=1))
    assert in_turn((ALICE, BOB), {ALICE: later, BOB: ReviewLoad(1, NOW)}) == BOB


@pytest.mark.parametrize("choice", [NOTHING, BY_HAND])
async def test_an_override_opens_a_review_that_is_theirs_who_decided_otherwise(tmp_path: Path, choice: str) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await overridden(here, ALICE, choice)).accepted
        assert ((await stored(here)).assigned_to, (await stored(here)).occasion) == (ALICE, Occasion.OVERRIDDEN)
        assert Button.REVIEW in (await here.until_thread("Overridden")).buttons
        await here.until_card(lambda card: card.review_by == ALICE)


async def test_taking_over_what_was_about_to_act_opens_a_review_and_taking_a_question_over_does_not(
    tmp_path: Path,
) -> None:
    for name, level, expected in (("a", "L3", 1), ("b", "L1", 0)):
        (tmp_path / name).mkdir()
        policy = written_policy(level, veto_window="10m")
        async with world(tmp_path / name, policy) as here:
            await here.license()
            await here.fire()
            await here.until(ActionState.VETO_WINDOW if level == "L3" else ActionState.WAITING)
            press, roster = await here.press(BOB), await here.context.roster()
            async with here.database.begin() as work:
                assert (await take(work, here.context, roster, press)).accepted
            async with here.database.read() as work:
                assert await work.reviews.open_count() == expected


async def test_a_rollback_opens_a_review_again_that_was_done(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await acted(here)
        await review(here, CAROL)
        await rolled_back(here, ALICE)
        again = await stored(here)
        assert (again.occasion, again.assigned_to, again.done_by) == (Occasion.ROLLED_BACK, ALICE, None)
        assert [(one["by"], one["judgement"], one["occasion"]) for one in again.earlier] == [
            (CAROL, "helpful", "acted")
        ]
        await here.until_card(lambda card: card.review_by == ALICE)
        assert (await review(here, BOB, judged=Judged.NEUTRAL)).accepted
        assert len(await recorded(here, "action.reviewed")) == 2


async def test_a_rollback_does_not_put_an_open_review_off(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await acted(here)
        before = await stored(here)
        clock.forward(60)
        await rolled_back(here, ALICE)
        after = await stored(here)
        assert (after.occasion, after.due_at) == (Occasion.ROLLED_BACK, before.due_at)
        assert after.assigned_to == BOB


async def test_a_review_that_says_harmful_gives_nothing_back(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await acted(here)
        clock.forward(FIVE_DAYS_IN_MINUTES)
        assert await sweep_demotions(here.context) == 1
        assert (await review(here, CAROL, judged=Judged.HARMFUL)).accepted
        assert await cap(here) is Level.L1
        await here.until_thread("Reviewed: it was harmful")
        assert await recorded(here, "licence.restored") == []


async def test_a_review_is_handed_over_to_somebody_who_is_told(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await acted(here)
        assert "may not review here" in (await given_to(here, DAVE, ALICE)).text
        assert "the policy names them in no group" in (await given_to(here, BOB, DAVE)).text
        assert (await stored(here)).assigned_to == BOB
        assert (await given_to(here, BOB, CAROL)).accepted
        assert (await stored(here)).assigned_to == CAROL
        await here.idle()
        assert messages(here) == [(CAROL, "Waits for your review: Flip lamp on")]
        assert (await given_to(here, BOB, CAROL)).text == f"This review is {CAROL}'s already."
        (entry,) = await recorded(here, "action.review_handed_over")
        assert (entry["from"], entry["to"]) == (BOB, CAROL)
        await review(here, CAROL)
        assert "reviewed this already" in (await given_to(here, BOB, ALICE)).text


async def test_whose_review_it_is_is_reminded_once_before_it_is_due_and_told_when_it_is(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await acted(here)
        clock.forward(FIVE_DAYS_IN_MINUTES - DAY_IN_MINUTES - 1)
        assert await remind_of_reviews(here.context) == 0
        clock.forward(1)
        assert await remind_of_reviews(here.context) == 1
        assert await remind_of_reviews(here.context) == 0
        await here.idle()
        assert messages(here) == [(BOB, "Waits for your review: Flip lamp on")]
        clock.forward(DAY_IN_MINUTES)
        assert await remind_of_reviews(here.context) == 0
        assert await sweep_demotions(here.context) == 1
        assert (await here.until_thread("Review overdue")).to == (BOB,)
        assert len(await recorded(here, "action.review_reminded")) == 1


async def test_a_review_that_is_opened_again_may_be_overdue_again(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await acted(here)
        clock.forward(FIVE_DAYS_IN_MINUTES)
        assert await sweep_demotions(here.context) == 1
        await review(here, CAROL)
        assert await cap(here) is None
        await rolled_back(here, ALICE)
        clock.forward(FIVE_DAYS_IN_MINUTES)
        assert await sweep_demotions(here.context) == 1
        assert await sweep_demotions(here.context) == 0
        assert await cap(here) is Level.L1
        await review(here, CAROL)
        assert await cap(here) is None


async def test_a_verdict_that_it_was_harmful_demotes_at_once(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L2")) as here:
        await here.license()
        await here.fire()
        await here.until(ActionState.SUCCEEDED)
        assert await cap(here) is None
        assert (await review(here, CAROL, judged=Judged.HARMFUL)).accepted
        assert await cap(here) is Level.L1
        await here.until_thread("Demoted: flip asks first from now on")
        (entry,) = await recorded(here, "licence.demoted")
        assert entry["reason"] == "the review of INC-1 says that it was harmful"


async def test_nobody_is_reminded_of_what_is_done(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await acted(here)
        await review(here, BOB)
        clock.forward(FIVE_DAYS_IN_MINUTES - 1)
        assert await remind_of_reviews(here.context) == 0


async def test_nobody_is_reminded_in_their_quiet_hours(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, asleep("sre-oncall"), now=clock) as here:
        await acted(here)
        clock.forward(FIVE_DAYS_IN_MINUTES - 60)
        assert await remind_of_reviews(here.context) == 0
        assert messages(here) == []


async def test_a_review_of_somebody_who_has_left_goes_to_another(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock) as here:
        await acted(here)
        here.people.groups["sre-oncall"] = (ALICE,)
        clock.forward(FIVE_DAYS_IN_MINUTES - 60)
        assert await remind_of_reviews(here.context) == 1
        assert (await stored(here)).assigned_to == ALICE
        await here.idle()
        assert messages(here) == [(ALICE, "Waits for your review: Flip lamp on")]
