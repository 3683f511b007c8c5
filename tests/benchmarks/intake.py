"""How fast alerts are stored: ``python -m tests.benchmarks.intake [postgresql+psycopg://...]``.

Measures the way in without HTTP: many concurrent callers with one alert each, and one caller with a storm. Without an
argument it uses a SQLite file in a temporary folder, with the same durability as in production.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from itertools import count
from tempfile import TemporaryDirectory

from bot.policy.file.document import Policy
from bot.policy.situation import AlertFacts
from bot.response.engine.dbos import Engine
from bot.response.model.incidents import Alert, AlertStatus
from storage.database import Database
from storage.intake import Intake
from storage.migrations import migrate

CALLERS = 256
SINGLE_ALERTS = 20_000
STORM_ALERTS = 5_000
POLICY = Policy.model_validate({"version": 1, "channels": {"incidents": "C01INC"}, "people": {}})


def firing(number: int, service: str, name: str) -> Alert:
    facts = AlertFacts(
        source="alertmanager",
        fingerprint=f"{number:016x}",
        name=name,
        severity="critical",
        service=service,
        labels={"alertname": name, "service": service, "instance": f"10.0.0.{number % 250}:9100", "job": "node"},
        annotations={"summary": f"{service} does not answer", "description": "It has not answered for 5 minutes."},
        starts_at=datetime(2026, 11, 23, 12, 0, tzinfo=UTC),
    )
    return Alert(facts, AlertStatus.FIRING, None, "http://prometheus/graph", datetime.now(UTC))


async def single_alerts(intake: Intake, alerts: list[Alert]) -> float:
    numbers = count()

    async def caller() -> None:
        while (number := next(numbers)) < len(alerts):
            await intake.accept([alerts[number]])

    begun = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return time.perf_counter() - begun


async def measure(url: str) -> None:
    engine = Engine(url)
    database = Database(url, engine, b"a key for measuring")
    await database.open()
    await migrate(database)
    await engine.prepare()
    intake = Intake(database, lambda: POLICY, lambda: datetime.now(UTC))
    run = f"{time.time():.0f}"

    few = [firing(number, f"service-{number % 20}", f"A{run}") for number in range(SINGLE_ALERTS)]
    for name, alerts in (("new, into 20 incidents", few), ("duplicates", few)):
        seconds = await single_alerts(intake, alerts)
        print(f"{len(alerts)} single alerts, {name}: {len(alerts) / seconds:,.0f}/s")

    storms = {
        "one incident": [firing(10**6 + number, "storm", f"B{run}") for number in range(STORM_ALERTS)],
        "as many incidents": [firing(2 * 10**6 + number, f"s{number}", f"C{run}") for number in range(STORM_ALERTS)],
    }
    for name, alerts in storms.items():
        begun = time.perf_counter()
        result = await intake.accept(alerts)
        print(f"one request of {result.accepted} alerts, {name}: {time.perf_counter() - begun:.2f} s")
    await intake.close()
    await database.close()


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        asyncio.run(measure(sys.argv[1] if len(sys.argv) > 1 else f"sqlite+aiosqlite:///{folder}/watch.db"))
