"""After an act that nobody was asked about, an error budget that burns faster is harm; what nobody can tell is not."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.plan import Exactness, Plan, Rollback
from bot.remediation import About, Parameters
from bot.response.deadlines.burns import watch_burns
from bot.response.interventions.take_override import roll_back
from bot.response.model.actions import Action, ActionState
from bot.response.model.notices import ThreadNotice
from tests.response.clicks import approve, pressed
from tests.response.outside import BURN_QUERY, Senses
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, BOB, Switch, World, world, written_policy

SERVICES = {"lamp": {"tier": 2, "fleet": 4, "slo_burn": BURN_QUERY}, "room": {"depends_on": ["lamp"]}}
ROOT = Path(__file__).parents[2]
HARM, UNKNOWN = "It may have made things worse", "Nobody can tell whether the error budget burns faster since"


def policy(level: str = "L3", **document: Any) -> Policy:
    written = written_policy(level, veto_window="0s").model_dump(mode="json", by_alias=True)
    return Policy.model_validate(written | {"services": SERVICES} | document)


@asynccontextmanager
async def acted_alone(
    folder: Path, clock: Clock, written: Policy | None = None, *, before: float | None = 0.5, **more: Any
) -> AsyncIterator[tuple[World, Action]]:
    """A world in which the lamp was flipped on by nobody's leave, while the budget burned ``before`` times its pace."""
    async with world(folder, written or policy(), now=clock, **more) as here:
        await here.license()
        here.senses.burn = before
        await here.fire()
        action = await here.until(ActionState.SUCCEEDED)
        await here.idle()
        yield here, action


async def look(here: World, clock: Clock, *rates: float | None) -> int:
    """Monitoring is asked again and again, a minute apart; how many watches have ended."""
    ended = 0
    for rate in rates:
        clock.forward(1)
        here.senses.burn = rate
        ended += await watch_burns(here.context)
    await here.idle()
    return ended


def told(here: World, title: str) -> list[ThreadNotice]:
    return [one for one in here.delivered if isinstance(one, ThreadNotice) and one.title.startswith(title)]


async def paused(here: World) -> list[str]:
    async with here.database.read() as work:
        return [str(pause.scope) for pause in await work.pauses.active(here.context.now())]


async def state_of(here: World, action: Action) -> ActionState:
    async with here.database.read() as work:
        found = await work.actions.get(action.id)
    assert found is not None
    return found.state


async def test_a_budget_that_burns_faster_is_rolled_back_paused_demoted_and_told_once(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock) as (here, action):
        assert await look(here, clock, 0.6, 6.2) == 0, "one high reading is noise"
        assert (await state_of(here, action), told(here, HARM)) == (ActionState.SUCCEEDED, [])
        assert await look(here, clock, 6.4, 7.0, 7.0) == 1
        assert await state_of(here, action) is ActionState.ROLLED_BACK
        assert here.switch.read()["position"] == "off"
        assert await paused(here) == ["runbook flip"]
        (line,) = told(here, HARM)
        assert line.lines == (
            "The error budget of lamp burns at 6.4 times its pace, 0.5 times right before.",
            "The runbook flip is paused until a person resumes it.",
            "Rolling it back now.",
        )
        assert line.to == (ALICE, BOB)
        (demoted,) = told(here, "Demoted: flip asks first from now on")
        assert demoted.lines[0] == "It could act at L3; it may act at L1 at most, because it did harm in INC-1."
        async with here.database.read() as work:
            record = [entry.body for entry in await work.audit.of_incident(1) if entry.kind == "licence.demoted"]
            demotions = (await work.licences.of("flip")).demotions
        reason = "it did harm in INC-1"
        assert record == [{"runbook": "flip", "to": "L1", "reason": reason, "action": action.id}]
        assert [demotion.cause for demotion in demotions] == [f"harmed:{action.id}"]


async def test_a_budget_that_burns_as_before_is_watched_to_the_end_without_a_word(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock) as (here, action):
        assert await look(here, clock, *[0.6] * 9) == 0
        assert await look(here, clock, 0.6) == 1
        assert await look(here, clock, 9.0, 9.0) == 0, "what burns later has another cause"
        assert (await state_of(here, action), told(here, HARM), told(here, UNKNOWN)) == (ActionState.SUCCEEDED, [], [])


async def test_what_nobody_can_measure_is_told_and_is_no_harm(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock) as (here, action):
        assert await look(here, clock, 0.5, *[None] * 9) == 1
        (line,) = told(here, UNKNOWN)
        assert "monitoring has answered 1 of 10 times for lamp" in line.lines[0]
        assert (await state_of(here, action), await paused(here)) == (ActionState.SUCCEEDED, [])


class NothingToUndo(Switch):
    """What it has done cannot be taken back, and need not be."""

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        made = await super().plan(parameters, about)
        rollback = Rollback(summary="Nothing to undo.", exactness=Exactness.NOTHING_TO_UNDO)
        return made.model_copy(update={"rollback": rollback})


