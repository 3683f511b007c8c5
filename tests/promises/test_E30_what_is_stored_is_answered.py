"""Point 30: after the commit nothing can fail the answer, and no field beside the alerts costs one of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.response.ports.context import utc_now
from handlers.alerts.alertmanager import TRUNCATED_MAX, parse
from storage.database import Database
from storage.intake import Intake
from storage.queue import Queue
from tests.handlers.policy import POLICY
from tests.handlers.test_alert_webhook import Monitor, listening, stored
from tests.handlers.webhooks import alert, webhook

DIGITS = "9" * 309
"""No float is as large."""


@pytest.fixture
async def monitor(database: Database) -> AsyncIterator[Monitor]:
    async with listening(database) as monitor:
        yield monitor


def delivery(left_out: str) -> bytes:
    """Two alerts of a monitor that writes its count like this."""
    text = json.dumps(webhook([alert("a"), alert("b")], truncatedAlerts="HERE"))
    return text.replace('"HERE"', left_out).encode()


def left_out(monitor: Monitor) -> float:
    return (
        monitor.metrics.registry.get_sample_value(
            "watchkeeper_alerts_truncated_by_sender_total", {"source": "alertmanager"}
        )
        or 0.0
    )


@pytest.mark.parametrize(
    ("written", "counted"),
    [
        ("0", 0),
        ("7", 7),
        ("null", 0),
        ("7.0", 7),
        ('"7"', 7),
        (DIGITS, TRUNCATED_MAX),
        (f'"{DIGITS}"', TRUNCATED_MAX),
        ("9" * 4_301, TRUNCATED_MAX),
        (f'"{"9" * 4_301}"', TRUNCATED_MAX),
        ("1e309", TRUNCATED_MAX),
        ("Infinity", TRUNCATED_MAX),
        ("1000000000000000000000000000000", TRUNCATED_MAX),
    ],
)
async def test_however_a_count_of_those_left_out_is_written_those_that_came_are_taken(
    monitor: Monitor, database: Database, written: str, counted: int
) -> None:
    status, answer = await monitor.post(delivery(written))
    assert (status, answer["accepted"], answer.get("quarantined")) == (200, 2, None)
    assert await stored(database, "alerts") == 2
    assert left_out(monitor) == counted


@pytest.mark.parametrize(
    "written",
    [
        "true",
        "false",
        "-1",
        f"-{DIGITS}",
        f"-{'9' * 4_301}",
        "-1e309",
        "0.5",
        "NaN",
        '"many"',
        '"-1"',
        '""',
        "[7]",
        '{"a": 7}',
        '"\u0663"',
    ],
)
async def test_what_is_no_count_is_told_and_those_that_came_are_taken(
    monitor: Monitor, database: Database, written: str
) -> None:
    status, answer = await monitor.post(delivery(written))
    assert (status, answer["accepted"], answer["quarantined"]) == (200, 2, 1)
    assert answer["reasons"][0].startswith("truncatedAlerts: ")
    assert await stored(database, "alerts") == 2
    assert left_out(monitor) == 0


@pytest.mark.parametrize("digits", [DIGITS, "9" * 4_301, f"-{'9' * 4_301}"])
async def test_a_number_that_nobody_can_read_costs_no_alert_wherever_it_stands(
    monitor: Monitor, database: Database, digits: str
) -> None:
    odd: dict[str, Any] = alert(
        "odd", labels={"alertname": "A", "shard": "HERE"}, annotations={"n": "HERE"}, startsAt="HERE"
    )
    text = json.dumps(webhook([alert("a"), odd], groupKey="HERE")).replace('"HERE"', digits)
    status, answer = await monitor.post(text.encode())
    assert (status, answer["accepted"]) == (200, 2)
    assert await stored(database, "alerts") == 2


async def test_whatever_counting_comes_to_what_is_stored_is_answered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(database) as monitor:
        monkeypatch.setattr(monitor.metrics, "alerts", None)
        status, answer = await monitor.send(webhook([alert("a")]))
    assert (status, answer["accepted"]) == (200, 1)
    assert await stored(database, "alerts") == 1


async def test_assessments_that_cannot_be_queued_leave_no_sender_without_an_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_waits = asyncio.Event()

    async def fails(_queue: Queue) -> bool:
        await another_waits.wait()
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(Queue, "consider_deferred", fails)
    intake = Intake(database, lambda: POLICY, utc_now)
    first, second = (parse(webhook([alert(name)]), utc_now()).alerts for name in ("a", "b"))
    await intake.accept(first)
    waiting = asyncio.create_task(intake.accept(second))
    await asyncio.sleep(0)  # until it waits for its answer
    another_waits.set()
    async with asyncio.timeout(30):
        assert (await waiting).accepted == 1
    await intake.close()
