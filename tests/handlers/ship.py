"""A whole ship but for the engine: a Slack-compatible workspace, the real Bolt app, a real database and courier.

What would start durable work is recorded instead.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Message, Workspace
from bot.local.workspace.people import Person
from bot.policy.evidence import Answer, Evidence
from bot.policy.file.document import Policy
from bot.policy.situation import Notification, Oversight, Planned
from bot.response.model.actions import Action, ActionState
from bot.response.model.incidents import Incident
from bot.response.model.records import StoredDecision
from bot.response.notices.card import current_action, refresh_card
from bot.response.ports.context import Context, utc_now
from bot.slack.connection import Connection, build_client
from bot.slack.courier import Courier
from bot.slack.pacing import Paces
from bot.slack.people import SlackPeople
from bot.slack.posting import Desk
from handlers.metrics import Metrics
from handlers.slack.bolt_app import build_slack_app
from handlers.slack.bridge import Bridge
from handlers.slack.events import SlackEvents
from handlers.slack.inbox import Inbox, Routes
from handlers.slack.live_home import LiveHome
from handlers.slack.private import PrivateAnswers
from handlers.slack.routes import ROUTES
from handlers.web.health import Health
from handlers.web.http_app import build_http_app
from handlers.web.listener import listening
from remediations.catalogue import build_catalogue
from storage.audit_chain import SealedEntry
from storage.database import Database
from storage.intake import Intake
from storage.unit_of_work import UnitOfWork
from tests.fixtures import incidents as facts
from tests.fixtures.database import RecordingEnqueuer
from tests.fixtures.workspaces import patient_workspace
from tests.handlers.policy import POLICY, with_approvals

MANIFEST = Path(__file__).parents[2] / "manifest.yml"
HANDLE = "handle of checkout"
RUNBOOK = "restart-checkout"


class NoMonitoring:
    """Monitoring; nothing that people press asks it."""

    async def ask(self, queries: Collection[str]) -> Mapping[str, Answer]:
        raise AssertionError(f"asked for {queries}")

    async def healthy(self, promql: str | None, url: str | None) -> Evidence:
        raise AssertionError(f"asked for {promql or url}")


@dataclass
class Ship:
    """See ``sailing``."""

    workspace: Workspace
    database: Database
    enqueuer: RecordingEnqueuer
    context: Context
    client: AsyncWebClient
    courier: Courier[UnitOfWork]
    metrics: Metrics
    inbox: Inbox
    app: AsyncApp
    policy: Policy = POLICY
    """The policy in force, which a test may change."""

    @property
    def alice(self) -> Person:
        return self.workspace.person("alice")

    @property
    def bob(self) -> Person:
        return self.workspace.person("bob")

    @property
    def dave(self) -> Person:
        return self.workspace.person("dave")

    async def question(self, state: ActionState = ActionState.WAITING, **changes: Any) -> Message:
        """Open an incident with an action in ``state``, and wait for its card.

        How many must approve is what the policy says, and so that is changed to what the action needs.
        """
        self.policy = with_approvals(changes.get("approvals_needed", 1))
        async with self.database.begin() as work:
            incident_id = await facts.open_incident(work, "checkout", handle=HANDLE, revision=1)
            await work.decisions.add(asked_by_policy(incident_id))
            changes.setdefault("due_at", utc_now() + timedelta(minutes=30))
            action = facts.action(incident_id, state=state, runbook=RUNBOOK, **changes)
            await work.actions.add(action)
            await refresh_card(work, self.policy, incident_id, utc_now())
        async with asyncio.timeout(30):
            while (await self.incident(incident_id)).thread_ts is None:
                await asyncio.sleep(0.01)
        return self.workspace.messages("C01INC")[0]

    async def question_now(self) -> Action:
        """The incident's present question, which may be another than the first."""
        async with self.database.read() as work:
            incident = await work.incidents.get(1)
            action = await current_action(work, incident) if incident else None
        assert action is not None
        return action

    async def action(self, action_id: str = "a1") -> Action:
        async with self.database.read() as work:
            action = await work.actions.get(action_id)
        assert action is not None
        return action

    async def incident(self, incident_id: int = 1) -> Incident:
        async with self.database.read() as work:
            incident = await work.incidents.get(incident_id)
        assert incident is not None
        return incident

    async def audited(self, kind: str) -> Sequence[SealedEntry]:
        async with self.database.read() as work:
            return [entry async for entry in work.audit.entries() if entry.kind == kind]

    async def settled(self) -> None:
        """Wait until everything that was heard has taken effect."""
        assert await self.inbox.drain(30) == 0

    async def unfinished(self) -> int:
        async with self.database.begin() as work:
            now = utc_now()
            return len(await work.arrivals.unfinished(now, now))

    def flows(self) -> list[str]:
        """The durable flows that were asked for."""
        return [call[0] for call in self.enqueuer.calls]

    def told(self, person: str) -> list[str]:
        """What was said to this person alone, oldest first."""
        return [message.text for message in self.workspace.ephemerals(person)]

    def counted(self, **labels: str) -> float:
        return self.metrics.registry.get_sample_value("watchkeeper_slack_arrivals_total", labels) or 0.0

    def another_inbox(self, routes: Routes = ROUTES) -> Inbox:
        """What the next process has: the same rows, none of the tasks."""
        return Inbox(self.inbox.bridge, routes, retry_delays_seconds=(0.01, 0.01))

    async def at(self, now: datetime) -> Inbox:
        """An inbox of a process that is started at ``now``."""
        bridge = self.inbox.bridge
        return Inbox(
            replace(bridge, context=replace(self.context, now=lambda: now)), ROUTES, retry_delays_seconds=(0.01,)
        )


