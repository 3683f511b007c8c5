"""One bot on its own stage: a workspace, a database, orders, and whoever starts the bot again when it died.

What happens on the stage is told in ``story``.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from bot.local.demo.team import demo_team
from bot.local.ports import free_port
from bot.local.servers import get_json, log_tail, until
from bot.local.workspace import Workspace
from bot.policy.file.loading import load_policy
from bot.settings import read_settings
from tests.crash.bot_process import CRASH_AT, CRASH_LOG, KILLED, BotProcess
from tests.crash.points import reached
from tests.crash.yard import SERVICES, Yard
from tests.fixtures.database import AUDIT_KEY
from tests.scenarios.stage import ROOT, license_runbook

INCIDENTS = "C01INC"
ALERT_TOKEN = "a bearer that only these stories know"
ACK_TIMEOUT_SECONDS = 1.0


@dataclass(slots=True)
class Scene:
    """See the module; ``scene`` puts it up."""

    yard: Yard
    workspace: Workspace
    folder: Path
    environment: dict[str, str]
    bot: BotProcess | None = None
    lives: int = 0
    deaths: int = 0
    """How often the bot is to die before it is left alone."""

    @property
    def database(self) -> Path:
        """The bot's database, a SQLite file."""
        return self.folder / "watch.db"

    @property
    def bot_url(self) -> str:
        return f"http://{self.environment['WATCHKEEPER_LISTEN']}"

    def crash_log(self, life: int) -> Path:
        """Where the bot writes down what it reaches in its nth life."""
        return self.folder / f"life-{life}.txt"

    async def live(self, point: str = "") -> BotProcess:
        """Start the bot, for the first time or again."""
        self.lives += 1
        environment = self.environment | {CRASH_AT: point, CRASH_LOG: str(self.crash_log(self.lives))}
        self.bot = BotProcess(environment, self.folder / "bot.log")
        await self.bot.start()
        return self.bot

    @asynccontextmanager
    async def kept_alive(self, point: str = "", lifetimes: Sequence[float] = ()) -> AsyncIterator[None]:
        """Run the bot while the block lasts, and start it again whenever it was killed.

        Args:
            point: where it dies in its first life, if anywhere.
            lifetimes: how many seconds it is then left alive, life after life.
        """
        self.deaths = bool(point) + len(lifetimes)
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(self._keep_alive(point, lifetimes))
            yield
            keeper.cancel()

    async def _keep_alive(self, point: str, lifetimes: Sequence[float]) -> None:
        if point:
            code = await (await self.live(point)).ended()
            assert code == KILLED, f"the bot ended with {code}; it should have been killed at {point!r}"
            assert reached(self.crash_log(self.lives))[-1] == point
        for seconds in lifetimes:
            bot = await self.live()
            await asyncio.sleep(seconds)
            await bot.kill()
        code = await (await self.live()).ended()
        raise AssertionError(f"the bot ended by itself with code {code}")

    async def all_deaths_died(self) -> None:
        """Wait until the bot is ready in a life that nobody will end.

        Raises:
            ServerError: it still has a death to die: it never reached its point.
        """

        async def ready() -> bool:
            return self.lives > self.deaths and bool(await get_json(f"{self.bot_url}/readyz"))

        await until(ready, "the bot has died as it should and is ready again")


