"""Point 12: one failed assessment never deafens an incident, nor does a lost one, nor a row of a newer release."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError

from bot.policy.stored import seal_of
from bot.response.deadlines.lost_assessments import queue_lost_assessments
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.ports.flow import QueueName
from storage.incidents import Incidents
from storage.tables import ACTIONS, DECISIONS, INCIDENTS, OUTBOX
from tests.promises.incoming import alert, policy_with, said, send, verified
from tests.response.test_nobody_answers import Clock
from tests.response.world import World, world

Begin = Callable[[Incidents, int, datetime], Awaitable[None]]
OURS = "Watchkeeper itself failed"


def failing(times: int, error: Exception, real: Begin) -> Begin:
    """``begin_consideration`` that fails so often before it works."""
    left = [error] * times

    async def begin(self: Incidents, incident_id: int, now: datetime) -> None:
        if left:
            raise left.pop()
        await real(self, incident_id, now)

    return begin


async def wanted(here: World) -> bool:
    async with here.database.read() as work:
        return bool(await work.session.scalar(select(INCIDENTS.c.consideration_wanted)))


async def end_all(here: World, *fingerprints: str) -> None:
    """Every alert ends, and the incident hears of it."""
    await send(here, *(alert(fingerprint, ended=here.context.now()) for fingerprint in fingerprints))
    await here.until_thread("Resolved")
    assert (await here.incident()).state is IncidentState.RESOLVED


@pytest.mark.parametrize(
    "error", [RuntimeError("a bug"), OperationalError("SELECT 1", {}, Exception("the server closed the connection"))]
)
async def test_after_a_failed_assessment_people_hear_and_the_next_alert_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        monkeypatch.setattr(Incidents, "begin_consideration", failing(1, error, Incidents.begin_consideration))
        await send(here, alert("f2"))
        await here.idle()
        assert not await wanted(here)
        assert said(here, OURS) or said(here, "Also firing now"), "somebody hears, of the failure or of the alert"
        await send(here, alert("f3"))
        await here.until_card(lambda card: card.alerts_firing == 3)
        await end_all(here, "f1", "f2", "f3")


async def test_an_assessment_that_fails_outside_any_transaction_is_told_and_the_next_works(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        ask, here.senses.ask = here.senses.ask, _broken  # type: ignore[method-assign]
        await send(here, alert("f2"))
        await here.until_thread(OURS)
        here.senses.ask = ask  # type: ignore[method-assign]
        assert not await wanted(here)
        await send(here, alert("f3"))
        await here.until(ActionState.WAITING)
        await end_all(here, "f1", "f2", "f3")


async def _broken(queries: Any) -> Any:
    raise RuntimeError("monitoring speaks in tongues")


async def test_a_mark_that_no_assessment_stands_behind_is_swept(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        await here.idle()
        async with here.database.begin() as work:
            await work.session.execute(update(INCIDENTS).values(consideration_wanted=True))
        await send(here, alert("f2"))
        await here.idle()
        assert said(here, "Also firing now") == [], "it joins an assessment that does not come"
        assert here.engine is not None
        under_way = partial(here.engine.under_way, QueueName.INCIDENTS)
        assert await queue_lost_assessments(here.context, under_way) == 1
        await here.until_thread("Also firing now")
        assert not await wanted(here)
        assert await queue_lost_assessments(here.context, under_way) == 0


async def test_an_assessment_that_only_waits_its_turn_is_not_queued_twice(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        async with here.database.begin() as work:
            await work.session.execute(update(INCIDENTS).values(consideration_wanted=True))

        async def waiting() -> frozenset[str]:
            return frozenset({"1"})

        assert await queue_lost_assessments(here.context, waiting) == 0


@pytest.mark.parametrize("change", [{"alerts": {"by": "a newer shape"}}, {"plans": []}, {"more": 1}])
async def test_a_decision_of_a_newer_release_does_not_silence_the_incident(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        async with here.database.begin() as work:
            await _as_newer(work, change)
        await send(here, alert("f2"))
        await here.until_card(lambda card: card.alerts_firing == 2)
        await end_all(here, "f1", "f2")
        assert said(here, OURS) == []


async def _as_newer(work: Any, change: dict[str, Any]) -> None:
    text = (await work.session.execute(select(DECISIONS.c.text))).scalar_one()
    newer = json.dumps(json.loads(text) | {"schema_version": 99} | change)
    await work.session.execute(update(DECISIONS).values(text=newer, seal=seal_of(newer)))


@pytest.mark.parametrize("columns", [{"state": "pondering"}, {"result": "mended_itself"}, {"trigger": "a dream"}])
async def test_an_act_in_words_of_a_newer_release_silences_neither_its_incident_nor_others(
    tmp_path: Path, columns: dict[str, str]
) -> None:
    async with world(tmp_path, policy_with()) as here:
        await verified(here, alert("f1"))
        async with here.database.begin() as work:
            await work.session.execute(update(ACTIONS).values(**columns))
        await send(here, alert("f2"))
        await here.until(ActionState.WAITING)
        await send(here, alert("f3", service="room"))
        await here.until(ActionState.WAITING, 2)
        assert said(here, OURS) == []
        await end_all(here, "f1", "f2")


async def test_a_state_that_only_a_newer_release_knows_is_under_way_there(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        async with here.database.begin() as work:
            await work.session.execute(update(ACTIONS).values(state="pondering"))
        await send(here, alert("f2"))
        await here.until_thread("Also firing now")
        assert (await here.action()).state is ActionState.VERIFYING  # type: ignore[union-attr]
        assert here.switch.read()["flips"] == 0


async def test_a_notice_that_only_a_newer_release_can_read_holds_nothing_up_for_good(tmp_path: Path) -> None:
    clock = Clock(datetime.now(UTC))
    async with world(tmp_path, policy_with(), now=clock) as here:
        here.slack_answers = False
        await send(here, alert("f1"))
        await here.until(ActionState.WAITING)
        async with here.database.begin() as work:
            first = select(func.min(OUTBOX.c.id)).scalar_subquery()
            hologram = {"kind": "hologram", "beams": 7}
            await work.session.execute(update(OUTBOX).where(OUTBOX.c.id == first).values(notice=hologram))
        clock.forward(6)
        here.slack_answers = True
        async with asyncio.timeout(20):
            while not here.delivered:
                await asyncio.sleep(0.02)