@asynccontextmanager
async def sailing(
    database: Database,
    enqueuer: RecordingEnqueuer,
    *,
    http: bool = False,
    socket: bool | None = None,
    routes: Routes = ROUTES,
) -> AsyncIterator[Ship]:
    """A ship on ``database``; over Socket Mode, or signed HTTP, or both where ``socket`` says so."""
    workspace = patient_workspace(relaxed_limits=True, redelivery_seconds=(0.1,) * 50)
    workspace.manifest(MANIFEST)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(workspace.serve())
        client = build_client(workspace.bot_token, server.api_url)

        def policy() -> Policy:
            return ship.policy

        people = SlackPeople(client, policy)
        context = Context(
            database=database,
            policy=policy,
            catalogue=build_catalogue(POLICY.backends),
            evidence=NoMonitoring(),
            people=people,
        )
        courier = Courier(
            database,
            Desk(client),
            name="test",
            channel=lambda: "C01INC",
            now=utc_now,
            on_accepted=_nothing,
            paces=Paces(post_interval_seconds=0.0, update_interval_seconds=0.0),
        )
        metrics = Metrics()
        bridge = Bridge(context, database, client, PrivateAnswers(courier, server.api_url), metrics)
        inbox = Inbox(bridge, routes, retry_delays_seconds=(0.01, 0.01))
        app = build_slack_app(inbox, signing_secret=workspace.signing_secret if http else None)
        ship = Ship(workspace, database, enqueuer, context, client, courier, metrics, inbox, app)
        courier.start()
        stack.push_async_callback(courier.close)
        stack.push_async_callback(inbox.drain)
        home = LiveHome(bridge, poll_seconds=0.05, interval_seconds=0.0)
        home.start()
        stack.push_async_callback(home.close)
        if http:
            intake = Intake(database, context.policy, utc_now)
            stack.push_async_callback(intake.close)
            # Not aiohttp's TestServer, which, unlike a real one, cancels a request that its client gave up.
            web_app = build_http_app(
                intake=intake,
                health=Health({}, metrics, database),
                metrics=metrics,
                alert_token=None,
                slack=SlackEvents(app, workspace.signing_secret, metrics),
            )
            host, port = await stack.enter_async_context(listening(web_app, "127.0.0.1", 0, shutdown_seconds=60))
            workspace.request_url = f"http://{host}:{port}/slack/events"
        if socket or not http:
            connection = Connection(app, workspace.app_token, client, check_seconds=0.05)
            await connection.start()
            stack.push_async_callback(connection.close)
            async with asyncio.timeout(30):
                while not connection.state.connected:
                    await asyncio.sleep(0.01)
        yield ship


def asked_by_policy(incident_id: int) -> StoredDecision:
    """A decision to ask, which everything but a pause would make again."""
    stored = facts.decision(incident_id)
    oversight = Oversight(audited=True, notification=Notification.PLANNED)
    plans = {RUNBOOK: Planned(plan=facts.plan())}
    situation = stored.situation.model_copy(update={"plans": plans, "oversight": oversight})
    return replace(stored, situation=situation)


async def _nothing(_work: UnitOfWork, _item: object) -> None:
    """A card was accepted."""
