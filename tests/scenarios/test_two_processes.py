"""Two processes keep one watch: one workspace, one PostgreSQL, a death in the middle. Nothing lost, nothing twice."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from bot.local.demo.team import demo_team
from bot.local.servers import get_json, running, until
from bot.local.workspace import Message, Workspace
from bot.local.workspace.server import Server
from bot.response.model.actions import ActionState
from storage.database import Database
from storage.tables import ARRIVALS
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import Program, Supervisord, free_port, running_supervisord
from tests.scenarios.small_stage import Json, firing
from tests.scenarios.stage import (
    ALERT_TOKEN,
    INCIDENTS,
    ROOT,
    SUPERVISOR_PASSWORD,
    behind_a_password,
    document,
    said,
)

SERVICES = ("cart", "search", "orders", "ledger")
STUBBORN = "printer"
"""Does not end when it is asked to, so that restarting it takes a while."""
LATE = "mail"
EXECUTOR = "SELECT executor_id FROM dbos.workflow_status WHERE name = 'act.v2' AND executor_id IS NOT NULL"
UNFINISHED = text("SELECT count(*) FROM dbos.workflow_status WHERE status IN ('DELAYED', 'ENQUEUED', 'PENDING')")
UNHEARD = select(func.count()).where(ARRIVALS.c.done_at.is_(None))
SETTLED = {ActionState.SUCCEEDED, ActionState.ROLLED_BACK, ActionState.FAILED}
PATIENCE_SECONDS = 40.0


@dataclass
class Replica:
    """One process, and the address it listens on."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    async def clicks(self) -> int:
        """How many approvals this process has heard and saved."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as response:
            found = re.search(
                r'arrivals_total\{kind="button",name="approve",result="new"\} (\d+)', await response.text()
            )
        return int(found[1]) if found else 0

    async def stopped(self) -> int:
        """Wait until it has ended; its exit code, negative when a signal ended it."""
        return await asyncio.wait_for(asyncio.to_thread(self.process.wait), PATIENCE_SECONDS)


@dataclass
class Watches:
    """What the stories need: the workspace, the services, and the means to start replicas."""

    folder: Path
    workspace: Workspace
    server: Server
    database_url: str
    stack: AsyncExitStack
    replicas: list[Replica] = field(default_factory=list)

    async def start(self, *arguments: str, http: bool = False) -> Replica:
        """One more replica, ready and connected."""
        port, log = free_port(), self.folder / f"replica-{len(self.replicas)}.log"
        hears = "SLACK_SIGNING_SECRET" if http else "SLACK_APP_TOKEN"
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("SLACK_", "WATCHKEEPER_"))
        }
        environment |= {
            "PYTHONPATH": str(ROOT),
            "SLACK_API_URL": self.server.api_url,
            "SLACK_BOT_TOKEN": self.workspace.bot_token,
            hears: self.workspace.signing_secret if http else self.workspace.app_token,
            "DATABASE_URL": self.database_url,
            "WATCHKEEPER_POLICY": str(self.folder / "policy.yml"),
            "WATCHKEEPER_LISTEN": f"127.0.0.1:{port}",
            "WATCHKEEPER_ALERT_TOKEN": ALERT_TOKEN,
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
        }
        url = f"http://127.0.0.1:{port}"
        process = await self.stack.enter_async_context(
            running(
                [sys.executable, str(Path(__file__).with_name("replica.py")), *arguments],
                log,
                lambda: get_json(f"{url}/readyz"),
                environment=environment,
            )
        )
        replica = Replica(process, url, log)
        self.replicas.append(replica)
        return replica

    async def fire(self, replica: Replica, service: str) -> int:
        """The service is said to be down, to this replica; the number of its incident."""
        alert = firing(service, service)
        body = {"version": "4", "status": "firing", "receiver": "bot", "alerts": [alert], "truncatedAlerts": 0}
        headers = {"Authorization": f"Bearer {ALERT_TOKEN}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{replica.url}/alerts/alertmanager", json=body, headers=headers) as response,
        ):
            response.raise_for_status()
            answer: Json = await response.json()
        return int(answer["incidents"][0].removeprefix("INC-"))

    def cards(self, incident: int) -> list[Message]:
        """Every card of the incident."""
        roots = [m for m in self.workspace.messages(INCIDENTS) if m.thread_ts in (None, m.ts)]
        return [m for m in roots if m.text.endswith(f"(INC-{incident})")]

    async def question(self, incident: int) -> Message:
        """The incident's card, once it can be approved."""

        def asked() -> Message | None:
            return next((card for card in self.cards(incident) if "'action_id': 'approve'" in said(card)), None)

        card = await self.workspace.until(asked, timeout=PATIENCE_SECONDS)
        assert isinstance(card, Message)
        return card

    async def approve(self, incident: int) -> None:
        """Alice approves, and does it again as long as Slack shows her a warning instead, which it may be wrong in."""
        card = deepcopy(await self.question(incident))
        while not (await self.workspace.person("alice").click(card, "approve")).acked:
            await asyncio.sleep(0.1)

    async def settled(self, *incidents: int) -> None:
        """Wait until what was approved is over, and everybody was told."""

        async def over() -> bool:
            database = Database(self.database_url, RecordingEnqueuer(), AUDIT_KEY)
            try:
                async with database.read() as work:
                    actions = [a for incident in incidents for a in await work.actions.of_incident(incident)]
                    # A flow that is still under way may have more to tell: what has ended is looked at once more.
                    at_rest = not await work.session.scalar(UNFINISHED)
                    quiet = at_rest and not await work.outbox.undelivered() and not await work.session.scalar(UNHEARD)
                return quiet and len(actions) == len(incidents) and all(a.state in SETTLED for a in actions)
            finally:
                await database.close()

        await until(over, f"incidents {incidents} are over", within_seconds=PATIENCE_SECONDS)

    async def rows(self, statement: str) -> list[Any]:
        """What one SELECT finds."""
        url = make_url(self.database_url).set(drivername="postgresql").render_as_string(hide_password=False)

        def select() -> list[Any]:
            with psycopg.connect(url) as connection:
                return connection.execute(statement.encode()).fetchall()

        return await asyncio.to_thread(select)

    async def found(self, statement: str) -> Any:
        """The first value that one SELECT finds, waiting for there to be one."""
        ((value, *_), *_) = await until(
            lambda: self.rows(statement), f"something is found by {statement}", within_seconds=PATIENCE_SECONDS
        )
        return value

    async def replica_of(self, statement: str) -> Replica:
        """The replica whose name the SELECT finds, waiting for there to be one."""
        name = await self.found(statement)
        pid = int(str(name).split("-")[-2])
        return next(replica for replica in self.replicas if replica.pid == pid)

    async def kinds(self, incident: int) -> Counter[str]:
        """How often the record has each kind of entry for this incident."""
        found = await self.rows(f"SELECT kind FROM audit_entries WHERE incident_id = {incident}")  # noqa: S608 - a number
        return Counter(kind for (kind,) in found)

    def starts(self, service: str) -> int:
        """How often supervisord has started the service."""
        return (self.folder / "supervisord.log").read_text().count(f"spawned: '{service}' with pid")

    async def check_once(self, incidents: dict[str, int]) -> None:
        """By service: one card, one vote, one effect, each notice once, and nothing left over."""
        for service, incident in incidents.items():
            (card,) = self.cards(incident)
            kinds = await self.kinds(incident)
            assert (kinds["action.vote"], kinds["action.claimed"]) == (1, 1), kinds
            assert self.starts(service) <= 2, "at first, and by our one restart"
            told = [m.metadata["event_payload"]["outbox_id"] for m in self.thread(card) if m.metadata]
            assert told, "the thread says what was done"
            assert len(told) == len(set(told)), "each notice once"
            assert told == sorted(told), "in order"
        assert await self.rows("SELECT 1 FROM outbox WHERE state <> 'delivered'") == []

    def thread(self, card: Message) -> Sequence[Message]:
        return self.workspace.thread(INCIDENTS, card.ts)


