"""Reviews are mandatory: asked for whatever was changed, told in the thread, and missed when they do not come."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.policy.file.document import Approvals, Defaults, Policy
from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, Due
from bot.policy.rules.licence import licence_of
from bot.policy.rules.seal import seal_of
from bot.policy.track_record import Judged
from bot.remediation import TemporaryError
from bot.response.execution.demotions import sweep_demotions
from bot.response.interventions import approvals, reviews
from bot.response.interventions.clicks import Answer, Press
from bot.response.interventions.reviews import Judgement, submit
from bot.response.model.actions import Action, ActionState
from bot.response.model.notices import Button
from bot.response.ports.context import Context, utc_now
from storage.database import Database
from storage.migrations import migrate
from tests.fixtures import incidents as facts
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, BOB, CAROL, DAVE, World, world, written_policy


async def acted(here: World, state: ActionState = ActionState.SUCCEEDED) -> Action:
    """The lamp went dark, bob agreed, and it was acted."""
    await here.fire()
    await here.until(ActionState.WAITING)
    press, roster = await here.press(BOB), await here.context.roster()
    async with here.database.begin() as work:
        await approvals.approve(work, here.context, roster, press)
    return await here.until(state)


async def review(here: World, person: str, text: str = "Add memory.", judged: Judged = Judged.HELPFUL) -> Answer:
    press, roster = await here.press(person), await here.context.roster()
    async with here.database.begin() as work:
        return await submit(work, here.context, roster, press, Judgement(judged, False, text))


async def cap(here: World) -> Level | None:
    async with here.database.read() as work:
        policy, held = here.context.policy(), await work.licences.of("flip")
        return licence_of(held, policy, "flip", seal_of(policy, "flip", 1), here.context.now()).demoted_to


def hasty_orders() -> Policy:
    """Reviews are overdue in a minute."""
    defaults = Defaults(
        approvals=Approvals.model_validate({"from": ["sre-oncall"]}), review_within=timedelta(minutes=1)
    )
    return written_policy("L1").model_copy(update={"defaults": defaults})


async def test_whatever_was_changed_must_be_reviewed_by_who_let_it_act(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        action = await acted(here)
        async with here.database.read() as work:
            (due,) = await reviews.due(work, here.context)
        assert (due.action.id, due.to, due.overdue) == (action.id, (BOB,), False)
        assert due.review.due_at - here.context.now() > timedelta(days=4)
        assert await sweep_demotions(here.context) == 0
        await here.until_card(lambda card: Button.REVIEW in card.buttons)
        assert Button.REVIEW in (await here.until_thread("Done and verified")).buttons


async def test_what_was_rolled_back_must_be_reviewed_too_and_what_changed_nothing_need_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    async with world(tmp_path / "a", written_policy("L1")) as here:
        here.senses.health = Finding.CONTRADICTS
        await acted(here, ActionState.ROLLED_BACK)
        async with here.database.read() as work:
            assert await work.reviews.open_count() == 1
    (tmp_path / "b").mkdir()
    async with world(tmp_path / "b", written_policy("L1")) as here:
        here.switch.breaks = TemporaryError("not now", retry_after=3600)
        await acted(here, ActionState.FAILED)
        async with here.database.read() as work:
            assert await work.reviews.open_count() == 0
        assert (await review(here, ALICE)).text == "There is nothing to review here: nothing was changed."


async def test_a_review_is_told_in_the_thread_recorded_and_done_once(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        action = await acted(here)
        assert "what should change" in (await review(here, ALICE, "  ")).text
        assert "You may not review here" in (await review(here, DAVE)).text
        assert (await review(here, ALICE)).accepted
        notice = await here.until_thread("Reviewed: it was helpful")
        assert (notice.by, notice.lines) == (ALICE, ("What should change: Add memory.",))
        await here.until_card(lambda card: Button.REVIEW not in card.buttons)
        assert (await review(here, ALICE)).text == "You have reviewed this already."
        assert (await review(here, BOB)).text == "Somebody has reviewed this already."
        async with here.database.read() as work:
            stored = await work.reviews.get(action.id)
            recorded = [e.body for e in await work.audit.of_incident(1) if e.kind == "action.reviewed"]
        assert stored is not None
        said = {"judgement": "helpful", "surprising": False, "text": "Add memory."}
        assert stored.answers == said
        assert recorded == [{"action": action.id, "runbook": "flip", **said}]


async def test_an_overdue_review_takes_autonomy_away_once_and_its_review_gives_it_back(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, hasty_orders(), now=clock) as here:
        await acted(here)
        clock.forward(1)
        assert await sweep_demotions(here.context) == 1
        assert await sweep_demotions(here.context) == 0
        assert await cap(here) is Level.L1
        notice = await here.until_thread("Review overdue")
        assert (notice.title, notice.to) == ("Review overdue: flip", (BOB,)), "it had no autonomy to lose"
        assert Button.REVIEW in notice.buttons
        await review(here, CAROL)
        assert await cap(here) is None
        told = await here.until_thread("Reviewed")
        assert "The overdue review no longer keeps flip at L1." in told.lines
        assert await sweep_demotions(here.context) == 0


async def test_a_review_never_lifts_what_another_reason_took_away(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, hasty_orders(), now=clock) as here:
        await acted(here)
        async with here.database.begin() as work:
            await work.licences.demote(
                "flip", Due(Cause.HARMED, "harmed:a", "it did harm", Level.L0), here.context.now()
            )
        clock.forward(1)
        assert await sweep_demotions(here.context) == 1
        await review(here, ALICE)
        assert await cap(here) is Level.L0


async def test_a_licensed_runbook_asks_again_while_a_review_is_overdue(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        await here.license()
        async with here.database.begin() as work:
            incident_id = await facts.open_incident(work, "old", service="attic")
            old = facts.action(incident_id, "old", ActionState.SUCCEEDED, runbook="flip", finished_at=facts.NOW)
            await work.actions.add(old)
            await work.reviews.ask("old", here.context.now() - timedelta(seconds=1))
        assert await sweep_demotions(here.context) == 1
        assert (await here.until_thread("Review overdue")).title == "Review overdue: flip asks first from now on"
        await here.fire()
        await here.until(ActionState.WAITING, incident_id=incident_id + 1)
        await here.until_card(lambda card: card.service == "lamp")
        async with here.database.read() as work:
            stored = await work.decisions.latest(incident_id + 1)
        assert stored is not None
        assert f"the review of INC-{incident_id} is overdue" in stored.decision.headline


@pytest.mark.parametrize("replicas", [6])
async def test_many_replicas_that_sweep_at_once_demote_once(empty_database_url: str, replicas: int) -> None:
    database = Database(empty_database_url, RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    await migrate(database)
    async with database.begin() as work:
        incident_id = await facts.open_incident(work)
        await work.actions.add(facts.action(incident_id, state=ActionState.SUCCEEDED, finished_at=facts.NOW))
        await work.reviews.ask("a1", utc_now())
    context = Context(database=database, policy=written_policy, catalogue={}, evidence=None, people=None)  # type: ignore[arg-type]
    assert sum(await asyncio.gather(*(sweep_demotions(context) for _ in range(replicas)))) == 1
    async with database.read() as work:
        kinds = [entry.kind for entry in await work.audit.of_incident(incident_id)]
    assert kinds.count("licence.demoted") == 1
    await database.close()


async def test_a_press_on_nothing_is_answered(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        roster, said = await here.context.roster(), Judgement(Judged.HELPFUL, False, "fine")
        async with here.database.begin() as work:
            answer = await submit(work, here.context, roster, Press(ALICE, "nothing", 1), said)
        assert "I do not know this button" in answer.text
