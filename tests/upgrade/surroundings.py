"""What the bot of the upgrade tests lives among, the same when it writes and when a later version reads.

A workspace, services under a real supervisord, a Prometheus that scrapes nothing, and the bot in a process of its own.
Everything is addressed from outside: by what stands in the database, by clicks, by alerts.
"""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.local.servers import ServerError, StartHook, get_json, log_tail, running, tell_nobody, until
from bot.local.workspace import Message, View, Workspace
from tests.fixtures.servers import Program, Prometheus, Supervisord, running_prometheus, running_supervisord
from tests.handlers.webhooks import webhook
from tests.scenarios.stage import ALERT_TOKEN, ROOT
from tests.upgrade.landed import AUDIT_KEY, rows

INCIDENTS = "C01INC"
PATIENCE_SECONDS = 30.0
OPENS_WITHIN_SECONDS = 5.0
"""Slack lets a dialog be opened for three seconds; after that the person clicks again."""
LISTENING = re.compile(r"Watchkeeper is running at (http://\S+)")
HANGING = "orders"
"""It runs, and is being restarted when the bot dies."""
REPAIRED = "mail"
"""It was down, was restarted, and is being stopped again when the bot dies."""
DOWN = ("checkout", "payments", "search", "cart", "ledger", "basket", "reports", "worker-1", "worker-2", "worker-3")
"""They have crashed; a plan for such a one can be made again anywhere, because it holds no process number."""
BEFORE = ("catalogue", "invoices")
"""They were repaired, or not, before the bot died; nothing is done to them later."""


def alert(
    service: str, *, name: str = "ServiceDown", severity: str = "critical", fingerprint: str = "", **changes: Any
) -> dict[str, Any]:
    """One firing alert as Alertmanager sends it, with ``changes``."""
    return {
        "status": "firing",
        "labels": {"alertname": name, "service": service, "severity": severity},
        "annotations": {"summary": f"{service} does not answer"},
        "startsAt": "2025-01-06T02:59:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://monitor.example/graph",
        "fingerprint": fingerprint or service,
        **changes,
    }


