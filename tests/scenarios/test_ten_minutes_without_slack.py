"""Ten minutes in which Slack limits, fails, is silent and drops connections, under a stream of incidents.

Time runs sixty times as fast: whatever lasts a minute lasts a second here. The courier, the teller, the workspace, the
mail server and the database are the real ones.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from bot.local.demo.team import demo_team
from bot.local.workspace import Workspace
from bot.policy.file.second_channel import EmailRoute
from bot.response.model.actions import ActionState
from bot.response.model.notices import CardNotice, ThreadNotice
from bot.response.ports.context import utc_now
from bot.response.ports.second_notices import SecondNotice, SecondWork
from bot.second_channel.letters import Letter
from bot.second_channel.mail import MailRoute
from bot.second_channel.route import Route
from bot.second_channel.teller import Teller
from bot.slack.connection import build_client
from bot.slack.courier import BACK_OFF_SECONDS, SETTLE_SECONDS, Courier
from bot.slack.pacing import Paces
from bot.slack.posting import Desk
from storage.database import Database
from storage.outbox import OutboxState
from storage.tables import ACTIONS, OUTBOX
from storage.unit_of_work import UnitOfWork
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer, migrated
from tests.fixtures.incidents import action, open_incident
from tests.second_channel.letters import asking, outcome
from tests.second_channel.receivers import mail_server

SPEED = 60
OUTAGE_SECONDS = 10 * 60 / SPEED
INCIDENTS = 24
CHANNEL = "C01INC"
ALICE = "alice@example.com"


@dataclass
class Sea:
    """A database with a stream of incidents, and what is queued for each."""

    database: Database
    queued: dict[int, list[int]] = field(default_factory=dict)
    """Incident -> the outbox ids of its thread's entries, in order."""

    async def add(self, incident: int, notice: CardNotice | ThreadNotice) -> None:
        about = notice.model_copy(update={"incident": f"INC-{incident}", "subject": f"a{incident}"})
        async with self.database.begin() as work:
            if isinstance(notice, CardNotice):
                # As in life the row says what its card says: what is asked no more must not be told as a question.
                changed = update(ACTIONS).where(ACTIONS.c.id == about.subject).values(state=notice.action_state)
                await work.session.execute(changed)
            outbox_id = await work.outbox.add(incident, about, utc_now())
        if isinstance(notice, ThreadNotice):
            self.queued.setdefault(incident, []).append(outbox_id)

    async def incident(self, number: int, chance: random.Random) -> None:
        """One incident from its question to its end, with pauses between what is said."""
        async with self.database.begin() as work:
            incident = await open_incident(work, f"group {number}", revision=1)
            await work.actions.add(action(incident, f"a{incident}"))
        for notice in (
            asking(),
            outcome(title="Asking for approval", broadcast=False),
            asking(ActionState.APPROVED),
            outcome(title="Approved", broadcast=False),
            asking(ActionState.SUCCEEDED, outcome="It answers."),
            outcome(title="Done and verified", broadcast=True),
        ):
            await self.add(incident, notice)
            await asyncio.sleep(chance.uniform(0, OUTAGE_SECONDS / 8))

    async def undelivered(self) -> int:
        async with self.database.read() as work:
            return await work.outbox.undelivered()


async def misbehave(workspace: Workspace) -> None:
    """The outage: each kind of it in turn, and then nothing more."""
    bad = workspace.misbehave
    document = (
        partial(bad.rate_limit, times=None, retry_after=1),
        partial(bad.fail, times=None, status=500),
        partial(bad.lose_request, times=None, hold=1.5),  # silence: longer than anybody waits
        partial(bad.lose_answer, times=None),  # done, but the connection drops before the answer
        partial(bad.fail, times=None, status=503),
    )
    for order in document:
        bad.lift()
        order()
        await asyncio.sleep(OUTAGE_SECONDS / len(document))
    bad.lift()


