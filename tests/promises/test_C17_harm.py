"""C17: harm is judged by when we received an alert, through several hops, and whatever else lies between.

Alerts that begin while we act or verify count, muted ones do not; another target of the same attack is not harm.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.evidence import Finding
from bot.policy.file.document import Policy
from bot.response.model.actions import Action, ActionEvent, ActionState
from tests.promises.signals import send
from tests.response.clicks import approve
from tests.response.world import ALICE, SwitchBoard, World, world, written_policy

LONG_AGO, A_MOMENT_BEFORE, AHEAD = timedelta(minutes=10), timedelta(seconds=30), timedelta(minutes=-5)
"""How long before our act something began, by its monitor's clock; the last is a clock that is ahead."""
CHAIN = {
    "lamp": {"tier": 2, "fleet": 4},
    "room": {"depends_on": ["lamp"]},
    "house": {"depends_on": ["room"]},
    "street": {"depends_on": ["house", "pavement"]},
    "pavement": {"depends_on": ["street"]},
    "moon": {},
}


def policy(**document: Any) -> Policy:
    written = written_policy("L1").model_dump(mode="json", by_alias=True)
    return Policy.model_validate(written | {"services": CHAIN} | document)


@asynccontextmanager
async def acted(folder: Path, written: Policy | None = None, **more: Any) -> AsyncIterator[tuple[World, Action]]:
    """A world in which the lamp was flipped on, verified, and nothing has happened since."""
    async with world(folder, written or policy(), **more) as here:
        await send(here)
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        action = await here.until(ActionState.SUCCEEDED)
        await here.idle()
        yield here, action


async def settled(here: World) -> tuple[ActionState, list[str]]:
    """Where the lamp's action stands once all is looked at, and what is paused."""
    await here.idle()
    action = await here.action()
    async with here.database.read() as work:
        acts = [a for a in await work.actions.of_incident(1) if a.begun_at is not None]
        paused = [str(pause.scope) for pause in await work.pauses.active(here.context.now())]
    assert action is not None
    return acts[0].state, paused


HARM = (ActionState.ROLLED_BACK, ["runbook flip"])
NO_HARM: tuple[ActionState, list[str]] = (ActionState.SUCCEEDED, [])


@pytest.mark.parametrize("service", ["lamp", "room", "house", "street", "pavement"])
async def test_whatever_depends_on_what_we_touched_may_be_hurt_through_any_number_of_hops(
    tmp_path: Path, service: str
) -> None:
    async with acted(tmp_path) as (here, _):
        await send(here, "RoomCold", service, "f2")
        assert await settled(here) == HARM


async def test_what_does_not_depend_on_it_is_not(tmp_path: Path) -> None:
    async with acted(tmp_path) as (here, _):
        await send(here, "Eclipse", "moon", "f2")
        assert await settled(here) == NO_HARM


@pytest.mark.parametrize(
    ("before", "expected"), [(A_MOMENT_BEFORE, HARM), (AHEAD, HARM), (timedelta(0), HARM), (LONG_AGO, NO_HARM)]
)
async def test_it_counts_by_when_we_received_it_unless_it_began_long_before(
    tmp_path: Path, before: timedelta, expected: tuple[ActionState, list[str]]
) -> None:
    async with acted(tmp_path) as (here, action):
        assert action.begun_at is not None
        await send(here, "RoomCold", "room", "f2", starts_at=action.begun_at - before)
        assert await settled(here) == expected


async def test_what_we_knew_before_we_acted_is_not_harm_whatever_start_it_claims(tmp_path: Path) -> None:
    """It was received before the act; a monitor that is ahead says that it began after it."""
    async with world(tmp_path, policy()) as here:
        await send(here, "RoomCold", "room", "f2", starts_at=here.context.now() + timedelta(minutes=5))
        await here.idle()
        await send(here)
        await here.until(ActionState.WAITING, 2)
        assert (await approve(here, ALICE, 2)).accepted
        await here.until(ActionState.SUCCEEDED, 2)
        await send(here, "RoomCold", "moon", "f3")
        await here.idle()
        action = await here.action(2)
        assert action is not None
        assert action.state is ActionState.SUCCEEDED


