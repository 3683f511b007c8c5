"""Direct messages through the courier: in order, never twice, and never in the way of the thread."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.local.workspace import Message
from bot.response.model.notices import DirectNotice
from tests.slack.entries import ENTRIES
from tests.slack.notices import ALICE, BOB, CARDS
from tests.slack.short_notices import DIRECT
from tests.slack.test_courier import World, world  # noqa: F401 the fixture


def to(person: str, **changes: object) -> DirectNotice:
    """A reminder that is worth delivering now."""
    return DIRECT["direct_reminder"].model_copy(update={"to": person, "until": None, **changes})


def read_by(world: World, person: str) -> list[Message]:  # noqa: F811
    return world.workspace.messages(world.workspace.state.direct_channel(person).id)


async def test_a_direct_message_arrives_with_the_way_to_the_card(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"], to(ALICE), to(BOB)))
    (root,) = world.workspace.messages("C01INC")
    for person in (ALICE, BOB):
        (message,) = read_by(world, person)
        *answers, button = next(block for block in message.blocks if block["type"] == "actions")["elements"]
        assert [one["text"]["text"] for one in answers] == ["Restart checkout", "Don't", "I'll take it"]
        assert button["url"].endswith(f"/archives/C01INC/p{root.ts.replace('.', '')}")
    assert not world.workspace.thread("C01INC", root.ts)


async def test_every_direct_message_is_delivered_though_the_same_kind_is_queued_already(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    ids = await world.queue(incident, CARDS["asking"], to(ALICE), to(ALICE, title="Waits for your answer"))
    assert len(set(ids)) == 3
    async with world.delivering():
        await world.delivered(*ids)
    assert len(read_by(world, ALICE)) == 2


@pytest.mark.parametrize("trouble", ["fail", "lose_request", "lose_answer"])
async def test_a_direct_message_is_posted_once_whatever_happens_to_the_answer(world: World, trouble: str) -> None:  # noqa: F811
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"]))
        getattr(world.workspace.misbehave, trouble)("chat.postMessage", times=2)
        await world.delivered(*await world.queue(incident, to(ALICE)))
    assert len(read_by(world, ALICE)) == 1


async def test_a_person_who_cannot_be_written_to_does_not_hold_up_the_thread(world: World) -> None:  # noqa: F811
    world.workspace.team.user(ALICE).deleted = True
    incident = await world.incident()
    asked, lost, entry = await world.queue(incident, CARDS["asking"], to(ALICE), ENTRIES["entry_decided"])
    async with world.delivering() as courier:
        await world.delivered(asked, entry)
        assert courier.state.healthy
    row = await world.row(lost)
    assert (row.state, row.error) == ("failed", "user_disabled")


async def test_a_message_that_comes_too_late_is_not_delivered(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    over = datetime.now(UTC) - timedelta(seconds=1)
    asked, late, entry = await world.queue(incident, CARDS["asking"], to(ALICE, until=over), ENTRIES["entry_decided"])
    async with world.delivering():
        await world.delivered(asked, entry)
    assert (await world.row(late)).state == "failed"
    assert not world.calls("conversations.open")


async def test_the_conversation_is_opened_once_for_each_person(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"], to(ALICE), to(ALICE), to(BOB)))
    assert [call.arguments["users"] for call in world.calls("conversations.open")] == [ALICE, BOB]


async def test_without_a_link_from_slack_the_message_still_says_where_to_answer(world: World) -> None:  # noqa: F811
    world.workspace.misbehave.fail("chat.getPermalink")
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"], to(ALICE, buttons=())))
    (message,) = read_by(world, ALICE)
    assert "on the card in the incidents channel" in str(message.blocks)


async def test_two_replicas_write_to_each_person_once(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    ids = await world.queue(incident, CARDS["asking"], *(to(person) for person in (ALICE, BOB)))
    async with world.delivering(name="one"), world.delivering(name="two"):
        await world.delivered(*ids)
    assert [len(read_by(world, person)) for person in (ALICE, BOB)] == [1, 1]
