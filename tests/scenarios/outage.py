"""What stories of a Slack outage share: a second channel in the policy, and pressing the links of its messages."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import aiohttp

from bot.local.workspace import Workspace
from tests.second_channel.receivers import Mailbox, Pager

Json = dict[str, Any]
ALICE, BOB = "alice@example.com", "bob@example.com"
BASE_URL = "https://watch.example.com/wk"


def with_second_channel(
    mailbox: Mailbox, pager: Pager | None = None, *, to: tuple[str, ...] = (ALICE,), after: str = "1s", **defaults: Any
) -> Callable[[Json], None]:
    """A policy that has ``to`` written to when Slack has not taken a card for ``after``; ``defaults`` are its own."""

    def change(document: Json) -> None:
        document["defaults"] |= defaults
        document["second_channel"] = {
            "after": after,
            "email": {
                "server": mailbox.server,
                "security": "none",
                "from": "watch@example.com",
                "to": list(to),
                "username": "watch",
                "password_env": "TEST_MAIL_PASSWORD",
            },
            "links": {"base_url": BASE_URL},
        }
        if pager is not None:
            document["second_channel"]["pagerduty"] = {"routing_key_env": "TEST_PAGERDUTY_KEY", "url": pager.url}

    return change


def take_slack_away(workspace: Workspace) -> None:
    """Every call fails, and every connection breaks, until ``lift``."""
    workspace.misbehave.fail(times=None)
    workspace.misbehave.drop_sockets()


def links_in(mail: EmailMessage) -> list[str]:
    """The paths of its links, in order: stop before pause, where both are offered."""
    text: str = mail.get_content()
    return re.findall(rf"^{re.escape(BASE_URL)}(/links/\S+)$", text.replace("\r\n", "\n"), re.MULTILINE)


async def looked_at(bot_url: str, link: str) -> tuple[int, str]:
    """What the page behind a link says."""
    async with aiohttp.ClientSession() as session, session.get(f"{bot_url}{link}") as response:
        return response.status, await response.text()


async def pressed(bot_url: str, link: str) -> tuple[int, str]:
    """What the page says after its button was pressed."""
    async with aiohttp.ClientSession() as session, session.post(f"{bot_url}{link}") as response:
        return response.status, await response.text()
