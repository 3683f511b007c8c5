"""A2. One check in the transaction that begins an effect: nothing that speaks against it by then is overlooked.

Each story lets an approved (or autonomous) action come up to its effect, lets something happen there, and looks at
the switch.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.policy.file.document import Policy
from bot.policy.situation import AlertFacts
from bot.response.model.actions import ActionState
from bot.response.model.incidents import Alert, AlertStatus
from tests.promises.brakes import all_told, brakes, gated, locked, pause, settled, thread
from tests.response.clicks import approve, stop, take
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, CAROL, World, written_policy

Happens = Callable[[World], Awaitable[object]]


async def up_to_the_effect(here: World, level: str = "L1") -> None:
    """Targets are locked and the state is being recorded: the next transaction begins the effect."""
    if level != "L1":
        await here.license()
    gate = gated(here).hold("snapshot")
    await here.fire()
    if level == "L1":
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
    await gate.wait_until_reached()
    action = await here.action()
    assert action is not None
    assert action.state is ActionState.RUNNING


async def taken(here: World) -> None:
    assert (await take(here, CAROL)).accepted


async def stopped(here: World) -> None:
    assert (await stop(here, CAROL)).accepted


async def paused(here: World) -> None:
    assert (await pause(here)).accepted


async def ended(here: World) -> None:
    """Whether or not its assessment has come to say so."""
    await here.resolve()


async def resolved(here: World) -> None:
    await here.resolve()
    await here.until_thread("Resolved")


async def changed(here: World) -> None:
    here.switch.write(position="half")


async def turned(here: World) -> None:
    here.senses.evidence = Finding.CONTRADICTS


@pytest.mark.parametrize("level", ["L1", "L3"])
@pytest.mark.parametrize("happens", [taken, stopped, paused, ended, resolved, turned])
async def test_whatever_is_committed_before_the_effect_keeps_it_from_beginning(
    tmp_path: Path, level: str, happens: Happens
) -> None:
    async with brakes(tmp_path, written_policy(level, veto_window="0s")) as here:
        await up_to_the_effect(here, level)
        await happens(here)
        gated(here).gates["snapshot"].opened.set()
        await settled(here)
        assert here.switch.read()["flips"] == 0
        assert await locked(here) == {}, "nothing that was not begun keeps its target"


@pytest.mark.parametrize("level", ["L1", "L3"])
async def test_another_state_of_the_target_is_another_question(tmp_path: Path, level: str) -> None:
    async with brakes(tmp_path, written_policy(level, veto_window="0s")) as here:
        await up_to_the_effect(here, level)
        agreed_to = await here.action()
        assert agreed_to is not None
        await changed(here)
        gated(here).gates["snapshot"].opened.set()
        await settled(here)
        async with here.database.read() as work:
            first, *later = await work.actions.of_incident(1)
        assert (first.id, first.begun_at, first.state) == (agreed_to.id, None, ActionState.SUPERSEDED)
        assert len(later) == 1, "it is asked, or announced, anew"


async def test_taken_while_approved_nothing_begins(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        gate = gated(here).hold("plan")
        assert (await approve(here, ALICE)).accepted
        await gate.wait_until_reached()
        assert (await take(here, CAROL)).accepted
        gate.opened.set()
        assert await settled(here) is ActionState.OVERRIDDEN
        assert here.switch.read()["flips"] == 0


async def test_a_take_over_counts_by_its_commit_and_by_nobodys_clock(tmp_path: Path) -> None:
    """The clock is set back between the approval and the take-over."""
    clock = Clock()
    async with brakes(tmp_path, written_policy("L1"), now=clock) as here:
        await up_to_the_effect(here)
        await all_told(here)
        clock.forward(-1)
        await taken(here)
        gated(here).gates["snapshot"].opened.set()
        await settled(here)
        assert here.switch.read()["flips"] == 0


async def test_an_open_question_of_a_taken_incident_can_still_be_approved(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await taken(here)
        assert (await approve(here, ALICE)).accepted
        assert await settled(here) is ActionState.SUCCEEDED


async def test_evidence_that_has_turned_withdraws_what_was_approved_and_says_so(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await up_to_the_effect(here)
        here.senses.evidence = Finding.CONTRADICTS
        gated(here).gates["snapshot"].opened.set()
        assert await settled(here) is ActionState.WAITING  # asked anew, over what is known now
        assert here.switch.read()["flips"] == 0
        assert any("evidence has turned against it since it was approved: dark" in said for said in thread(here))


async def test_evidence_that_the_approver_saw_against_it_withdraws_nothing(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        here.senses.evidence = Finding.CONTRADICTS
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        assert await settled(here) is ActionState.SUCCEEDED


@pytest.mark.parametrize("step", ["plan", "snapshot"])
async def test_after_hours_of_being_dead_an_approval_has_expired(tmp_path: Path, step: str) -> None:
    """Killed before the claim, or between the claim and the effect; started again five hours later."""
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        gate = gated(here).hold(step)
        assert (await approve(here, ALICE)).accepted
        await gate.wait_until_reached()
    later = timedelta(hours=5)
    async with brakes(tmp_path, written_policy("L1"), now=lambda: datetime.now(UTC) + later) as here:
        await here.until(ActionState.LAPSED)
        await settled(here)
        assert here.switch.read()["flips"] == 0
        assert await locked(here) == {}
        await here.until_thread("Approved but not started in time")


def renamed() -> Policy:
    document = written_policy("L1").model_dump(by_alias=True, mode="json")
    document["runbooks"]["turn"] = document["runbooks"].pop("flip")
    return Policy.model_validate(document)


@pytest.mark.parametrize(
    "policy",
    [written_policy("L0"), written_policy("L1", when="alert.name == 'SomethingElse'"), renamed()],
    ids=["nothing acts any more", "the runbook is for something else", "the runbook has another name"],
)
async def test_what_the_present_policy_no_longer_allows_is_not_begun(tmp_path: Path, policy: Policy) -> None:
    in_force = [written_policy("L1")]
    async with brakes(tmp_path, in_force[0]) as here:
        object.__setattr__(here.context, "policy", lambda: in_force[0])
        await up_to_the_effect(here)
        in_force[0] = policy
        gated(here).gates["snapshot"].opened.set()
        await settled(here)
        assert here.switch.read()["flips"] == 0
        assert await locked(here) == {}


async def test_an_alert_that_is_stored_just_before_the_effect_is_judged_with_it(tmp_path: Path) -> None:
    """A second alert marks customers' money, whatever assessment still waits: it does not act alone any more."""
    async with brakes(tmp_path, written_policy("L3")) as here:
        await up_to_the_effect(here, "L3")
        now = datetime.now(UTC)
        labels = {"alertname": "SwitchOff", "service": "lamp", "severity": "critical", "billing": "true"}
        facts = AlertFacts(
            source="alertmanager",
            fingerprint="f2",
            name="SwitchOff",
            severity="critical",
            service="lamp",
            labels=labels,
            starts_at=now,
        )
        await here.intake.accept([Alert(facts, AlertStatus.FIRING, None, "", now)], [])
        gated(here).gates["snapshot"].opened.set()
        assert await settled(here) is ActionState.WAITING
        assert here.switch.read()["flips"] == 0
