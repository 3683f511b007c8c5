"""Channels of their own against a workspace that behaves like Slack, with a real database and the real courier."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.local.workspace import Workspace, demo_team
from bot.local.workspace.team import Channel
from bot.policy.document import Policy
from bot.response.actions import ActionEvent
from bot.response.card import refresh_card
from bot.response.channel_moves import PATIENCE, lost, tell_ending, want_channel
from bot.response.channels import ChannelBrief, ChannelStep, OwnChannel
from bot.response.incidents import IncidentEvent
from bot.response.notices import CardNotice, DirectNotice, Link, ThreadNotice
from bot.response.watch import Watch
from bot.slack.channel_names import channel_name, topic
from bot.slack.channels import CLAIM_SECONDS, Channels
from bot.slack.connection import build_client
from bot.slack.courier import Courier, OutboxItem
from bot.slack.pacing import Pace, Paces
from bot.slack.people import SlackPeople
from bot.slack.posting import Desk
from storage.database import Database
from storage.migrations import migrate
from storage.unit_of_work import UnitOfWork
from tests.fixtures import incidents as facts
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.handlers.orders import ORDERS
from tests.handlers.ship import NoSenses

DASHBOARD, RUNBOOK = "https://grafana.example/d/checkout", "https://docs.example/checkout"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def orders(**own: Any) -> Policy:
    """What is critical gets a channel of its own."""
    document = ORDERS.model_dump(mode="json", by_alias=True)
    document["channels"]["own_channel"] = {"severities": ["Critical"], "invite": ["sre-oncall"]} | own
    document["services"]["checkout"]["dashboard"] = DASHBOARD
    document["runbooks"]["restart-checkout"]["runbook_url"] = RUNBOOK
    return Policy.model_validate(document)


@dataclass
class Harbour:
    """A workspace, a database, a courier that delivers, and a clock that can be turned on."""

    workspace: Workspace
    database: Database
    watch: Watch
    courier: Courier[UnitOfWork]
    channels: Channels
    _ahead: list[timedelta] = field(default_factory=list)

    def pass_time(self, by: timedelta) -> None:
        self._ahead.append(by)

    async def incident(self, severity: str = "critical", service: str = "checkout") -> int:
        """One whose first card is on its way, with an entry behind it."""
        async with self.database.begin() as work:
            number = len(await work.incidents.latest()) + 1
            values = {"handle": f"h{number}", "severity": severity, "service": service, "revision": 1}
            incident_id = await facts.open_incident(work, f"{service}/{number}", **values)
            stored = facts.decision(incident_id)
            situation = stored.situation.model_copy(update={"runbook": "restart-checkout"})
            await work.decisions.add(replace(stored, situation=situation))
            await work.actions.add(facts.action(incident_id, f"a{incident_id}"))
            await refresh_card(work, self.watch.orders(), incident_id, self.watch.now())
        await self.told(incident_id)
        await self.say(incident_id, "Asking for approval")
        return incident_id

    async def say(self, incident_id: int, title: str) -> None:
        now = self.watch.now()
        async with self.database.begin() as work:
            await work.outbox.add(incident_id, ThreadNotice(incident=f"INC-{incident_id}", title=title, at=now), now)

    async def told(self, incident_id: int) -> None:
        """Wait until everything about the incident is delivered."""
        async with asyncio.timeout(20):
            while True:
                async with self.database.read() as work:
                    if not await work.outbox.undelivered(incident_id):
                        return
                await asyncio.sleep(0.01)

    async def furnished(self, incident_id: int) -> None:
        """Sweep, while time passes, until there is nothing to do any more before the incident ends."""
        async with asyncio.timeout(30):
            while (await self.own(incident_id)).step not in (ChannelStep.ARCHIVE, ChannelStep.GIVEN_UP):
                await self.channels.sweep()
                self.pass_time(2 * SECOND)
                await asyncio.sleep(0.01)
        await self.told(incident_id)

    async def over(self, incident_id: int) -> None:
        """The action succeeded, and the alerts ended."""
        now = self.watch.now()
        async with self.database.begin() as work:
            for event in (ActionEvent.APPROVE, ActionEvent.CLAIM, ActionEvent.BEGIN, ActionEvent.EXECUTED):
                await work.actions.move(f"a{incident_id}", event, decided_by=("U01ALICE",), decided_at=now)
            await work.actions.move(f"a{incident_id}", ActionEvent.HEALTHY, outcome="It answers.", finished_at=now)
            await work.reviews.ask(f"a{incident_id}", now + 5 * DAY)
            await work.incidents.move(incident_id, IncidentEvent.RESOLVE, now=now)
            await tell_ending(work, self.watch, incident_id)
        await self.told(incident_id)

    async def own(self, incident_id: int) -> OwnChannel:
        async with self.database.read() as work:
            own = await work.channels.get(incident_id)
        assert own is not None
        return own

    async def kinds(self, incident_id: int) -> list[str]:
        async with self.database.read() as work:
            return [entry.kind for entry in await work.audit.of_incident(incident_id)]

    def made(self) -> list[Channel]:
        """Channels that were not always there."""
        return [one for one in self.workspace.state.team.channels.values() if one.created]

    def channel(self) -> Channel:
        (channel,) = self.made()
        return channel

    def texts(self, channel: str) -> list[str]:
        return [message.text for message in self.workspace.messages(channel)]

    def calls(self, method: str) -> list[Any]:
        return [call for call in self.workspace.calls if call.method == method]

    def another(self, name: str) -> Channels:
        """What the next replica has."""
        return Channels(self.watch, self.database, self.channels._client, name=name)


@asynccontextmanager
async def harbour(folder: Path, policy: Policy | None = None) -> AsyncIterator[Harbour]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'watch.db'}", RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    await migrate(database)
    workspace = Workspace(team=demo_team(), relaxed_limits=True)
    ahead: list[timedelta] = []
    written = policy or orders()
    async with workspace.serve() as server:
        client = build_client(workspace.bot_token, server.api_url)
        watch = Watch(
            database=database,
            orders=lambda: written,
            catalogue={},
            evidence=NoSenses(),
            people=SlackPeople(client, lambda: written),
            now=lambda: datetime.now(UTC) + sum(ahead, timedelta()),
        )

        async def accepted(work: UnitOfWork, item: OutboxItem) -> None:
            if isinstance(item.notice, CardNotice):
                await want_channel(work, watch, item.incident_id, item.notice)

        async def closed(work: UnitOfWork, item: OutboxItem, error: str) -> None:
            await lost(work, watch, item.incident_id, error)

        courier = Courier(
            database,
            Desk(client),
            name="courier",
            channel=lambda: "C01INC",
            now=watch.now,
            on_accepted=accepted,
            on_lost_channel=closed,
            paces=Paces(post_interval_seconds=0.0, update_interval_seconds=0.0),
            back_off_seconds=(0.05,),
            settle_seconds=0.05,
        )
        courier.start()
        channels = Channels(watch, database, client, name="one")
        yield Harbour(workspace, database, watch, courier, channels, ahead)
        await channels.close()
        await courier.close()
    await database.close()


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as built:
        yield built


# -- what it becomes ---------------------------------------------------------------------------------------------


async def test_it_is_opened_furnished_and_everything_is_told_in_it(here: Harbour) -> None:
    incident = await here.incident()
    await here.furnished(incident)
    channel = here.channel()
    assert (channel.name, channel.members) == ("inc-1-checkout", ["UWATCH", "U01ALICE", "U02BOB"])
    assert channel.topic == "🔴 Critical on checkout · ServiceDown: checkout does not answer"
    assert [(mark["title"], mark["link"]) for mark in channel.bookmarks] == [
        ("Dashboard", DASHBOARD),
        ("Runbook", RUNBOOK),
    ]
    card, entry = here.workspace.messages(channel.id)
    assert "approve" in str(card.blocks)
    assert "Asking for approval" in entry.text
    assert entry.thread_ts is None, "in its own channel the channel itself is the thread"
    assert channel.pins == [card.ts]
    (pointer,) = here.workspace.messages("C01INC")
    assert f"*INC-1* is handled in <#{channel.id}>" in pointer.text
    assert "approve" not in str(pointer.blocks), "there is one place to answer"
    assert not here.workspace.thread("C01INC", pointer.ts)


async def test_nobody_waits_for_the_channel_to_be_asked(here: Harbour) -> None:
    await here.incident()
    (card,) = here.workspace.messages("C01INC")
    assert "approve" in str(card.blocks)
    assert not here.made()


async def test_only_the_severities_of_the_orders_get_one(here: Harbour) -> None:
    incident = await here.incident(severity="warning")
    await here.told(incident)
    assert await here.channels.sweep() == 0
    assert not here.made()


async def test_the_story_ends_with_a_summary_and_the_channel_is_archived_a_day_later(here: Harbour) -> None:
    incident = await here.incident()
    await here.furnished(incident)
    await here.over(incident)
    channel = here.channel()
    said = str(here.workspace.messages(channel.id)[-1].blocks)
    for part in ("In short", "Done: Restart checkout. Decided by", "It answers.", "Left to review: 1 action, until"):
        assert part in said
    (pointer,) = here.workspace.messages("C01INC")
    assert "was handled in" in pointer.text
    here.pass_time(DAY - SECOND * 60)
    await here.channels.sweep()
    assert not channel.is_archived
    here.pass_time(SECOND * 61)
    await here.channels.sweep()
    assert channel.is_archived
    assert (await here.kinds(incident))[-1] == "channel.archived"
    await here.say(incident, "Rolled back after all")
    await here.told(incident)
    (late,) = here.workspace.thread("C01INC", pointer.ts)
    assert "Rolled back after all" in late.text, "what comes later is told where the pointer is"


async def test_it_is_not_archived_while_something_is_under_way(here: Harbour) -> None:
    incident = await here.incident()
    await here.furnished(incident)
    await here.over(incident)
    async with here.database.begin() as work:
        await work.actions.move(f"a{incident}", ActionEvent.ROLL_BACK)
    here.pass_time(2 * DAY)
    await here.channels.sweep()
    assert not here.channel().is_archived
    async with here.database.begin() as work:
        assert await work.actions.move(f"a{incident}", ActionEvent.RESTORED) is not None
    here.pass_time(61 * SECOND)
    await here.channels.sweep()
    assert here.channel().is_archived


async def test_an_incident_that_is_over_first_needs_no_channel(here: Harbour) -> None:
    incident = await here.incident()
    async with here.database.begin() as work:
        await work.incidents.move(incident, IncidentEvent.RESOLVE, now=here.watch.now())
    await here.furnished(incident)
    assert not here.made()
    (card,) = here.workspace.messages("C01INC")
    assert len(here.workspace.thread("C01INC", card.ts)) == 1


async def test_a_message_of_the_channel_and_its_pointer_belong_to_the_incident(here: Harbour) -> None:
    incident = await here.incident()
    await here.furnished(incident)
    channel, (pointer,) = here.channel(), here.workspace.messages("C01INC")
    async with here.database.read() as work:
        for place in ((channel.id, "1.1"), ("C01INC", pointer.ts)):
            found = await work.incidents.by_thread(*place)
            assert found is not None
            assert found.id == incident
        assert await work.incidents.by_thread("C01INC", "1.1") is None


# -- when Slack is difficult ----------------------------------------------------------------------------------------

METHODS = ("conversations.create", "conversations.invite", "conversations.setTopic", "bookmarks.add", "pins.add")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trouble", ["fail", "lose_request", "lose_answer"])
async def test_every_step_is_done_once_whatever_happens_to_its_answer(here: Harbour, method: str, trouble: str) -> None:
    getattr(here.workspace.misbehave, trouble)(method, times=2 if trouble == "fail" else 1)
    incident = await here.incident()
    await here.furnished(incident)
    channel = here.channel()
    assert channel.name == "inc-1-checkout"
    assert channel.members == ["UWATCH", "U01ALICE", "U02BOB"]
    assert channel.topic
    assert [mark["link"] for mark in channel.bookmarks] == [DASHBOARD, RUNBOOK]
    assert len(channel.pins) == 1
    assert len(here.workspace.messages(channel.id)) == 2


async def test_a_limit_is_honoured_and_meanwhile_the_news_is_told_in_the_thread(here: Harbour) -> None:
    here.workspace.misbehave.rate_limit("conversations.create", times=1, retry_after=1)
    incident = await here.incident()
    await here.channels.sweep()
    await here.channels.sweep()
    assert len(here.calls("conversations.create")) == 1
    (card,) = here.workspace.messages("C01INC")
    assert not here.workspace.thread("C01INC", card.ts), "the news waits for its channel"
    here.pass_time(PATIENCE)
    await here.told(incident)
    assert len(here.workspace.thread("C01INC", card.ts)) == 1, "but not longer than that"
    await here.furnished(incident)
    await here.say(incident, "Approved")
    await here.told(incident)
    assert len(here.workspace.messages(here.channel().id)) == 2


async def test_a_taken_name_gets_a_number(here: Harbour) -> None:
    for taken in ("inc-1-checkout", "inc-1-checkout-2"):
        here.workspace.state.team.add(Channel(f"C0{len(taken)}", taken, is_archived=True))
    await here.furnished(await here.incident())
    assert here.channel().name == "inc-1-checkout-3"


async def test_what_a_dead_process_opened_is_found_and_not_opened_again(here: Harbour) -> None:
    incident = await here.incident()
    now = here.watch.now()
    async with here.database.begin() as work:
        until = now + timedelta(seconds=CLAIM_SECONDS)
        assert await work.channels.claim(incident, by="the dead", now=now, until=until) is not None
    await here.channels._client.conversations_create(name="inc-1-checkout")
    assert await here.channels.sweep() == 0
    here.pass_time(timedelta(seconds=CLAIM_SECONDS))
    await here.furnished(incident)
    assert here.channel().name == "inc-1-checkout"


async def test_an_old_channel_of_the_same_name_is_never_taken_for_ours(here: Harbour) -> None:
    await here.channels._client.conversations_create(name="inc-1-checkout")
    old = here.channel()
    old.created -= 86400
    here.workspace.misbehave.lose_request("conversations.create")
    incident = await here.incident()
    await here.furnished(incident)
    assert (await here.own(incident)).channel != old.id


async def test_two_replicas_open_one_channel_each_time(here: Harbour) -> None:
    incidents = [await here.incident() for _ in range(4)]
    other = here.another("two")
    await asyncio.gather(here.channels.sweep(), other.sweep())
    for incident in incidents:
        await here.furnished(incident)
    assert sorted(channel.name for channel in here.made()) == [f"inc-{number}-checkout" for number in incidents]


async def test_openings_are_paced_and_come_before_everything_else(here: Harbour) -> None:
    here.channels._paces[ChannelStep.CREATE] = Pace(interval_seconds=60, burst=4)
    for _ in range(6):
        await here.incident()
    await here.channels.sweep()
    methods = [call.method for call in here.workspace.calls if call.method in METHODS]
    assert methods.count("conversations.create") == 4, "four at once"
    assert methods[:4] == ["conversations.create"] * 4


async def test_whoever_cannot_be_invited_keeps_nobody_else_out(tmp_path: Path) -> None:
    async with harbour(tmp_path) as here:
        incident = await here.incident()
        assert await here.watch.people.members(["sre-oncall"]) == ("U01ALICE", "U02BOB")
        del here.workspace.state.team.users["U01ALICE"]
        await here.furnished(incident)
        assert here.channel().members == ["UWATCH", "U02BOB"]


@pytest.mark.parametrize("invite", [["sre-oncall"], []])
async def test_people_who_are_there_already_or_nobody_at_all_are_no_trouble(tmp_path: Path, invite: list[str]) -> None:
    async with harbour(tmp_path, orders(invite=invite)) as here:
        here.workspace.misbehave.lose_answer("conversations.invite")
        incident = await here.incident()
        await here.furnished(incident)
        assert len(here.channel().members) == 1 + 2 * len(invite)
        assert len(here.workspace.messages(here.channel().id)) == 2, "nothing is said about it"


async def test_a_right_that_is_missing_falls_back_to_the_thread_and_says_so_once(here: Harbour) -> None:
    installation = here.workspace.state.installation
    installation.scopes = frozenset({"chat:write", "channels:history", "channels:read", "users:read"})
    incident = await here.incident()
    await here.furnished(incident)
    (card,) = here.workspace.messages("C01INC")
    told = [entry.text for entry in here.workspace.thread("C01INC", card.ts)]
    assert len([text for text in told if "No channel of its own" in text]) == 1
    assert "approve" in str(card.blocks)
    assert "missing_scope" in here.channels.problems[ChannelStep.CREATE]
    here.pass_time(DAY)
    assert await here.channels.sweep() == 0


async def test_a_right_that_is_missing_later_leaves_out_only_what_needs_it(here: Harbour) -> None:
    installation = here.workspace.state.installation
    installation.scopes -= {"pins:write", "bookmarks:write"}
    incident = await here.incident()
    await here.furnished(incident)
    assert here.channel().topic
    assert set(here.channels.problems) == {ChannelStep.BOOKMARK, ChannelStep.PIN}


async def test_when_nobody_can_be_invited_it_is_said_in_the_channel(here: Harbour) -> None:
    here.workspace.misbehave.rate_limit("conversations.invite", times=1, retry_after=1)
    incident = await here.incident()
    await here.channels.sweep()
    installation = here.workspace.state.installation
    installation.scopes -= {"channels:manage", "groups:write", "im:write"}
    await here.furnished(incident)
    assert "Nobody could be invited here" in str(here.texts(here.channel().id))


async def test_a_channel_that_people_closed_sends_the_story_back_to_the_thread(here: Harbour) -> None:
    incident = await here.incident()
    await here.furnished(incident)
    here.channel().is_archived = True
    await here.say(incident, "Approved")
    await here.told(incident)
    (card,) = here.workspace.messages("C01INC")
    assert "approve" in str(card.blocks), "the pointer is the card again"
    told = [entry.text for entry in here.workspace.thread("C01INC", card.ts)]
    assert ["Approved" in told[0], "Its channel is closed" in told[-1]] == [True, True]
    assert (await here.kinds(incident))[-1] == "channel.lost"
    assert here.courier.state.healthy


async def test_what_goes_to_one_person_never_counts_as_the_channel_taking_nothing_any_more(here: Harbour) -> None:
    incident = await here.incident()
    await here.furnished(incident)
    await here.courier.close()
    now = here.watch.now()
    notice = DirectNotice(incident=f"INC-{incident}", to="U04DAVE", title="Waits for your answer", at=now)
    async with here.database.begin() as work:
        direct = await work.outbox.add(incident, notice, now)
        item = await work.outbox.claim(direct, by="test", now=now, until=now + DAY)
    assert item is not None
    assert (item.channel, item.in_own_channel) == (here.channel().id, False), "it shows the way to the card, no more"


async def test_a_card_that_was_on_its_way_during_the_move_does_not_undo_it(here: Harbour) -> None:
    incident = await here.incident()
    await here.furnished(incident)
    own = await here.own(incident)
    async with here.database.begin() as work:
        await work.channels.card_delivered(incident, own.announcement.channel, own.announcement.ts)
        stored = await work.incidents.get(incident)
    assert stored is not None
    assert stored.channel == own.channel


# -- names and topics -----------------------------------------------------------------------------------------------


def brief(service: str = "checkout", severity: str = "critical", name: str = "inc-{number}-{service}") -> ChannelBrief:
    return ChannelBrief(
        number=7,
        service=service,
        severity=severity,
        alert_name="ServiceDown",
        summary="it does not answer",
        name=name,
        invite=(),
        links=(Link(label="Dashboard", url=DASHBOARD),),
    )


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("checkout", "inc-7-checkout"),
        ("Check Out/EU", "inc-7-check-out-eu"),
        ("Übergröße", "inc-7-ubergroe"),
        ("#general <!channel>", "inc-7-general-channel"),
        ("結帳", "inc-7"),
        ("--__--", "inc-7"),
        ("", "inc-7"),
    ],
)
def test_a_name_is_made_of_what_slack_allows(service: str, name: str) -> None:
    assert channel_name(brief(service)) == name


@settings(deadline=None, max_examples=200)
@given(
    st.text(max_size=300),
    st.text(max_size=60),
    st.sampled_from(["inc-{number}-{service}", "{service}{number}", "{severity}-{service}-{number}-x", "{number}"]),
    st.integers(0, 20),
)
def test_any_service_gives_a_name_that_slack_takes_and_that_holds_the_number(
    service: str, severity: str, pattern: str, attempt: int
) -> None:
    name = channel_name(brief(service, severity, pattern), attempt)
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", name)
    assert "7" in name
    assert re.search(r"[a-z0-9]", name)


def test_a_long_service_is_cut_and_never_the_number() -> None:
    assert channel_name(brief("x" * 300, name="{service}-{number}"), 19).endswith("-7-20")
    assert len(channel_name(brief("x" * 300), 20)) <= 80


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_gives_a_topic_within_slacks_limit_and_without_markup(service: str, summary: str) -> None:
    said = topic(brief(service).model_copy(update={"summary": f"<!channel> {summary}"}))
    assert len(said.encode("utf-16-le")) // 2 <= 250
    assert "<" not in said


async def test_the_workspace_takes_every_state_of_an_own_channel_as_slack_would(here: Harbour) -> None:
    incident = await here.incident(service="Check Out/EU <@U01ALICE>")
    await here.furnished(incident)
    await here.over(incident)
    assert here.channel().name == "inc-1-check-out-eu-u01alice"
    assert {call.error for call in here.workspace.calls if not call.ok} <= {None}
    assert (await here.own(incident)).step is ChannelStep.ARCHIVE
