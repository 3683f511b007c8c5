"""A question put to one person is answered right there; and whoever may not do something is told who may."""

import json
from datetime import timedelta

import pytest

from bot.local.workspace import Message
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.notices.recipients import write_to
from bot.response.ports.context import utc_now
from bot.slack.text import words
from handlers.slack.arrival import Arrived, Kind
from tests.handlers.ship import Ship

SAID = ("Waits for your answer: Restart checkout", "", "nothing happens.")


async def written_to(ship: Ship, *people: str) -> list[Message]:
    """What each of them is written about the question, as it arrives."""
    async with ship.database.begin() as work:
        incident, action = await work.incidents.get(1), await work.actions.get("a1")
        assert incident is not None
        assert action is not None
        now = utc_now()
        await write_to(work, ship.policy, incident, action, people, SAID, now)
    ids = [ship.workspace.state.direct_channel(person).id for person in people]
    await ship.workspace.until(lambda: all(ship.workspace.messages(channel) for channel in ids))
    return [ship.workspace.messages(channel)[0] for channel in ids]


def offered(message: Message) -> list[str]:
    return [one["action_id"] for block in message.blocks if block["type"] == "actions" for one in block["elements"]]


@pytest.mark.parametrize(
    ("button", "state", "said"),
    [
        ("approve", ActionState.APPROVED, "Approved. It starts now"),
        ("stop", ActionState.STOPPED, "Stopped. Nothing was changed"),
    ],
)
async def test_a_question_is_answered_in_the_direct_message_which_then_says_what_came_of_it(
    ship: Ship, button: str, state: ActionState, said: str
) -> None:
    await ship.question()
    (message,) = await written_to(ship, "U01ALICE")
    assert offered(message) == ["approve", "stop", "take", "open"]
    await ship.alice.click(message, button)
    await ship.settled()
    assert (await ship.action()).state is state
    (message,) = ship.workspace.messages(message.channel)
    assert said in json.dumps(message.blocks)
    assert "Waits for your answer" in json.dumps(message.blocks)
    assert offered(message) == ["open"]
    assert ship.told("alice") == []


async def test_an_incident_is_taken_from_the_direct_message(ship: Ship) -> None:
    await ship.question()
    (message,) = await written_to(ship, "U02BOB")
    await ship.bob.click(message, "take")
    await ship.settled()
    assert (await ship.incident()).state is IncidentState.TAKEN
    assert offered(ship.workspace.messages(message.channel)[0]) == ["open"]


async def test_what_somebody_else_has_answered_says_so_and_keeps_no_button(ship: Ship) -> None:
    await ship.question()
    first, second = await written_to(ship, "U01ALICE", "U02BOB")
    await ship.alice.click(first, "stop")
    await ship.settled()
    await ship.bob.click(second, "approve")
    await ship.settled()
    assert (await ship.action()).state is ActionState.STOPPED
    (message,) = ship.workspace.messages(second.channel)
    assert "Nothing to approve any more: stopped" in json.dumps(message.blocks)
    assert offered(message) == ["open"]


async def test_who_asked_for_it_is_not_offered_to_approve_it(ship: Ship) -> None:
    card = await ship.question(requested_by="U01ALICE")
    first, second = await written_to(ship, "U01ALICE", "U02BOB")
    assert offered(first) == ["stop", "take", "open"]
    assert offered(second) == ["approve", "stop", "take", "open"]
    assert "Asked for by <@U01ALICE>, so somebody else must approve." in json.dumps(card.blocks)


@pytest.mark.parametrize("button", ["override", "pause"])
async def test_whoever_may_not_fill_in_a_form_is_told_who_may_and_gets_none(ship: Ship, button: str) -> None:
    card = await ship.question()
    await ship.dave.click(card, button)
    await ship.settled()
    assert ship.workspace.state.open_views("U04DAVE") == []
    (said,) = ship.told("dave")
    assert said.startswith(f"You may not {button} here")
    assert "Who may: <@U01ALICE>, <@U02BOB>" in said
    (entry,) = await ship.audited("person.refused")
    assert (entry.actor, entry.body["deed"]) == ("U04DAVE", button)


async def test_times_in_what_people_are_told_are_in_their_own_zone(ship: Ship) -> None:
    until = utc_now() + timedelta(hours=2)
    await ship.question()
    assert (await ship.alice.slash("/watch", "pause everything for 2h the database moves")).acked
    await ship.settled()
    await ship.workspace.until(lambda: "Paused: Restart" in json.dumps(ship.workspace.messages("C01INC")[0].blocks))
    said = str(ship.workspace.messages("C01INC")[0].blocks)
    assert f"<!date^{int(until.timestamp() // 60) * 60}^{{time}} {{date_short_pretty}}|" in said


async def test_whoever_stopped_it_may_say_why_afterwards_and_nobody_else(ship: Ship) -> None:
    card = await ship.question()
    await ship.alice.click(card, "stop")
    await ship.settled()
    await ship.workspace.until(
        lambda: any("say_why" in offered(one) for one in ship.workspace.thread("C01INC", card.ts))
    )
    (entry,) = [one for one in ship.workspace.thread("C01INC", card.ts) if "say_why" in offered(one)]
    await ship.bob.click(entry, "say_why")
    await ship.settled()
    assert ship.workspace.state.open_views("U02BOB") == []
    assert ship.told("bob") == ["Only whoever stopped it can say why. That was <@U01ALICE>."]
    await ship.alice.click(entry, "say_why")
    await ship.workspace.until(lambda: ship.workspace.state.open_views("U01ALICE"))
    await ship.alice.submit(ship.workspace.state.open_views("U01ALICE")[-1], {"reason": "It is being debugged."})
    await ship.settled()
    (said,) = await ship.audited("action.stop_explained")
    assert (said.actor, said.body["reason"]) == ("U01ALICE", "It is being debugged.")
    await ship.workspace.until(lambda: "It is being debugged." in str(ship.workspace.thread("C01INC", card.ts)))


@pytest.mark.parametrize("blocks", [None, "x", [], [None, 1, "x"], [{"type": "actions", "elements": None}], [{}]])
async def test_a_direct_message_of_any_form_is_answered(ship: Ship, blocks: object) -> None:
    state = ship.workspace.state
    channel = state.direct_channel("U01ALICE").id
    url = f"{state.base_url}/response/{state.response_urls.issue('U01ALICE', channel)}"
    said = {"channel": {"id": channel}, "user": {"id": "U01ALICE"}, "message": {"blocks": blocks}}
    arrived = Arrived(Kind.BUTTON, "stop", "key", said | {"response_url": url}, utc_now())
    await ship.inbox.bridge.say(arrived, words("Stopped."))
    assert ship.told("alice") == ["Stopped."]
