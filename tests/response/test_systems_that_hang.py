"""Systems that do not answer keep nobody else's incident unheard."""

import asyncio
from pathlib import Path

import pytest

from bot.policy.plan import Plan
from bot.remediation import About, Parameters
from bot.response.engine.dbos import ASSESSMENTS_AT_ONCE
from bot.response.model.actions import ActionState
from bot.response.model.notices import CardNotice
from bot.response.ports.patience import MAY_BE_SLOW, NotAnsweredError, Patience
from tests.response.clicks import approve
from tests.response.world import ALICE, Switch, World, world, written_policy

FOR_EVER = 3600.0
wakes = asyncio.Event()
"""Until then the systems of these stories hang."""


@pytest.fixture(autouse=True)
def asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each story begins with systems that hang, on a loop of its own."""
    monkeypatch.setattr(f"{__name__}.wakes", asyncio.Event())


class Hanging(Switch):
    """Never says what it would do for a service that is called ``dead``."""

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        if about.service.startswith("dead"):
            await wakes.wait()
        return await super().plan(parameters, about)


async def test_more_plans_that_hang_than_run_at_once_do_not_keep_another_incident_waiting(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Hanging, plan_timeout_seconds=FOR_EVER) as here:
        here.context.patience.soon_seconds = 0.1
        for number in range(2 * ASSESSMENTS_AT_ONCE):
            await here.fire(service=f"dead-{number}", fingerprint=f"dead-{number}")
        await here.fire(name="SomethingElse", service="hall", fingerprint="hall")
        other = 2 * ASSESSMENTS_AT_ONCE + 1
        card = await _card_of(here, f"INC-{other}")
        assert "No runbook matches" in card.headline
        wakes.set()


async def test_people_are_told_which_system_did_not_answer(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Hanging, plan_timeout_seconds=0.1) as here:
        await here.fire(service="dead-1")
        card = await here.until_card(lambda card: bool(card.headline))
        assert "flip_switch did not answer within 0.1 s" in card.headline


async def test_what_has_been_approved_is_asked_to_the_end_though_others_are_slow(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Hanging) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        with pytest.raises(NotAnsweredError):
            await here.context.patience.ask("flip_switch", asyncio.Event().wait, 0.01)
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)


async def test_only_some_may_wait_their_full_time() -> None:
    patience, opened = Patience(soon_seconds=0.01), asyncio.Event()
    slow = [asyncio.create_task(patience.ask(f"slow-{each}", opened.wait, FOR_EVER)) for each in range(MAY_BE_SLOW)]
    await _until_slow(patience)
    with pytest.raises(NotAnsweredError, match=r"did not answer within 0\.01 s"):
        await patience.ask("one more", asyncio.Event().wait, FOR_EVER)
    opened.set()
    assert await asyncio.gather(*slow) == [True] * MAY_BE_SLOW
    assert MAY_BE_SLOW < ASSESSMENTS_AT_ONCE


async def test_a_system_that_was_silent_is_left_alone_for_a_while_and_others_are_not() -> None:
    patience = Patience(soon_seconds=0.01)
    with pytest.raises(NotAnsweredError, match="did not answer"):
        await patience.ask("silent", asyncio.Event().wait, 0.01)
    with pytest.raises(NotAnsweredError, match="is asked again in"):
        await patience.ask("silent", _answer, FOR_EVER)
    assert await patience.ask("other", _answer, FOR_EVER) == "here"


async def test_a_question_that_is_given_up_is_cancelled_and_its_error_is_its_own() -> None:
    patience, cancelled = Patience(soon_seconds=0.01), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(NotAnsweredError):
        await patience.ask("silent", hang, 0.01)
    assert cancelled.is_set()

    async def refuse() -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        await patience.ask("other", refuse, FOR_EVER)
    assert await patience.ask("other", _answer, FOR_EVER) == "here"


async def _card_of(here: World, incident: str) -> CardNotice:
    """The incident's card, however many of others are delivered before and after it."""
    async with asyncio.timeout(60):
        while True:
            for notice in here.delivered:
                if isinstance(notice, CardNotice) and notice.incident == incident:
                    return notice
            await asyncio.sleep(0.02)


async def _answer() -> str:
    return "here"


async def _until_slow(patience: Patience) -> None:
    while patience._slow < MAY_BE_SLOW:
        await asyncio.sleep(0.001)
