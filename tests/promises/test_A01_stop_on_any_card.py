"""A1. Stop, take and pause apply to the incident's present action, whatever card was pressed; approve does not."""

from pathlib import Path

import pytest

from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.clicks import Press, find
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from handlers.slack.buttons import draw_pause
from tests.promises.brakes import brakes, gated, pause, settled, until
from tests.response.clicks import approve, stop, take
from tests.response.world import ALICE, CAROL, World, written_policy

LONG = written_policy("L3", veto_window="30s")


async def two_cards(here: World) -> Press:
    """The press of a card that another has replaced: its plan went stale, and the new one may act by itself."""
    await here.license()
    await here.fire()
    first = await here.until(ActionState.VETO_WINDOW)
    old = await here.press(CAROL)
    here.switch.write(position="half")
    await here.fire(fingerprint="f2")

    async def replaced() -> bool:
        action = await here.action()
        return action is not None and action.id != first.id and action.state is ActionState.VETO_WINDOW

    await until(replaced)
    return old


async def test_stop_on_the_card_before_stops_what_is_about_to_act_now(tmp_path: Path) -> None:
    async with brakes(tmp_path, LONG) as here:
        old = await two_cards(here)
        assert (await stop(here, CAROL, press=old)).accepted
        assert await settled(here) is ActionState.STOPPED
        assert here.switch.read()["flips"] == 0


async def test_take_on_the_card_before_sets_aside_what_is_about_to_act_now(tmp_path: Path) -> None:
    async with brakes(tmp_path, LONG) as here:
        old = await two_cards(here)
        assert (await take(here, CAROL, press=old)).accepted
        assert await settled(here) is ActionState.OVERRIDDEN
        assert (await here.incident()).state is IncidentState.TAKEN
        assert here.switch.read()["flips"] == 0


async def test_pause_on_the_card_before_offers_and_holds_what_is_about_to_act_now(tmp_path: Path) -> None:
    async with brakes(tmp_path, LONG) as here:
        old = await two_cards(here)
        present = await here.action()
        assert present is not None
        async with here.database.read() as work:
            found = await find(work, old.subject, old.revision)
            assert found is not None
            view = await draw_pause(work, here.context, await here.context.roster(), old, found)
        assert f"runbook:{present.runbook}" in str(view)
        assert f"target:{present.plan.targets[0].key}" in str(view)
        assert (await pause(here, Scope(kind=ScopeKind.RUNBOOK, name=present.runbook))).accepted
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0


async def test_approve_stays_sealed_to_its_own_card(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        first = await here.until(ActionState.WAITING)
        old = await here.press(ALICE)
        here.switch.write(position="half")
        await here.fire(fingerprint="f2")

        async def replaced() -> bool:
            action = await here.action()
            return action is not None and action.id != first.id and action.state is ActionState.WAITING

        await until(replaced)
        answer = await approve(here, ALICE, press=old)
        assert not answer.accepted
        assert "out of date" in answer.text
        assert await settled(here) is ActionState.WAITING
        assert here.switch.read()["flips"] == 0


@pytest.mark.parametrize("brake", [stop, take])
async def test_a_brake_on_a_card_whose_question_is_being_asked_anew_keeps_the_new_one_from_acting_alone(
    tmp_path: Path, brake: object
) -> None:
    """Between the end of one action and the next there is nothing to stop; the no counts all the same."""
    async with brakes(tmp_path, LONG) as here:
        await here.license()
        await here.fire()
        await here.until(ActionState.VETO_WINDOW)
        gate = gated(here).hold("plan")
        old = await here.press(CAROL)
        here.switch.write(position="half")
        await here.fire(fingerprint="f2")
        await gate.wait_until_reached()  # the new plan is being made
        await brake(here, CAROL, press=old)  # type: ignore[operator]
        gate.opened.set()
        state = await settled(here)
        assert state in (ActionState.STOPPED, ActionState.OVERRIDDEN, ActionState.WAITING)
        assert here.switch.read()["flips"] == 0


async def test_stop_pressed_once_the_effect_has_begun_says_so_and_is_remembered(tmp_path: Path) -> None:
    async with brakes(tmp_path) as here:
        await here.license()
        gate = gated(here).hold("execute")
        await here.fire()
        await gate.wait_until_reached()
        answer = await stop(here, CAROL)
        assert answer.accepted
        assert "no further step begins" in answer.text
        gate.opened.set()
        assert await settled(here) is ActionState.SUCCEEDED
        incident = await here.incident()
        assert incident.refusal is not None
        assert incident.refusal.by == CAROL
