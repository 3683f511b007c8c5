"""With a manifest, only what it asks for works."""

from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Workspace

MANIFEST = """
features:
  app_home: {home_tab_enabled: true}
  bot_user: {display_name: Watchkeeper}
  slash_commands: [{command: /watch, description: Run Watchkeeper, usage_hint: status}]
  shortcuts: [{name: Pause all, type: global, callback_id: pause_all, description: Pause}]
oauth_config: {scopes: {bot: [commands, users:read]}}
settings: {event_subscriptions: {bot_events: [app_home_opened]}}
"""


@pytest.fixture
def installed(workspace: Workspace, tmp_path: Path) -> Workspace:
    file = tmp_path / "manifest.yml"
    file.write_text(MANIFEST)
    workspace.manifest(file)
    return workspace


async def test_an_ungranted_scope_is_missing(installed: Workspace, client: AsyncWebClient, refused: Any) -> None:
    assert (await refused(client.chat_postMessage(channel="C01INC", text="hi")))["error"] == "missing_scope"


async def test_a_command_it_does_not_name_is_not_valid(installed: Workspace) -> None:
    outcome = await installed.person("alice").slash("/restart")
    assert outcome.warning == "/restart is not a valid command."


async def test_a_shortcut_it_does_not_name_is_not_offered(installed: Workspace) -> None:
    with pytest.raises(LookupError, match="pause_all"):
        await installed.person("alice").shortcut("why")


def test_a_file_that_is_no_manifest_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "other.yml"
    file.write_text("version: 1")
    with pytest.raises(ValueError, match="no app manifest"):
        workspace.manifest(file)
