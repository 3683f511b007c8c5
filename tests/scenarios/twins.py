"""Production with a twin beside it: the stage of stories in which autonomy is earned on staging."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.app import running
from bot.policy.file.document import Policy
from bot.response.model.candidacies import Candidacy, CandidacyState
from bot.response.ports.context import Timing
from storage.database import Database
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import (
    Program,
    Supervisord,
    free_port,
    running_alertmanager,
    running_prometheus,
    running_supervisord,
)
from tests.fixtures.workspaces import patient_workspace
from tests.scenarios.stage import (
    ALERT_TOKEN,
    ROOT,
    SUPERVISOR_PASSWORD,
    Stage,
    behind_a_password,
    document,
    loaded,
    settings_of,
)

RUNBOOK = "restart-checkout"
TWIN = "checkout-staging"
ADDRESS = f"{TWIN}:{TWIN}"
Change = Callable[[dict[str, Any]], None]
"""What a story wants otherwise in the policy's document."""


@dataclass
class TwinStage(Stage):
    """A stage with the twin."""

    twin: Program
    bot: AsyncExitStack

    async def stop_bot(self) -> None:
        """As SIGTERM would; everything else goes on."""
        await self.bot.aclose()

    async def twin_runs(self) -> bool:
        return await self.supervisord.state(ADDRESS) == "RUNNING"

    async def candidacy(self, *states: CandidacyState) -> Candidacy | None:
        """The newest in one of these states."""
        database = Database(self.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            async with database.read() as work:
                found = await work.candidacies.of(RUNBOOK, *states)
                return found[-1] if found else None
        finally:
            await database.close()

    async def record(self) -> list[tuple[str, int | None]]:
        """Kind and incident of every entry."""
        database = Database(self.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            async with database.read() as work:
                return [(entry.kind, entry.incident_id) async for entry in work.audit.entries()]
        finally:
            await database.close()


def policy_with_twin(
    supervisord: Supervisord, folder: Path, change: Change = lambda document: None, **runbook: Any
) -> Policy:
    """Alice has written the runbook, carol may sign it off; its ``when`` names production."""
    written = behind_a_password(document(supervisord.server, "L3"), folder)
    written["gates"] = {"sign_off": ["leads"]}
    written["runbooks"][RUNBOOK] |= {
        "when": "alert.name == 'ServiceDown' && alert.labels.service == 'checkout'",
        "authors": ["U01ALICE"],
        "staging": {"with": {"service": TWIN}, "alert": {"service": TWIN}, "inject": "kill"},
    } | runbook
    change(written)
    return loaded(written)


@asynccontextmanager
async def twin_stage(folder: Path, change: Change = lambda document: None, **runbook: Any) -> AsyncIterator[TwinStage]:
    """Start everything; both services answer, and Prometheus knows them, before the story begins."""
    async with AsyncExitStack() as stack:
        service, twin, bot_port = Program("checkout"), Program(TWIN), free_port()
        supervisord = await stack.enter_async_context(
            running_supervisord(folder, service, twin, password=SUPERVISOR_PASSWORD)
        )
        alertmanager = await stack.enter_async_context(
            running_alertmanager(
                folder, webhook_url=f"http://127.0.0.1:{bot_port}/alerts/alertmanager", token=ALERT_TOKEN
            )
        )
        services = {"checkout": service.port, TWIN: twin.port}
        prometheus = await stack.enter_async_context(
            running_prometheus(folder, services=services, alertmanager=alertmanager)
        )
        workspace = patient_workspace()
        workspace.manifest(ROOT / "manifest.yml")
        server = await stack.enter_async_context(workspace.serve())
        policy = policy_with_twin(supervisord, folder, change, **runbook)
        settings = settings_of(folder, workspace, server.api_url, prometheus.url, bot_port)
        for name in services:
            await prometheus.until_value(f'up{{service="{name}"}}', 1)
        bot = await stack.enter_async_context(AsyncExitStack())
        bot_url = await bot.enter_async_context(running(settings, policy, timing=Timing(verify_interval_seconds=0.2)))
        await workspace.until(lambda: workspace.sockets.connection_count > 0)
        yield TwinStage(
            workspace, service, supervisord, bot_url, server.page_url, settings, policy, prometheus, twin, bot
        )
