"""Private answers: a few words to the person who did something, seen by nobody else.

They are hints, not records: what must not be lost goes through the outbox. So nothing here raises for Slack's sake; an
answer that cannot be given is logged. Must not know: what was asked.
"""

import logging
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.response.model.notices import Button
from bot.slack.connection import on_this_machine
from bot.slack.layout import Message
from handlers.slack.arrival import Arrived

SLACK_RESPONSE_HOST = "hooks.slack.com"
RESPOND_TIMEOUT_SECONDS = 5
OK_STATUS = 200

ANSWERS = frozenset({Button.APPROVE, Button.STOP, Button.TAKE})
"""What a direct message asks for; other buttons leave it as it is."""

log = logging.getLogger(__name__)


class Whisperer(Protocol):
    """The courier, as far as private answers go."""

    async def whisper(self, channel: str, user: str, message: Message) -> bool:
        """A hint for one person, in the channel or else as a direct message; False when it did not arrive."""
        ...


class PrivateAnswers:
    """Says something to one person: by the response URL that came along, or through the courier."""

    def __init__(self, courier: Whisperer, slack_api_url: str) -> None:
        """Answer through ``courier`` where no response URL came along.

        Args:
            slack_api_url: a local workspace hands out response URLs of its own; any other host would be a trick.
        """
        self._courier = courier
        self._hosts = {SLACK_RESPONSE_HOST, urlsplit(slack_api_url).netloc}

    async def tell(self, arrived: Arrived, message: Message, *, channel: str = "") -> bool:
        """Answer what arrived; False when Slack did not take it.

        ``channel`` says where, if what arrived does not: a modal belongs to no channel. Without any, it becomes a
        direct message.
        """
        if await self._respond(arrived, message):
            return True
        if not arrived.person:
            return False
        return await self._courier.whisper(arrived.channel or channel or arrived.person, arrived.person, message)

    async def _respond(self, arrived: Arrived, message: Message) -> bool:
        url = arrived.response_url
        if not url or urlsplit(url).netloc not in self._hosts:
            return False
        answered = in_place(arrived, message)
        blocks = answered or message.blocks
        body: dict[str, object] = {
            "text": message.text,
            "response_type": "ephemeral",
            "replace_original": bool(answered),
            **({"blocks": blocks} if blocks else {}),
            **({"thread_ts": arrived.thread_ts} if arrived.thread_ts else {}),
        }
        try:
            answer = await _webhook(url).send_dict(body)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("the response URL that came with %s failed: %s", arrived.key, error)
            return False
        if answer.status_code != OK_STATUS:
            log.info("the response URL that came with %s answered %s", arrived.key, answer.status_code)
        return answer.status_code == OK_STATUS


def in_place(arrived: Arrived, answer: Message) -> list[dict[str, Any]]:
    """The direct message whose question this answers, with what came of it in place of the buttons; empty for others.

    Nobody else sees it, so nothing is lost by that, and no button stays that cannot work any more.
    """
    message = arrived.body.get("message")
    blocks = message.get("blocks") if isinstance(message, Mapping) else None
    if arrived.name not in ANSWERS or not arrived.channel.startswith("D") or not isinstance(blocks, list):
        return []
    said = [block for block in blocks if isinstance(block, dict)]
    kept = [block for block in said if block.get("type") != "actions"]
    pressable = [block["elements"] for block in said if isinstance(block.get("elements"), list)]
    links = [one for elements in pressable for one in elements if isinstance(one, dict) and "url" in one]
    ways = [{"type": "actions", "elements": links}] if links else []
    return [*kept, *answer.blocks, *ways]


def _webhook(url: str) -> AsyncWebhookClient:
    webhook = AsyncWebhookClient(url, timeout=RESPOND_TIMEOUT_SECONDS)
    if on_this_machine(url):
        webhook.proxy = None  # the SDK takes HTTP_PROXY for any address and never reads NO_PROXY
    return webhook
