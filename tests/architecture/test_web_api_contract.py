"""Every call of the Web API is one that Slack documents, with a scope that the manifest asks for.

Each call of each test is compared with Slack's own words (``calls_as_documented`` in ``tests/conftest.py``). Here one
story makes the whole bot call every method that its code names, so that no call goes uncompared.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.local.workspace import Workspace
from bot.local.workspace.facts import method_facts
from bot.local.workspace.workflows import ExecutionState
from bot.response.ports.context import utc_now
from bot.slack import courier, incident_channels, people, posting
from bot.slack.connection import build_client
from bot.slack.questions import Questions
from handlers.slack import bridge
from handlers.slack.workflow import FUNCTION
from storage.database import Database
from storage.tables import ACTIONS, INCIDENT_CHANNELS
from tests.architecture.test_manifest import used_methods
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import INCIDENTS

Json = dict[str, Any]
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


def two_runbooks(written: Json) -> None:
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
    await workspace.until(lambda: workspace.messages("D04DAVE"))  # who may not is told so where nobody else reads it
    await here.slash("alice", "incidents", incident)
    await half_of_the_time_is_over(here)
    await alice.click(card, "approve")
    await workspace.until(lambda: any("Done and verified" in m.text for m in workspace.messages(channel)), timeout=60)
    await here.resolve()
    await archive_now(here, channel)
    await here.card_of(await here.fire(fingerprint="f2", labels={"severity": "warning"}))
    workspace.misbehave.lose_answer("chat.postMessage")
    await here.resolve("f2")
    await workspace.until(lambda: any(call.method == "conversations.replies" for call in workspace.calls), timeout=60)
    client = build_client(here.workspace.bot_token, here.settings.slack_api_url)
    assert (await Questions(client, utc_now).channel(INCIDENTS)).data["channel"]["name"] == "incidents"
    assert await ended(here, requested_by="U02BOB") is ExecutionState.COMPLETED
    assert await ended(here, requested_by="U04DAVE") is ExecutionState.FAILED


async def half_of_the_time_is_over(here: SmallStage) -> None:
    """So whoever is asked gets a reminder, with the card's address."""
    database = Database(here.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            await work.session.execute(update(ACTIONS).values(remind_at=ACTIONS.c.created_at))
    finally:
        await database.close()
    alice = here.workspace.state.direct_channel("U01ALICE").id
    await here.workspace.until(lambda: here.workspace.messages(alice), timeout=60)


async def ended(here: SmallStage, requested_by: str) -> ExecutionState:
    """How a workflow's step ends in which this person asks for a restart."""
    asked = {"runbook": "restart-checkout", "service": "checkout", "reason": "it is slow", "requested_by": requested_by}
    step = here.workspace.run_step(FUNCTION, **asked)
    await here.workspace.until(lambda: step.state is not ExecutionState.RUNNING, timeout=60)
    return step.state


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


async def test_one_story_comes_to_every_method_that_the_code_names(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, change_policy=two_runbooks) as here:
        await everything(here)
        called = {call.method for call in here.workspace.calls}
    assert used_methods(set(method_facts())) - called == set(), "named in the code, and never called"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (set(posting._CHANNEL_REMEDIES) | set(posting._TOKEN_REMEDIES), POSTING),
        (posting._LIMITED | posting._UNCERTAIN | posting._GONE, POSTING),
        (courier.CLOSED_CHANNEL_ERRORS, POSTING),
        (bridge.TOO_LATE, ("views.open",)),
        (people.NOBODY_ERRORS, ("users.info", "usergroups.users.list")),
        (set(incident_channels._REMEDIES) | incident_channels._ONE_OF_MANY | incident_channels._FOR_GOOD, CHANNELS),
        (set().union(*incident_channels._TOLERATED.values()), CHANNELS),
    ],
)
def test_every_word_we_understand_is_one_that_slack_says(words: set[str], asked: tuple[str, ...]) -> None:
    said = {word for method in asked for word in method_facts()[method].errors} | SAID_OF_ANY_METHOD
    assert words - said == set()
