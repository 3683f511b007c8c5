"""A workspace that behaves like Slack, a real database, the real courier: where incidents get channels of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.local.demo.team import demo_team
from bot.local.workspace import Workspace
from bot.local.workspace.team import Channel
from bot.policy.file.document import Policy
from bot.response.model.actions import ActionEvent
from bot.response.model.incident_channel import ChannelStep, OwnChannel
from bot.response.model.incidents import IncidentEvent
from bot.response.model.notices import CardNotice, ThreadNotice
from bot.response.notices.card import refresh_card
from bot.response.notices.channel_moves import lost, tell_ending, want_channel
from bot.response.ports.context import Context
from bot.slack.connection import build_client
from bot.slack.courier import Courier
from bot.slack.deliveries import OutboxItem
from bot.slack.incident_channels import Channels
from bot.slack.pacing import Paces
from bot.slack.people import SlackPeople
from bot.slack.posting import Desk
from storage.database import Database
from storage.migrations import migrate
from storage.unit_of_work import UnitOfWork
from tests.fixtures import incidents as facts
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.handlers.policy import POLICY
from tests.handlers.ship import NoMonitoring

DASHBOARD, RUNBOOK = "https://grafana.example/d/checkout", "https://docs.example/checkout"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def written_policy(**own: Any) -> Policy:
    """What is critical gets a channel of its own."""
    document = POLICY.model_dump(mode="json", by_alias=True)
    document["channels"]["own_channel"] = {"severities": ["Critical"], "invite": ["sre-oncall"]} | own
    document["services"]["checkout"]["dashboard"] = DASHBOARD
    document["runbooks"]["restart-checkout"]["runbook_url"] = RUNBOOK
    return Policy.model_validate(document)


@dataclass
class Harbour:
    """A workspace, a database, a courier that delivers, and a clock that can be turned on."""

    workspace: Workspace
    database: Database
    context: Context
    courier: Courier[UnitOfWork]
    channels: Channels
    _ahead: list[timedelta] = field(default_factory=list)

    def pass_time(self, by: timedelta) -> None:
        self._ahead.append(by)

    async def incident(self, severity: str = "critical", service: str = "checkout") -> int:
        """One whose first card is on its way, with an entry behind it."""
        async with self.database.begin() as work:
            number = len(await work.incidents.latest()) + 1
            values = {"handle": f"h{number}", "severity": severity, "service": service, "revision": 1}
            incident_id = await facts.open_incident(work, f"{service}/{number}", **values)
            stored = facts.decision(incident_id)
            decision = stored.decision.model_copy(update={"runbook": "restart-checkout"})
            await work.decisions.add(replace(stored, decision=decision))
            await work.actions.add(facts.action(incident_id, f"a{incident_id}"))
            await refresh_card(work, self.context.policy(), incident_id, self.context.now())
        await self.told(incident_id)
        await self.say(incident_id, "Asking for approval")
        return incident_id

    async def say(self, incident_id: int, title: str) -> None:
        now = self.context.now()
        async with self.database.begin() as work:
            await work.outbox.add(incident_id, ThreadNotice(incident=f"INC-{incident_id}", title=title, at=now), now)

    async def told(self, incident_id: int) -> None:
        """Wait until everything about the incident is delivered."""
        async with asyncio.timeout(20):
            while True:
                async with self.database.read() as work:
                    if not await work.outbox.undelivered(incident_id):
                        return
                await asyncio.sleep(0.01)

    async def furnished(self, incident_id: int) -> None:
        """Sweep, while time passes, until there is nothing to do any more before the incident ends."""
        async with asyncio.timeout(60):
            while (await self.own(incident_id)).step not in (ChannelStep.ARCHIVE, ChannelStep.GIVEN_UP):
                await self.channels.sweep()
                self.pass_time(2 * SECOND)
                await asyncio.sleep(0.01)
        await self.told(incident_id)

    async def over(self, incident_id: int) -> None:
        """The action succeeded, and the alerts ended."""
        now = self.context.now()
        async with self.database.begin() as work:
            for event in (ActionEvent.APPROVE, ActionEvent.CLAIM, ActionEvent.BEGIN, ActionEvent.EXECUTED):
                await work.actions.move(f"a{incident_id}", event, decided_by=("U01ALICE",), decided_at=now)
            await work.actions.move(f"a{incident_id}", ActionEvent.HEALTHY, outcome="It answers.", finished_at=now)
            await work.reviews.ask(f"a{incident_id}", now + 5 * DAY)
            await work.incidents.move(incident_id, IncidentEvent.RESOLVE, now=now)
            await tell_ending(work, self.context, incident_id)
        await self.told(incident_id)

    async def own(self, incident_id: int) -> OwnChannel:
        async with self.database.read() as work:
            own = await work.channels.get(incident_id)
        assert own is not None
        return own

    async def kinds(self, incident_id: int) -> list[str]:
        async with self.database.read() as work:
            return [entry.kind for entry in await work.audit.of_incident(incident_id)]

    def made(self) -> list[Channel]:
        """Channels that were not always there."""
        return [one for one in self.workspace.state.team.channels.values() if one.created]

    def channel(self) -> Channel:
        (channel,) = self.made()
        return channel

    def texts(self, channel: str) -> list[str]:
        return [message.text for message in self.workspace.messages(channel)]

    def calls(self, method: str) -> list[Any]:
        return [call for call in self.workspace.calls if call.method == method]

    def another(self, name: str) -> Channels:
        """What the next replica has."""
        return Channels(self.context, self.database, self.channels._client, name=name)


@asynccontextmanager
async def harbour(folder: Path, policy: Policy | None = None) -> AsyncIterator[Harbour]:
    database = Database(f"sqlite+aiosqlite:///{folder / 'watch.db'}", RecordingEnqueuer(), AUDIT_KEY)
    await database.open()
    await migrate(database)
    workspace = Workspace(team=demo_team(), relaxed_limits=True)
    ahead: list[timedelta] = []
    written = policy or written_policy()
    async with workspace.serve() as server:
        client = build_client(workspace.bot_token, server.api_url)
        context = Context(
            database=database,
            policy=lambda: written,
            catalogue={},
            evidence=NoMonitoring(),
            people=SlackPeople(client, lambda: written),
            now=lambda: datetime.now(UTC) + sum(ahead, timedelta()),
        )

        async def accepted(work: UnitOfWork, item: OutboxItem) -> None:
            if isinstance(item.notice, CardNotice) and item.incident_id is not None:
                await want_channel(work, context, item.incident_id, item.notice)

        async def closed(work: UnitOfWork, item: OutboxItem, error: str) -> None:
            assert item.incident_id is not None
            await lost(work, context, item.incident_id, error)

        courier = Courier(
            database,
            Desk(client),
            name="courier",
            channel=lambda: "C01INC",
            now=context.now,
            on_accepted=accepted,
            on_lost_channel=closed,
            paces=Paces(post_interval_seconds=0.0, update_interval_seconds=0.0),
            back_off_seconds=(0.05,),
            settle_seconds=0.05,
        )
        courier.start()
        channels = Channels(context, database, client, name="one")
        yield Harbour(workspace, database, context, courier, channels, ahead)
        await channels.close()
        await courier.close()
    await database.close()
