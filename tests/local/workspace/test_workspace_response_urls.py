"""response_url: a few answers to one interaction."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.local.workspace import Workspace

CARD = [
    {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "why", "text": {"type": "plain_text", "text": "Why?"}}],
    }
]


def answer_url(workspace: Workspace, ts: str | None = None) -> AsyncWebhookClient:
    key = workspace.state.response_urls.issue("U01ALICE", "C01INC", ts)
    return AsyncWebhookClient(f"{workspace.state.base_url}/response/{key}")


async def test_by_default_the_answer_is_for_the_one_who_asked(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    @app.action("why")
    async def why(ack: Any, respond: Any) -> None:
        await ack()
        await respond("Because nobody answers")

    async with connected():
        await app.client.chat_postMessage(channel="C01INC", text="card", blocks=CARD)
        await workspace.person("alice").click(workspace.messages("C01INC")[0], "why")
        await workspace.until(lambda: workspace.ephemerals("alice"))
    assert [message.text for message in workspace.ephemerals("alice")] == ["Because nobody answers"]
    assert len(workspace.messages("C01INC")) == 1


async def test_the_original_can_be_replaced_and_deleted(workspace: Workspace, app: AsyncApp) -> None:
    ts = (await app.client.chat_postMessage(channel="C01INC", text="card", blocks=CARD))["ts"]
    url = answer_url(workspace, ts)
    await url.send(text="done", replace_original=True)
    assert (workspace.messages("C01INC")[0].text, workspace.messages("C01INC")[0].blocks) == ("done", [])
    await url.send(delete_original=True)
    assert workspace.messages("C01INC") == []
    assert (await url.send(text="again", replace_original=True)).status_code == 400


async def test_an_ephemeral_original_can_be_replaced_and_deleted_too(workspace: Workspace, app: AsyncApp) -> None:
    posted = await app.client.chat_postEphemeral(channel="C01INC", user="U01ALICE", text="psst")
    url = answer_url(workspace, posted["message_ts"])
    await url.send(text="never mind", replace_original=True)
    assert [message.text for message in workspace.ephemerals("alice")] == ["never mind"]
    await url.send(delete_original=True)
    assert workspace.ephemerals("alice") == []


async def test_an_in_channel_answer_is_seen_by_everybody(workspace: Workspace, app: AsyncApp) -> None:
    await answer_url(workspace).send(text="for all", response_type="in_channel")
    assert [message.text for message in workspace.messages("C01INC")] == ["for all"]


async def test_a_url_works_five_times(workspace: Workspace, app: AsyncApp) -> None:
    url = answer_url(workspace)
    codes = [(await url.send(text=str(number))).status_code for number in range(6)]
    assert codes == [200] * 5 + [404]
    assert "used_url" in (await url.send(text="once more")).body


async def test_a_url_lives_thirty_minutes(workspace: Workspace, app: AsyncApp, clock: Any) -> None:
    url = answer_url(workspace)
    clock.ahead_seconds += 30 * 60 + 1
    response = await url.send(text="late")
    assert (response.status_code, "expired_url" in response.body) == (404, True)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "a", "blocks": [{"type": "carousel"}]}, "invalid_blocks"),
    ],
)
async def test_bad_content_is_refused(workspace: Workspace, app: AsyncApp, body: dict[str, Any], error: str) -> None:
    response = await answer_url(workspace).send_dict(body)
    assert (response.status_code, error in response.body) == (400, True)
