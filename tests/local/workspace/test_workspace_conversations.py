"""conversations.*, users.*, usergroups.*, pins, bookmarks and reactions."""

from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Channel, Workspace


async def test_history_pages_from_newest_to_oldest(workspace: Workspace, client: AsyncWebClient) -> None:
    for number in range(5):
        await client.chat_postMessage(channel="C01INC", text=str(number))
    texts = []
    async for page in await client.conversations_history(channel="C01INC", limit=2):
        texts.append([message["text"] for message in page["messages"]])
    assert texts == [["4", "3"], ["2", "1"], ["0"]]


async def test_history_is_bounded_by_oldest_and_latest(client: AsyncWebClient) -> None:
    stamps = [(await client.chat_postMessage(channel="C01INC", text=str(n)))["ts"] for n in range(3)]
    after = await client.conversations_history(channel="C01INC", oldest=stamps[0])
    just_one = await client.conversations_history(
        channel="C01INC", oldest=stamps[1], latest=stamps[1], inclusive=True, limit=1
    )
    assert [message["text"] for message in after["messages"]] == ["2", "1"]
    assert [message["text"] for message in just_one["messages"]] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C99"}, "channel_not_found"),
        ({"channel": "C04OUT"}, "not_in_channel"),
        ({"channel": "C01INC", "cursor": "bm9uc2Vuc2U="}, "invalid_cursor"),
        ({"channel": "C01INC", "oldest": "yesterday"}, "invalid_ts_oldest"),
        ({"channel": "C01INC", "latest": "today"}, "invalid_ts_latest"),
        ({"channel": "C01INC", "limit": 1001}, "invalid_arguments"),
        ({"channel": "C01INC", "limit": "many"}, "invalid_arguments"),
    ],
)
async def test_history_refuses_what_slack_refuses(
    workspace: Workspace, client: AsyncWebClient, refused: Any, arguments: dict[str, Any], error: str
) -> None:
    workspace.team.add(Channel("C04OUT", "outside"))
    assert (await refused(client.api_call("conversations.history", json=arguments)))["error"] == error


async def test_a_thread_pages_with_its_root_on_every_page(client: AsyncWebClient, refused: Any) -> None:
    root = (await client.chat_postMessage(channel="C01INC", text="root"))["ts"]
    for number in range(3):
        await client.chat_postMessage(channel="C01INC", text=str(number), thread_ts=root)
    first = await client.conversations_replies(channel="C01INC", ts=root, limit=2)
    cursor = first["response_metadata"]["next_cursor"]
    second = await client.conversations_replies(channel="C01INC", ts=root, limit=2, cursor=cursor)
    assert [message["text"] for message in first["messages"]] == ["root", "0", "1"]
    assert [message["text"] for message in second["messages"]] == ["root", "2"]
    assert (await refused(client.conversations_replies(channel="C01INC", ts="1.0")))["error"] == "thread_not_found"


async def test_a_channel_is_created_arranged_filled_and_archived(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    channel = (await client.conversations_create(name="inc-7"))["channel"]["id"]
    await client.conversations_setTopic(channel=channel, topic="Checkout is down")
    await client.conversations_setPurpose(channel=channel, purpose="INC-7")
    await client.conversations_invite(channel=channel, users=["U01ALICE", "U02BOB"])
    assert (await client.conversations_members(channel=channel))["members"] == ["UWATCH", "U01ALICE", "U02BOB"]
    assert (await client.conversations_info(channel=channel))["channel"]["topic"]["value"] == "Checkout is down"
    await client.conversations_rename(channel=channel, name="inc-7-checkout")
    await client.conversations_archive(channel=channel)
    answer = await refused(client.chat_postMessage(channel=channel, text="late"))
    assert answer["error"] == "is_archived"
    assert (await refused(client.conversations_archive(channel=channel)))["error"] == "already_archived"
    assert (await refused(client.conversations_invite(channel=channel, users="U03CAROL")))["error"] == "is_archived"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("incidents", "name_taken"),
        ("", "invalid_name_required"),
        ("x" * 81, "invalid_name_maxlength"),
        ("---", "invalid_name_punctuation"),
        ("Has Spaces", "invalid_name_specials"),
    ],
)
async def test_a_bad_channel_name_is_refused(client: AsyncWebClient, refused: Any, name: str, error: str) -> None:
    assert (await refused(client.conversations_create(name=name)))["error"] == error


@pytest.mark.parametrize(
    ("users", "error"),
    [("U01ALICE", "already_in_channel"), ("U99", "user_not_found"), ("UWATCH", "cant_invite_self"), ("", "no_user")],
)
async def test_an_impossible_invitation_is_refused(
    client: AsyncWebClient, refused: Any, users: str, error: str
) -> None:
    assert (await refused(client.conversations_invite(channel="C01INC", users=users)))["error"] == error


