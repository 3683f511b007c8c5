"""Point 22: "a person must look" calls a person: a mention, a reminder, the next in the chain, and what silence means.

Whatever ends with people (no runbook, a refusal, a failure, an answer that never came, an error of our own) calls them
as a question does, until somebody takes it. That Watchkeeper works is never said of the world.
"""

from pathlib import Path

import pytest

from bot.policy.file.document import Policy
from bot.policy.file.fields import duration_text
from bot.policy.plan import Plan
from bot.remediation import PermanentError, Snapshot
from bot.response.deadlines.calls import sweep_calls
from bot.response.deadlines.reminders import sweep_questions
from bot.response.failures import flow_failed
from bot.response.interventions.take_override import NOTHING, override
from bot.response.model.actions import ActionState
from bot.response.model.notices import BundleNotice, CardNotice, DirectNotice
from bot.slack.cards import render
from handlers.slack.overview import gather
from tests.promises.incoming import alert, card, said, send
from tests.response.clicks import approve, take
from tests.response.test_nobody_answers import NIGHT, Clock, chain, direct, entries
from tests.response.world import ALICE, BOB, CAROL, Switch, World, world

NO_RUNBOOK = "LampHot"


class Burnt(Switch):
    """Nobody can tell how it stands, so nothing is begun."""

    async def snapshot(self, plan: Plan) -> Snapshot:
        raise PermanentError("burnt")


async def after(here: World, clock: Clock, minutes: float) -> None:
    """Time goes on, and the sweeps come round; twice, because nothing may happen twice."""
    clock.forward(minutes)
    for _ in range(2):
        await sweep_questions(here.context)
        await sweep_calls(here.context)
    await here.idle()


async def called(here: World, name: str = NO_RUNBOOK) -> CardNotice:
    """An alert fires that nobody is asked about, and its card is there."""
    await here.fire(name)
    await here.until_card(lambda one: one.untaken)
    await here.idle()
    return card(here)


async def untaken(here: World) -> int:
    async with here.database.read() as work:
        return (await gather(work, here.context.policy(), here.context.now())).world.untaken


