"""A small stand-in for Watchkeeper, written in Bolt: the page is what is tested beside it, not the bot."""

from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

INCIDENTS = "C01INC"
MANIFEST = {
    "features": {
        "app_home": {"home_tab_enabled": True},
        "slash_commands": [
            {"command": "/watch", "description": "Ask or tell Watchkeeper", "usage_hint": "status | incidents"},
            {"command": "/wait", "description": "Never answers", "usage_hint": ""},
        ],
        "shortcuts": [
            {"name": "Pause all autonomy", "type": "global", "callback_id": "pause", "description": "Everywhere"},
            {"name": "Why did you do this?", "type": "message", "callback_id": "explain", "description": "Here"},
        ],
    },
    "oauth_config": {
        "scopes": {"bot": ["app_mentions:read", "channels:history", "chat:write", "commands", "files:write"]}
    },
    "settings": {"event_subscriptions": {"bot_events": ["app_home_opened", "app_mention"]}},
}


def plain(text: str) -> dict[str, Any]:
    """A plain_text object."""
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    """A mrkdwn object."""
    return {"type": "mrkdwn", "text": text}


def button(action_id: str, label: str, **more: Any) -> dict[str, Any]:
    """A button element."""
    return {"type": "button", "action_id": action_id, "text": plain(label), "value": "q1", **more}


CARD: list[dict[str, Any]] = [
    {"type": "header", "text": plain("May I restart checkout?")},
    {"type": "section", "fields": [mrkdwn("*Service*\ncheckout"), mrkdwn("*Way back*\nexact")]},
    {"type": "context", "elements": [mrkdwn("Nobody answers by *14:32*: I page <@U03CAROL>.")]},
    {
        "type": "actions",
        "elements": [
            button("approve", "Approve", style="primary"),
            button("override", "Override"),
            button("silence", "Never answers"),
            button(
                "pause",
                "Pause",
                style="danger",
                confirm={
                    "title": plain("Pause everything?"),
                    "text": mrkdwn("*Nothing* acts until somebody resumes."),
                    "confirm": plain("Pause"),
                    "deny": plain("No"),
                },
            ),
        ],
    },
]
OVERRIDE = {
    "type": "modal",
    "callback_id": "override",
    "title": plain("Override"),
    "submit": plain("Decide"),
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": plain("Reason"),
            "element": {"type": "plain_text_input", "action_id": "reason", "multiline": True},
        },
        {
            "type": "input",
            "block_id": "choice",
            "label": plain("Instead"),
            "element": {
                "type": "static_select",
                "action_id": "choice",
                "initial_option": {"text": plain("Nothing"), "value": "nothing"},
                "options": [
                    {"text": plain("Nothing"), "value": "nothing"},
                    {"text": plain("Roll back"), "value": "roll_back"},
                ],
            },
        },
        {"type": "actions", "block_id": "extra", "elements": [button("more", "Explain more")]},
    ],
}


class Watch:
    """The Bolt app, and what it heard."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client = client
        self.heard: list[tuple[str, Any]] = []
        self.bolt = AsyncApp(client=client, raise_error_for_unhandled_request=False)
        self.bolt.action("approve")(self.approve)
        self.bolt.action("pause")(self.pause)
        self.bolt.action("override")(self.override)
        self.bolt.action("more")(self.more)
        self.bolt.view("override")(self.decide)
        self.bolt.command("/watch")(self.command)
        self.bolt.shortcut("explain")(self.explain)
        self.bolt.shortcut("pause")(self.pause_everything)
        self.bolt.event("app_mention")(self.mentioned)
        self.bolt.event("app_home_opened")(self.home)

    async def approve(self, ack: Any, body: Any) -> None:
        """Say on the card who approved; the buttons go."""
        await ack()
        self.heard.append(("approve", body))
        words = f":white_check_mark: Approved by <@{body['user']['id']}>"
        blocks = [*body["message"]["blocks"][:2], {"type": "context", "elements": [mrkdwn(words)]}]
        channel, ts = body["channel"]["id"], body["message"]["ts"]
        await self.client.chat_update(channel=channel, ts=ts, text="Approved", blocks=blocks)

    async def pause(self, ack: Any, body: Any) -> None:
        """Only listen."""
        await ack()
        self.heard.append(("pause", body))

    async def override(self, ack: Any, body: Any) -> None:
        """Open the modal."""
        await ack()
        await self.client.views_open(trigger_id=body["trigger_id"], view=OVERRIDE)

    async def more(self, ack: Any, body: Any) -> None:
        """Update the open modal with a line in front."""
        await ack()
        self.heard.append(("more", body))
        line = {"type": "section", "text": mrkdwn("The audit will show your *reason*.")}
        view = {**OVERRIDE, "blocks": [line, *OVERRIDE["blocks"]]}
        await self.client.views_update(view_id=body["view"]["id"], view=view)

    async def decide(self, ack: Any, view: Any) -> None:
        """Insist on a reason of ten characters."""
        values = view["state"]["values"]
        if len(values["reason"]["reason"]["value"]) < 10:
            await ack(response_action="errors", errors={"reason": "At least ten characters, please."})
            return
        self.heard.append(("decide", values))
        await ack()

    async def command(self, ack: Any, command: Any) -> None:
        """Answer the asker only."""
        await ack(f"*The watch is on.* You asked `{command['text']}`.")

    async def explain(self, ack: Any, shortcut: Any) -> None:
        """Answer a message shortcut in the message's thread."""
        await ack()
        ts = shortcut["message"]["ts"]
        await self.client.chat_postMessage(
            channel=shortcut["channel"]["id"], thread_ts=ts, text="Because of the orders."
        )

    async def pause_everything(self, ack: Any, shortcut: Any) -> None:
        """Only listen."""
        await ack()
        self.heard.append(("pause everything", shortcut))

    async def mentioned(self, event: Any) -> None:
        """Only listen."""
        self.heard.append(("mention", event))

    async def home(self, event: Any) -> None:
        """Publish a Home that greets."""
        blocks = [
            {"type": "header", "text": plain("The watch")},
            {
                "type": "section",
                "text": mrkdwn(f"Autonomy is *on*, <@{event['user']}>."),
                "accessory": button("pause", "Pause"),
            },
        ]
        await self.client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})
