"""Whose yes counts: judged when it is given, when the quorum is judged, and once more before anything begins."""

import asyncio
from pathlib import Path

from bot.response.interventions import approvals
from bot.response.model.actions import ActionState
from bot.response.model.notices import Button, CardNotice
from tests.response.clicks import approve, withdraw
from tests.response.world import ALICE, BOB, CAROL, DAVE, World, world, written_policy

TWO = {"approvals": {"from": ["sre-oncall", "leads"], "needed": 2}}


async def renew(here: World) -> int:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        return await approvals.renew_people(work, here.context, roster)


async def kinds(here: World) -> list[str]:
    async with here.database.read() as work:
        return [entry.kind for entry in await work.audit.of_incident(1)]


async def test_a_yes_is_withdrawn_by_its_own_giver_and_counts_no_more(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **TWO)) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        card = await here.until_card(lambda card: Button.APPROVE in card.buttons)
        assert Button.WITHDRAW not in card.buttons, "there is nothing to withdraw yet"
        await approve(here, ALICE)
        card = await here.until_card(lambda card: card.approved_by == (ALICE,))
        assert Button.WITHDRAW in card.buttons
        assert not (await withdraw(here, BOB)).accepted, "only one's own"
        assert (await withdraw(here, ALICE)).accepted
        await here.until_card(lambda card: card.approved_by == () and Button.WITHDRAW not in card.buttons)
        assert (await here.until_thread("Withdrew their approval")).by == ALICE
        assert "One more person" in (await approve(here, CAROL)).text
        assert (await here.until(ActionState.WAITING)).decided_by == ()
        async with here.database.read() as work:
            (entry,) = [e for e in await work.audit.of_incident(1) if e.kind == "action.vote_withdrawn"]
        assert (entry.actor, entry.body["ballot"], entry.body["revision"]) == (ALICE, "approve", 1)


async def test_who_has_withdrawn_may_say_yes_again(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **TWO)) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        await withdraw(here, ALICE)
        await approve(here, CAROL)
        assert (await approve(here, ALICE)).accepted
        done = await here.until(ActionState.SUCCEEDED)
        assert set(done.decided_by) == {ALICE, CAROL}
        assert (await kinds(here)).count("action.vote") == 3


async def test_once_it_has_taken_effect_a_yes_cannot_be_withdrawn(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        await here.until(ActionState.SUCCEEDED)
        answer = await withdraw(here, ALICE)
        assert not answer.accepted
        assert "Too late to withdraw" in answer.text
        assert "action.vote_withdrawn" not in await kinds(here)


async def test_a_yes_of_somebody_who_was_deactivated_since_does_not_count_at_the_quorum(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **TWO)) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, BOB)
        here.people.deactivated.add(BOB)
        assert "One more person" in (await approve(here, CAROL)).text
        card = await here.until_card(lambda card: CAROL in card.approved_by)
        assert card.approved_by == (CAROL,)
        assert (await approve(here, ALICE)).accepted
        assert (await here.until(ActionState.SUCCEEDED)).decided_by == (CAROL, ALICE)


async def test_a_yes_of_somebody_who_is_deactivated_before_it_starts_does_not_start_it(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        first = await here.until(ActionState.WAITING)
        stale = await here.context.roster()
        here.people.deactivated.add(BOB)
        assert (await approve(here, BOB, roster=stale)).accepted, "Slack had not said so yet"
        async with asyncio.timeout(20):
            while (again := await here.action()) is None or again.id == first.id:
                await asyncio.sleep(0.02)
        assert again.state is ActionState.WAITING
        assert again.approvers == (ALICE,)
        assert "deactivated" in (await here.until_thread("Not run")).lines[0]
        assert here.switch.read()["flips"] == 0
        assert {frozenset({BOB})} <= set(here.people.sure_of), "before it starts, nobody is known from memory"


async def test_who_joins_the_group_after_the_question_may_answer_and_who_left_may_not(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        here.people.groups["sre-oncall"] = (BOB, DAVE)
        assert await renew(here) == 1
        assert await renew(here) == 0, "nothing has changed since"
        card = await here.until_card(lambda card: DAVE in card.approvers)
        assert card.approvers == (BOB, DAVE)
        assert not (await approve(here, ALICE)).accepted
        assert (await approve(here, DAVE)).accepted
        assert (await here.until(ActionState.SUCCEEDED)).decided_by == (DAVE,)


async def test_a_vote_is_recorded_with_what_it_was_for_and_whether_the_evidence_was_opened(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1", **TWO)) as here:
        await here.fire()
        action = await here.until(ActionState.WAITING)
        async with here.database.begin() as work:
            await work.votes.opened(1, action.revision, ALICE, here.context.now())
        for person in (ALICE, CAROL):
            await approve(here, person)
        async with here.database.read() as work:
            votes = [e for e in await work.audit.of_incident(1) if e.kind == "action.vote"]
        assert [(v.actor, v.body["opened_evidence"]) for v in votes] == [(ALICE, True), (CAROL, False)]
        assert {(v.body["revision"], v.body["plan"]) for v in votes} == {(action.revision, action.plan_digest)}


async def test_cards_of_settled_questions_stay_as_they_were_when_groups_change(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        await here.until(ActionState.SUCCEEDED)
        here.people.groups["sre-oncall"] = (BOB,)
        assert await renew(here) == 0
        assert [n for n in here.delivered if isinstance(n, CardNotice)][-1].approved_by == (ALICE,)