def written_policy(folder: Path, supervisord: Supervisord, services: Sequence[Program]) -> str:
    """The stage's orders, with a runbook for each service that looks at its own port."""
    written = behind_a_password(document(supervisord.server), folder)
    (runbook,) = written["runbooks"].values()
    written["services"] = {service.name: {"tier": 1, "fleet": 1} for service in services}
    written["runbooks"] = {
        f"restart-{service.name}": runbook
        | {
            "when": f"alert.name == 'ServiceDown' && alert.service == '{service.name}'",
            "evidence": {},
            "verify": {"within": "10s", "http": f"{service.url}/healthz", "stable": 1},
        }
        for service in services
    }
    return json.dumps(written, indent=1)


@asynccontextmanager
async def watches(folder: Path, database_url: str) -> AsyncIterator[Watches]:
    """Everything but the replicas."""
    async with AsyncExitStack() as stack:
        services = {name: Program(name) for name in (*SERVICES, LATE)}
        services[STUBBORN] = Program(STUBBORN, ignore_terminate=True, stop_seconds=2)
        supervisord = await stack.enter_async_context(
            running_supervisord(folder, *services.values(), password=SUPERVISOR_PASSWORD)
        )
        (folder / "policy.yml").write_text(written_policy(folder, supervisord, list(services.values())))
        workspace = Workspace(demo_team(), relaxed_limits=True)
        workspace.manifest(ROOT / "manifest.yml")
        server = await stack.enter_async_context(workspace.serve())
        yield Watches(folder, workspace, server, database_url, stack)