@asynccontextmanager
async def scene(
    yard: Yard,
    folder: Path,
    level: str,
    helps: bool,
    verify_within: str,
    veto_window: str = "1s",
    remediation: str = "restart_service",
) -> AsyncIterator[Scene]:
    """Everything but the bot, in order; at the end the bot is killed, if it still lives.

    Args:
        yard: where the services are.
        folder: an empty one, for the bot's files.
        level: of every runbook, and licensed for it.
        helps: whether a service that answers again counts as healthy.
        verify_within: how long a service has to become healthy.
        veto_window: of the runbooks that alerts ask for.
        remediation: of every runbook.
    """
    for service in SERVICES:
        await yard.repair(service)
    async with AsyncExitStack() as stack:
        workspace = Workspace(demo_team(), relaxed_limits=True, ack_timeout=ACK_TIMEOUT_SECONDS)
        workspace.manifest(ROOT / "manifest.yml")
        slack = await stack.enter_async_context(workspace.serve())
        health_url = await stack.enter_async_context(_health_page(yard, helps))
        policy_file = folder / "policy.yml"
        document = _policy(yard, level, health_url, verify_within, veto_window, remediation)
        policy_file.write_text(yaml.safe_dump(document, sort_keys=False))
        environment = {
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_API_URL": slack.api_url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'watch.db'}",
            "PROMETHEUS_URL": yard.prometheus.url,
            "WATCHKEEPER_POLICY": str(policy_file),
            "WATCHKEEPER_LISTEN": f"127.0.0.1:{free_port()}",
            "WATCHKEEPER_ALERT_TOKEN": ALERT_TOKEN,
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
        }
        here = Scene(yard, workspace, folder, environment)
        await _first_start(here)
        await license_runbook(
            read_settings(environment), load_policy(policy_file.read_text(), filename=str(policy_file))
        )
        try:
            yield here
        except BaseException:
            print(log_tail(folder / "bot.log"))
            raise
        finally:
            if here.bot is not None:
                await here.bot.kill()


def again(service: str) -> str:
    """The runbook that does the same for a service, and comes second: only a person chooses it."""
    return f"restart-{service}-again"


def _policy(
    yard: Yard, level: str, health_url: str, verify_within: str, veto_window: str, remediation: str
) -> dict[str, Any]:
    """A runbook per service, so that the pause of one after harm leaves the others alone; and another for each."""
    return {
        "version": 1,
        "channels": {"incidents": INCIDENTS},
        "people": {"sre-oncall": {"users": ["U01ALICE", "U02BOB"]}, "leads": {"users": ["U03CAROL"]}},
        "backends": {"supervisor": {"server": yard.supervisord.server, "staging": ["*-staging"]}},
        "defaults": {"approvals": {"from": ["sre-oncall"]}, "watch_after": "1s"},
        "services": {service: {"tier": 1, "fleet": 1} for service in SERVICES},
        "budgets": [{"scope": "all", "actions": 20, "per": "1h"}],
        "runbooks": {
            name: {
                "summary": f"Restart {service} when it stopped answering",
                "when": f"alert.name == 'ServiceDown' && alert.service == '{service}'",
                "level": level,
                "remediation": remediation,
                "with": {"backend": "supervisor", "service": service},
                "blast_radius": {"targets": 1},
                "evidence": {"monitored": "vector(1) == 1"},
                "verify": {"within": verify_within, "http": f"{health_url}/{service}", "stable": 1},
                "veto_window": window,
                "staging": {"with": {"service": f"{service}-staging"}, "inject": "kill"},
            }
            for service in SERVICES
            for name, window in ((f"restart-{service}", veto_window), (again(service), "1s"))
        },
    }


@asynccontextmanager
async def _health_page(yard: Yard, helps: bool) -> AsyncIterator[str]:
    """Its address: below it, 200 for each service that answers, or for none where restarting does not help."""

    async def health(request: web.Request) -> web.Response:
        healthy = helps and await yard.answers(request.match_info["service"])
        return web.Response(status=200 if healthy else 503)

    application = web.Application()
    application.router.add_get("/{service}", health)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _first_start(here: Scene) -> None:
    """Give the bot a database as the very first start leaves it; made once per yard, by a real first start."""
    template = here.yard.folder / "template.db"
    if not template.exists():
        bot = await here.live()
        await until(lambda: get_json(f"{here.bot_url}/readyz"), "the bot is ready")
        assert await bot.stop() == 0
        here.database.rename(template)
        here.lives, here.bot = 0, None
    shutil.copy(template, here.database)
