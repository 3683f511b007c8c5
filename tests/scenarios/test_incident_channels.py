"""A critical incident gets a channel of its own: people are called into it, and its whole story stands there."""

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from bot.local.workspace import Message
from bot.local.workspace.team import Channel
from storage.database import Database
from storage.tables import INCIDENT_CHANNELS
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import INCIDENTS, in_order, said

Json = dict[str, Any]
DASHBOARD = "https://grafana.example/d/checkout?from=now-1h"


def own_channels(document: Json) -> None:
    """What is critical gets a channel of its own."""
    document["channels"]["own_channel"] = {"severities": ["critical"], "invite": ["sre-oncall"], "archive_after": "24h"}
    document["services"]["checkout"]["dashboard"] = DASHBOARD
    document["runbooks"]["restart-checkout"]["runbook_url"] = "https://docs.example/checkout"


async def channel_of(here: SmallStage, name: str = "inc-1-checkout") -> Channel:
    """The channel of this name, once everything that belongs into it is there."""

    def furnished() -> Channel | None:
        found = [one for one in here.workspace.state.team.channels.values() if one.name == name]
        return found[0] if found and found[0].pins else None

    channel = await here.workspace.until(furnished, timeout=30)
    assert isinstance(channel, Channel)
    return channel


async def told_in(here: SmallStage, channel: str, *words: str) -> list[str]:
    """Every message of the channel, once they say all of ``words``."""

    def told() -> list[str] | None:
        texts = [said(message) for message in here.workspace.messages(channel)]
        return texts if all(any(word in text for text in texts) for word in words) else None

    texts = await here.workspace.until(told, timeout=40)
    assert isinstance(texts, list)
    return texts


async def pointer(here: SmallStage, *words: str) -> Message:
    """The only message of the incidents channel, once it says all of ``words``."""

    def found() -> Message | None:
        roots = [m for m in here.workspace.messages(INCIDENTS) if m.thread_ts in (None, m.ts)]
        return roots[0] if len(roots) == 1 and all(word in said(roots[0]) for word in words) else None

    message = await here.workspace.until(found, timeout=30)
    assert isinstance(message, Message)
    return message


async def test_a_critical_incident_is_handled_told_and_closed_in_a_channel_of_its_own(tmp_path: Path) -> None:
    async with small_stage(tmp_path, change_policy=own_channels) as here:
        await here.service.hang()
        await here.fire()
        channel = await channel_of(here)
        assert sorted(channel.members) == ["U01ALICE", "U02BOB", "UWATCH"]
        assert channel.topic == "🔴 Critical on checkout · ServiceDown: checkout does not answer"
        assert [mark["link"] for mark in channel.bookmarks] == [DASHBOARD, "https://docs.example/checkout"]
        card = here.workspace.messages(channel.id)[0]
        assert channel.pins == [card.ts], "the card is the first message, and pinned"
        await pointer(here, f"is handled in <#{channel.id}>")

        alice = here.workspace.person("alice")
        assert (await alice.click(card, "approve")).warning is None
        await told_in(here, channel.id, "Asking for approval", "Approved", "Done and verified")
        await pointer(here, "It worked.")
        await here.resolve()
        texts = await told_in(here, channel.id, "Resolved", "In short")
        assert len([text for text in texts if "Asking for approval" in text]) == 1
        summary = texts[-1]
        for part in (
            "What happened: ServiceDown on checkout",
            "When: from",
            "Decided by <@U01ALICE>",
            "Left to review",
        ):
            assert part in summary
        await pointer(here, "was handled in", "Resolved after")
        assert not here.workspace.thread(INCIDENTS, (await pointer(here)).ts), "nothing was told in two places"

        await archive_time_has_come(here)
        await here.workspace.until(lambda: channel.is_archived, timeout=20)
        while "channel.archived" not in (kinds := await here.kinds()):
            await asyncio.sleep(0.05)
        assert in_order(kinds, "channel.opened", "incident.resolved", "channel.archived")


async def archive_time_has_come(here: SmallStage) -> None:
    """A day passes."""
    database = Database(here.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            await work.session.execute(
                update(INCIDENT_CHANNELS).values(
                    archive_at=INCIDENT_CHANNELS.c.created_at, due_at=INCIDENT_CHANNELS.c.created_at
                )
            )
    finally:
        await database.close()


async def test_what_is_not_critical_stays_a_thread(tmp_path: Path) -> None:
    async with small_stage(tmp_path, change_policy=own_channels) as here:
        name = await here.fire(labels={"severity": "warning"})
        await here.card_of(name, "ServiceDown")
        await here.thread_of(name, "For people to handle")  # what a channel is for comes after its being wanted
        assert len(here.workspace.state.team.channels) == 3
        async with here.rows() as work:
            assert list(await work.session.execute(select(INCIDENT_CHANNELS))) == []


async def test_where_slack_lets_nobody_open_channels_the_thread_stays_the_place_and_says_so_once(
    tmp_path: Path,
) -> None:
    async with small_stage(tmp_path, change_policy=own_channels) as here:
        installation = here.workspace.state.installation
        installation.scopes = installation.scopes - {"channels:manage", "groups:write", "im:write"}
        name = await here.fire()
        texts = await here.thread_of(name, "No channel of its own", "Asking for approval")
        assert len([text for text in texts if "No channel of its own" in text]) == 1
        assert "missing_scope" in str(texts)
        card = await here.card_of(name, "'action_id': 'approve'")
        assert (await here.workspace.person("alice").click(card, "approve")).warning is None
        await here.thread_of(name, "Done and verified")
        assert (await here.kinds()).count("channel.refused") == 1


async def test_when_people_close_the_channel_the_story_goes_on_in_the_thread(tmp_path: Path) -> None:
    async with small_stage(tmp_path, change_policy=own_channels) as here:
        name = await here.fire()
        channel = await channel_of(here)
        await told_in(here, channel.id, "Asking for approval")
        channel.is_archived = True
        (await here.slash("alice", f"why {name}"))
        card = here.workspace.messages(channel.id)[0]
        assert (await here.workspace.person("alice").click(card, "approve")).warning is None
        await here.thread_of(name, "Its channel is closed", "Approved", "Done and verified")
        assert "channel.lost" in await here.kinds()
