"""A direct message loses its answers as soon as nobody can give them any more, whoever settled it and how."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bot.composition.slack import _accepted
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import Button, DirectEndNotice, DirectNotice
from tests.response.clicks import approve, stop, take
from tests.response.storm import press as press_bundle
from tests.response.storm import storm, stormy, until_bundle, waiting
from tests.response.test_nobody_answers import Clock, after, asked, chain, direct, question, settled
from tests.response.world import ALICE, BOB, CAROL, SwitchBoard, World, world


def ends(here: World) -> list[DirectEndNotice]:
    return [notice for notice in here.delivered if isinstance(notice, DirectEndNotice)]


async def reminded(here: World, clock: Clock) -> None:
    """Alice and Bob have been written to."""
    await asked(here)
    await after(here, clock, 15)
    assert [notice.to for notice in direct(here)] == [ALICE, BOB]
    assert ends(here) == []


async def test_somebodys_yes_ends_the_messages_of_all(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await reminded(here, clock)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        await settled(here)
        assert len(ends(here)) == 2, "one for each message, however often the card changes"
        for end in ends(here):
            assert (end.action_state, end.by, end.newer) == (ActionState.APPROVED, (ALICE,), False)
            assert end.title == direct(here)[0].plan.summary  # type: ignore[union-attr]
        assert len({end.of for end in ends(here)}) == 2


async def test_a_first_yes_of_two_leaves_the_other_able_to_answer(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(needed=2), now=clock) as here:
        await reminded(here, clock)
        assert (await approve(here, ALICE)).accepted
        await settled(here)
        assert ends(here) == []
        assert (await approve(here, BOB)).accepted
        await here.until(ActionState.SUCCEEDED)
        await settled(here)
        assert [end.by for end in ends(here)] == [(ALICE, BOB)] * 2


async def test_somebodys_no_ends_them_by_name(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await reminded(here, clock)
        assert (await stop(here, BOB)).accepted
        await settled(here)
        assert {(end.action_state, end.by) for end in ends(here)} == {(ActionState.STOPPED, (BOB,))}


async def test_somebody_who_takes_it_ends_them_by_name(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await reminded(here, clock)
        assert (await take(here, BOB)).accepted
        await settled(here)
        assert {(end.incident_state, end.by) for end in ends(here)} == {(IncidentState.TAKEN, (BOB,))}


async def test_time_that_is_over_ends_them_and_a_hand_over_does_not(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await reminded(here, clock)
        await after(here, clock, 15)
        assert [notice.to for notice in direct(here)] == [ALICE, BOB, CAROL]
        assert ends(here) == []
        for _ in range(2):
            await after(here, clock, 15)
        assert (await question(here)).state is ActionState.EXPIRED
        asking = [notice for notice in direct(here) if Button.APPROVE in notice.buttons]
        ended = [end for end in ends(here) if end.action_state is ActionState.EXPIRED]
        assert len(ended) == len(asking)
        assert {end.by for end in ended} == {()}


async def test_alerts_that_end_by_themselves_end_them(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await reminded(here, clock)
        await here.resolve()
        await here.until_card(lambda card: card.incident_state is IncidentState.RESOLVED)
        await settled(here)
        assert {(end.incident_state, end.by) for end in ends(here)} == {(IncidentState.RESOLVED, ())}


async def test_a_message_that_arrives_late_is_ended_when_it_is_there(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await reminded(here, clock)
        late = direct(here)[0].model_copy(update={"revision": -1, "until": None})
        async with here.database.begin() as work:
            await work.outbox.add(1, late, clock.at)
        await settled(here)
        assert ends(here) == []
        async with here.database.begin() as work:
            await _accepted(here.context, work, cast(Any, SimpleNamespace(incident_id=1, notice=late)))
        await settled(here)
        assert [(end.newer, end.by) for end in ends(here)] == [(True, ())]


async def test_a_question_that_shares_a_card_by_now_ends_its_own_messages(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, stormy(), remediation=SwitchBoard, now=clock) as here:
        await storm(here, 4)
        card = await until_bundle(here, waiting(2))
        action = await here.until(ActionState.WAITING, 3)
        alone = DirectNotice(
            incident="INC-3",
            to=BOB,
            title="Waits for your answer",
            buttons=(Button.APPROVE, Button.STOP, Button.TAKE),
            subject=action.id,
            revision=action.revision,
            at=clock.at - timedelta(minutes=1),
        )
        async with here.database.begin() as work:
            await work.outbox.add(3, alone, clock.at)
        await settled(here)
        assert (await press_bundle(here, ALICE, card)).accepted
        await here.until(ActionState.SUCCEEDED, 3)
        await settled(here)
        (end,) = ends(here)
        assert (end.incident, end.by) == ("INC-3", (ALICE,))
