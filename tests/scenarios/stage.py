"""The whole production, for real: supervisord with a web service, Prometheus, Alertmanager, a workspace, and the bot.

Only time is shortened. The bot reaches Slack through Socket Mode, is told of alerts by Alertmanager's own webhook, and
restarts the service through supervisor's own interface.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.app import running
from bot.local.workspace import Message, Workspace
from bot.policy.file.document import Policy
from bot.policy.file.loading import load_policy
from bot.response.ports.context import Timing, utc_now
from bot.settings import Settings
from storage.database import Database
from storage.unit_of_work import UnitOfWork
from tests.fixtures import licences
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import (
    Program,
    Prometheus,
    Supervisord,
    free_port,
    running_alertmanager,
    running_prometheus,
    running_supervisord,
)
from tests.fixtures.workspaces import patient_workspace

INCIDENTS = "C01INC"
ALERT_TOKEN = "canary-alert-token: a bearer that only this test knows"
CHANGES_SECRET = b"canary-changes-secret of the deploy tool"
SUPERVISOR_PASSWORD = "canary-supervisor-password"
ROOT = Path(__file__).parents[2]
UP = "up{service='${alert.labels.service}'}"


def behind_a_password(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same orders for a supervisord that asks for its password; it stands in a file."""
    file = folder / "supervisor-password"
    file.write_text(SUPERVISOR_PASSWORD)
    document["backends"]["supervisor"] |= {"username": "operator", "password_file": str(file)}
    return document


def loaded(document: dict[str, Any]) -> Policy:
    """Orders, through the same loader as a file."""
    return load_policy(yaml.safe_dump(document, sort_keys=False), filename="stage.yml")


def document(server: str, level: str = "L1", **changes: Any) -> dict[str, Any]:
    """The orders of this stage as they stand in the file; ``changes`` are the runbook's."""
    return {
        "version": 1,
        "channels": {"incidents": INCIDENTS},
        "people": {"sre-oncall": {"users": ["U01ALICE", "U02BOB"]}, "leads": {"users": ["U03CAROL"]}},
        "backends": {"supervisor": {"server": server, "staging": ["*-staging"]}},
        "defaults": {"approvals": {"from": ["sre-oncall"]}, "watch_after": "1s"},
        "services": {"checkout": {"tier": 1, "fleet": 1}},
        "budgets": [{"scope": "all", "actions": 20, "per": "1h"}],
        "runbooks": {
            "restart-checkout": {
                "summary": "Restart checkout when it stopped answering",
                "when": "alert.name == 'ServiceDown' && alert.severity == 'critical'",
                "level": level,
                "remediation": "restart_service",
                "with": {"backend": "supervisor", "service": "${alert.labels.service}"},
                "blast_radius": {"targets": 1},
                "evidence": {"still_down": f"{UP} == 0"},
                "verify": {"within": "30s", "healthy": f"{UP} == 1", "stable": 1},
                "veto_window": "2s",
                "staging": {"with": {"service": "checkout-staging"}, "inject": "kill"},
            }
            | changes
        },
    }


@dataclass
class Scene:
    """What every story looks at."""

    workspace: Workspace
    service: Program
    supervisord: Supervisord
    bot_url: str
    page_url: str
    settings: Settings
    policy: Policy

    async def card(self, *words: str, timeout: float = 40) -> Message:
        """The newest incident card, once it holds all of ``words``."""

        def found() -> Message | None:
            cards = [m for m in self.workspace.messages(INCIDENTS) if m.thread_ts in (None, m.ts)]
            return cards[-1] if cards and all(word in said(cards[-1]) for word in words) else None

        message = await self.workspace.until(found, timeout=timeout)
        assert isinstance(message, Message)
        return message

    async def thread(self, *words: str, timeout: float = 40) -> list[str]:
        """Everything the newest card's thread says, once it says all of ``words``."""
        card = await self.card()

        def told() -> list[str] | None:
            texts = [said(m) for m in self.workspace.thread(INCIDENTS, card.ts)]
            return texts if all(any(word in text for text in texts) for word in words) else None

        texts = await self.workspace.until(told, timeout=timeout)
        assert isinstance(texts, list)
        return texts

    async def audit_kinds(self) -> list[str]:
        """What the record says of the first incident, in order."""
        database = Database(self.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            async with database.read() as work:
                return [entry.kind for entry in await work.audit.of_incident(1)]
        finally:
            await database.close()


@dataclass
class Stage(Scene):
    """What a story needs to happen with the monitors running as well."""

    prometheus: Prometheus


def in_order(kinds: Sequence[str], *expected: str) -> bool:
    """Whether the record has these in this order, whatever else stands between them."""
    left = iter(kinds)
    return all(kind in left for kind in expected)


def said(message: Message) -> str:
    """All text of a message, wherever in its blocks it stands."""
    return f"{message.text} {message.blocks}"


@asynccontextmanager
async def stage(folder: Path, *, level: str = "L1", licensed: bool = False, **runbook: Any) -> AsyncIterator[Stage]:
    """Start everything; the service answers and Prometheus knows it before the story begins."""
    async with AsyncExitStack() as stack:
        service = Program("checkout")
        bot_port = free_port()
        supervisord = await stack.enter_async_context(
            running_supervisord(folder, service, password=SUPERVISOR_PASSWORD)
        )
        alertmanager = await stack.enter_async_context(
            running_alertmanager(
                folder, webhook_url=f"http://127.0.0.1:{bot_port}/alerts/alertmanager", token=ALERT_TOKEN
            )
        )
        prometheus = await stack.enter_async_context(
            running_prometheus(folder, services={"checkout": service.port}, alertmanager=alertmanager)
        )
        workspace = patient_workspace()
        workspace.manifest(ROOT / "manifest.yml")
        server = await stack.enter_async_context(workspace.serve())
        policy = loaded(behind_a_password(document(supervisord.server, level, **runbook), folder))
        settings = settings_of(folder, workspace, server.api_url, prometheus.url, bot_port)
        timing = Timing(verify_interval_seconds=0.3)
        bot_url = await stack.enter_async_context(running(settings, policy, timing=timing))
        if licensed:
            await license_runbook(settings, policy)
        await workspace.until(lambda: workspace.sockets.connection_count > 0)
        await prometheus.until_value('up{service="checkout"}', 1)
        yield Stage(workspace, service, supervisord, bot_url, server.page_url, settings, policy, prometheus)


def settings_of(folder: Path, workspace: Workspace, api_url: str, prometheus_url: str, port: int) -> Settings:
    """What the bot of a story with monitors is told, on Socket Mode and SQLite."""
    return Settings(
        slack_bot_token=workspace.bot_token,
        slack_app_token=workspace.app_token,
        slack_api_url=api_url,
        database_url=f"sqlite+aiosqlite:///{folder / 'watch.db'}",
        prometheus_url=prometheus_url,
        listen_port=port,
        alert_token=ALERT_TOKEN,
        audit_key=AUDIT_KEY,
    )


@asynccontextmanager
async def rows_of(settings: Settings) -> AsyncIterator[UnitOfWork]:
    """What is stored, read on a connection of our own."""
    database = Database(settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.read() as work:
            yield work
    finally:
        await database.close()


async def license_runbook(settings: Settings, policy: Policy) -> None:
    """Every runbook has passed every gate."""
    database, now = Database(settings.database_url, RecordingEnqueuer(), AUDIT_KEY), utc_now()
    try:
        async with database.begin() as work:
            for name in policy.runbooks:
                await licences.license_runbook(work, policy, name, now, now.replace(year=now.year + 1))
    finally:
        await database.close()