@dataclass(slots=True)
class Surroundings:
    """Everything but the bot."""

    folder: Path
    workspace: Workspace
    slack_api_url: str
    supervisord: Supervisord
    prometheus: Prometheus
    bot_url: str = ""
    lives: int = 0

    @property
    def database(self) -> Path:
        return self.folder / "watch.db"

    @property
    def log(self) -> Path:
        """What the bot says in its present life."""
        return self.folder / f"bot-{self.lives}.log"

    @property
    def memory(self) -> Path:
        return self.folder / "slack.json"

    @property
    def policy(self) -> Path:
        return self.folder / "policy.yml"

    @asynccontextmanager
    async def bot(self, *arguments: str) -> AsyncIterator[subprocess.Popen[bytes]]:
        """The bot, from ready to stopped. The system gives it a port, so nobody else can take it before."""
        foreign = ("SLACK_", "WATCHKEEPER_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
            "PYTHONPATH": str(ROOT),
            "SLACK_BOT_TOKEN": self.workspace.bot_token,
            "SLACK_APP_TOKEN": self.workspace.app_token,
            "SLACK_API_URL": self.slack_api_url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{self.database}",
            "PROMETHEUS_URL": self.prometheus.url,
            "WATCHKEEPER_POLICY": str(self.policy),
            "WATCHKEEPER_LISTEN": "127.0.0.1:0",
            "WATCHKEEPER_ALERT_TOKEN": ALERT_TOKEN,
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
        }
        self.lives += 1

        async def ready() -> bool:
            listening = LISTENING.search(self.log.read_text())
            self.bot_url = listening[1] if listening else ""
            return bool(listening and await get_json(f"{self.bot_url}/readyz"))

        command = [sys.executable, str(ROOT / "tests/scenarios/replica.py"), *arguments]
        async with running(command, self.log, ready, environment=environment) as process:
            yield process

    # what is stored

    def rows(self, query: str, *values: object) -> list[Any]:
        """What the database holds."""
        return rows(self.database, query, *values)

    def incident(self, service: str) -> Any:
        """The row of the service's incident.

        Raises:
            LookupError: there is none.
        """
        found = self.rows("SELECT * FROM incidents WHERE service = ? ORDER BY id", service)
        if not found:
            raise LookupError(f"no incident of {service}")
        return found[-1]

    def action(self, service: str) -> Any:
        """The row of the newest action of the service's incident; None before there is one."""
        found = self.rows("SELECT * FROM actions WHERE service = ? ORDER BY revision", service)
        return found[-1] if found else None

    async def until(self, check: Callable[[], Any], what: str, within_seconds: float = PATIENCE_SECONDS) -> Any:
        """Wait until ``check`` gives something true.

        Raises:
            ServerError: it did not happen; with what the bot said last.
        """

        async def looked() -> Any:
            return check()

        try:
            return await until(looked, what, within_seconds=within_seconds)
        except ServerError as error:
            raise ServerError(f"{error}\n{log_tail(self.log)}") from error

    async def until_state(self, service: str, state: str) -> Any:
        """Wait until the service's newest action is in this state; its row."""

        def reached() -> Any:
            action = self.action(service)
            return action if action is not None and action["state"] == state else None

        return await self.until(reached, f"the action for {service} is {state}")

    # what people see and do

    def card(self, service: str) -> Message:
        """The message that shows the service's incident, alone or with others.

        Raises:
            LookupError: there is none yet.
        """
        incident = self.incident(service)
        return self.message(incident["channel"], incident["thread_ts"])

    def message(self, channel: str | None, ts: str | None) -> Message:
        """One message that people can see.

        Raises:
            LookupError: there is no such message.
        """
        found = self.workspace.state.find_message(channel, ts) if channel and ts else None
        if found is None:
            raise LookupError(f"no message {ts} in {channel}")
        return found

    async def click(self, person: str, place: Message, button: str) -> None:
        """Press it as soon as it is there, and make sure that it was heard."""
        await self.until(lambda: f"'action_id': '{button}'" in str(place.blocks), f"{button} is offered")
        outcome = await self.workspace.person(person).click(place, button)
        assert outcome.acked, f"{person}'s {button} was not heard: {outcome.warning}"

    async def dialog(self, person: str, place: Message, button: str) -> View:
        """Click until the dialog opens.

        Raises:
            ServerError: it does not open.
        """
        views = self.workspace.open_views

        async def opened() -> bool:
            return bool(views(person))

        for _ in range(10):
            await self.click(person, place, button)
            try:
                await until(opened, f"the dialog of {button} opens", within_seconds=OPENS_WITHIN_SECONDS)
            except ServerError:
                continue
            return views(person)[-1]
        raise ServerError(f"the dialog of {button} does not open")

    async def fill_in(self, person: str, place: Message, button: str, **form: str) -> None:
        """Open the dialog, submit it, and make sure that it was taken."""
        outcome = await self.workspace.person(person).submit(await self.dialog(person, place, button), form)
        assert outcome.acked, f"{person}'s {button} was not taken: {outcome.warning}"

    async def until_asked(self, service: str) -> None:
        """Wait until the service's card asks."""

        def asked() -> bool:
            action = self.action(service)
            return action is not None and action["state"] == "waiting" and bool(self.incident(service)["thread_ts"])

        await self.until(asked, f"{service} is asked about")

    async def approve(self, person: str, service: str) -> None:
        """Approve on the service's card, once it asks."""
        await self.until_asked(service)
        await self.click(person, self.card(service), "approve")

    async def post(self, *alerts: Any, **changes: Any) -> None:
        """The alerts as one webhook with ``changes``, which must be taken."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {ALERT_TOKEN}"}) as session,
            session.post(f"{self.bot_url}/alerts/alertmanager", json=webhook(list(alerts), **changes)) as response,
        ):
            response.raise_for_status()

    def starts(self, service: str) -> int:
        """How often supervisord has started it, whoever asked for it, by its own account."""
        return (self.folder / "supervisord-own.log").read_text().count(f"spawned: '{service}'")


@asynccontextmanager
async def surroundings(
    folder: Path,
    workspace: Workspace,
    *,
    up: Sequence[str],
    down: Sequence[str],
    hang_seconds: int = 0,
    started: StartHook = tell_nobody,
) -> AsyncIterator[Surroundings]:
    """Start everything but the bot.

    Args:
        folder: an empty one.
        workspace: where people are.
        up: services that run.
        down: services that have failed, and would come up again.
        hang_seconds: how long ``HANGING`` and ``REPAIRED`` take to stop.
        started: is told of Prometheus.
    """
    trouble = folder / "trouble"
    trouble.touch()

    def program(name: str, fail_while: Path | None = None) -> Program:
        hangs = hang_seconds if name in (HANGING, REPAIRED) else 0
        return Program(name, fail_while=fail_while, ignore_terminate=hangs > 0, stop_seconds=hangs or 5)

    broken = [program(name, trouble) for name in down]
    workspace.manifest(ROOT / "manifest.yml")
    async with (
        running_supervisord(folder, *map(program, up), *broken) as supervisord,
        running_prometheus(folder, services={}, started=started) as prometheus,
        workspace.serve() as slack,
    ):
        for one in broken:
            await supervisord.until_state(one.address, "EXITED")
        trouble.unlink()
        yield Surroundings(folder, workspace, slack.api_url, supervisord, prometheus)
