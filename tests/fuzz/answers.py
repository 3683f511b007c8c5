"""Answers of systems that we ask, made from random numbers: each ends in our words, and never in another error."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from bot.evidence.firing import NotToldError, firing_alerts
from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.file.second_channel import PagerDutyRoute
from bot.remediation import RemediationError
from bot.second_channel.pagerduty import PagerDuty
from handlers.alerts.alertmanager import parse
from handlers.alerts.source import TooManyAlertsError, WebhookError
from remediations.backends.supervisor import Supervisor, SupervisorSettings
from tests.fixtures.hostile import HTTP, JSON, answering, http
from tests.fuzz.bodies import alert, spoil, written
from tests.remediations.test_hostile_supervisord import listed, process
from tests.second_channel.letters import announcement

WITHIN_SECONDS = 5.0
GRACE_SECONDS = 10.0
"""Beyond it an answer has kept somebody waiting, whatever the machine is busy with."""
VECTOR = {
    "status": "success",
    "warnings": ["partial"],
    "data": {"resultType": "vector", "result": [{"metric": {"job": "checkout"}, "value": [1e9, "1"]}]},
}


@dataclass
class Told:
    """What came of it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def table(self) -> str:
        """A few lines for people."""
        return "\n".join(f"{name}: {count:,}" for name, count in sorted(self.outcomes.items()))


async def _evidence(url: str) -> object:
    with closing(PrometheusEvidence(url, timeout_seconds=WITHIN_SECONDS)) as source:
        (answer,) = (await source.ask(["up"])).values()
    return answer.model_dump_json()


async def _verification(url: str) -> object:
    with closing(PrometheusEvidence(None, timeout_seconds=WITHIN_SECONDS)) as source:
        return (await source.healthy(None, url)).model_dump_json()


async def _firing(url: str) -> object:
    try:
        return parse(await firing_alerts(url, timeout_seconds=WITHIN_SECONDS), datetime.now(UTC))
    except (NotToldError, WebhookError, TooManyAlertsError) as error:
        return error


async def _processes(url: str) -> object:
    settings = SupervisorSettings.model_validate({"server": url, "timeout": f"{WITHIN_SECONDS:.0f}s"})
    try:
        return await Supervisor("supervisor", settings).processes()
    except RemediationError as error:
        return error


async def _page(url: str) -> object:
    settings = PagerDutyRoute.model_validate({"routing_key_env": "PAGERDUTY_KEY", "url": url})
    return await PagerDuty(settings, lambda: "k" * 32, "watchkeeper", WITHIN_SECONDS).send(announcement())


@dataclass(frozen=True)
class Asked:
    """One who asks, and an answer as it should be."""

    ask: Callable[[str], Awaitable[object]]
    good: Callable[[Random], Any]
    until: bytes = b"\r\n\r\n"


ASKED: Mapping[str, Asked] = {
    "Prometheus, a query": Asked(_evidence, lambda _: VECTOR),
    "Prometheus, what fires": Asked(
        _firing,
        lambda random: {
            "status": "success",
            "data": {
                "alerts": [{**alert(random), "state": "firing", "activeAt": "2026-01-01T00:00:00Z", "value": "1"}]
            },
        },
    ),
    "what a runbook verifies": Asked(_verification, lambda _: {"status": "up"}),
    "supervisord": Asked(_processes, lambda _: listed(process()), until=b"</methodCall>"),
    "PagerDuty": Asked(_page, lambda _: {"status": "success", "message": "Event processed", "dedup_key": "a"}),
}


def made(random: Random, good: Any) -> bytes:
    """An answer on the wire: a known bad one, or a good one with something wrong at any place."""
    if random.random() < 0.1:
        return random.choice(list(HTTP.values()))
    if isinstance(good, str):
        body = good.encode()
    else:
        body = written(random, spoil(random, good) if random.random() < 0.9 else good)
    if isinstance(good, str) or random.random() < 0.2:
        body = _hurt(random, body)
    status = random.choice(
        ["200 OK"] * 12 + ["202 Accepted", "400 Bad Request", "429 Slow Down", "503 Away", "299 Huh"]
    )
    raw = http(body, JSON, status=status)
    return _hurt(random, raw) if random.random() < 0.2 else raw


def _hurt(random: Random, raw: bytes) -> bytes:
    place, length = random.randrange(len(raw) + 1), random.choice([1, 2, 8, 64])
    match random.randrange(4):
        case 0:
            return raw[:place]
        case 1:
            return raw[:place] + raw[place + length :]
        case 2:
            return raw[:place] + random.randbytes(length) + raw[place:]
    return raw[:place] + raw[place : place + length] * random.choice([2, 50]) + raw[place:]


async def run(seed: int, count: int, in_flight: int = 4) -> Told:
    """So many answers, to one asker after the other."""
    told, numbers = Told(), iter(range(count))

    async def ask() -> None:
        for number in numbers:
            name, asked = list(ASKED.items())[number % len(ASKED)]
            random = Random(f"{seed}-{number}")
            raw = made(random, asked.good(random))
            try:
                async with answering(raw, until=asked.until) as where, asyncio.timeout(WITHIN_SECONDS + GRACE_SECONDS):
                    found = await asked.ask(f"http://{where}")
            except Exception as error:  # noqa: BLE001 - whatever comes through is what is looked for
                told.faults.append(f"answer {number} to {name} came through as {error!r}: {raw[:300]!r}")
            else:
                told.outcomes[f"{name}: {type(found).__name__}"] += 1

    await asyncio.gather(*(ask() for _ in range(in_flight)))
    return told
