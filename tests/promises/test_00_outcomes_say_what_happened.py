"""Point 0: an outcome says what happened, and who let it act; the next judgement of the runbook is told both."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.policy.evidence import Finding
from bot.policy.plan import Plan
from bot.policy.situation import PastAction, Scope, ScopeKind
from bot.remediation import Condition, Execution, Health, PermanentError, Record, Report, TemporaryError
from bot.response.execution.effects import EffectReport, EffectResult, died
from bot.response.interventions import pauses, take_override
from bot.response.model.actions import Action, ActionState, By, Result
from bot.response.ports.context import utc_now
from tests.response.clicks import approve, stop
from tests.response.world import ALICE, BOB, Switch, World, world, written_policy


async def past(here: World) -> tuple[PastAction, ...]:
    """What a judgement of the runbook is told of its past."""
    async with here.database.read() as work:
        return (await work.actions.history(["flip"], [], utc_now().replace(year=2000))).actions


async def ended(here: World, state: ActionState) -> Action:
    """The lamp went dark, Bob agreed, and it came to an end of this kind."""
    await here.fire()
    await here.until(ActionState.WAITING)
    assert (await approve(here, BOB)).accepted
    action = await here.until(state)
    await here.idle()
    (told,) = await past(here)
    assert (told.action_id, told.result, told.by) == (action.id, action.result, action.by)
    return action


async def test_verified(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy()) as here:
        action = await ended(here, ActionState.SUCCEEDED)
    assert (action.result, action.by) == (Result.VERIFIED, By.APPROVED)


async def test_rolled_back(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy()) as here:
        here.senses.health = Finding.CONTRADICTS
        action = await ended(here, ActionState.ROLLED_BACK)
        assert here.switch.read()["restores"] == 1
    assert (action.result, action.by) == (Result.ROLLED_BACK, By.APPROVED)


class Stuck(Switch):
    """It can be flipped, and not back."""

    async def roll_back(self, plan: Plan, record: Record, execution: Execution) -> Report:
        raise PermanentError("The switch is stuck.")


async def test_not_restored(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy(), remediation=Stuck) as here:
        here.senses.health = Finding.CONTRADICTS
        action = await ended(here, ActionState.FAILED)
    assert action.result is Result.NOT_RESTORED
    assert "The switch is stuck." in action.outcome


async def test_nothing_changed(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy()) as here:
        here.switch.breaks = TemporaryError("The fuse box is locked.", retry_after=3600)
        action = await ended(here, ActionState.FAILED)
        assert here.switch.read()["flips"] == 0
    assert action.result is Result.NOTHING_CHANGED


class Silent(Switch):
    """Whether it got to anything is for nobody to know, and it cannot be seen either."""

    async def inside(self, what: str) -> None:
        if what == "roll_back":
            await asyncio.Event().wait()

    async def health(self, plan: Plan, record: Record) -> Health:
        return Health(condition=Condition.UNKNOWN, summary="Nobody can see it.")


async def test_unknown(tmp_path: Path) -> None:
    policy = written_policy(rollback_within="1s")
    async with world(tmp_path, policy, remediation=Silent) as here:
        here.senses.health = Finding.UNKNOWN
        action = await ended(here, ActionState.FAILED)
    assert action.result is Result.UNKNOWN
    assert "how far it got is unknown" in action.outcome


async def test_interrupted(tmp_path: Path) -> None:
    """The process dies inside the rollback; the next one finds the fence crossed, and nobody who could tell."""

    class Fatal(Switch):
        async def inside(self, what: str) -> None:
            if what == "roll_back":
                begun.set()
                await asyncio.Event().wait()

    begun = asyncio.Event()
    async with world(tmp_path, written_policy(rollback_within="1h"), remediation=Fatal) as here:
        here.senses.health = Finding.CONTRADICTS
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, BOB)).accepted
        await asyncio.wait_for(begun.wait(), 30)
    async with world(tmp_path, written_policy(rollback_within="1h"), remediation=Fatal) as here:
        action = await here.until(ActionState.FAILED)
    assert action.result is Result.INTERRUPTED
    assert "The process died while it ran" in action.outcome


def test_an_effect_that_died_says_so_to_whoever_reads_the_step_in_any_release() -> None:
    stored = died().model_dump(mode="json")
    assert stored.keys() == {"result", "summary", "interrupted"}
    assert EffectReport.model_validate(stored | {"of_a_newer_release": 1}).interrupted
    before = {name: stored[name] for name in ("result", "summary")}
    assert EffectReport.model_validate(before).result is EffectResult.UNKNOWN


@dataclass(frozen=True)
class Way:
    """How it comes to act."""

    by: By
    level: str
    decided_by: tuple[str, ...]


@pytest.mark.parametrize(
    "way",
    [Way(By.ALONE, "L2", ()), Way(By.APPROVED, "L1", (BOB,)), Way(By.BY_HAND, "L1", (BOB,))],
    ids=lambda way: way.by.value,
)
async def test_who_let_it_act(way: Way, tmp_path: Path) -> None:
    async with world(tmp_path, written_policy(way.level)) as here:
        await here.license()
        if way.by is By.BY_HAND:
            await paused(here)
        await here.fire()
        if way.by is By.BY_HAND:
            await here.until(ActionState.HELD)
            await by_hand(here)
        if way.by is By.APPROVED:
            await here.until(ActionState.WAITING)
            assert (await approve(here, BOB)).accepted
        action = await here.until(ActionState.SUCCEEDED)
        await here.idle()
        (told,) = await past(here)
    assert (action.by, action.decided_by, told.by) == (way.by, way.decided_by, way.by.value)


async def paused(here: World) -> None:
    roster, lamp = await here.context.roster(), Scope(kind=ScopeKind.SERVICE, name="lamp")
    async with here.database.begin() as work:
        await pauses.pause(work, here.context, roster, ALICE, lamp, None, "the lamp is being moved")


async def by_hand(here: World) -> None:
    press, roster = await here.press(BOB), await here.context.roster()
    async with here.database.begin() as work:
        answer = await take_override.override(work, here.context, roster, press, "flip", "customers are in the dark")
    assert answer.accepted, answer.text


async def test_what_never_began_has_no_outcome_and_is_no_past(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy()) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await stop(here, BOB)
        action = await here.until(ActionState.STOPPED)
        assert action.result is None
        assert await past(here) == ()