async def test_a_start_that_is_ahead_hides_no_later_alert(tmp_path: Path) -> None:
    async with acted(tmp_path) as (here, action):
        assert action.begun_at is not None
        await send(here, "Eclipse", "moon", "f2", starts_at=here.context.now() + timedelta(seconds=60))
        assert await settled(here) == NO_HARM
        await send(here, "RoomCold", "room", "f3", starts_at=action.begun_at + timedelta(milliseconds=1))
        assert await settled(here) == HARM


@pytest.mark.parametrize("moment", ["acting", "verifying"])
async def test_an_alert_that_begins_while_we_act_or_verify_counts_when_that_is_over(
    tmp_path: Path, moment: str
) -> None:
    seen, go_on = asyncio.Event(), asyncio.Event()

    async def waits(*_: Any) -> Any:
        seen.set()
        await go_on.wait()
        return await answers(*_) if moment == "verifying" else None

    async with world(tmp_path, policy()) as here:
        answers = here.senses.healthy
        if moment == "acting":
            here.switch.before_execute = waits
        else:
            object.__setattr__(here.senses, "healthy", waits)
        await send(here)
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        async with asyncio.timeout(20):
            await seen.wait()
        await send(here, "RoomCold", "room", "f2")
        await here.until_thread("")
        go_on.set()
        assert await settled(here) == HARM


async def test_a_muted_alert_is_no_sign_of_harm(tmp_path: Path) -> None:
    muting = policy(mute=[{"when": "alert.name == 'RoomCold'", "reason": "it is winter"}])
    async with acted(tmp_path, muting) as (here, _):
        await send(here, "RoomCold", "room", "f2")
        assert await settled(here) == NO_HARM
        await send(here, "RoomBurns", "room", "f3")
        assert await settled(here) == HARM


async def test_rows_of_superseded_questions_hide_neither_an_act_nor_a_failure(tmp_path: Path) -> None:
    async with acted(tmp_path) as (here, action):
        now = here.context.now()
        async with here.database.begin() as work:
            for number in range(120):
                asked = replace(
                    action,
                    id=f"superseded-{number}",
                    state=ActionState.WAITING,
                    begun_at=None,
                    finished_at=None,
                    decided_by=(),
                    decided_at=None,
                    result=None,
                    created_at=now,
                )
                await work.actions.add(asked)
                await work.actions.move(asked.id, ActionEvent.SUPERSEDE, finished_at=now)
        async with here.database.read() as work:
            past = await work.actions.history(("flip",), ("lamp",), now - timedelta(days=1))
        assert [(one.action_id, one.outcome) for one in past.actions] == [(action.id, "succeeded")]
        await send(here, "RoomCold", "room", "f2")
        await here.idle()
        async with here.database.read() as work:
            hurt = await work.actions.get(action.id)
        assert hurt is not None
        assert hurt.state is ActionState.ROLLED_BACK


async def test_another_target_of_the_same_runbook_in_one_attack_is_not_harm(tmp_path: Path) -> None:
    """The room goes dark as well, which is for the same runbook about another switch: the next, not our doing."""
    async with acted(tmp_path, remediation=SwitchBoard) as (here, _):
        await send(here, "SwitchOff", "room", "f2")
        assert await settled(here) == NO_HARM
        await send(here, "SwitchOff", "lamp", "f3")
        assert await settled(here) == HARM, "the very same again is"


async def test_an_act_that_was_not_shown_to_help_is_rolled_back_in_any_case(tmp_path: Path) -> None:
    async with world(tmp_path, policy()) as here:
        here.senses.health = Finding.UNKNOWN
        await send(here)
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.ROLLED_BACK)
        assert await settled(here) == HARM