@asynccontextmanager
async def delivering(database: Database, workspace: Workspace, api_url: str, name: str) -> AsyncIterator[None]:
    """One replica's courier, sixty times as fast."""
    client = build_client(workspace.bot_token, api_url)
    client.timeout = 1
    courier = Courier(
        database,
        Desk(client),
        name=name,
        channel=lambda: CHANNEL,
        now=utc_now,
        on_accepted=nothing_follows,
        paces=Paces(post_interval_seconds=1 / SPEED, update_interval_seconds=1.5 / SPEED),
        back_off_seconds=[seconds / SPEED for seconds in BACK_OFF_SECONDS],
        settle_seconds=SETTLE_SECONDS / SPEED,
    )
    courier.start()
    try:
        yield
    finally:
        await courier.close()


async def nothing_follows(_work: UnitOfWork, _item: object) -> None:
    """A card was accepted."""


async def test_after_ten_bad_minutes_every_thread_is_whole_in_order_and_nothing_is_there_twice(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    migrated(url)
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        await ten_bad_minutes(database)
    finally:
        await database.close()


async def ten_bad_minutes(database: Database) -> None:
    """A stream of incidents through the outage, and then a look at what came of each."""
    workspace, sea, chance = Workspace(team=demo_team(), relaxed_limits=True), Sea(database), random.Random(7)
    told: Counter[tuple[int, str]] = Counter()

    async def on_taken(_work: SecondWork, notice: SecondNotice, _route: Route, _letter: Letter) -> None:
        told[notice.incident_id, notice.kind] += 1

    async with workspace.serve() as server, mail_server() as mailbox:
        document = {"server": mailbox.server, "security": "none", "from": "w@example.com", "to": [ALICE]}
        teller = Teller(
            database,
            [MailRoute(EmailRoute.model_validate(document), ALICE, lambda: None)],
            name="one",
            after=timedelta(seconds=30 / SPEED),
            now=utc_now,
            on_taken=on_taken,
            poll_seconds=1 / SPEED,
        )
        teller.start()
        async with (
            delivering(database, workspace, server.api_url, "one"),
            delivering(database, workspace, server.api_url, "two"),
            asyncio.TaskGroup() as stream,
        ):
            stream.create_task(misbehave(workspace))
            for number in range(INCIDENTS):
                stream.create_task(sea.incident(number, chance))
                await asyncio.sleep(OUTAGE_SECONDS / INCIDENTS)
        async with (
            delivering(database, workspace, server.api_url, "one"),
            delivering(database, workspace, server.api_url, "two"),
            asyncio.timeout(60),
        ):
            while await sea.undelivered():
                await asyncio.sleep(0.1)
        await teller.close()

        await every_thread_is_whole(sea, workspace)
        assert told, "people were told while Slack was away"
        assert set(told.values()) == {1}, "nobody is told the same thing twice"
        assert len(mailbox.letters) == sum(told.values())
        for incident in sea.queued:
            about = [s for s in mailbox.subjects(ALICE) if s.startswith(f"[INC-{incident}]")]
            assert [s.endswith("Done and verified") for s in about] in ([], [False], [True], [False, True])


async def every_thread_is_whole(sea: Sea, workspace: Workspace) -> None:
    """Each incident is one message that shows its end, and a thread with everything in its order, once."""
    roots = [message for message in workspace.messages(CHANNEL) if not message.is_broadcast]
    assert len(roots) == INCIDENTS
    by_name = {message.text.rpartition("(")[2].rstrip(")"): message for message in roots}
    for incident, entries in sea.queued.items():
        root = by_name[f"INC-{incident}"]
        assert "Done and verified: Restart checkout" in root.text
        thread = [_outbox_id(message.metadata) for message in workspace.thread(CHANNEL, root.ts)]
        assert thread == entries
    async with sea.database.read() as work:
        states = set(await work.session.scalars(select(OUTBOX.c.state)))
    assert states == {OutboxState.DELIVERED}


def _outbox_id(metadata: dict[str, Any] | None) -> int:
    assert metadata is not None
    number = metadata["event_payload"]["outbox_id"]
    assert isinstance(number, int)
    return number
