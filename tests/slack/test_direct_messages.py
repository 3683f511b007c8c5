"""Direct messages through the courier: in order, never twice, and never in the way of the thread."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from bot.local.workspace import Message
from bot.response.model.notices import DirectEndNotice, DirectNotice
from bot.slack.pacing import Paces
from storage.tables import OUTBOX
from tests.slack.entries import ENTRIES
from tests.slack.notices import ALICE, BOB, CARDS
from tests.slack.short_notices import DIRECT, DIRECT_ENDS
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


async def ends(world: World, incident: int) -> list[DirectEndNotice]:  # noqa: F811
    """The end of each message that people hold with answers."""
    async with world.database.read() as work:
        sent = await work.outbox.answerable(incident)
    return [
        DIRECT_ENDS["direct_end_approved"].model_copy(
            update={"of": one.outbox_id, "channel": one.channel, "ts": one.ts}
        )
        for one in sent
    ]


async def test_an_answer_that_came_takes_the_buttons_from_everybody_and_moves_no_message(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"], to(ALICE), to(BOB), to(BOB, buttons=())))
        over = await ends(world, incident)
        assert len(over) == 2
        await world.delivered(*await world.queue(incident, *over))
    for person in (ALICE, BOB):
        message, *others = read_by(world, person)
        assert len(others) == (person == BOB)
        assert [
            one["text"]["text"] for block in message.blocks for one in block.get("elements", ()) if "url" in one
        ] == ["Open"]
        assert "approve" not in str(message.blocks)
        assert "Nothing is to be answered here any more" in str(message.blocks)
    assert await ends(world, incident) == []


async def test_a_message_that_was_deleted_holds_up_nothing(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    async with world.delivering() as courier:
        await world.delivered(*await world.queue(incident, CARDS["asking"], to(ALICE)))
        (over,) = await ends(world, incident)
        await world.client.chat_delete(channel=over.channel, ts=over.ts)
        lost, entry = await world.queue(incident, over, ENTRIES["entry_decided"])
        await world.delivered(entry)
        async with asyncio.timeout(20):
            while (row := await world.row(lost)).state == "queued":
                await asyncio.sleep(0.05)
        assert courier.state.healthy
    assert row.state == "failed"
    assert read_by(world, ALICE) == []


async def test_news_goes_before_the_end_of_a_direct_message(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    paces = Paces(update_interval_seconds=1000, update_burst=6)
    async with world.delivering(paces=paces):
        await world.delivered(*await world.queue(incident, CARDS["asking"], to(ALICE), to(BOB)))
        one, other = await ends(world, incident)
        ended = await world.queue(incident, one)
        await world.delivered(*ended)
        for name in ("partly_approved", "approved"):
            await world.delivered(*await world.queue(incident, CARDS[name]))
        late, entry = await world.queue(incident, other, ENTRIES["entry_decided"])
        await world.delivered(entry)
        assert (await world.row(late)).state == "queued"
        await world.delivered(*await world.queue(incident, CARDS["running"]))
        assert (await world.row(late)).state == "queued"


async def test_what_a_newer_release_has_written_is_left_to_it_and_stops_nothing(world: World) -> None:  # noqa: F811
    incident = await world.incident()
    async with world.delivering():
        ids = await world.queue(incident, CARDS["asking"], to(ALICE), to(BOB))
        await world.delivered(*ids)
    newer = to(ALICE).model_dump(mode="json") | {"buttons": ["a button of tomorrow"]}
    async with world.database.begin() as work:
        await work.session.execute(update(OUTBOX).where(OUTBOX.c.id == ids[1]).values(notice=newer))
    assert [one.of for one in await ends(world, incident)] == [ids[2]]
