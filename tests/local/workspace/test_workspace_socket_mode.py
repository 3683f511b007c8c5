"""The real Bolt app in Socket Mode."""

from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Workspace

CARD = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Restart *checkout*?"}},
    {
        "type": "actions",
        "block_id": "choices",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "text": {"type": "plain_text", "text": "Approve"},
                "value": "card-1",
                "style": "primary",
            },
        ],
    },
]


async def test_a_click_reaches_the_app_and_the_card_is_updated(
    workspace: Workspace, app: AsyncApp, connected: Any
) -> None:
    clicks: list[dict[str, Any]] = []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        clicks.append(body)
        await client.chat_update(channel="C01INC", ts=body["message"]["ts"], text="Approved by Alice")

    async with connected():
        await app.client.chat_postMessage(channel="C01INC", text="Restart checkout?", blocks=CARD)
        card = workspace.messages("C01INC")[-1]
        outcome = await workspace.person("alice").click(card, "approve")
        await workspace.until(lambda: card.text == "Approved by Alice")

    assert outcome.acked
    assert card.blocks == []
    assert clicks[0]["user"]["id"] == "U01ALICE"
    assert clicks[0]["actions"][0]["value"] == "card-1"
