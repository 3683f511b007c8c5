"""A runbook that is written to act alone and has no licence to: what it would have done, beside what people did."""

from datetime import timedelta
from pathlib import Path

from bot.policy.decision import Verdict
from bot.policy.levels import Level
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.shadow import Agreement
from bot.policy.situation import Gate, GatePass
from bot.response.interventions.calibrations import confidence_measured
from bot.response.interventions.explanations import Explanation, explain_incident
from bot.response.interventions.runbook_levels import RunbookLevel, runbook_levels
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.slack.modals import why_modal
from tests.response.clicks import approve, stop
from tests.response.world import ALICE, BOB, CAROL, World, world, written_policy


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


async def pass_every_gate(here: World) -> None:
    policy, now = here.context.policy(), here.context.now()
    seal = seal_of(policy, "flip", here.switch.version)
    async with here.database.begin() as work:
        for gate in Gate:
            passed = GatePass(
                gate=gate,
                digest=policy.runbooks["flip"].digest,
                passed_at=now,
                until=now + timedelta(days=9),
                seal=digest_of_seal(seal),
                by=CAROL,
            )
            await work.licences.pass_gate("flip", passed, seal)


async def test_one_character_voids_a_licence_and_everybody_is_told_which(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3", authors=[BOB])) as here:
        await pass_every_gate(here)
        assert (await stands(here)).in_force is Level.L3
    changed = written_policy("L3", authors=[BOB], summary="Flip the switch.")
    async with world(tmp_path, changed) as here:
        told = "every gate is void: the runbook changed (summary: Flip the switch -> Flip the switch.)"
        level = await stands(here)
        assert (level.in_force, level.why_not_higher) == (Level.L1, told)
        assert level.shadow == "In shadow; nothing has come up yet."
        await here.fire()
        card = await here.until_card(lambda card: card.action_state is ActionState.WAITING)
        assert card.headline == "flip may act at most at L1 instead of L3."
        found = await explained(here, 1)
        assert found.stored.decision.headline == f"flip may act at most at L1 instead of L3: {told}."
        (seal,) = found.stored.situation.evidenced["flip"].seals.values()
        assert [name for name, part in seal.parts.items() if part.document is not None] == ["runbook"]
        shown = str(why_modal(found, "value"))
        assert told.replace(">", "&gt;") in shown
        assert "With its licence it would have announced this" in shown


async def test_how_sure_it_was_when_it_began_is_measured_against_what_came_of_it(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, BOB)).accepted
        action = await here.until(ActionState.SUCCEEDED)
        async with here.database.read() as work:
            (claim,) = await work.decisions.claims_of(action.id)
            measured = await confidence_measured(work, here.context.now())
        assert (measured.count, measured.observed) == (1, 1.0)
        assert measured.stated == claim.decision.confidence == 0.81
