"""Ten minutes in which Slack limits, fails, is silent and drops connections, lived through by the whole bot.

Incidents stream in by the webhook, people answer in the good moments and in the bad ones, and remediations run. Time
runs forty times as fast: whatever lasts a minute lasts one and a half seconds here. The same of the courier and the
second channel, with more incidents, is told in ``test_ten_minutes_without_slack``.
"""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from bot.local.workspace import Message
from bot.local.workspace.misbehave import Trouble
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.slack.connection import (
    CALL_TIMEOUT_SECONDS,
    PING_INTERVAL_SECONDS,
    REBUILD_AFTER_SECONDS,
    RECONNECT_SECONDS,
    Connection,
)
from bot.slack.courier import BACK_OFF_SECONDS, SETTLE_SECONDS, Courier
from bot.slack.pacing import Paces
from storage.outbox import OutboxState
from storage.tables import ACTIONS, ARRIVALS, DECISIONS, INCIDENTS, OUTBOX, VOTES
from storage.unit_of_work import UnitOfWork
from tests.fixtures.servers import Program
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import said

Json = dict[str, Any]
SPEED = 40
PHASE_SECONDS = 2 * 60 / SPEED
CALL_SECONDS = CALL_TIMEOUT_SECONDS / 5
LIFE_SIGN_SPEED = 15
"""Neither is as fast as everything else: a busy machine must have the time to answer."""
BYSTANDERS = 16
"""Incidents for which there is no runbook: people are told, and nothing runs."""
CALLS_SEEN = 5
"""A phase lasts until Slack has misbehaved at least so often."""
PATIENCE_SECONDS = 60.0
ASKING = ("checkout", "orders", "payments", "search")
BY_ITSELF = "mail"
SEARCHES = ("conversations.history", "conversations.replies")
"""How the bot looks for what it may have said."""


@pytest.fixture
def _hastened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the bot waits for on Slack's account passes as much faster as the outage does."""
    monkeypatch.setattr("bot.composition.foundation.CALL_TIMEOUT_SECONDS", CALL_SECONDS)
    courier = partial(
        Courier, back_off_seconds=[one / SPEED for one in BACK_OFF_SECONDS], settle_seconds=SETTLE_SECONDS / SPEED
    )
    monkeypatch.setattr("bot.composition.slack.Courier", courier)
    connection = partial(
        Connection,
        ping_interval_seconds=PING_INTERVAL_SECONDS / LIFE_SIGN_SPEED,
        check_seconds=0.1,
        rebuild_after_seconds=REBUILD_AFTER_SECONDS / LIFE_SIGN_SPEED,
        teardown_seconds=1.0,
    )
    monkeypatch.setattr("bot.composition.arrivals.Connection", connection)
    monkeypatch.setattr("bot.slack.connection.RECONNECT_SECONDS", [one / SPEED for one in RECONNECT_SECONDS])


