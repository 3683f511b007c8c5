"""Runs the bot as an operator would: `python -m bot run`, told everything through its environment."""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from bot.local.demo.alerts import Receiver
from bot.local.demo.folder import Folder
from bot.local.servers import StartHook, get_json, running
from bot.local.workspace import Server, Workspace

READY_WITHIN_SECONDS = 60.0
ALERT_TOKEN = "alert-token"  # noqa: S105 - the name of a file
VARIABLES = frozenset(
    {
        "SLACK_API_URL",
        "SLACK_APP_TOKEN",
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "DATABASE_URL",
        "PROMETHEUS_URL",
        "WATCHKEEPER_ALERT_TOKEN",
        "WATCHKEEPER_AUDIT_KEY",
        "WATCHKEEPER_LISTEN",
        "WATCHKEEPER_POLICY",
    }
)
PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
"""Everything the demo talks to is on this machine, where no proxy leads."""


def bot_environment(
    outer: Mapping[str, str], folder: Folder, workspace: Workspace, server: Server, prometheus_url: str | None
) -> dict[str, str]:
    """``outer`` without whatever it says about a Watchkeeper or a proxy, and with what this bot is told."""
    kept = {
        name: value
        for name, value in outer.items()
        if name.removesuffix("_FILE") not in VARIABLES and name.lower() not in PROXY_VARIABLES
    }
    told = {
        "SLACK_API_URL": server.api_url,
        "SLACK_BOT_TOKEN": workspace.bot_token,
        "SLACK_APP_TOKEN": workspace.app_token,
        "DATABASE_URL": f"sqlite+aiosqlite:///{folder.database}",
        "WATCHKEEPER_POLICY": str(folder.policy),
        "WATCHKEEPER_LISTEN": f"127.0.0.1:{folder.port('bot')}",
        "WATCHKEEPER_ALERT_TOKEN_FILE": str(folder.secret(ALERT_TOKEN)),
        "WATCHKEEPER_AUDIT_KEY_FILE": str(folder.secret("audit-key")),
    }
    return kept | told | ({"PROMETHEUS_URL": prometheus_url} if prometheus_url else {})


@asynccontextmanager
async def running_bot(
    folder: Folder, workspace: Workspace, server: Server, prometheus_url: str | None, started: StartHook
) -> AsyncIterator[Receiver]:
    """The bot, from ready to stopped; gives where alerts are posted.

    Raises:
        ServerError: it ended, or did not get ready; with the end of its log.
    """
    address = f"http://127.0.0.1:{folder.port('bot')}"
    async with running(
        [sys.executable, "-m", "bot", "run"],
        folder.logs / "bot.log",
        lambda: get_json(f"{address}/readyz"),
        environment=bot_environment(os.environ, folder, workspace, server, prometheus_url),
        within_seconds=READY_WITHIN_SECONDS,
        started=started,
    ):
        yield Receiver(f"{address}/alerts/alertmanager", folder.secret(ALERT_TOKEN).read_text())
