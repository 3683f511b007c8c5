"""Saved first, acknowledged second, done once: under redelivery, crashes, and errors."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from handlers.slack.arrival import Arrived, Kind, recognise
from handlers.slack.bridge import Bridge
from handlers.slack.inbox import Route
from handlers.slack.routes import ROUTES
from storage.database import Database
from tests.fixtures.database import RecordingEnqueuer
from tests.handlers.ship import Ship, sailing


def with_button(name: str, handler: Any) -> Any:
    """The routes, with another handler behind one button."""
    return {**ROUTES, Kind.BUTTON: {**ROUTES[Kind.BUTTON], name: Route(handler)}}


async def saved_click(ship: Ship, person: str, button: str, **changes: Any) -> Arrived:
    """A click that a process saved and acknowledged before it died."""
    await ship.question(**changes)
    arrived = recognise(
        {
            "type": "block_actions",
            "user": {"id": person},
            "trigger_id": "1.2.x",
            "actions": [{"action_id": button, "value": "a1.1", "action_ts": "1"}],
            "channel": {"id": "C01INC"},
        },
        utc_now(),
    )
    assert arrived is not None
    async with ship.database.begin() as work:
        assert await work.arrivals.save(arrived.kind, arrived.key, arrived.body, arrived.received_at)
    return arrived


async def test_an_envelope_that_is_delivered_twice_has_one_effect(ship: Ship) -> None:
    card = await ship.question(approvals_needed=2)
    ship.workspace.misbehave.duplicate_envelopes()
    await ship.alice.click(card, "approve")
    await ship.workspace.until(lambda: len(ship.workspace.deliveries) == 2)
    await ship.settled()
    assert all(record.answer.acked for record in ship.workspace.deliveries)
    assert len(await ship.audited("action.vote")) == 1
    assert len(ship.told("alice")) == 1
    assert ship.counted(kind="button", name="approve", result="repeated") == 1


async def test_what_was_saved_before_a_crash_takes_effect_at_the_next_start(ship: Ship) -> None:
    await saved_click(ship, "U01ALICE", "approve")
    next_process = ship.another_inbox()
    assert await next_process.recover() == 1
    assert await next_process.drain() == 0
    assert (await ship.action()).state is ActionState.APPROVED
    assert ship.told("alice") == ["Approved. It starts now; the thread will say how it goes."]
    assert await next_process.recover() == 0


async def test_two_processes_that_recover_at_once_do_it_once(ship: Ship) -> None:
    await saved_click(ship, "U01ALICE", "approve", approvals_needed=2)
    inboxes = [ship.another_inbox() for _ in range(4)]
    await asyncio.gather(*(inbox.recover() for inbox in inboxes))
    await asyncio.gather(*(inbox.drain() for inbox in inboxes))
    assert len(await ship.audited("action.vote")) == 1
    assert len(ship.told("alice")) == 1


async def test_a_crash_in_the_middle_of_the_effect_undoes_it_and_the_next_start_does_it_whole(ship: Ship) -> None:
    arrived = await saved_click(ship, "U01ALICE", "approve")
    begun = asyncio.Event()

    async def dies(bridge: Bridge, arrived: Arrived) -> None:
        async with bridge.database.begin() as work:
            await work.arrivals.done(arrived.key, utc_now())
            begun.set()
            await asyncio.Event().wait()

    dying = ship.another_inbox(with_button("approve", dies))
    await dying.recover()
    await begun.wait()
    assert await dying.drain(timeout_seconds=0.01) == 1  # left to the next start
    next_process = ship.another_inbox()
    assert await next_process.recover() == 1
    await next_process.drain()
    assert (await ship.action()).state is ActionState.APPROVED
    assert await next_process.recover() == 0
    assert arrived.attempts == 1


async def test_what_ends_every_process_that_begins_it_is_given_up(ship: Ship) -> None:
    await saved_click(ship, "U01ALICE", "approve")
    for _ in range(4):
        assert await ship.unfinished() == 1  # begun by somebody who did not live to finish it
    next_process = ship.another_inbox()
    await next_process.recover()
    await next_process.drain()
    assert (await ship.action()).state is ActionState.WAITING
    assert "I could not do “approve”" in ship.told("alice")[0]
    assert await ship.unfinished() == 0


async def test_an_old_click_is_not_carried_out_behind_the_persons_back(ship: Ship) -> None:
    await saved_click(ship, "U01ALICE", "approve")
    late = await ship.at(utc_now() + timedelta(hours=3))
    assert await late.recover() == 1
    await late.drain()
    assert (await ship.action()).state is ActionState.WAITING
    assert "I was away when you used “approve”" in ship.told("alice")[0]
    assert await late.recover() == 0


async def test_a_stop_is_a_brake_and_takes_effect_however_late(ship: Ship) -> None:
    await saved_click(ship, "U02BOB", "stop", state=ActionState.VETO_WINDOW)
    late = await ship.at(utc_now() + timedelta(hours=3))
    await late.recover()
    await late.drain()
    assert (await ship.action()).state is ActionState.STOPPED


async def test_when_the_click_cannot_be_saved_it_is_not_acknowledged_and_the_person_is_told(ship: Ship) -> None:
    card = await ship.question()
    async with ship.database.begin() as work:
        await work.session.execute(text("ALTER TABLE arrivals RENAME TO elsewhere"))
    outcome = await ship.alice.click(card, "approve")
    assert not outcome.acked
    assert outcome.warning is not None
    await ship.workspace.until(lambda: ship.told("alice"))
    assert "Nothing was done; please try again in a moment" in ship.told("alice")[0]
    assert (await ship.action()).state is ActionState.WAITING


async def test_a_click_that_bolt_could_not_authorise_is_saved_all_the_same(ship: Ship) -> None:
    card = await ship.question()
    ship.workspace.misbehave.fail("auth.test")
    await ship.alice.click(card, "approve")
    assert (await ship.action()).state is ActionState.WAITING
    await ship.inbox.recover()  # as the sweep does now and then
    await ship.settled()
    assert (await ship.action()).state is ActionState.APPROVED


async def test_an_event_that_cannot_be_saved_is_sent_again_by_slack_and_then_taken(ship: Ship) -> None:
    ship.workspace.ack_timeout = 1.0  # nothing is acknowledged: there is nothing to be patient for
    async with ship.database.begin() as work:
        await work.session.execute(text("ALTER TABLE arrivals RENAME TO elsewhere"))
    await ship.alice.post("C01INC", "<@UWATCH> are you there?")
    await ship.workspace.until(lambda: ship.workspace.deliveries)
    async with ship.database.begin() as work:
        await work.session.execute(text("ALTER TABLE elsewhere RENAME TO arrivals"))
    await ship.workspace.until(lambda: ship.told("alice"))
    await ship.workspace.until(lambda: ship.workspace.deliveries[-1].answer.acked)
    acked = [record.answer.acked for record in ship.workspace.deliveries]
    assert (acked[0], acked[-1]) == (False, True)


async def test_a_click_is_acknowledged_however_long_carrying_it_out_takes(
    database: Database, enqueuer: RecordingEnqueuer, http: bool
) -> None:
    released = asyncio.Event()

    async def slow(bridge: Bridge, arrived: Arrived) -> None:
        await released.wait()
        await ROUTES[Kind.BUTTON]["approve"].handler(bridge, arrived)

    async with sailing(database, enqueuer, http=http, routes=with_button("approve", slow)) as ship:
        card = await ship.question()
        outcome = await ship.alice.click(card, "approve")
        assert outcome.acked
        assert (await ship.action()).state is ActionState.WAITING
        released.set()
        await ship.settled()
        assert (await ship.action()).state is ActionState.APPROVED


async def test_a_trouble_that_passes_is_tried_again_and_nobody_notices(
    database: Database, enqueuer: RecordingEnqueuer, http: bool
) -> None:
    tries = 0
    approve = ROUTES[Kind.BUTTON]["approve"].handler

    async def stumbles(bridge: Bridge, arrived: Arrived) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError("the database fails over")
        await approve(bridge, arrived)

    async with sailing(database, enqueuer, http=http, routes=with_button("approve", stumbles)) as ship:
        card = await ship.question()
        await ship.alice.click(card, "approve")
        await ship.settled()
        assert (await ship.action()).state is ActionState.APPROVED
        assert len(ship.told("alice")) == 1


async def test_an_error_in_a_handler_is_told_to_the_person_logged_and_not_repeated_later(
    database: Database, enqueuer: RecordingEnqueuer, http: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(bridge: Bridge, arrived: Arrived) -> None:
        raise RuntimeError("a mistake in the program")

    async with sailing(database, enqueuer, http=http, routes=with_button("approve", breaks)) as ship:
        card = await ship.question()
        outcome = await ship.alice.click(card, "approve")
        await ship.settled()
        assert outcome.acked
        assert "I could not do “approve”: something went wrong on my side" in ship.told("alice")[0]
        assert "a mistake in the program" in caplog.text
        assert ship.counted(kind="button", name="approve", result="failed") == 1
        assert await ship.unfinished() == 0


async def test_a_button_of_an_older_release_is_acknowledged_with_a_hint(ship: Ship) -> None:
    card = await ship.question()
    stale = replace(card, blocks=[{**block, **_renamed(block)} for block in card.blocks])
    outcome = await ship.alice.click(stale, "escalate_to_mars")
    assert outcome.acked
    await ship.workspace.until(lambda: ship.told("alice"))
    assert "I do not know the button `escalate_to_mars` any more" in ship.told("alice")[0]
    assert await ship.unfinished() == 0


def _renamed(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] != "actions":
        return {}
    return {"elements": [{**block["elements"][0], "action_id": "escalate_to_mars"}]}


async def test_a_click_with_a_value_that_is_not_ours_is_refused_and_harms_nothing(ship: Ship) -> None:
    card = await ship.question()
    for value in (
        "",
        "a1",
        "a1.",
        ".1",
        "a1.-1",
        "a1.9999999999999999",
        "a1.1\0",
        "'; DROP TABLE actions; --.1",
        "x" * 2000,
    ):
        forged = replace(card, blocks=[{**block, **_with_value(block, value)} for block in card.blocks])
        assert (await ship.alice.click(forged, "approve")).acked
    await ship.settled()
    assert (await ship.action()).state is ActionState.WAITING
    assert set(ship.told("alice")) == {
        "I do not know this button any more. Please use the newest card in the incident's thread."
    }


def _with_value(block: dict[str, Any], value: str) -> dict[str, Any]:
    if block["type"] != "actions":
        return {}
    return {"elements": [{**e, "value": value} for e in block["elements"]]}


async def test_draining_waits_for_what_is_in_flight(ship: Ship) -> None:
    begun, released = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def slow(bridge: Bridge, arrived: Arrived) -> None:
        begun.set()
        await released.wait()
        await ROUTES[Kind.BUTTON]["approve"].handler(bridge, arrived)
        ended.append("the click")

    async def drain() -> None:
        assert await inbox.drain() == 0
        ended.append("the draining")

    await saved_click(ship, "U01ALICE", "approve")
    inbox = ship.another_inbox(with_button("approve", slow))
    await inbox.recover()
    draining = asyncio.create_task(drain())
    await begun.wait()
    released.set()
    await draining
    assert ended == ["the click", "the draining"]
    assert (await ship.action()).state is ActionState.APPROVED


async def test_the_bots_own_words_are_neither_saved_nor_answered(ship: Ship) -> None:
    event = {"type": "app_mention", "user": "UWATCH", "channel": "C01INC", "ts": "1.1", "bot_id": "BWATCH"}
    own = {"type": "event_callback", "event_id": "Ev1", "event": event, "api_app_id": "A01WATCH"}
    assert recognise(own, utc_now()) is None
    people = {**own, "event": {**event, "user": "U01ALICE", "bot_id": None}}
    assert recognise(people, utc_now()) is not None