async def test_the_card_mentions_those_on_call_and_says_what_silence_means(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        shown = await called(here)
        assert (shown.action_state, shown.called) == (None, (ALICE, BOB))
        assert shown.due_at is not None
        assert shown.if_nobody_answers == "leads will be called as well."
        drawn = str(render(shown, 1).blocks)
        assert f"<@{ALICE}>" in drawn
        assert "Not taken by" in drawn
        (entry,) = await entries(here, "incident.called")
        assert (entry.body["groups"], entry.body["called"]) == (["sre-oncall"], [ALICE, BOB])


async def test_they_are_reminded_then_the_next_are_called_and_it_never_goes_quiet(tmp_path: Path) -> None:
    clock, policy = Clock(), chain()
    async with world(tmp_path, policy, now=clock) as here:
        await called(here)
        await after(here, clock, 14)
        assert not direct(here)
        await after(here, clock, 1)
        (reminder,) = said(here, "Still waiting for a person")
        assert reminder.to == (ALICE, BOB)
        assert [one.to for one in direct(here)] == [ALICE, BOB]
        assert direct(here)[0].if_nobody_answers == "leads will be called as well."
        await after(here, clock, 15)
        (handed,) = said(here, "Now calling leads as well")
        assert handed.to == (CAROL,)
        assert card(here).called == (ALICE, BOB, CAROL)
        assert "Nobody else is left to call" in card(here).if_nobody_answers
        await after(here, clock, 15)
        await after(here, clock, 15)
        often = len(said(here, "Still waiting for a person"))
        await after(here, clock, policy.defaults.still_firing_after.total_seconds() / 60)
        await after(here, clock, policy.defaults.still_firing_after.total_seconds() / 60)
        assert len(said(here, "Still waiting for a person")) == often + 2
        assert duration_text(policy.defaults.still_firing_after) in card(here).if_nobody_answers
        assert [one.body["now"] for one in await entries(here, "incident.handed_over")] == [["leads"]]


@pytest.mark.parametrize("how", ["taken", "overridden", "resolved"])
async def test_nobody_is_called_once_somebody_is_on_it_or_it_is_over(tmp_path: Path, how: str) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await called(here)
        assert await untaken(here) == 1
        if how == "taken":
            assert (await take(here, BOB)).accepted
        elif how == "overridden":
            press, roster = await here.press(ALICE), await here.context.roster()
            async with here.database.begin() as work:
                assert (await override(work, here.context, roster, press, NOTHING, "known")).accepted
        else:
            await here.resolve(NO_RUNBOOK)
            await here.until_thread("Resolved")
        await after(here, clock, 120)
        assert (await untaken(here), card(here).untaken) == (0, False)
        assert not direct(here)


async def test_nobody_is_called_in_their_quiet_hours_and_the_next_are_called_instead(tmp_path: Path) -> None:
    clock = Clock()
    clock.forward(180)
    async with world(tmp_path, chain(oncall=NIGHT), now=clock) as here:
        shown = await called(here)
        assert shown.called == (CAROL,)
        assert [one.group for one in shown.asked] == ["sre-oncall", "leads"]


async def test_where_everybody_sleeps_the_first_to_wake_is_called_then(tmp_path: Path) -> None:
    clock = Clock()
    clock.forward(180)
    async with world(tmp_path, chain(oncall=NIGHT, leads=NIGHT), now=clock) as here:
        shown = await called(here)
        assert shown.called == ()
        await after(here, clock, 300)
        assert not direct(here)
        await after(here, clock, 190)
        assert {one.to for one in direct(here)} == {ALICE, BOB, CAROL}


async def test_a_question_that_nobody_answered_calls_those_who_were_asked(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        for _ in range(4):
            await after(here, clock, 15)
        (ended,) = said(here, "Not approved in time")
        assert ended.to == (ALICE, BOB, CAROL)
        assert (card(here).untaken, await untaken(here)) == (True, 1)
        assert "Nobody else is left to call" in card(here).if_nobody_answers


async def test_after_a_failure_the_chain_goes_on_as_after_a_question(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock, remediation=Burnt) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.FAILED)
        await here.idle()
        assert card(here).if_nobody_answers == "leads will be called as well."
        await after(here, clock, 30)
        (handed,) = said(here, "Now calling leads as well")
        assert handed.to == (CAROL,)


async def test_an_error_of_our_own_calls_people_although_it_was_never_asked_who_they_are(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, chain(), now=clock) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await flow_failed(here.context, "consider.v1", (1,), RuntimeError("nobody foresaw this"))
        await after(here, clock, 0)
        assert (card(here).action_state, card(here).called) == (None, (ALICE, BOB))
        (call,) = said(here, "Now calling sre-oncall")
        assert call.to == (ALICE, BOB)


async def test_what_joins_is_told_to_those_who_are_called(tmp_path: Path) -> None:
    clock, written = Clock(), chain().model_dump(by_alias=True, mode="json")
    policy = Policy.model_validate(written | {"group_by": ["service"]})
    async with world(tmp_path, policy, now=clock) as here:
        await called(here)
        await send(here, alert("f9", "LampCold", severity="warning"))
        await here.idle()
        news = [one for one in here.delivered if getattr(one, "to", ()) == (ALICE, BOB)]
        assert len(news) == 1
        assert len(await entries(here, "incident.called")) == 1, "news does not begin the chain anew"


async def test_many_at_once_are_one_call_and_each_counts(tmp_path: Path) -> None:
    clock, written = Clock(), chain().model_dump(by_alias=True, mode="json")
    policy = Policy.model_validate(written | {"storm": {"after": 1, "within": "5m"}})
    async with world(tmp_path, policy, now=clock) as here:
        for number in range(9):
            await here.fire(NO_RUNBOOK, service=f"lamp-{number}", fingerprint=f"f{number}")
            await here.idle()
        assert await untaken(here) == 9
        shared = [one for one in here.delivered if isinstance(one, BundleNotice)][-1]
        assert (shared.called, shared.if_nobody_takes) == ((ALICE, BOB), "leads will be called as well.")
        drawn = render(shared, 1)
        assert "who takes them?" in drawn.text
        assert f"<@{ALICE}>" in str(drawn.blocks)
        await after(here, clock, 15)
        letters = [one for one in here.delivered if isinstance(one, DirectNotice)]
        assert len(letters) == 4, "once for the card of the first, once for the eight that share one"
