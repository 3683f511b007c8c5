"""The courier against a workspace that behaves like Slack, with a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select

from bot.local.demo.team import demo_team
from bot.local.workspace import Message, Workspace
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import Told
from bot.slack.connection import build_client
from bot.slack.courier import Courier
from bot.slack.deliveries import OutboxItem
from bot.slack.layout import Message as Drawn
from bot.slack.pacing import Paces
from bot.slack.posting import Desk
from bot.slack.text import words
from storage.database import Database
from storage.migrations import migrate
from storage.tables import INCIDENTS, OUTBOX
from storage.unit_of_work import UnitOfWork
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.slack.entries import ENTRIES
from tests.slack.notices import ALICE, CARDS, OPENED, card


@dataclass
class World:
    """A workspace, a database, and couriers between them."""

    workspace: Workspace
    database: Database
    client: AsyncWebClient
    accepted: list[int] = field(default_factory=list)
    on_accepted: Callable[[UnitOfWork, OutboxItem], Awaitable[None]] | None = None

    async def incident(self, channel: str | None = None) -> int:
        async with self.database.begin() as work:
            row = await work.session.execute(
                INCIDENTS.insert()
                .values(
                    handle=f"inc_{datetime.now(UTC).timestamp()}",
                    group_key=f"checkout/{datetime.now(UTC).timestamp()}",
                    service="checkout",
                    alert_name="ServiceDown",
                    severity="critical",
                    state=IncidentState.OPEN,
                    revision=1,
                    opened_at=OPENED,
                    channel=channel,
                    consideration_wanted=False,
                    considerations=0,
                )
                .returning(INCIDENTS.c.id)
            )
            return int(row.scalar_one())

    async def queue(self, incident: int, *notices: Told) -> list[int]:
        async with self.database.begin() as work:
            return [await work.outbox.add(incident, notice, datetime.now(UTC)) for notice in notices]

    async def row(self, outbox_id: int) -> Any:
        async with self.database.read() as work:
            return (await work.session.execute(select(OUTBOX).where(OUTBOX.c.id == outbox_id))).one()

    async def _accepted(self, work: UnitOfWork, item: OutboxItem) -> None:
        if self.on_accepted is not None:
            await self.on_accepted(work, item)
        self.accepted.append(item.id)

    def courier(
        self,
        *,
        name: str = "one",
        channel: str = "C01INC",
        post_interval_seconds: float = 0.0,
        post_burst: int = 4,
        paces: Paces | None = None,
    ) -> Courier[UnitOfWork]:
        return Courier(
            self.database,
            Desk(self.client),
            name=name,
            channel=lambda: channel,
            now=lambda: datetime.now(UTC),
            on_accepted=self._accepted,
            known_people=lambda: {ALICE},
            paces=paces or Paces(post_interval_seconds, post_burst, update_interval_seconds=0.0),
            back_off_seconds=(0.05, 0.1),
            settle_seconds=0.05,
        )

    @asynccontextmanager
    async def delivering(self, **options: Any) -> AsyncIterator[Courier[UnitOfWork]]:
        courier = self.courier(**options)
        courier.start()
        try:
            yield courier
        finally:
            await courier.close()

    async def delivered(self, *outbox_ids: int) -> None:
        """Wait until these rows are delivered."""
        async with asyncio.timeout(20):
            while not set(outbox_ids) <= set(self.accepted):
                await asyncio.sleep(0.01)

    def calls(self, method: str) -> list[Any]:
        return [call for call in self.workspace.calls if call.method == method]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}", RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    await migrate(database)
    workspace = Workspace(team=demo_team())
    async with workspace.serve() as server:
        yield World(workspace, database, build_client(workspace.bot_token, server.api_url))
    await database.close()


def outbox_ids(messages: list[Message]) -> list[int]:
    return [message.metadata["event_payload"]["outbox_id"] for message in messages if message.metadata]


async def test_an_incident_is_one_message_that_changes_and_one_thread(world: World) -> None:
    incident = await world.incident()
    async with world.delivering():
        (asked,) = await world.queue(incident, CARDS["asking"])
        await world.delivered(asked)
        rest = await world.queue(incident, ENTRIES["entry_decided"], CARDS["approved"], ENTRIES["entry_succeeded"])
        await world.delivered(*rest)
    root, broadcast = world.workspace.messages("C01INC")
    assert root.blocks[0]["text"]["text"] == "Approved: Restart checkout"
    assert root.text == "Approved: Restart checkout. Approved by <@U01ALICE>. 🔴 Critical (INC-7)"
    assert root.metadata == {"event_type": "watchkeeper_notice", "event_payload": {"outbox_id": rest[1]}}
    assert broadcast.is_broadcast
    assert outbox_ids(world.workspace.thread("C01INC", root.ts)) == [rest[0], rest[2]]


async def test_the_first_card_becomes_the_incidents_thread(world: World) -> None:
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"]))
    async with world.database.read() as work:
        stored = await work.incidents.get(incident)
    (root,) = world.workspace.messages("C01INC")
    assert stored is not None
    assert (stored.channel, stored.thread_ts) == ("C01INC", root.ts)


async def test_nothing_is_unfurled(world: World) -> None:
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"], ENTRIES["entry_decided"]))
    for call in world.calls("chat.postMessage"):
        assert call.arguments["unfurl_links"] is False
        assert call.arguments["unfurl_media"] is False


async def test_every_golden_notice_is_taken_by_the_workspace(world: World) -> None:
    incident = await world.incident()
    async with world.delivering():
        world.workspace.web_api._limits._relaxed = True
        notices: list[Told] = [*CARDS.values(), *ENTRIES.values()]
        for notice in notices:
            await world.delivered(*await world.queue(incident, notice))
    assert not [call for call in world.workspace.calls if not call.ok]


async def test_a_limit_on_one_channel_delays_no_other(world: World) -> None:
    world.workspace.misbehave.rate_limit("chat.postMessage", times=1, retry_after=3600)
    busy, late, quiet = await world.incident("C01INC"), await world.incident("C01INC"), await world.incident("C02AUD")
    async with world.delivering():
        (limited,) = await world.queue(busy, CARDS["asking"])
        await world.workspace.until(lambda: world.calls("chat.postMessage"))
        (waiting,) = await world.queue(late, CARDS["asking"])
        await world.delivered(*await world.queue(quiet, CARDS["asking"], ENTRIES["entry_decided"]))
        while not (await world.row(waiting)).attempts:
            await asyncio.sleep(0.01)
    assert [(await world.row(one)).state for one in (limited, waiting)] == ["queued", "queued"]
    channels = [call.arguments["channel"] for call in world.calls("chat.postMessage")]
    assert channels == ["C01INC", "C02AUD", "C02AUD"], "a limited channel is left alone until its time"


async def test_a_channel_that_was_too_busy_gets_everything_in_the_end(world: World) -> None:
    incidents = [await world.incident() for _ in range(7)]
    rows = [(await world.queue(one, card(incident=f"INC-{one}")))[0] for one in incidents]
    async with world.delivering(post_burst=20):
        await world.delivered(*rows)
    assert "ratelimited" in {call.error for call in world.calls("chat.postMessage")}
    assert sorted(outbox_ids(world.workspace.messages("C01INC"))) == sorted(rows)


async def test_after_a_limit_nothing_is_searched_for_because_nothing_was_sent(world: World) -> None:
    world.workspace.misbehave.rate_limit("chat.postMessage", times=2, retry_after=0)
    async with world.delivering():
        await world.delivered(*await world.queue(await world.incident(), CARDS["asking"]))
    assert len(world.workspace.messages("C01INC")) == 1
    assert not world.calls("conversations.history")


@pytest.mark.parametrize("trouble", ["fail", "lose_request", "lose_answer"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_message_is_posted_once_whatever_happens_to_the_answer(world: World, trouble: str, times: int) -> None:
    getattr(world.workspace.misbehave, trouble)("chat.postMessage", times=times)
    incident = await world.incident()
    async with world.delivering():
        ids = await world.queue(incident, CARDS["asking"], ENTRIES["entry_decided"], ENTRIES["entry_succeeded"])
        await world.delivered(*ids)
    root = world.workspace.messages("C01INC")[0]
    assert [*outbox_ids([root]), *outbox_ids(world.workspace.thread("C01INC", root.ts))] == ids


async def test_a_reply_whose_answer_was_lost_is_found_in_its_thread(world: World) -> None:
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"]))
        world.workspace.misbehave.lose_answer("chat.postMessage")
        (entry,) = await world.queue(incident, ENTRIES["entry_decided"])
        await world.delivered(entry)
    (root,) = world.workspace.messages("C01INC")
    assert outbox_ids(world.workspace.thread("C01INC", root.ts)) == [entry]
    assert world.calls("conversations.replies")


async def test_while_the_search_fails_nothing_is_posted_again(world: World) -> None:
    world.workspace.misbehave.lose_answer("chat.postMessage")
    world.workspace.misbehave.fail("conversations.history", times=1)
    async with world.delivering():
        (asked,) = await world.queue(await world.incident(), CARDS["asking"])
        await world.delivered(asked)
    assert outbox_ids(world.workspace.messages("C01INC")) == [asked]


async def test_a_row_left_by_a_courier_that_died_is_found_and_not_repeated(world: World) -> None:
    incident = await world.incident()
    (asked,) = await world.queue(incident, CARDS["asking"])
    now = datetime.now(UTC)
    async with world.database.begin() as work:
        item = await work.outbox.claim(asked, by="the dead", now=now, until=now)
    assert item is not None
    drawn = Drawn(
        words("x"), [{"type": "divider"}], {"event_type": "watchkeeper_notice", "event_payload": {"outbox_id": asked}}
    )
    await Desk(world.client).post("C01INC", drawn)
    async with world.delivering():
        await world.delivered(asked)
    assert len(world.workspace.messages("C01INC")) == 1


async def test_an_update_is_simply_made_again(world: World) -> None:
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"]))
        world.workspace.misbehave.lose_answer("chat.update")
        await world.delivered(*await world.queue(incident, CARDS["stopped"]))
    (root,) = world.workspace.messages("C01INC")
    assert root.blocks[0]["text"]["text"].startswith("Stopped:")


async def test_two_replicas_share_the_work_and_repeat_nothing(world: World) -> None:
    world.workspace.web_api._limits._relaxed = True
    incidents = [await world.incident() for _ in range(10)]
    rows = [await world.queue(one, card(incident=f"INC-{one}"), *ENTRIES.values()) for one in incidents]
    async with world.delivering(name="one"), world.delivering(name="two"):
        await world.delivered(*(row for ids in rows for row in ids))
    roots = [message for message in world.workspace.messages("C01INC") if not message.is_broadcast]
    assert len(roots) == 10
    for root in roots:
        (first,) = outbox_ids([root])
        following = [first + step for step in range(1, len(ENTRIES) + 1)]
        assert outbox_ids(world.workspace.thread("C01INC", root.ts)) == following


async def test_a_channel_we_are_not_in_is_reported_and_delays_no_other(world: World) -> None:
    world.workspace.team.channel("C02AUD").members.remove("UWATCH")
    lost, well = await world.incident("C02AUD"), await world.incident("C01INC")
    (waiting,) = await world.queue(lost, CARDS["asking"])
    async with world.delivering() as courier:
        await world.delivered(*await world.queue(well, CARDS["asking"]))
        async with asyncio.timeout(30):
            while "C02AUD" not in courier.state.problems:
                await asyncio.sleep(0.01)
        assert "invite the app" in courier.state.problems["C02AUD"]
        assert not courier.state.healthy
    assert (await world.row(waiting)).state == "queued"
    assert "not_in_channel" in (await world.row(waiting)).error


async def test_a_revoked_token_is_reported_as_such(world: World) -> None:
    world.workspace.misbehave.lift()
    world.client.token = "xoxb-revoked"
    await world.queue(await world.incident(), CARDS["asking"])
    async with world.delivering() as courier, asyncio.timeout(30):
        while not courier.state.problems:
            await asyncio.sleep(0.01)
        assert "SLACK_BOT_TOKEN" in courier.state.problems[""]


async def test_a_card_that_cannot_be_drawn_is_given_up_and_the_thread_goes_on(world: World) -> None:
    incident = await world.incident()
    broken, entry = await world.queue(incident, card(subject="x" * 2100), ENTRIES["entry_decided"])
    async with world.delivering():
        await world.delivered(entry)
    row = await world.row(broken)
    assert row.state == "failed"
    assert "2000" in row.error
    assert outbox_ids(world.workspace.messages("C01INC")) == [entry]


async def test_a_card_that_somebody_deleted_is_posted_anew(world: World) -> None:
    incident = await world.incident()
    async with world.delivering():
        await world.delivered(*await world.queue(incident, CARDS["asking"]))
        (root,) = world.workspace.messages("C01INC")
        await world.client.chat_delete(channel="C01INC", ts=root.ts)
        (stopped,) = await world.queue(incident, CARDS["stopped"])
        await world.delivered(stopped)
    (root,) = world.workspace.messages("C01INC")
    assert outbox_ids([root]) == [stopped]


async def test_what_follows_acceptance_is_committed_with_it_or_not_at_all(world: World) -> None:
    attempts: list[int] = []

    async def refuse_once(work: UnitOfWork, item: OutboxItem) -> None:
        attempts.append(item.id)
        if len(attempts) == 1:
            raise RuntimeError("the act could not be queued")

    world.on_accepted = refuse_once
    (asked,) = await world.queue(await world.incident(), CARDS["announcing"])
    async with world.delivering(name="dies"):
        async with asyncio.timeout(30):
            while not attempts:
                await asyncio.sleep(0.01)
    assert (await world.row(asked)).state == "queued"
    async with world.database.begin() as work:
        await work.session.execute(OUTBOX.update().values(claimed_until=OPENED))
    async with world.delivering(name="goes on"):
        await world.delivered(asked)
    assert len(world.workspace.messages("C01INC")) == 1


async def test_a_courier_that_closes_gives_back_what_waits_for_its_slot(world: World) -> None:
    rows = [(await world.queue(await world.incident(), CARDS["asking"]))[0] for _ in range(4)]
    async with world.delivering(post_interval_seconds=3600.0, post_burst=1):
        async with asyncio.timeout(30):
            while len(world.accepted) < 1:
                await asyncio.sleep(0.01)
    left = [await world.row(one) for one in rows if one not in world.accepted]
    assert len(left) == 3
    assert all(row.claimed_by is None and row.state == "queued" for row in left)


async def test_a_hint_reaches_one_person_only(world: World) -> None:
    async with world.delivering() as courier:
        assert await courier.whisper("C01INC", ALICE, Drawn(words("Only Carol may do that."), []))
    (hint,) = world.workspace.ephemerals(ALICE)
    assert hint.text == "Only Carol may do that."
    assert not world.workspace.messages("C01INC")


async def test_a_hint_for_someone_outside_the_channel_becomes_a_direct_message(world: World) -> None:
    async with world.delivering() as courier:
        assert await courier.whisper("C03LEAD", ALICE, Drawn(words("Only Carol may do that."), []))
    assert not world.workspace.ephemerals(ALICE)
    (opened,) = world.calls("conversations.open")
    assert opened.arguments["users"] == ALICE


async def test_a_hint_that_is_lost_harms_nothing(world: World) -> None:
    world.workspace.misbehave.fail("chat.postEphemeral")
    async with world.delivering() as courier:
        assert not await courier.whisper("C01INC", ALICE, Drawn(words("Only Carol may do that."), []))
