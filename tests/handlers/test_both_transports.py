"""Socket Mode and HTTP at once, as while somebody moves from one to the other: an envelope counts once either way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.local.workspace.envelope import Envelope
from bot.response.model.actions import ActionState
from storage.database import Database
from tests.fixtures.database import RecordingEnqueuer
from tests.handlers.ship import Ship, sailing

MANY = 40


@pytest.fixture
async def ship(database: Database, enqueuer: RecordingEnqueuer) -> AsyncIterator[Ship]:
    async with sailing(database, enqueuer, http=True, socket=True) as ship:
        yield ship


async def both(ship: Ship, envelope: Envelope) -> list[bool]:
    """Deliver it both ways at once; whether each was acknowledged."""
    workspace = ship.workspace
    assert workspace.request_url is not None
    assert workspace.delivery.http is not None
    answers = await asyncio.gather(
        workspace.sockets.send(envelope, workspace.ack_timeout),
        workspace.delivery.http.send(envelope, workspace.request_url, workspace.ack_timeout),
    )
    return [answer.acked for answer in answers]


async def test_each_transport_takes_effect(ship: Ship) -> None:
    card = await ship.question(approvals_needed=2)
    assert (await ship.alice.click(card, "approve")).acked
    ship.workspace.request_url = None  # from now on through Socket Mode
    assert (await ship.bob.click(card, "approve")).acked
    await ship.settled()
    assert (await ship.action()).state is ActionState.APPROVED


async def test_the_same_envelope_through_both_counts_once(ship: Ship) -> None:
    card = await ship.question(approvals_needed=2)
    await ship.workspace.person("dave").click(card, "approve")
    await ship.bob.post("C01INC", "<@UWATCH> are you there?")
    await ship.workspace.until(lambda: len(ship.workspace.deliveries) == 2)
    await ship.settled()
    for record in list(ship.workspace.deliveries):
        assert await both(ship, record.envelope) == [True, True]
    await ship.settled()
    assert len(await ship.audited("person.refused")) == len(ship.told("dave")) == len(ship.told("bob")) == 1


async def test_many_at_once_are_all_acknowledged_and_answered_once(ship: Ship) -> None:
    outcomes = await asyncio.gather(*(ship.alice.slash("/watch", "help") for _ in range(MANY)))
    await ship.settled()
    assert all(outcome.acked for outcome in outcomes)
    assert len(ship.told("alice")) == MANY
    assert await ship.unfinished() == 0
