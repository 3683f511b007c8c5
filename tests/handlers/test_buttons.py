"""Clicks, from the person's finger to the rows, over Socket Mode and over signed HTTP."""

import asyncio

from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.ports.flow import FlowName
from tests.handlers.ship import Ship


async def test_an_approver_approves_and_is_told_in_private(ship: Ship) -> None:
    card = await ship.question()
    outcome = await ship.alice.click(card, "approve")
    await ship.settled()
    assert (outcome.acked, outcome.warning) == (True, None)
    action = await ship.action()
    assert (action.state, action.decided_by) == (ActionState.APPROVED, ("U01ALICE",))
    assert ship.flows() == [FlowName.ACT]
    assert ship.told("alice") == ["Approved. It starts now; the thread will say how it goes."]
    assert ship.told("bob") == []
    assert await ship.unfinished() == 0


async def test_two_real_clicks_of_one_person_count_once(ship: Ship) -> None:
    card = await ship.question(approvals_needed=2)
    await asyncio.gather(ship.alice.click(card, "approve"), ship.alice.click(card, "approve"))
    await ship.settled()
    assert (await ship.action()).state is ActionState.WAITING
    assert len(await ship.audited("action.vote")) == 1
    assert sorted(ship.told("alice")) == [
        "Your approval is already counted.",
        "Your approval is counted. One more person must approve before it runs.",
    ]
    assert ship.counted(kind="button", name="approve", result="new") == 2


async def test_two_people_make_the_quorum(ship: Ship) -> None:
    card = await ship.question(approvals_needed=2)
    await asyncio.gather(ship.alice.click(card, "approve"), ship.bob.click(card, "approve"))
    await ship.settled()
    action = await ship.action()
    assert (action.state, set(action.decided_by)) == (ActionState.APPROVED, {"U01ALICE", "U02BOB"})
    assert ship.flows() == [FlowName.ACT]


async def test_somebody_without_the_right_is_refused_politely_in_private_and_on_the_record(ship: Ship) -> None:
    card = await ship.question()
    outcome = await ship.dave.click(card, "approve")
    await ship.settled()
    assert outcome.acked
    assert (await ship.action()).state is ActionState.WAITING
    assert ship.told("dave") == [
        "You may not approve here: the policy does not name you in the groups that may. "
        "Who may: <@U01ALICE>, <@U02BOB>."
    ]
    (entry,) = await ship.audited("person.refused")
    assert (entry.actor, entry.body["deed"], entry.incident_id) == ("U04DAVE", "approve", 1)


async def test_a_click_on_an_older_card_is_refused_with_an_explanation(ship: Ship) -> None:
    card = await ship.question()
    async with ship.database.begin() as work:
        await work.incidents.next_revision(1)
    await ship.alice.click(card, "approve")
    await ship.settled()
    assert (await ship.action()).state is ActionState.WAITING
    assert "This card is out of date: INC-1 has a newer question" in ship.told("alice")[0]


async def test_stop_takes_effect_from_an_older_card_too(ship: Ship) -> None:
    card = await ship.question(ActionState.VETO_WINDOW)
    async with ship.database.begin() as work:
        await work.incidents.next_revision(1)
    await ship.bob.click(card, "stop")
    await ship.settled()
    assert (await ship.action()).state is ActionState.STOPPED


async def test_taking_an_incident_over_shows_on_the_card(ship: Ship) -> None:
    card = await ship.question()
    await ship.bob.click(card, "take")
    await ship.settled()
    incident = await ship.incident()
    assert (incident.state, incident.taken_by) == (IncidentState.TAKEN, "U02BOB")
    await ship.workspace.until(lambda: "<@U02BOB>" in str(ship.workspace.messages("C01INC")[0].blocks))


async def test_rolling_back_what_cannot_be_rolled_back_is_explained(ship: Ship) -> None:
    card = await ship.question(ActionState.SUCCEEDED)
    await ship.alice.click(card, "roll_back")
    await ship.settled()
    assert ship.told("alice") == ["This action cannot be rolled back. Please handle it by hand."]
