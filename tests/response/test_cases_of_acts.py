"""What comes of an act is a case of its runbook, with the version it was of, from the commit that ends it."""

from pathlib import Path

from bot.policy.evidence import Finding
from bot.policy.track_record import Ending, PastCase
from bot.response.interventions import approvals, take_override
from bot.response.interventions.clicks import Press
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentEvent
from tests.response.world import BOB, World, world, written_policy


async def asked(here: World) -> Press:
    await here.fire()
    await here.until(ActionState.WAITING)
    return await here.press(BOB)


async def acted(here: World, state: ActionState = ActionState.SUCCEEDED) -> None:
    press, roster = await asked(here), await here.context.roster()
    async with here.database.begin() as work:
        await approvals.approve(work, here.context, roster, press)
    await here.until(state)


async def the_case(here: World) -> PastCase:
    async with here.database.read() as work:
        (case,) = (await work.licences.of("flip")).cases or ()
    return case


async def test_what_was_verified_is_a_case_of_the_very_entry_and_a_person_who_rolls_it_back_overrides_it(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await acted(here)
        case = await the_case(here)
        assert (case.ending, case.alert, case.acted) == (Ending.VERIFIED, "SwitchOff", True)
        assert case.digest == here.context.policy().runbooks["flip"].digest
        press, roster = await here.press(BOB), await here.context.roster()
        async with here.database.begin() as work:
            answer = await take_override.roll_back(work, here.context, roster, press, "It was the wrong lamp.")
        assert answer.accepted, answer.text
        await here.until(ActionState.ROLLED_BACK)
        assert (await the_case(here)).ending is Ending.OVERRIDDEN


async def test_what_did_not_help_has_failed_although_it_was_rolled_back(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        here.senses.health = Finding.CONTRADICTS
        await acted(here, ActionState.ROLLED_BACK)
        assert (await the_case(here)).ending is Ending.FAILED


async def test_whoever_stops_a_plan_before_it_begins_has_overridden_it(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        press, roster = await asked(here), await here.context.roster()
        async with here.database.begin() as work:
            await approvals.stop(work, here.context, roster, press)
        await here.until(ActionState.STOPPED)
        case = await the_case(here)
        assert (case.ending, case.acted) == (Ending.OVERRIDDEN, False)


async def test_whoever_takes_an_incident_over_has_overridden_the_plan_on_its_card(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await asked(here)
        async with here.database.begin() as work:
            assert await work.incidents.move(1, IncidentEvent.TAKE, now=here.context.now(), by=BOB)
        case = await the_case(here)
        assert (case.ending, case.acted) == (Ending.OVERRIDDEN, False)