async def test_the_bot_joins_a_public_channel_and_then_can_post(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.team.add(Channel("C04OUT", "outside"))
    await client.conversations_join(channel="C04OUT")
    await client.chat_postMessage(channel="C04OUT", text="hello")


async def test_channels_are_listed_by_type_and_membership(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.team.add(Channel("C04OUT", "outside"))
    everything = await client.conversations_list()
    mine = await client.users_conversations()
    assert [channel["id"] for channel in everything["channels"]] == ["C01INC", "C02AUD", "C03LEAD", "C04OUT"]
    assert [channel["id"] for channel in mine["channels"]] == ["C01INC", "C02AUD", "C03LEAD"]


async def test_people_are_found_by_id_and_by_email(workspace: Workspace, client: AsyncWebClient, refused: Any) -> None:
    assert (await client.users_info(user="U01ALICE"))["user"]["real_name"] == "Alice Adeyemi"
    assert (await client.users_lookupByEmail(email="BOB@harbour.example"))["user"]["id"] == "U02BOB"
    assert (await refused(client.users_lookupByEmail(email="x@y.example")))["error"] == "users_not_found"
    assert (await refused(client.users_info(user="U99")))["error"] == "user_not_found"
    assert len((await client.users_list())["members"]) == 5


async def test_an_address_is_hidden_from_an_app_that_may_not_see_it(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.state.installation = replace(workspace.state.installation, scopes=frozenset({"users:read"}))
    assert "email" not in (await client.users_info(user="U01ALICE"))["user"]["profile"]


async def test_groups_are_listed_with_their_members(client: AsyncWebClient, refused: Any) -> None:
    listed = (await client.usergroups_list(include_users=True))["usergroups"]
    assert listed[0]["users"] == ["U01ALICE", "U02BOB"]
    assert (await client.usergroups_users_list(usergroup="S01ONCALL"))["users"] == ["U01ALICE", "U02BOB"]
    assert (await refused(client.usergroups_users_list(usergroup="S99")))["error"] == "no_such_subteam"


async def test_a_message_is_pinned_once(workspace: Workspace, client: AsyncWebClient, refused: Any) -> None:
    ts = (await client.chat_postMessage(channel="C01INC", text="card"))["ts"]
    await client.pins_add(channel="C01INC", timestamp=ts)
    assert (await refused(client.pins_add(channel="C01INC", timestamp=ts)))["error"] == "already_pinned"
    assert workspace.team.channel("C01INC").pins == [ts]
    await client.pins_remove(channel="C01INC", timestamp=ts)
    assert (await refused(client.pins_remove(channel="C01INC", timestamp=ts)))["error"] == "no_pin"
    assert (await refused(client.pins_add(channel="C01INC", timestamp="1.000000")))["error"] == "message_not_found"
    assert (await refused(client.pins_add(channel="C01INC")))["error"] == "no_item_specified"
    assert (await refused(client.pins_list(channel="C01INC")))["error"] == "missing_scope"


async def test_a_bookmark_is_added_changed_and_removed(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    added = await client.bookmarks_add(channel_id="C01INC", title="Runbook", type="link", link="https://x.example")
    bookmark = added["bookmark"]["id"]
    await client.bookmarks_edit(channel_id="C01INC", bookmark_id=bookmark, title="The runbook")
    assert workspace.team.channel("C01INC").bookmarks[0]["title"] == "The runbook"
    bad = client.bookmarks_add(channel_id="C01INC", title="Bad", type="link", link="javascript:alert(1)")
    assert (await refused(bad))["error"] == "invalid_link"
    await client.bookmarks_remove(channel_id="C01INC", bookmark_id=bookmark)
    gone = client.bookmarks_remove(channel_id="C01INC", bookmark_id=bookmark)
    assert (await refused(gone))["error"] == "not_found"


async def test_the_bot_reacts_once_per_emoji(workspace: Workspace, client: AsyncWebClient, refused: Any) -> None:
    ts = (await client.chat_postMessage(channel="C01INC", text="card"))["ts"]
    await client.reactions_add(channel="C01INC", timestamp=ts, name="eyes")
    again = client.reactions_add(channel="C01INC", timestamp=ts, name="eyes")
    assert (await refused(again))["error"] == "already_reacted"
    assert workspace.messages("C01INC")[0].reactions == {"eyes": ["UWATCH"]}
    await client.reactions_remove(channel="C01INC", timestamp=ts, name="eyes")
    assert workspace.messages("C01INC")[0].reactions == {}
    bad = client.reactions_add(channel="C01INC", timestamp=ts, name="not an emoji")
    assert (await refused(bad))["error"] == "invalid_name"
