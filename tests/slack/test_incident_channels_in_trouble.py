"""Channels of their own while Slack is difficult: every step once, and the thread where there can be no channel."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.local.workspace.team import Channel
from bot.response.model.incident_channel import ChannelStep
from bot.response.model.notices import DirectNotice
from bot.response.notices.channel_moves import PATIENCE
from bot.slack.incident_channels import LEASE_SECONDS
from bot.slack.pacing import Pace
from tests.slack.harbour import DASHBOARD, DAY, RUNBOOK, Harbour, harbour, written_policy


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as built:
        yield built


METHODS = ("conversations.create", "conversations.invite", "conversations.setTopic", "bookmarks.add", "pins.add")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("trouble", ["fail", "lose_request", "lose_answer"])
async def test_every_step_is_done_once_whatever_happens_to_its_answer(here: Harbour, method: str, trouble: str) -> None:
    getattr(here.workspace.misbehave, trouble)(method, times=2 if trouble == "fail" else 1)
    incident = await here.incident()
    await here.furnished(incident)
    channel = here.channel()
    assert channel.name == "inc-1-checkout"
    assert sorted(channel.members) == ["U01ALICE", "U02BOB", "UWATCH"]
    assert channel.topic
    assert [mark["link"] for mark in channel.bookmarks] == [DASHBOARD, RUNBOOK]
    assert len(channel.pins) == 1
    assert len(here.workspace.messages(channel.id)) == 2


async def test_a_limit_is_honoured_and_meanwhile_the_news_is_told_in_the_thread(here: Harbour) -> None:
    here.workspace.misbehave.rate_limit("conversations.create", times=1, retry_after=10)
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
    now = here.context.now()
    async with here.database.begin() as work:
        until = now + timedelta(seconds=LEASE_SECONDS)
        assert await work.channels.claim(incident, by="the dead", now=now, until=until) is not None
    await here.channels._client.conversations_create(name="inc-1-checkout")
    assert await here.channels.sweep() == 0
    here.pass_time(timedelta(seconds=LEASE_SECONDS))
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
        assert await here.context.people.members(["sre-oncall"]) == ("U01ALICE", "U02BOB")
        del here.workspace.state.team.users["U01ALICE"]
        await here.furnished(incident)
        assert set(here.channel().members) == {"UWATCH", "U02BOB"}


@pytest.mark.parametrize("invite", [["sre-oncall"], []])
async def test_people_who_are_there_already_or_nobody_at_all_are_no_trouble(tmp_path: Path, invite: list[str]) -> None:
    async with harbour(tmp_path, written_policy(invite=invite)) as here:
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
    now = here.context.now()
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