@pytest.fixture
async def here(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Watches]:
    async with watches(tmp_path, request.getfixturevalue("migrated_postgresql_url")) as here:
        yield here
        for replica in here.replicas:
            print(replica.log.read_text())  # shown when the story failed


async def test_a_click_is_heard_by_one_process_while_the_flow_runs_in_the_other(here: Watches) -> None:
    hearer, runner = await here.start("--runs-nothing"), await here.start(http=True)
    incident = await here.fire(hearer, "cart")
    await here.approve(incident)
    assert await hearer.clicks() > 0
    assert await runner.clicks() == 0
    assert await here.replica_of(EXECUTOR) is runner
    await here.settled(incident)
    await here.check_once({"cart": incident})


async def test_slack_gives_each_process_its_share_and_they_do_everything_once_together(here: Watches) -> None:
    one, other = await here.start(), await here.start()
    incidents = {
        service: await here.fire(replica, service) for service, replica in zip(SERVICES, [one, other] * 2, strict=True)
    }
    await asyncio.gather(*(here.approve(incident) for incident in incidents.values()))
    assert await one.clicks() > 0
    assert await other.clicks() > 0
    await here.settled(*incidents.values())
    await here.check_once(incidents)


async def test_a_click_whose_process_dies_before_it_took_effect_is_done_by_the_other(here: Watches) -> None:
    doomed, other = await here.start("--dies-on", "approve"), await here.start(http=True)
    incident = await here.fire(other, "cart")
    outcome = await here.workspace.person("alice").click(await here.question(incident), "approve")
    assert outcome.acked, "Slack will not tell anybody again"
    assert await doomed.stopped() == -signal.SIGKILL
    await here.settled(incident)
    assert await other.clicks() == 0, "it found the click where the dead one had saved it"
    await here.check_once({"cart": incident})


async def test_the_other_takes_over_when_the_process_dies_in_the_middle_of_the_effect(here: Watches) -> None:
    one, other = await here.start(), await here.start()
    incident = await here.fire(one, STUBBORN)
    await here.approve(incident)
    await here.found("SELECT id FROM actions WHERE state = 'executing'")
    doomed = await here.replica_of(EXECUTOR)
    doomed.process.kill()
    await doomed.stopped()
    await here.settled(incident)
    assert await here.replica_of(EXECUTOR) is (other if doomed is one else one)
    await here.check_once({STUBBORN: incident})


async def test_a_notice_whose_process_died_before_it_knew_that_slack_has_it_is_not_posted_again(here: Watches) -> None:
    one, _other = await here.start(), await here.start()
    here.workspace.misbehave.lose_answer("chat.postMessage", hold=PATIENCE_SECONDS)
    incident = await here.fire(one, "cart")
    doomed = await here.replica_of("SELECT claimed_by FROM outbox WHERE claimed_by IS NOT NULL")
    await here.workspace.until(lambda: here.cards(incident))
    doomed.process.kill()
    await doomed.stopped()
    await here.approve(incident)
    await here.settled(incident)
    await here.check_once({"cart": incident})


async def test_during_a_rolling_restart_every_click_and_alert_is_taken_once(here: Watches) -> None:
    old = await here.start()
    incidents = {service: await here.fire(old, service) for service in SERVICES}
    new = await here.start()
    clicks = asyncio.gather(*(here.approve(incident) for incident in incidents.values()))
    old.process.terminate()
    await clicks
    incidents[LATE] = late = await here.fire(new, LATE)
    assert await old.stopped() == 0, "it finished in order"
    await here.approve(late)
    await here.settled(*incidents.values())
    await here.check_once(incidents)
