"""A6. After "stop", "don't" or "take over" nothing acts by itself for the incident again until a person asks for it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.policy.decision import Verdict
from bot.policy.situation import AlertFacts
from bot.response.interventions.requests import Wanted, run
from bot.response.interventions.take_override import BY_HAND, NOTHING
from bot.response.model.actions import ActionState
from bot.response.model.incidents import Alert, AlertStatus
from tests.promises.brakes import brakes, gated, overridden, settled, two_runbooks, until
from tests.response.clicks import approve, stop, take
from tests.response.world import ALICE, BOB, CAROL, World, written_policy

SaysNo = Callable[[World], Awaitable[object]]


def alert(fingerprint: str, severity: str, status: AlertStatus = AlertStatus.FIRING) -> Alert:
    now = datetime.now(UTC)
    facts = AlertFacts(
        source="alertmanager",
        fingerprint=fingerprint,
        name="SwitchOff",
        severity=severity,
        service="lamp",
        labels={"alertname": "SwitchOff", "service": "lamp", "severity": severity},
        starts_at=datetime(2026, 11, 1, tzinfo=UTC),
    )
    return Alert(facts, status, now if status is AlertStatus.RESOLVED else None, "", now)


async def stopping(here: World) -> None:
    assert (await stop(here, CAROL)).accepted


async def dont(here: World) -> None:
    assert (await overridden(here, ALICE, NOTHING)).accepted


async def by_hand(here: World) -> None:
    assert (await overridden(here, ALICE, BY_HAND)).accepted


async def taking(here: World) -> None:
    assert (await take(here, CAROL)).accepted


@pytest.mark.parametrize("says_no", [stopping, dont, by_hand, taking])
async def test_another_alert_with_another_runbook_acts_no_more_by_itself(tmp_path: Path, says_no: SaysNo) -> None:
    policy = two_runbooks()
    async with brakes(tmp_path, policy) as here:
        await here.license("flip")
        await here.license("careful")
        await here.intake.accept([alert("a", "warning")], [])
        await here.until(ActionState.VETO_WINDOW)
        await says_no(here)
        await here.intake.accept([alert("a", "warning", AlertStatus.RESOLVED), alert("b", "critical")], [])
        await settled(here)
        action = await here.action()
        assert action is not None
        assert not (action.verdict.autonomous and action.state not in (ActionState.STOPPED, ActionState.OVERRIDDEN))
        assert here.switch.read()["flips"] == 0


async def test_a_no_where_there_was_nothing_to_stop_is_remembered_too(tmp_path: Path) -> None:
    """People are told that no runbook covers it, and one of them says: do nothing. Then an alert comes that has one."""
    policy = written_policy("L3", when="alert.severity == 'critical'", veto_window="0s")
    async with brakes(tmp_path, policy) as here:
        await here.license()
        await here.intake.accept([alert("a", "warning")], [])
        await here.until_card(lambda card: card.verdict is Verdict.OBSERVE)
        await here.idle()
        await dont(here)
        await here.intake.accept([alert("b", "critical")], [])

        async def asked() -> bool:
            action = await here.action()
            return action is not None

        await until(asked)
        assert await settled(here) is ActionState.WAITING
        assert here.switch.read()["flips"] == 0


async def test_a_stop_that_came_too_late_for_one_act_keeps_the_next_from_acting_by_itself(tmp_path: Path) -> None:
    async with brakes(tmp_path, two_runbooks()) as here:
        await here.license("flip")
        await here.license("careful")
        gate = gated(here).hold("execute")
        await here.intake.accept([alert("a", "warning")], [])
        await gate.wait_until_reached()
        assert (await stop(here, CAROL)).accepted, "its last step has begun, so it ends as it would have"
        gate.opened.set()
        assert await settled(here) is ActionState.SUCCEEDED
        here.switch.write(position="off")
        await here.intake.accept([alert("a", "warning", AlertStatus.RESOLVED), alert("b", "critical")], [])
        await settled(here)
        assert here.switch.read()["flips"] == 1


async def test_the_request_of_somebody_else_in_between_forgets_nothing(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L3", veto_window="30s")) as here:
        await here.license()
        await here.fire()
        await here.until(ActionState.VETO_WINDOW)
        await stopping(here)
        roster = await here.context.roster()
        async with here.database.begin() as work:
            asked = await run(work, here.context, roster, BOB, Wanted("flip", {"service": "lamp"}, "try it"))
        assert asked.incident == "INC-1", asked.answer.text
        first = await here.action()

        async def question() -> bool:
            action = await here.action()
            return action is not None and action is not first and action.requested_by == BOB

        await until(question)
        await stopping(here)
        await here.fire(fingerprint="f2")
        await settled(here)
        action = await here.action()
        assert action is not None
        assert action.state in (ActionState.STOPPED, ActionState.WAITING)
        assert here.switch.read()["flips"] == 0


async def test_once_a_person_asks_it_may_act_again(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await stopping(here)
        roster = await here.context.roster()
        async with here.database.begin() as work:
            await run(work, here.context, roster, BOB, Wanted("flip", {"service": "lamp"}, "now it may"))
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        assert await settled(here) is ActionState.SUCCEEDED
        assert here.switch.read()["flips"] == 1
