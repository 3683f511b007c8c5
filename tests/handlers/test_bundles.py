"""The card of a storm, from the person's finger to the rows: all of it, some of it, and why; over both transports."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.local.workspace import Message
from bot.response.model.actions import ActionState
from bot.response.model.bundle import Bundle
from bot.response.model.incidents import IncidentEvent, IncidentState
from bot.response.notices.card import refresh_card
from bot.response.ports.context import utc_now
from bot.response.ports.flow import FlowName
from tests.fixtures import incidents as facts
from tests.handlers.policy import POLICY
from tests.handlers.ship import Ship, asked_by_policy
from tests.handlers.test_modals import opened

RUNBOOK = "restart-checkout"


async def storm(ship: Ship, number: int = 3, first: int = 1) -> Message:
    """So many incidents on one card, each with a question that waits."""
    now = utc_now()
    async with ship.database.begin() as work:
        shared = await work.bundles.with_room(RUNBOOK, now - timedelta(minutes=5))
        for each in range(first, first + number):
            named = f"group {each}"
            incident = await facts.open_incident(work, named, revision=1, service=f"checkout-{each}")
            await work.decisions.add(asked_by_policy(incident))
            await work.actions.add(
                facts.action(
                    incident, f"a{each}", state=ActionState.WAITING, runbook=RUNBOOK, due_at=now + timedelta(minutes=30)
                )
            )
            await work.bundles.ask(incident, RUNBOOK, "L1 asks", now)
            shared = shared or await work.bundles.open("the storm", RUNBOOK, incident, now)
            await work.bundles.join(shared, incident)
            await refresh_card(work, POLICY, incident, now)
    return await card(ship, f"{first + number - 1} questions at once" if number > 1 else "")


async def card(ship: Ship, text: str) -> Message:
    """The shared card, once it says ``text``."""
    await ship.workspace.until(lambda: any(text in one.text for one in ship.workspace.messages("C01INC")))
    return ship.workspace.messages("C01INC")[0]


async def bundle(ship: Ship) -> Bundle:
    async with ship.database.read() as work:
        found = await work.bundles.get("the storm")
    assert found is not None
    return found


def forged(shown: Message, value: str) -> Message:
    """The same card with another value on its buttons."""
    blocks = [
        {**block, "elements": [{**one, "value": value} for one in block["elements"]]}
        if block["type"] == "actions"
        else block
        for block in shown.blocks
    ]
    return replace(shown, blocks=blocks)


async def states(ship: Ship, number: int = 3) -> list[ActionState]:
    return [(await ship.action(f"a{each}")).state for each in range(1, number + 1)]


async def test_one_click_approves_all_and_the_approver_is_told_so_in_private(ship: Ship) -> None:
    shown = await storm(ship)
    assert (await ship.alice.click(shown, "approve_these")).acked
    await ship.settled()
    assert await states(ship) == [ActionState.APPROVED] * 3
    assert ship.flows() == [FlowName.ACT] * 3
    assert ship.told("alice") == ["Your yes is counted. 3 questions start now."]
    assert len(await ship.audited("action.vote")) == 3
    assert len(ship.workspace.messages("C01INC")) == 1
    root = ship.workspace.messages("C01INC")[0]
    await ship.workspace.until(lambda: len(ship.workspace.thread("C01INC", root.ts)) == 1)
    assert "Approved: 3 questions" in ship.workspace.thread("C01INC", root.ts)[0].text


async def test_two_real_clicks_and_two_people_start_everything_once(ship: Ship) -> None:
    shown = await storm(ship)
    await asyncio.gather(
        ship.alice.click(shown, "approve_these"),
        ship.alice.click(shown, "approve_these"),
        ship.bob.click(shown, "approve_these"),
    )
    await ship.settled()
    assert ship.flows() == [FlowName.ACT] * 3
    assert len(await ship.audited("action.vote")) == 3


async def test_somebody_without_the_right_is_refused_in_private_and_nothing_starts(ship: Ship) -> None:
    shown = await storm(ship)
    await ship.dave.click(shown, "approve_these")
    await ship.settled()
    assert await states(ship) == [ActionState.WAITING] * 3
    assert "the policy does not name you" in ship.told("dave")[0]
    assert [entry.actor for entry in await ship.audited("person.refused")] == ["U04DAVE"]


async def test_a_click_on_an_older_card_does_not_speak_for_newer_questions(ship: Ship) -> None:
    old = replace(await storm(ship, 2))  # as it was: the message itself follows
    await storm(ship, 2, first=3)
    await ship.alice.click(old, "approve_these")
    await ship.settled()
    assert await states(ship, 4) == [ActionState.APPROVED] * 2 + [ActionState.WAITING] * 2
    assert "2 questions came since: look at the card again." in ship.told("alice")[0]


async def test_some_are_chosen_in_a_dialog(ship: Ship) -> None:
    shown = await storm(ship)
    await ship.alice.click(shown, "choose")
    view = await opened(ship, "alice")
    assert "INC-2 checkout-2: Restart checkout" in str(view.blocks)
    accepted = await ship.alice.submit(view, {"chosen": ["INC-2", "INC-3"], "deed": "approve"})
    await ship.settled()
    assert (accepted.acked, accepted.errors) == (True, {})
    assert await states(ship) == [ActionState.WAITING, ActionState.APPROVED, ActionState.APPROVED]
    assert ship.told("alice") == ["Your approval is counted. 2 questions start now."]


async def test_a_question_is_given_a_card_of_its_own(ship: Ship) -> None:
    shown = await storm(ship)
    await ship.bob.click(shown, "choose")
    await ship.bob.submit(await opened(ship, "bob"), {"chosen": ["INC-3"], "deed": "alone"})
    await ship.settled()
    await ship.workspace.until(lambda: len(ship.workspace.messages("C01INC")) == 2)
    own = ship.workspace.messages("C01INC")[1]
    assert "checkout-3" in str(own.blocks)
    assert ship.told("bob") == ["INC-3: it gets a card of its own in a moment."]
    await ship.alice.click(own, "approve")
    await ship.settled()
    assert await states(ship) == [ActionState.WAITING, ActionState.WAITING, ActionState.APPROVED]
    await ship.workspace.until(lambda: len(ship.workspace.thread("C01INC", own.ts)) == 2)
    assert ship.workspace.thread("C01INC", shown.ts) == [], "what is about it alone is told in its own thread"


async def test_all_are_taken_over_with_one_click_and_an_old_card_is_good_enough_for_that(ship: Ship) -> None:
    old = replace(await storm(ship, 2))  # as it was: the message itself follows
    await storm(ship, 2, first=3)
    await ship.bob.click(old, "take_these")
    await ship.settled()
    for number in (1, 2, 3, 4):
        incident = await ship.incident(number)
        assert (incident.state, incident.taken_by) == (IncidentState.TAKEN, "U02BOB")
    assert ship.told("bob") == ["4 incidents are yours. Nothing acts by itself there, and nobody else is called."]


async def test_why_says_why_together_and_how_each_stands(ship: Ship) -> None:
    shown = await storm(ship)
    await ship.dave.click(shown, "why_these")
    view = await opened(ship, "dave")
    await ship.settled()
    said = str(view.blocks)
    for part in ("such incidents came within", "L1 asks", "INC-1", "INC-3", "/watch why INC-"):
        assert part in said


async def test_pause_offers_the_runbook_first(ship: Ship) -> None:
    shown = await storm(ship)
    await ship.bob.click(shown, "pause_these")
    view = await opened(ship, "bob")
    await ship.settled()
    assert "Runbook restart-checkout" in str(view.blocks[1])
    await ship.bob.submit(view, {"reason": "something else is going on"})
    await ship.settled()
    async with ship.database.read() as work:
        (pause,) = await work.pauses.active(utc_now())
    assert (str(pause.scope), pause.by) == ("runbook restart-checkout", "U02BOB")


async def test_the_shortcuts_say_that_they_need_one_incident(ship: Ship) -> None:
    shown = await storm(ship)
    for shortcut in ("why_this", "roll_this_back"):
        await ship.alice.shortcut(shortcut, shown)
        await ship.settled()
        assert "about many incidents" in ship.told("alice")[-1]


async def test_nothing_is_left_to_choose_once_all_are_resolved(ship: Ship) -> None:
    shown = await storm(ship)
    async with ship.database.begin() as work:
        for number in (1, 2, 3):
            assert await work.incidents.move(number, IncidentEvent.RESOLVE, now=utc_now())
    await ship.alice.click(shown, "choose")
    await ship.settled()
    assert "nothing left to choose" in ship.told("alice")[0]


async def test_a_button_of_a_card_we_never_made_is_refused(ship: Ship) -> None:
    shown = await storm(ship)
    for button in ("approve_these", "take_these", "choose", "why_these", "pause_these"):
        await ship.alice.click(forged(shown, "another.3"), button)
        await ship.settled()
    assert await states(ship) == [ActionState.WAITING] * 3
    assert set(ship.told("alice")) == {
        "I do not know this button any more. Please use the newest card in the incident's thread."
    }
