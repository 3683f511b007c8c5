"""A set-up for `watchkeeper doctor`: what it is told, and the real systems that it asks."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.local.workspace import Workspace
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import utc_now
from storage.database import Database
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import Program, free_port, running_prometheus, running_supervisord
from tests.fixtures.workspaces import patient_workspace
from tests.scenarios.stage import ROOT, SUPERVISOR_PASSWORD, behind_a_password, document

Json = dict[str, Any]


@dataclass
class SetUp:
    """What the command is told, and the systems that it asks."""

    folder: Path
    workspace: Workspace
    policy: Json
    environment: dict[str, str]
    command: tuple[str, ...] = ("-m", "bot")
    through: tuple[str, ...] = ()
    """What starts it."""

    async def told(self, *options: str) -> tuple[int, str]:
        """What ``doctor`` says: exit code, and everything that was printed."""
        (self.folder / "policy.yml").write_text(yaml.safe_dump(self.policy, sort_keys=False))
        return await self.typed("doctor", *options)

    async def typed(self, *words: str) -> tuple[int, str]:
        """Of any command: exit code, and everything that was printed."""
        process = await asyncio.create_subprocess_exec(
            *(*self.through, sys.executable, *self.command, *words),
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        said = printed.decode()
        assert "Traceback" not in said
        for secret in (AUDIT_KEY.decode(), SUPERVISOR_PASSWORD, self.workspace.bot_token, self.workspace.app_token):
            assert secret not in said
        return process.returncode or 0, said

    async def parts(self) -> tuple[int, list[dict[str, str]]]:
        code, said = await self.told("--format", "json")
        return code, json.loads(said)["parts"]


@dataclass(frozen=True)
class Systems:
    """Those that are asked and not changed, so that many tests may share them."""

    supervisord: str
    """The address of a server behind a password."""
    supervisord_http: str
    """The same server, without a path of this machine."""
    prometheus: str


@contextmanager
def running_systems(folder: Path, *, down: Sequence[str] = ()) -> Iterator[Systems]:
    """Both, on a loop of their own. ``down``: services that Prometheus knows as not answering."""

    async def start() -> Systems:
        program = Program("checkout")
        server = await stack.enter_async_context(running_supervisord(folder, program, password=SUPERVISOR_PASSWORD))
        services = {name: free_port() for name in down}
        prometheus = await stack.enter_async_context(running_prometheus(folder, services=services))
        for name in down:
            await prometheus.until_value(f'up{{service="{name}"}}', 0)
        return Systems(server.server, server.http_server, prometheus.url)

    stack = AsyncExitStack()
    with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
        systems = thread.submit(runner.run, start()).result()
        try:
            yield systems
        finally:
            thread.submit(runner.run, stack.aclose()).result()


@asynccontextmanager
async def set_up(folder: Path, database_url: str, systems: Systems) -> AsyncIterator[SetUp]:
    """One in which nothing is missing; the bot itself does not run."""
    workspace = patient_workspace()
    workspace.manifest(ROOT / "manifest.yml")
    async with workspace.serve() as server:
        policy = behind_a_password(document(systems.supervisord), folder)
        policy["people"]["sre-oncall"]["usergroup"] = "S01ONCALL"
        policy["channels"] |= {"audit": "C02AUD"}
        policy["defaults"]["approvals"]["escalation"] = ["leads"]
        policy["services"]["checkout"]["slo_burn"] = "slo:burn_rate:1h{service='checkout'}"
        policy["runbooks"]["restart-checkout"]["authors"] = ["U02BOB"]
        policy["runbooks"]["restart-checkout"]["staging"]["alert"] = {"service": "checkout-staging"}
        policy["gates"] = {"sign_off": ["leads"]}
        policy["second_channel"] = {
            "email": {
                "server": "127.0.0.1:25",
                "security": "none",
                "from": "watch@example.com",
                "to": ["alice@example.com"],
                "username": "watch",
                "password_env": "TEST_MAIL_PASSWORD",
            },
            "links": {"base_url": "https://watch.example.com"},
        }
        environment = {
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_API_URL": server.api_url,
            "DATABASE_URL": database_url,
            "PROMETHEUS_URL": systems.prometheus,
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
            "TEST_MAIL_PASSWORD": "canary-mail-password",
        }
        yield SetUp(folder, workspace, policy, environment)


async def begin_record(url: str) -> None:
    """One entry, sealed with the good key."""
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            await work.audit.append(kind=AuditKind.ALERT_RECEIVED, actor="watchkeeper", at=utc_now(), body={})
    finally:
        await database.close()
