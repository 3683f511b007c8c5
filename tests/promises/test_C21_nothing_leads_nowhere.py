"""C21: nothing leads nowhere: whatever waits is considered again, or somebody is told that it is not."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.situation import Request, Scope, ScopeKind
from bot.response.failures import flow_failed
from bot.response.interventions.pauses import hold_what_is_paused, put_on, reconsider_held, take_off
from bot.response.model.actions import ACTION_LIFECYCLE, ENDED, ActionState
from bot.response.ports.flow import FlowName
from tests.policy.calm import NOW
from tests.policy.small_file import GOOD, changed, errors_of
from tests.promises.moments import Interrupted
from tests.promises.signals import send
from tests.response.clicks import approve, take
from tests.response.world import ALICE, BOB, World, world, written_policy

EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)


@pytest.mark.parametrize(
    "defaults", ["", "defaults:\n  approvals: {from: []}\n", "defaults:\n  approvals: {needed: 2}\n"]
)
def test_a_policy_by_whose_defaults_nobody_may_approve_is_refused(defaults: str) -> None:
    found = errors_of(GOOD.replace("defaults:\n  approvals: {from: [sre]}\n", defaults))
    assert "nobody may approve anything: defaults.approvals names no group" in [message for *_, message in found]
    own = changed("    level: L1\n", "    level: L1\n    approvals: {from: [sre]}\n")
    assert errors_of(own.replace("defaults:\n  approvals: {from: [sre]}\n", defaults)), (
        "a pause is ended by the defaults"
    )


@pytest.mark.parametrize("own", ["{from: []}", "{needed: 2}"])
def test_nor_may_a_runbooks_own_approvals_name_nobody(own: str) -> None:
    assert errors_of(changed("    level: L1\n", f"    level: L1\n    approvals: {own}\n"))


def test_from_every_state_that_is_not_an_end_a_path_leads_to_one() -> None:
    leads = {
        state: {to for source, _, to in ACTION_LIFECYCLE.transitions() if source is state} for state in ActionState
    }
    reached = set(ENDED)
    while more := {state for state, targets in leads.items() if targets & reached} - reached:
        reached |= more
    assert reached == set(ActionState)


# Held


async def pause(here: World, scope: Scope = EVERYTHING) -> None:
    async with here.database.begin() as work:
        await put_on(work, BOB, scope, None, "moving", here.context.now())
        await hold_what_is_paused(work, here.context)


async def resume(here: World, scope: Scope = EVERYTHING) -> None:
    async with here.database.begin() as work:
        await take_off(work, BOB, scope, here.context.now())
        await reconsider_held(work, here.context)


async def test_what_was_held_and_taken_over_is_a_question_again_once_nothing_holds_it(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L3")) as here:
        await here.license()
        await pause(here)
        await send(here)
        held = await here.until(ActionState.HELD)
        assert (await take(here, ALICE)).accepted
        await here.idle()
        await resume(here)
        waiting = await here.until(ActionState.WAITING)
        assert waiting.id != held.id
        assert here.switch.read()["flips"] == 0, "nothing acts by itself where a person has taken over"
        assert (await approve(here, BOB)).accepted
        await here.until(ActionState.SUCCEEDED)


async def test_taken_over_and_held_still_it_goes_on_being_held(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1")) as here:
        await send(here)
        await here.until(ActionState.WAITING)
        assert (await take(here, ALICE)).accepted
        await pause(here)
        held = await here.until(ActionState.HELD)
        await send(here, fingerprint="f2")
        await here.idle()
        action = await here.action()
        assert action is not None
        assert (action.id, action.state) == (held.id, ActionState.HELD)
        await resume(here)
        await here.until(ActionState.WAITING)


async def test_what_a_freeze_held_is_asked_when_the_freeze_is_over(tmp_path: Path) -> None:
    document = written_policy("L1").model_dump(mode="json", by_alias=True)
    freeze = {"name": "release", "from": NOW.isoformat(), "until": (NOW + timedelta(hours=1)).isoformat()}
    moved = [timedelta(0)]
    frozen = Policy.model_validate(document | {"freezes": [freeze]})
    async with world(tmp_path, frozen, now=lambda: NOW + moved[0]) as here:
        await send(here)
        await here.until(ActionState.HELD)
        moved[0] = timedelta(hours=1)
        async with here.database.begin() as work:
            assert await reconsider_held(work, here.context) == 1
        await here.until(ActionState.WAITING)


# Running


async def locked(here: World) -> dict[str, str]:
    async with here.database.read() as work:
        return dict(await work.locks.held())


@pytest.mark.parametrize("trouble", ["a failed assessment", "a newer decision"])
async def test_what_is_running_and_paused_after_trouble_of_ours_is_held_or_withdrawn(
    tmp_path: Path, trouble: str
) -> None:
    """Whatever happened to its incident while the state to return to was recorded: the pause is not the last word."""
    async with world(tmp_path, written_policy("L1"), remediation=Interrupted) as here:
        assert isinstance(here.switch, Interrupted)

        async def goes_wrong() -> None:
            if trouble == "a failed assessment":
                await flow_failed(here.context, FlowName.CONSIDER, (1,), RuntimeError("the disk is full"))
            else:
                async with here.database.begin() as work:
                    await work.incidents.next_revision(1)
            await pause(here)

        here.switch.on_snapshot = goes_wrong
        await send(here)
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.HELD)
        await here.idle()
        assert (await locked(here), here.switch.read()["flips"]) == ({}, 0)
        await resume(here)
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)


async def test_who_asks_just_as_an_action_begins_is_told_that_it_is_not_considered(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Interrupted) as here:
        assert isinstance(here.switch, Interrupted)

        async def is_asked() -> None:
            request = Request(runbook="flip", by=BOB, reason="it is dark")
            async with here.database.begin() as work:
                await work.queue.consider(1, request)
            await here.until_thread("Not considered: flip")

        here.switch.on_snapshot = is_asked
        await send(here)
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)


async def test_an_assessment_that_fails_leaves_people_called_and_the_next_alert_heard(tmp_path: Path) -> None:
    failing: dict[str, Any] = {"breaks": True}
    async with world(tmp_path, written_policy("L1")) as here:
        ask = here.senses.ask

        async def broken(queries: Any) -> Any:
            if failing["breaks"]:
                raise RuntimeError("the disk is full")
            return await ask(queries)

        object.__setattr__(here.senses, "ask", broken)
        await send(here)
        await here.until_thread("Watchkeeper itself failed")
        assert await here.action() is None
        failing["breaks"] = False
        await send(here, fingerprint="f2")
        await here.until(ActionState.WAITING)
