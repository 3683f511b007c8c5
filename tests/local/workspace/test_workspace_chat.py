"""chat.*: what is posted, changed and refused."""

from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Channel, ChannelKind, Workspace

DIVIDER = [{"type": "divider"}]


async def test_a_posted_message_is_in_the_history_with_its_metadata_when_asked(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    metadata = {"event_type": "outbox", "event_payload": {"id": "42"}}
    posted = await client.chat_postMessage(channel="C01INC", text="hi", metadata=metadata)
    asked = await client.conversations_history(channel="C01INC", include_all_metadata=True)
    plain = await client.conversations_history(channel="C01INC")
    assert asked["messages"][0]["ts"] == posted["ts"]
    assert asked["messages"][0]["metadata"] == metadata
    assert "metadata" not in plain["messages"][0]
    assert asked["messages"][0]["bot_id"] == "BWATCH"


async def test_timestamps_are_unique_and_increase_even_in_one_instant(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    stamps = [(await client.chat_postMessage(channel="C01INC", text=str(n)))["ts"] for n in range(20)]
    assert stamps == sorted(set(stamps))


async def test_replies_count_on_the_root_and_only_broadcasts_show_in_the_channel(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel="C01INC", text="root"))["ts"]
    await client.chat_postMessage(channel="C01INC", text="quiet", thread_ts=root)
    await client.chat_postMessage(channel="C01INC", text="loud", thread_ts=root, reply_broadcast=True)
    history = (await client.conversations_history(channel="C01INC"))["messages"]
    assert [message["text"] for message in history] == ["loud", "root"]
    assert history[0]["subtype"] == "thread_broadcast"
    assert (history[1]["reply_count"], history[1]["reply_users"]) == (2, ["UWATCH"])
    thread = (await client.conversations_replies(channel="C01INC", ts=root))["messages"]
    assert [message["text"] for message in thread] == ["root", "quiet", "loud"]
    assert [message.text for message in workspace.thread("C01INC", root)] == ["quiet", "loud"]


async def test_text_without_blocks_removes_the_blocks_and_keeps_the_metadata(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    metadata = {"event_type": "outbox", "event_payload": {}}
    ts = (await client.chat_postMessage(channel="C01INC", text="a", blocks=DIVIDER, metadata=metadata))["ts"]
    await client.chat_update(channel="C01INC", ts=ts, text="b")
    message = workspace.messages("C01INC")[0]
    assert (message.text, message.blocks, message.metadata) == ("b", [], metadata)
    assert message.edited is not None
    await client.chat_update(channel="C01INC", ts=ts, text="b", metadata={})
    assert message.metadata is None


async def test_a_reply_can_be_broadcast_by_an_update_and_a_root_cannot(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    root = (await client.chat_postMessage(channel="C01INC", text="root"))["ts"]
    reply = (await client.chat_postMessage(channel="C01INC", text="reply", thread_ts=root))["ts"]
    await client.chat_update(channel="C01INC", ts=reply, text="reply", reply_broadcast=True)
    assert [message.ts for message in workspace.messages("C01INC")] == [root, reply]
    answer = await refused(client.chat_update(channel="C01INC", ts=root, text="x", reply_broadcast=True))
    assert answer["error"] == "cant_broadcast_message"


async def test_only_its_own_messages_can_be_changed_or_deleted(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    theirs = await workspace.person("alice").post("C01INC", "mine")
    update = await refused(client.chat_update(channel="C01INC", ts=theirs.ts, text="hers"))
    delete = await refused(client.chat_delete(channel="C01INC", ts=theirs.ts))
    missing = await refused(client.chat_update(channel="C01INC", ts="1.000000", text="x"))
    assert (update["error"], delete["error"]) == ("cant_update_message", "cant_delete_message")
    assert missing["error"] == "message_not_found"


async def test_a_deleted_root_with_replies_leaves_a_tombstone(workspace: Workspace, client: AsyncWebClient) -> None:
    root = (await client.chat_postMessage(channel="C01INC", text="root"))["ts"]
    reply = (await client.chat_postMessage(channel="C01INC", text="reply", thread_ts=root))["ts"]
    await client.chat_delete(channel="C01INC", ts=root)
    history = (await client.conversations_history(channel="C01INC"))["messages"]
    assert history[0]["subtype"] == "tombstone"
    await client.chat_delete(channel="C01INC", ts=reply)
    assert workspace.thread("C01INC", root) == []


async def test_an_ephemeral_message_is_seen_by_one_member_and_is_in_no_history(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    answer = await client.chat_postEphemeral(channel="C01INC", user="U01ALICE", text="psst")
    assert [message.ts for message in workspace.ephemerals("alice")] == [answer["message_ts"]]
    assert workspace.ephemerals("bob") == []
    assert (await client.conversations_history(channel="C01INC"))["messages"] == []
    outsider = await refused(client.chat_postEphemeral(channel="C03LEAD", user="U01ALICE", text="psst"))
    assert outsider["error"] == "user_not_in_channel"
    update = await refused(client.chat_update(channel="C01INC", ts=answer["message_ts"], text="x"))
    assert update["error"] == "message_not_found"


async def test_posting_to_a_person_opens_their_direct_conversation(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    posted = await client.chat_postMessage(channel="U01ALICE", text="hello")
    assert posted["channel"] == "D01ALICE"
    assert (await client.conversations_open(users="U01ALICE"))["channel"]["id"] == "D01ALICE"


async def test_markdown_text_becomes_a_markdown_block_and_excludes_text(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    await client.chat_postMessage(channel="C01INC", markdown_text="**bold**")
    assert workspace.messages("C01INC")[0].blocks[0]["type"] == "markdown"
    answer = await refused(client.chat_postMessage(channel="C01INC", markdown_text="**bold**", text="bold"))
    assert answer["error"] == "markdown_text_conflict"


async def test_an_app_that_may_can_post_under_another_name(workspace: Workspace, client: AsyncWebClient) -> None:
    app = workspace.state.installation
    workspace.state.installation = replace(app, scopes=app.scopes | {"chat:write.customize"})
    posted = await client.chat_postMessage(channel="C01INC", text="hi", username="Night watch")
    assert posted["message"]["username"] == "Night watch"


async def test_a_permalink_leads_to_the_message(client: AsyncWebClient) -> None:
    ts = (await client.chat_postMessage(channel="C01INC", text="hi"))["ts"]
    link = (await client.chat_getPermalink(channel="C01INC", message_ts=ts))["permalink"]
    assert link.endswith(f"/archives/C01INC/p{ts.replace('.', '')}")


def metadata_over_16_kilobytes() -> dict[str, Any]:
    return {"event_type": "big", "event_payload": {"text": "x" * 16_000}}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C99", "text": "hi"}, "channel_not_found"),
        ({"channel": "C04OUT", "text": "hi"}, "not_in_channel"),
        ({"channel": "C05PRIV", "text": "hi"}, "channel_not_found"),
        ({"channel": "C06OLD", "text": "hi"}, "is_archived"),
        ({"channel": "C01INC"}, "no_text"),
        ({"channel": "C01INC", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "C01INC", "text": "hi", "thread_ts": "1.000000"}, "cannot_reply_to_message"),
        ({"channel": "C01INC", "text": "hi", "blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"channel": "C01INC", "text": "hi", "blocks": DIVIDER * 51}, "invalid_blocks"),
        ({"channel": "C01INC", "text": "hi", "attachments": [{}] * 101}, "too_many_attachments"),
        ({"channel": "C01INC", "text": "hi", "metadata": {"event_payload": {}}}, "invalid_metadata_format"),
        ({"channel": "C01INC", "text": "hi", "metadata": metadata_over_16_kilobytes()}, "metadata_too_large"),
        ({"channel": "C01INC", "text": "hi", "username": "Slackbot"}, "missing_scope"),
        (
            {
                "channel": "C01INC",
                "text": "hi",
                "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5,
            },
            "msg_blocks_too_long",
        ),
        (
            {
                "channel": "C01INC",
                "text": "hi",
                "blocks": [{"type": "image", "alt_text": "a chart", "slack_file": {"id": "F99"}}],
            },
            "invalid_blocks",
        ),
    ],
)
async def test_what_slack_refuses_to_post_is_refused(
    workspace: Workspace, client: AsyncWebClient, refused: Any, arguments: dict[str, Any], error: str
) -> None:
    workspace.team.add(
        Channel("C04OUT", "outside"),
        Channel("C05PRIV", "private", ChannelKind.PRIVATE),
        Channel("C06OLD", "old", members=["UWATCH"], is_archived=True),
    )
    answer = await refused(client.api_call("chat.postMessage", json=arguments))
    assert answer["error"] == error
    assert workspace.messages("C01INC") == []


async def test_an_update_takes_at_most_four_thousand_characters_of_text(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    ts = (await client.chat_postMessage(channel="C01INC", text="hi"))["ts"]
    answer = await refused(client.chat_update(channel="C01INC", ts=ts, text="x" * 4_001))
    assert answer["error"] == "msg_too_long"


async def test_a_reply_is_no_place_to_reply_to(client: AsyncWebClient, refused: Any) -> None:
    root = (await client.chat_postMessage(channel="C01INC", text="root"))["ts"]
    reply = (await client.chat_postMessage(channel="C01INC", text="reply", thread_ts=root))["ts"]
    answer = await refused(client.chat_postMessage(channel="C01INC", text="deeper", thread_ts=reply))
    assert answer["error"] == "cannot_reply_to_message"
