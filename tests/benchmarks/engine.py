"""How long a click waits for its flow, and what waiting costs: ``python -m tests.benchmarks.engine [postgresql URL]``.

For several polling intervals: CPU while idle, and milliseconds from the commit that asks for a flow until it runs.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from sqlalchemy.engine import make_url

from bot.response.engine import dbos as engine_module
from bot.response.engine.dbos import Engine
from bot.response.ports.context import utc_now
from bot.response.ports.flow import Flow, QueueName
from storage.database import Database
from storage.held_leases import HeldLeases
from storage.migrations import migrate
from tests.fixtures.database import AUDIT_KEY

INTERVALS_SECONDS = (1.0, 0.1)
IDLE_SECONDS = 10
FLOWS = 60


async def measure(url: str, interval_seconds: float) -> None:
    """Print one line of the table."""
    engine_module.POLLING_INTERVAL_SECONDS = interval_seconds
    started: asyncio.Queue[float] = asyncio.Queue()

    async def flow(flow: Flow, name: str) -> None:
        await started.put(time.perf_counter())

    async def failed(*_: Any) -> None:
        raise AssertionError("a flow that does nothing cannot fail")

    engine = Engine(url)
    database = Database(url, engine, AUDIT_KEY)
    await database.open()
    await engine.prepare()
    await migrate(database)
    launched = time.perf_counter()
    await engine.launch(database, {"nothing.v1": flow}, failed, HeldLeases(database, utc_now))

    async def ask(name: str) -> float:
        def enqueue(session: Any) -> None:
            engine.enqueue(session, "nothing.v1", name, workflow_id=name, queue=QueueName.TARGETS, partition=name)

        async with database.begin() as work:
            await work.session.run_sync(enqueue)
        return time.perf_counter()

    run = f"{interval_seconds}-{time.time()}"
    await ask(f"{run}-first")
    first = await started.get() - launched
    await asyncio.sleep(2)
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (time.process_time() - cpu) / (time.perf_counter() - wall)
    waits = []
    for number in range(FLOWS):
        committed = await ask(f"{run}-{number}")
        waits.append(await started.get() - committed)
        await asyncio.sleep(random.uniform(0.05, 0.25))  # clicks do not come in step with the polls
    percentiles = [seconds * 1000 for seconds in quantiles(waits, n=100)]
    print(
        f"{make_url(url).get_backend_name():>10}, polled every {interval_seconds * 1000:.0f} ms: idle {idle:.1%}, "
        f"p50 {percentiles[49]:.0f} ms, p99 {percentiles[98]:.0f} ms, first after launch {first * 1000:.0f} ms",
        flush=True,
    )
    await engine.close()
    await database.close()


async def main(urls: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for url in [f"sqlite+aiosqlite:///{Path(folder) / 'watch.db'}", *urls]:
            for interval_seconds in INTERVALS_SECONDS:
                await measure(url, interval_seconds)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
