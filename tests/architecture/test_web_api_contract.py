"""Every call of the Web API is one that Slack documents, with a scope that the manifest asks for.

One story makes the whole bot call every method that its code names; each recorded call is then compared with Slack's
own words. The words themselves live beside the project and are skipped over where they are not.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import update

from bot.local.workspace import Workspace
from bot.local.workspace.web_api import CallRecord
from bot.slack import channels, courier, people, posting
from handlers import bridge
from storage.database import Database
from storage.tables import INCIDENT_CHANNELS
from tests.architecture.test_manifest import ROOT, contract, granted, used_methods
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.scenarios.small_stage import SmallStage, small_stage

Json = dict[str, Any]
UNDOCUMENTED_BUT_WELCOME = frozenset({"token", "team_id"})
"""Slack's own client adds them to every call."""
TOLD_ELSEWHERE = {
    "chat.getPermalink": "tests/slack/test_pointers.py",
    "functions.completeError": "tests/handlers/test_workflow.py",
    "functions.completeSuccess": "tests/handlers/test_workflow.py",
}
"""Methods that this story does not come to, and the tests in which the workspace checks every call of them."""
SAID_OF_ANY_METHOD = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "fatal_error",
        "internal_error",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "ratelimited",
        "rate_limited",
        "request_timeout",
        "service_unavailable",
        "team_access_not_granted",
        "team_added_to_org",
        "token_expired",
        "token_revoked",
        "user_is_restricted",
    }
)
"""Documented for all methods together, and so not repeated with each."""
POSTING = ("chat.postMessage", "chat.postEphemeral", "chat.update", "conversations.history", "conversations.replies")
CHANNELS = ("conversations.create", "conversations.invite", "conversations.archive", "pins.add", "bookmarks.add")


def orders(written: Json) -> None:
    """Own channels with bookmarks, and people from a user group: whatever makes the bot call something more."""
    written["people"]["sre-oncall"] = {"usergroup": "S01ONCALL"}
    written["channels"]["own_channel"] = {"severities": ["critical"], "invite": ["sre-oncall"], "archive_after": "24h"}
    written["services"]["checkout"]["dashboard"] = "https://grafana.example/d/checkout"


async def everything(here: SmallStage) -> None:
    """One incident from end to end, in which Slack's answers get lost wherever that makes the bot look again."""
    alice, dave, workspace = here.workspace.person("alice"), here.workspace.person("dave"), here.workspace
    for method in ("conversations.create", "bookmarks.add", "chat.postMessage"):
        workspace.misbehave.lose_answer(method)
    await here.service.crash()
    incident = await here.fire()
    channel = await workspace.until(lambda: own_channel(workspace), timeout=60)
    assert isinstance(channel, str)
    (card,) = [
        m for m in workspace.messages(channel) if m.thread_ts in (None, m.ts) and m.text.endswith(f"({incident})")
    ]
    await alice.click(card, "why")
    await workspace.until(lambda: workspace.open_views("alice"))
    await dave.open_home()
    await workspace.until(lambda: workspace.home("dave"))
    await dave.shortcut("pause_all")
    await workspace.until(lambda: workspace.open_views("dave"))
    form = {"scope": "everything:", "duration": "1h", "reason": "I may not"}
    await dave.submit(workspace.open_views("dave")[-1], form)  # answered in a direct message: a modal has no channel
    await here.watch("alice", "incidents", incident)
    await alice.click(card, "approve")
    await workspace.until(lambda: any("Done and verified" in m.text for m in workspace.messages(channel)), timeout=60)
    await here.resolve()
    await archive_now(here, channel)
    await here.card_of(await here.fire(fingerprint="f2", labels={"severity": "warning"}))
    workspace.misbehave.lose_answer("chat.postMessage")
    await here.resolve("f2")
    await workspace.until(lambda: any(call.method == "conversations.replies" for call in workspace.calls), timeout=60)


def own_channel(workspace: Workspace) -> str | None:
    """The channel that was opened for the incident, once its card is pinned."""
    return next((one.id for one in workspace.team.channels.values() if one.name.startswith("inc-") and one.pins), None)


async def archive_now(here: SmallStage, channel: str) -> None:
    """Let the day pass after which a channel is archived, as often as the bot still has something to say in it."""
    database = Database(here.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with asyncio.timeout(60):
            while not here.workspace.team.channel(channel).is_archived:
                async with database.begin() as work:
                    await work.session.execute(
                        update(INCIDENT_CHANNELS)
                        .where(INCIDENT_CHANNELS.c.archive_at.is_not(None))
                        .values(archive_at=INCIDENT_CHANNELS.c.created_at, due_at=INCIDENT_CHANNELS.c.created_at)
                    )
                await asyncio.sleep(0.5)
    finally:
        await database.close()


def faults(call: CallRecord, methods: Json, scopes: set[str]) -> list[str]:
    """What is wrong with one call, by Slack's own words."""
    documented = methods[call.method]
    given = {name: value for name, value in call.arguments.items() if name not in UNDOCUMENTED_BUT_WELCOME}
    needed = set(documented["bot_scopes"])
    missing = [name for name in documented["required"] if given.get(name) is None]
    return [
        *(f"{call.method}: {name} is no argument of it" for name in given.keys() - documented["args"].keys()),
        *(f"{call.method}: {name} is required" for name in missing),
        *([f"{call.method}: needs one of {sorted(needed)}"] if needed and not needed & scopes else []),
    ]


async def test_every_method_is_called_as_slack_documents_it_with_a_scope_that_was_granted(tmp_path: Path) -> None:
    methods = contract("slack-methods.json")
    scopes = granted(yaml.safe_load((ROOT / "manifest.yml").read_text()))
    async with small_stage(tmp_path, relaxed_limits=True, change_orders=orders) as here:
        await everything(here)
        calls = list(here.workspace.calls)
    assert [fault for call in calls for fault in faults(call, methods, scopes)] == []
    never = used_methods(set(methods)) - {call.method for call in calls} - TOLD_ELSEWHERE.keys()
    assert never == set(), "named in the code, and never called"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (set(posting._CHANNEL_REMEDIES) | set(posting._TOKEN_REMEDIES), POSTING),
        (posting._LIMITED | posting._UNCERTAIN | posting._GONE, POSTING),
        (courier.CLOSED_CHANNEL_ERRORS, POSTING),
        (bridge.TOO_LATE, ("views.open",)),
        (people.NOBODY_ERRORS, ("users.info", "usergroups.users.list")),
        (set(channels._REMEDIES) | channels._ONE_OF_MANY | channels._FOR_GOOD, CHANNELS),
        (set().union(*channels._TOLERATED.values()), CHANNELS),
    ],
)
def test_every_word_we_understand_is_one_that_slack_says(words: set[str], asked: tuple[str, ...]) -> None:
    methods = contract("slack-methods.json")
    said = {word for method in asked for word in methods[method]["errors"]} | SAID_OF_ANY_METHOD
    assert words - said == set()
