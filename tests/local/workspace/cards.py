"""A card with a question and a modal, as an app would post and open them."""

from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Message, Workspace


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def option(value: str) -> dict[str, Any]:
    return {"text": plain(value.title()), "value": value}


APPROVE = {"type": "button", "action_id": "approve", "text": plain("Approve"), "value": "card-1", "style": "primary"}
SCOPE = {"type": "static_select", "action_id": "scope", "options": [option("service"), option("everything")]}
CARD: list[dict[str, Any]] = [
    {"type": "section", "block_id": "words", "text": plain("Restart checkout?")},
    {"type": "actions", "block_id": "choices", "elements": [APPROVE, SCOPE]},
]
MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "override",
    "title": plain("Override"),
    "submit": plain("Override"),
    "private_metadata": "card-1",
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": plain("Reason"),
            "element": {"type": "plain_text_input", "action_id": "reason", "min_length": 5},
        },
        {
            "type": "input",
            "block_id": "what",
            "label": plain("Instead"),
            "optional": True,
            "element": {**SCOPE, "action_id": "instead"},
        },
    ],
}


# For acts an app must fail to answer; Slack's own three seconds hold everywhere else.
IMPATIENT_SECONDS = 0.1


async def card_in(workspace: Workspace, app: AsyncApp, blocks: list[dict[str, Any]] | None = None) -> Message:
    await app.client.chat_postMessage(channel="C01INC", text="Restart checkout?", blocks=blocks or CARD)
    return workspace.messages("C01INC")[-1]