@dataclass
class Outage:
    """The stage, and what happens on it while Slack behaves now well, now badly."""

    here: SmallStage
    services: dict[str, Program]
    incidents: dict[str, str] = field(default_factory=dict)
    """Service -> the name of its incident."""

    def starts(self, service: str) -> int:
        """How often supervisord has started it, by its own account."""
        account = self.here.supervisord.log.with_name("supervisord-own.log").read_text()
        return account.count(f"spawned: '{service}'")

    async def breaks(self, service: str) -> None:
        """It dies, and the monitor says so."""
        program = self.services[service]
        await program.crash()
        await self.here.supervisord.until_state(program.address, "EXITED")
        self.incidents[service] = await self.here.fire(service, service)

    async def question(self, service: str) -> Message:
        """The card that asks about it, as it looks now."""
        return deepcopy(
            await self.here.card_of(self.incidents[service], "'action_id': 'approve'", timeout=PATIENCE_SECONDS)
        )

    async def press(self, person: str, button: str, card: Message) -> None:
        """As often as it takes until Slack does not say any more that the click was not heard."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await self.here.workspace.person(person).click(card, button)).acked:
                await asyncio.sleep(0.2)

    @asynccontextmanager
    async def badly(self, misbehave: Callable[[], None], *, dropped: bool = False) -> AsyncIterator[None]:
        """Slack behaves like this for a while, and at least until the bot has felt it; then well again."""
        workspace = self.here.workspace
        before = len(workspace.calls)
        misbehave()
        if dropped:
            workspace.misbehave.drop_sockets()
        yield
        await asyncio.sleep(PHASE_SECONDS)
        await workspace.until(lambda: len(workspace.calls) - before >= CALLS_SEEN, timeout=PATIENCE_SECONDS)
        workspace.misbehave.lift()

    async def bystanders(self) -> None:
        """A stream of other troubles through all of it; every second one passes by itself."""
        chance = random.Random(7)
        async with asyncio.TaskGroup() as stream:
            for number in range(BYSTANDERS):
                stream.create_task(self.bystander(f"bystander-{number}", passes=bool(number % 2)))
                await asyncio.sleep(chance.uniform(0, 2 * 5 * PHASE_SECONDS / BYSTANDERS))

    async def bystander(self, name: str, *, passes: bool) -> None:
        """One of them; what passes before the bot has looked at it would never be told."""
        self.incidents[name] = incident = await self.here.fire(name, name)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while passes and not await self.is_decided(incident):
                await asyncio.sleep(0.2)
        if passes:
            await self.here.resolve(name)

    async def is_decided(self, incident: str) -> bool:
        async with self.here.rows() as work:
            return any(f"INC-{row.incident_id}" == incident for row in await rows(work, DECISIONS))

    async def troubles(self) -> None:
        """Five bad times, each of another kind, with short good moments between them.

        Nothing in a bad time waits for a click: without a connection it is not heard before that time is over.
        """
        bad = self.here.workspace.misbehave
        await self.breaks("checkout")
        await self.breaks("orders")
        checkout, orders = await self.question("checkout"), await self.question("orders")
        async with asyncio.TaskGroup() as clicks:
            async with self.badly(partial(bad.rate_limit, times=None)):
                clicks.create_task(self.press("alice", "approve", checkout))
                await self.breaks("payments")
            payments = await self.question("payments")
            async with self.badly(partial(bad.fail, times=None), dropped=True):
                clicks.create_task(self.press("bob", "approve", payments))
            bad.duplicate_envelopes(times=None)  # until the next bad time is over
            await self.press("alice", "approve", orders)
            await self.press("dave", "approve", payments)
            async with self.badly(partial(bad.lose_request, times=None, hold=2 * CALL_SECONDS)):
                await self.breaks("search")
                clicks.create_task(self.press("dave", "approve", checkout))
            search = await self.question("search")
            async with self.badly(partial(bad.lose_answer, times=None)):
                await self.breaks(BY_ITSELF)
                clicks.create_task(self.press("carol", "approve", search))
            async with self.badly(partial(bad.fail, times=None, status=503), dropped=True):
                clicks.create_task(self.press("bob", "approve", search))
                clicks.create_task(self.press("alice", "approve", search))

    def each_kind_of_trouble_was_felt(self) -> None:
        """By the bot, and by the people whose clicks it did not hear."""
        felt = {call.error for call in self.here.workspace.calls}
        assert felt >= {Trouble.RATE_LIMITED, Trouble.FAILED, Trouble.REQUEST_LOST}
        assert any(call.method in SEARCHES and call.ok for call in self.here.workspace.calls), "answers were lost"
        assert any(delivery.answer.silence for delivery in self.here.workspace.deliveries), "sockets were dropped"

    async def all_over(self) -> None:
        """Let every trouble end, and wait until nothing is left to be said or done."""
        await self.until_left(self.unfinished)
        for service in self.incidents:
            await self.here.resolve(service)
        await self.until_left(self.untold)

    async def until_left(self, look: Callable[[], Awaitable[Json]]) -> None:
        """Wait until ``look`` finds nothing any more."""
        left: Json = {}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while any((left := await look()).values()):
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"left undone: {left}") from None

    async def unfinished(self) -> Json:
        """Incidents without a decision, actions that have not succeeded, and clicks that have not taken effect."""
        async with self.here.rows() as work:
            decided = {row.incident_id for row in await rows(work, DECISIONS)}
            return {
                "incidents": {row.id for row in await rows(work, INCIDENTS)} - decided,
                "actions": [row.state for row in await rows(work, ACTIONS) if row.state != ActionState.SUCCEEDED],
                "clicks": [row.dedupe_key for row in await rows(work, ARRIVALS) if row.done_at is None],
            }

    async def untold(self) -> Json:
        """Incidents that are open, what people have not been told, and flows that have not come to their end."""
        file = self.here.settings.database_url.removeprefix("sqlite+aiosqlite:///")
        with closing(sqlite3.connect(file)) as connection:
            flows = connection.execute("SELECT name, status FROM workflow_status WHERE status != 'SUCCESS'").fetchall()
        async with self.here.rows() as work:
            return {
                "flows": flows,
                "incidents": [row.id for row in await rows(work, INCIDENTS) if row.state != IncidentState.RESOLVED],
                "notices": await work.outbox.undelivered(),
            }

    async def each_is_told_once_and_in_order(self, work: UnitOfWork) -> None:
        """One card per incident, showing its end, and below it every entry once, in the order of the outbox."""
        told = sorted(await rows(work, OUTBOX), key=lambda row: row.id)
        assert {row.state for row in told} == {OutboxState.DELIVERED}
        assert len(self.incidents) == len(await rows(work, INCIDENTS)) == len(ASKING) + 1 + BYSTANDERS
        for service, name in self.incidents.items():
            mine = [row for row in told if row.notice["incident"] == name]
            (card,) = self.here.cards(name)
            newest = [row for row in mine if row.kind == "card"][-1]
            assert outbox_id(card) == newest.id, f"the card of {name} ({service}) shows what is stored"
            assert newest.notice["incident_state"] == IncidentState.RESOLVED
            entries = [row.id for row in mine if row.kind == "thread"]
            assert [outbox_id(reply) for reply in self.here.replies(card)] == entries, f"{name} ({service})"

    async def each_click_counted_once_and_was_answered_once(self, work: UnitOfWork) -> None:
        """Whatever was heard of a person was answered, and each question has the one yes that it needed."""
        arrived = Counter(row.envelope["user"]["id"] for row in await rows(work, ARRIVALS))
        people = ("alice", "bob", "carol", "dave")
        told = {self.here.workspace.person(one).id: len(self.here.workspace.ephemerals(one)) for one in people}
        assert told == arrived
        yes = Counter(row.action_id for row in await rows(work, VOTES))
        asked = [row.id for row in await rows(work, ACTIONS) if row.service in ASKING]
        assert yes == dict.fromkeys(asked, 1)

    async def each_action_ran_once(self, work: UnitOfWork) -> None:
        """By our own rows and record, and by the account of those who were acted upon."""
        done = [(row.service, row.state) for row in await rows(work, ACTIONS)]
        assert sorted(done) == sorted((service, ActionState.SUCCEEDED) for service in self.services)
        kinds = Counter([entry.kind async for entry in work.audit.entries()])
        assert kinds["action.executed"] == len(self.services)
        assert {service: self.starts(service) for service in self.services} == dict.fromkeys(self.services, 2)
        verification = await work.audit.verify()
        assert verification.intact, verification.problems


async def rows(work: UnitOfWork, table: Table) -> list[Any]:
    return list(await work.session.execute(select(table)))


def outbox_id(message: Message) -> int:
    """Which of our notices a message carries."""
    assert message.metadata is not None, said(message)
    return int(message.metadata["event_payload"]["outbox_id"])


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("_hastened")
async def test_after_ten_bad_minutes_everything_was_done_once_and_told_once_in_order(tmp_path: Path) -> None:
    others = [Program(name) for name in (*ASKING, BY_ITSELF) if name != "checkout"]

    def a_runbook_each(document: Json) -> None:
        checkout = document["runbooks"]["restart-checkout"]
        checkout["when"] = "alert.name == 'ServiceDown' && alert.service == 'checkout'"
        checkout["verify"]["within"] = "30s"
        document["defaults"]["announce_within"] = "10m"
        document["storm"] = {"after": 100}  # a card each
        document["common_cause"] = {"incidents": 100}  # what breaks here breaks for reasons of its own
        for program in others:
            document["services"][program.name] = {"tier": 1, "fleet": 1}
            document["runbooks"][f"restart-{program.name}"] = deepcopy(checkout) | {
                "when": f"alert.name == 'ServiceDown' && alert.service == '{program.name}'",
                "verify": checkout["verify"] | {"http": f"{program.url}/healthz"},
                "level": "L3" if program.name == BY_ITSELF else "L1",
                "veto_window": "1s",
            }

    async with small_stage(
        tmp_path,
        licensed=True,
        with_prometheus=True,
        relaxed_limits=True,
        paces=Paces(post_interval_seconds=1 / SPEED, update_interval_seconds=1.5 / SPEED),
        change_policy=a_runbook_each,
        others=others,
    ) as here:
        outage = Outage(here, {program.name: program for program in (here.service, *others)})
        async with asyncio.TaskGroup() as meanwhile:
            meanwhile.create_task(outage.bystanders())
            meanwhile.create_task(outage.troubles())
        await outage.all_over()
        async with here.rows() as work:
            await outage.each_is_told_once_and_in_order(work)
            await outage.each_click_counted_once_and_was_answered_once(work)
            await outage.each_action_ran_once(work)
        outage.each_kind_of_trouble_was_felt()
