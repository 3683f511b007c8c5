"""A runbook that is written to act alone and has no licence to: what it would have done, beside what people did."""

from pathlib import Path

from bot.policy.decision import Verdict
from bot.policy.levels import Level
from bot.policy.shadow import Agreement
from bot.response.interventions.explanations import Explanation, explain_incident
from bot.response.interventions.runbook_levels import RunbookLevel, runbook_levels
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from tests.response.clicks import approve, stop
from tests.response.world import ALICE, BOB, World, world, written_policy


async def explained(here: World, incident_id: int) -> Explanation:
    async with here.database.begin() as work:
        found = await explain_incident(work, here.context, incident_id, ALICE)
    assert found is not None
    return found


async def stands(here: World) -> RunbookLevel:
    async with here.database.read() as work:
        (level,) = await runbook_levels(work, here.context.policy(), here.context.catalogue, here.context.now())
    return level


async def test_what_it_would_have_done_is_compared_with_what_people_did(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        assert (await stands(here)).shadow == "In shadow; nothing has come up yet."
        await here.fire()
        card = await here.until_card(lambda card: card.action_state is ActionState.WAITING)
        assert card.verdict is Verdict.ASK
        assert card.sure == "Too few cases to know: it has never been run on this kind of incident; " + (
            "the evidence supports it."
        )
        first = await explained(here, 1)
        assert first.stored.decision.shadow is Verdict.ACT_UNLESS_STOPPED
        assert first.agreement == Agreement(questions=0, would_have_acted=0, compared=0, agreed=0)
        assert (await stop(here, BOB)).accepted
        await here.until(ActionState.STOPPED)
        await here.resolve()
        await here.until_card(lambda card: card.incident_state is IncidentState.RESOLVED)
        await here.fire(fingerprint="f2")
        await here.until(ActionState.WAITING, 2)
        assert (await approve(here, BOB, 2)).accepted
        await here.until(ActionState.SUCCEEDED, 2)
        level = await stands(here)
        assert (level.in_force, level.written) == (Level.L1, Level.L3)
        assert level.why_not_higher.startswith("not passed yet: staging dry run, ")
        told = "In shadow it would have acted in 2 of 2 questions; people did the same in 1 of 2 (50 %)."
        assert level.shadow == told
        assert (await explained(here, 2)).agreement == Agreement(2, 2, 2, 1)


async def test_what_is_written_to_ask_is_no_shadow(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        found = await explained(here, 1)
        assert (found.stored.decision.shadow, found.agreement) == (None, None)
        level = await stands(here)
        assert (level.shadow, level.why_not_higher) == ("", "the policy says L1")


async def test_what_has_its_licence_is_no_shadow_and_says_when_that_ends(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        await here.license()
        level = await stands(here)
        assert (level.in_force, level.shadow, level.why_not_higher) == (Level.L3, "", "")
        assert level.expiring.startswith("every gate expires in ")
