"""Sends what ``bodies`` and ``clicks`` make to a real bot, and tells what came of it."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
from sqlalchemy import select
from yarl import URL

from bot.local.demo.team import demo_team
from bot.local.servers import ServerError, get_json, running, until
from bot.local.workspace import Workspace
from storage.database import Database
from storage.tables import ALERTS
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import free_port
from tests.fuzz import bodies, clicks
from tests.fuzz.bodies import Sent
from tests.scenarios.stage import ALERT_TOKEN, ROOT

IN_FLIGHT = 8
MEASURED = 10
"""Memory is measured at the end of each tenth of a run."""
STALL_MAX_SECONDS = 0.3
GROWTH_MAX = 1.15
"""Of memory, from the third tenth (caches are full by then) to the end of the run."""
_ERROR = re.compile(r"\S+ \S+ (?:ERROR|CRITICAL) ")
POLICY = {
    "version": 1,
    "channels": {"incidents": "C01INC", "audit": "C02AUD", "leadership": "C03LEAD"},
    "people": {"sre-oncall": {"users": ["U01ALICE", "U02BOB"]}},
    "defaults": {"approvals": {"from": ["sre-oncall"]}},
}


@dataclass(frozen=True)
class Bot:
    """A process that answers at ``url``, and whose loop is watched."""

    pid: int
    url: str
    secret: str
    stalls: Path
    log: Path

    def errors(self) -> list[str]:
        """What the log calls an error of ours: nothing that is sent from outside is one."""
        return [line for line in self.log.read_text().splitlines() if _ERROR.match(line)]

    def rss_mb(self) -> float:
        """The memory that it holds now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def lives(self) -> bool:
        """Whether it is there; one that has ended stays in the table until it is waited for."""
        stat = Path(f"/proc/{self.pid}/stat")
        return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"

    async def stall(self) -> float:
        """The longest stall of its event loop since this was asked last, in seconds."""
        self.stalls.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)

        async def told() -> bool:
            if not self.lives():
                raise ServerError(f"process {self.pid} has died; the end of its log is in {self.log}")
            return self.stalls.exists()

        await until(told, "the loop has been asked", within_seconds=30)
        return float(self.stalls.read_text())


@dataclass
class Figures:
    """What came of a run."""

    answers: Counter[str] = field(default_factory=Counter)
    stored: set[str] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Lines of the bot's log."""
    broken: list[tuple[int, str, Sent]] = field(default_factory=list)
    """The number of each request that was answered as none may be, what it was answered, and itself."""
    seconds: float = 0.0
    memory_mb: list[float] = field(default_factory=list)
    """At the end of each tenth."""
    stall_seconds: float = 0.0

    def table(self) -> str:
        """A few lines for people."""
        sent = self.answers.total()
        rows = [
            *(f"{name}: {count:,}" for name, count in sorted(self.answers.items())),
            f"requests: {sent:,} in {self.seconds:.0f} s, {sent / max(self.seconds, 0.001):.0f} a second",
            f"memory at each tenth: {', '.join(f'{each:.0f}' for each in self.memory_mb)} MB",
            f"longest stall of the event loop: {self.stall_seconds:.3f} s",
            f"alerts answered 200 that must be stored: {len(self.stored)}, of which lost: {len(self.lost)}",
        ]
        return "\n".join(rows)

    def faults(self, stall_max_seconds: float = STALL_MAX_SECONDS) -> list[str]:
        """What may not be, in words; nothing where all is well. Memory says little of a short run."""
        found = [f"request {number} ({sent.path}) was answered {status}" for number, status, sent in self.broken]
        found += [f"alert {each} was answered 200 and is not stored" for each in self.lost]
        if self.errors:
            found.append(f"the log has {len(self.errors)} error(s), the first: {self.errors[0][:300]}")
        if self.stall_seconds > stall_max_seconds:
            found.append(f"the event loop stood still for {self.stall_seconds:.3f} s, over {stall_max_seconds} s")
        return found

    def growth(self) -> float:
        """Of memory, by its measure."""
        return self.memory_mb[-1] / self.memory_mb[2]


@asynccontextmanager
async def bot(folder: Path, database_url: str) -> AsyncIterator[Bot]:
    """The real bot beside a local workspace, until the end of the block."""
    port, stalls = free_port(), folder / "stalls.json"
    (folder / "policy.yml").write_text(json.dumps(POLICY))
    workspace = Workspace(demo_team(), relaxed_limits=True)
    workspace.manifest(ROOT / "manifest.yml")
    async with workspace.serve() as server:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "WATCHKEEPER_"))} | {
            "PYTHONPATH": str(ROOT),
            "SLACK_API_URL": server.api_url,
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_SIGNING_SECRET": workspace.signing_secret,
            "DATABASE_URL": database_url,
            "WATCHKEEPER_POLICY": str(folder / "policy.yml"),
            "WATCHKEEPER_LISTEN": f"127.0.0.1:{port}",
            "WATCHKEEPER_ALERT_TOKEN": ALERT_TOKEN,
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
            "WATCHKEEPER_FUZZ_STALLS": str(stalls),
        }
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tests.fuzz.watched"]
        log = folder / "bot.log"
        async with running(command, log, lambda: get_json(f"{url}/readyz"), environment=environment) as process:
            yield Bot(process.pid, url, workspace.signing_secret, stalls, log)


def made(seed: int, number: int, alerts: int, secret: str) -> Sent:
    """Request ``number`` of the run with this seed, whatever came before; the first ``alerts`` are alerts."""
    random = Random(f"{seed}-{number}")
    if number < alerts:
        return bodies.request(random, ALERT_TOKEN)
    return clicks.request(random, secret, int(time.time()))


async def run(
    here: Bot, database_url: str, seed: int, alerts: int, slack: int, tell: Callable[[int], None] = lambda _: None
) -> Figures:
    """Everything, several requests beside each other; alerts and requests of Slack take turns.

    Args:
        tell: is told how many requests were answered, now and then.
    """
    figures, order = Figures(), list(range(alerts + slack))
    Random(seed).shuffle(order)
    numbers, tenth = iter(order), max(1, len(order) // MEASURED)
    await here.stall()
    began = time.monotonic()

    async def sender(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            sent = made(seed, number, alerts, here.secret)
            try:
                async with session.post(
                    URL(here.url + sent.path, encoded=True), data=sent.body, headers=sent.headers
                ) as answer:
                    await answer.read()
                    status = str(answer.status)
            except aiohttp.ClientError as error:
                status = type(error).__name__
            figures.answers[f"{'alerts' if number < alerts else 'slack'} {status}"] += 1
            if not "200" <= status < "500":
                figures.broken.append((number, status, sent))
            elif status == "200" and sent.stored:
                figures.stored.add(sent.stored)
            if (done := figures.answers.total()) % tenth == 0:
                figures.memory_mb.append(here.rss_mb())
                tell(done)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session:
        await asyncio.gather(*(sender(session) for _ in range(IN_FLIGHT)))
    figures.seconds, figures.stall_seconds = time.monotonic() - began, await here.stall()
    figures.errors = here.errors()
    figures.lost = sorted(figures.stored - await stored(database_url))
    return figures


async def stored(database_url: str) -> set[str]:
    """The fingerprints of all alerts there are."""
    database = Database(database_url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.read() as work:
            return set((await work.session.scalars(select(ALERTS.c.fingerprint))).all())
    finally:
        await database.close()
