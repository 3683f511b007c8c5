"""Channels of their own: what becomes of an incident that gets one, from its first card to the archive."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.response.model.actions import ActionEvent
from bot.response.model.incident_channel import ChannelStep
from bot.response.model.incidents import IncidentEvent
from tests.slack.harbour import DASHBOARD, DAY, RUNBOOK, SECOND, Harbour, harbour


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Harbour]:
    async with harbour(tmp_path) as built:
        yield built


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
    for part in (
        "In short",
        "Done and verified: Restart checkout. Decided by",
        "It answers.",
        "Left to review: 1 action, until",
    ):
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
        await work.incidents.move(incident, IncidentEvent.RESOLVE, now=here.context.now())
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


async def test_the_workspace_takes_every_state_of_an_own_channel_as_slack_would(here: Harbour) -> None:
    incident = await here.incident(service="Check Out/EU <@U01ALICE>")
    await here.furnished(incident)
    await here.over(incident)
    assert here.channel().name == "inc-1-check-out-eu-u01alice"
    assert {call.error for call in here.workspace.calls if not call.ok} <= {None}
    assert (await here.own(incident)).step is ChannelStep.ARCHIVE
