"""User groups change, and an app that asked for it hears so."""

from pathlib import Path
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Workspace

MANIFEST = Path(__file__).parents[3] / "manifest.yml"


async def test_the_app_is_told_who_joined_and_who_left(workspace: Workspace, app: AsyncApp, connected: Any) -> None:
    heard: list[dict[str, Any]] = []
    workspace.manifest(MANIFEST)

    @app.event("subteam_members_changed")
    async def changed(event: dict[str, Any]) -> None:
        heard.append(event)

    async with connected():
        workspace.regroup("S01ONCALL", "bob", "dave")
        await workspace.until(lambda: heard)
    (event,) = heard
    assert event["subteam_id"] == "S01ONCALL"
    assert (event["added_users"], event["removed_users"]) == (["U04DAVE"], ["U01ALICE"])
    answer = await app.client.usergroups_users_list(usergroup="S01ONCALL")
    assert answer["users"] == ["U02BOB", "U04DAVE"]


def test_nobody_unknown_joins_a_group(workspace: Workspace) -> None:
    with pytest.raises(LookupError, match="zoe"):
        workspace.regroup("S01ONCALL", "zoe")
    with pytest.raises(LookupError):
        workspace.regroup("S99GHOST", "alice")