async def test_where_nothing_can_be_undone_it_is_left_and_people_are_called_all_the_same(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock, policy("L2"), remediation=NothingToUndo) as (here, action):
        assert await look(here, clock, 3.0, 3.0, 3.0) == 1
        (line,) = told(here, HARM)
        assert "Nothing to undo." in line.lines[2]
        assert line.to == (ALICE, BOB)
        assert (await state_of(here, action), await paused(here)) == (ActionState.SUCCEEDED, ["runbook flip"])


async def test_whoever_depends_on_what_was_touched_is_watched_too(tmp_path: Path) -> None:
    clock = Clock()
    felt = {"lamp": {"fleet": 4}, "room": {"depends_on": ["lamp"]}}
    felt["house"] = {"depends_on": ["room"], "slo_burn": BURN_QUERY}
    async with acted_alone(tmp_path, clock, policy(services=felt)) as (here, _):
        assert await look(here, clock, 3.0, 3.0) == 1
        assert told(here, HARM)[0].lines[0].startswith("The error budget of house burns at 3 times its pace")


async def test_a_process_that_ends_meanwhile_forgets_nothing_it_has_measured(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock) as (here, _):
        assert await look(here, clock, 3.0) == 0
    async with world(tmp_path, policy(), now=clock) as again:
        assert await look(again, clock, 3.0) == 1
        await again.until(ActionState.ROLLED_BACK)


async def test_a_process_that_is_killed_anywhere_in_it_leaves_harm_that_is_answered_once(tmp_path: Path) -> None:
    """It dies between its questions, inside the transaction and right after it: what is not committed is done anew."""
    clock = Clock()
    async with acted_alone(tmp_path, clock) as (here, action):
        assert await look(here, clock, 3.0) == 0
    for dies_at in (2, 3, 5, 8, 0):
        arguments = (str(tmp_path), "2", str(dies_at))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.response.burn_process", *arguments, cwd=ROOT
        )
        assert await process.wait() == -signal.SIGKILL
    async with world(tmp_path, policy(), now=clock) as again:
        await look(again, clock, 3.0, 3.0)
        assert await state_of(again, action) is ActionState.ROLLED_BACK
        assert again.switch.read()["restores"] == 1
        assert len(told(again, HARM)) == len(told(again, "Demoted")) == 1
        async with again.database.read() as work:
            kinds = [entry.kind for entry in await work.audit.of_incident(1)]
        assert kinds.count("licence.demoted") == 1


async def test_of_many_replicas_that_look_at_once_one_answers(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock) as (here, _):
        await look(here, clock, 3.0)
        clock.forward(1)
        assert sum(await asyncio.gather(*(watch_burns(here.context) for _ in range(4)))) == 1
        await here.idle()
        assert len(told(here, HARM)) == len(told(here, "Demoted")) == 1


async def test_what_somebody_has_rolled_back_meanwhile_is_watched_no_longer(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock) as (here, action):
        assert (await pressed(roll_back, here, ALICE)).accepted
        await here.until(ActionState.ROLLED_BACK)
        assert await look(here, clock, 9.0) == 1
        assert await look(here, clock, 9.0, 9.0) == 0
        assert told(here, HARM) == []
        assert await state_of(here, action) is ActionState.ROLLED_BACK


async def test_what_a_person_has_approved_and_what_nobody_measures_is_not_watched(tmp_path: Path) -> None:
    clock = Clock()
    (tmp_path / "approved").mkdir()
    async with world(tmp_path / "approved", policy("L1"), now=clock) as here:
        here.senses.burn = 0.5
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
        assert await look(here, clock, 9.0, 9.0) == 0
    (tmp_path / "unmeasured").mkdir()
    async with acted_alone(tmp_path / "unmeasured", clock, policy(services={"lamp": {"fleet": 4}})) as (there, _):
        assert await look(there, clock, 9.0, 9.0) == 0
        assert told(there, HARM) == []


@dataclass
class SilentAboutBurns(Senses):
    """Monitoring that hangs, and does not even obey when it is cut off, whenever somebody asks about a budget alone."""

    hangs: bool = False

    async def ask(self, queries: Collection[str]) -> Mapping[str, Answer]:
        if self.hangs and set(queries) == {BURN_QUERY}:
            await asyncio.Event().wait()
        return await super().ask(queries)


async def test_a_monitor_that_hangs_keeps_nobody_waiting_and_convicts_nobody(tmp_path: Path) -> None:
    clock = Clock()
    async with acted_alone(tmp_path, clock, plan_timeout_seconds=0.2) as (here, action):
        silent = SilentAboutBurns(hangs=True)
        object.__setattr__(here.context, "evidence", silent)
        for _ in range(10):
            clock.forward(1)
            await watch_burns(here.context)
        await here.idle()
        (line,) = told(here, UNKNOWN)
        assert "answered 0 of 10 times" in line.lines[0]
        assert await state_of(here, action) is ActionState.SUCCEEDED
