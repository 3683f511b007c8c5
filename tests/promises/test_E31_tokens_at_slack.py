"""E31: tokens that Slack refuses are named at once when the bot is started, both if need be, and never shown."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import running
from bot.composition.start_error import StartError
from bot.local.workspace import Workspace
from bot.settings import Settings
from tests.fixtures.database import AUDIT_KEY
from tests.fixtures.workspaces import patient_workspace
from tests.promises.mistakes import GOOD, ROOT, ended
from tests.scenarios.stage import document, loaded

NOWHERE = "unix:///no/supervisor.sock"


@asynccontextmanager
async def slack(folder: Path) -> AsyncIterator[tuple[Workspace, Settings]]:
    """A workspace, and settings with which a bot starts there."""
    workspace = patient_workspace()
    workspace.manifest(ROOT / "manifest.yml")
    async with workspace.serve() as server:
        yield (
            workspace,
            Settings(
                slack_bot_token=workspace.bot_token,
                slack_app_token=workspace.app_token,
                slack_api_url=server.api_url,
                database_url=f"sqlite+aiosqlite:///{folder / 'watch.db'}",
                listen_port=0,
                audit_key=AUDIT_KEY,
            ),
        )


async def refused(settings: Settings) -> list[str]:
    with pytest.raises(StartError) as caught:
        async with running(settings, loaded(document(NOWHERE, "L1"))):
            raise AssertionError("it runs")
    return str(caught.value).splitlines()


async def test_two_tokens_that_slack_does_not_know_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text((ROOT / "docs" / "policy.example.yml").read_text())
    async with slack(tmp_path) as (_, settings):
        environment = GOOD | {"SLACK_API_URL": settings.slack_api_url, "SMTP_PASSWORD": "any"}
        code, said = await asyncio.to_thread(ended, tmp_path, environment, "run")
    assert code == 1, said
    assert "SLACK_BOT_TOKEN is refused by Slack (invalid_auth), because Slack does not know it: copy the bot" in said
    assert "SLACK_APP_TOKEN is refused by Slack (invalid_auth), because Slack does not know it: make an app" in said
    assert "Traceback" not in said
    assert "canary" not in said


@pytest.mark.parametrize("wrong", ["slack_bot_token", "slack_app_token"])
async def test_the_one_that_is_wrong_is_named_alone(wrong: str, tmp_path: Path) -> None:
    async with slack(tmp_path) as (_, good):
        begin = "xoxb" if wrong == "slack_bot_token" else "xapp"
        told = (
            replace(good, slack_bot_token=f"{begin}-x") if begin == "xoxb" else replace(good, slack_app_token="xapp-x")
        )
        [line] = await refused(told)
    assert line.startswith(f"{wrong.upper()} is refused by Slack (invalid_auth)")


async def test_slack_that_is_away_keeps_nobody_from_starting(tmp_path: Path) -> None:
    async with slack(tmp_path) as (workspace, settings):
        workspace.misbehave.fail(times=None)
        async with running(settings, loaded(document(NOWHERE, "L1"))) as address:
            assert address.startswith("http://127.0.0.1:")


async def test_slack_is_asked_where_to_connect_once_at_a_start(tmp_path: Path) -> None:
    async with slack(tmp_path) as (workspace, settings), running(settings, loaded(document(NOWHERE, "L1"))):
        await workspace.until(lambda: workspace.sockets.connection_count == 1, timeout=30)
        assert sum(call.method == "apps.connections.open" for call in workspace.calls) == 1
