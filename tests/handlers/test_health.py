"""Alive, ready and measured."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp.test_utils import TestServer, make_mocked_request

from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import utc_now
from bot.slack.replies import ProcessFacts
from handlers.metrics import Metrics
from handlers.web.health import Check, Health, database_answers, fresh, holds
from handlers.web.http_app import build_http_app
from handlers.web.listener import SERVER_SETTINGS
from handlers.web.seldom import EVERY_SECONDS, NOT_ASKED_YET, NOT_WELL, Seldom
from storage.database import Database
from storage.intake import Intake
from tests.fixtures import incidents as facts
from tests.fixtures.cases import carried_out
from tests.handlers.policy import POLICY
from tests.handlers.webhooks import alert, webhook

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CHECKS: dict[str, Check] = {}


@pytest.fixture
async def session(database: Database) -> AsyncIterator[aiohttp.ClientSession]:
    metrics = Metrics()
    CHECKS.clear()
    intake = Intake(database, lambda: POLICY, utc_now)
    health = Health(CHECKS, metrics, database)
    server = TestServer(build_http_app(intake=intake, health=health, metrics=metrics, alert_token=None))
    await server.start_server(**SERVER_SETTINGS)
    async with aiohttp.ClientSession(server.make_url("/")) as session:
        yield session
    await server.close()
    await intake.close()


async def ready(session: aiohttp.ClientSession) -> tuple[int, dict[str, str]]:
    async with session.get("/readyz") as response:
        return response.status, (await response.json())["parts"]


async def test_it_is_alive_as_long_as_it_answers(session: aiohttp.ClientSession) -> None:
    CHECKS["slack"] = holds(lambda: False, "not connected")
    async with session.get("/healthz") as response:
        assert (response.status, await response.json()) == (200, {"status": "alive"})


async def test_ready_means_that_every_part_is_and_says_so_of_each(
    session: aiohttp.ClientSession, database: Database
) -> None:
    connected = True
    CHECKS["database"] = database_answers(database)
    CHECKS["slack"] = holds(lambda: connected, "not connected to Slack")
    assert await ready(session) == (200, {"database": "ok", "slack": "ok"})
    connected = False
    assert await ready(session) == (503, {"database": "ok", "slack": "not connected to Slack"})


async def test_a_part_that_fails_or_hangs_is_a_reason_and_not_an_error(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails() -> str | None:
        raise ConnectionError("gone")

    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr("handlers.web.health.CHECK_TIMEOUT_SECONDS", 0.05)
    CHECKS.update(one=fails, other=hangs)
    assert await ready(session) == (503, {"one": "it cannot be asked; see the log", "other": "no answer within 0.05 s"})


async def test_it_says_which_replica_answers_and_how_it_hears_from_slack(database: Database) -> None:
    process = ProcessFacts("host-7-ab", "Socket Mode", NOW, 2.5, rebuilds=1)
    health = Health({}, Metrics(), database, lambda: process)
    answer = await health.ready(make_mocked_request("GET", "/readyz"))
    assert json.loads(str(answer.text))["process"] == {
        "replica": "host-7-ab",
        "transport": "Socket Mode",
        "connected_since": "2026-11-23T12:00:00+00:00",
        "seconds_since_sign": 2.5,
        "rebuilds": 1,
    }


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (None, "the sweep has not happened yet"),
        (NOW - timedelta(seconds=30), None),
        (NOW - timedelta(seconds=31), "the sweep was 31 s ago; expected every 30 s"),
    ],
)
async def test_something_that_happens_again_and_again_must_have_happened_lately(
    last: datetime | None, says: str | None
) -> None:
    assert await fresh(lambda: last, timedelta(seconds=30), lambda: NOW, "the sweep")() == says


async def test_what_is_counted_can_be_scraped(session: aiohttp.ClientSession, database: Database) -> None:
    async with session.post("/alerts/alertmanager", json=webhook([alert("a"), alert("b"), None])) as response:
        assert response.status == 200
    async with session.post("/alerts/alertmanager", json=webhook([alert("a")], truncatedAlerts=3)) as response:
        assert response.status == 200
    async with session.post("/alerts/alertmanager", json={}) as response:
        assert response.status == 400
    async with database.begin() as work:
        await work.outbox.add(1, facts.card(1), utc_now())
    async with session.get("/metrics") as response:
        assert response.content_type == "text/plain"
        lines = (await response.text()).splitlines()
    for line in (
        'watchkeeper_alerts_total{result="accepted",source="alertmanager"} 2.0',
        'watchkeeper_alerts_total{result="duplicate",source="alertmanager"} 1.0',
        'watchkeeper_alerts_total{result="quarantined",source="alertmanager"} 1.0',
        'watchkeeper_alerts_truncated_by_sender_total{source="alertmanager"} 3.0',
        'watchkeeper_webhooks_refused_total{source="alertmanager",status="400"} 1.0',
        "watchkeeper_outbox_depth 1.0",
    ):
        assert line in lines


async def test_whether_confidence_means_what_it_says_is_measured_anew_when_something_is_on_the_record(
    session: aiohttp.ClientSession, database: Database
) -> None:
    async def scraped() -> list[str]:
        async with session.get("/metrics") as response:
            lines = (await response.text()).splitlines()
        return sorted(
            line.removeprefix("watchkeeper_confidence_") for line in lines if line.startswith("watchkeeper_c")
        )

    assert await scraped() == ["brier_score NaN", "cases 0.0"]
    async with database.begin() as work:
        await carried_out(work, "a", 0.5, at=utc_now())
        await carried_out(work, "b", 0.5, worked=False, at=utc_now())
        await work.audit.append(kind=AuditKind.ACTION_SUCCEEDED, actor="watchkeeper", at=utc_now(), body={})
    assert await scraped() == ["brier_score 0.25", "cases 2.0"]


async def test_what_is_on_the_record_is_counted_once_by_kind_and_verdict(
    session: aiohttp.ClientSession, database: Database
) -> None:
    async def scraped() -> list[str]:
        async with session.get("/metrics") as response:
            return [line for line in (await response.text()).splitlines() if line.startswith("watchkeeper_")]

    async def record(kind: AuditKind, **body: str) -> None:
        async with database.begin() as work:
            await work.audit.append(kind=kind, actor="watchkeeper", at=NOW, body=body)

    await record(AuditKind.DECISION_MADE, verdict="act")  # before the first scrape: somebody else's counter has it
    await scraped()
    await record(AuditKind.DECISION_MADE, verdict="ask")
    await record(AuditKind.DECISION_MADE, verdict="ask")
    await record(AuditKind.ACTION_SUCCEEDED)
    await scraped()
    lines = await scraped()
    assert 'watchkeeper_decisions_total{verdict="ask"} 2.0' in lines
    assert 'watchkeeper_recorded_total{kind="action.succeeded"} 1.0' in lines
    assert not any('verdict="act"' in line for line in lines)


class Other:
    """Another system, which is asked how it is."""

    def __init__(self) -> None:
        self.asked = 0
        self.trouble: str | None = ""
        self.silent = asyncio.Event()
        self.silent.set()

    async def reach(self) -> str | None:
        self.asked += 1
        await self.silent.wait()
        return self.trouble


async def test_another_system_that_is_away_is_a_remark_in_fixed_words_and_makes_nothing_less_ready(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    other, moment = Other(), 0.0
    remark = Seldom("backend shop", other.reach, clock=lambda: moment)
    health = Health({}, Metrics(), database, remarks={"backend shop": remark})
    other.trouble = "supervisord at http://10.0.0.7:9001 cannot be reached"
    answer = await health.ready(make_mocked_request("GET", "/readyz"))
    told = json.loads(str(answer.text))
    assert (answer.status, told["status"], told["parts"]) == (200, "ready", {"backend shop": NOT_WELL})
    assert [record.getMessage() for record in caplog.records] == [f"backend shop: {other.trouble}"]
    other.trouble, moment = None, 30.0
    assert await remark() is None
    assert caplog.records[-1].getMessage() == "backend shop: it can be used again"


async def test_another_system_is_asked_once_in_a_while_however_often_we_are(database: Database) -> None:
    other, moment = Other(), 0.0
    health = Health({}, Metrics(), database, remarks={"other": Seldom("other", other.reach, clock=lambda: moment)})
    await asyncio.gather(*(health.ready(make_mocked_request("GET", "/readyz")) for _ in range(50)))
    moment = EVERY_SECONDS - 0.1
    await health.ready(make_mocked_request("GET", "/readyz"))
    assert other.asked == 1
    moment = EVERY_SECONDS
    await health.ready(make_mocked_request("GET", "/readyz"))
    assert other.asked == 2


async def test_another_system_that_hangs_keeps_nobody_waiting_and_is_known_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("handlers.web.seldom.PATIENCE_SECONDS", 0.01)
    other, moment = Other(), 0.0
    remark = Seldom("other", other.reach, clock=lambda: moment)
    other.silent.clear()
    assert await remark() == NOT_ASKED_YET
    moment = 3 * EVERY_SECONDS
    assert await remark() == NOT_ASKED_YET
    assert other.asked == 1
    other.silent.set()
    await asyncio.sleep(0)
    assert await remark() is None


async def test_another_system_that_never_answers_counts_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.web.seldom.LIMIT_SECONDS", 0.01)
    other = Other()
    other.silent.clear()
    assert await Seldom("other", other.reach)() == NOT_WELL


async def test_a_question_that_fails_counts_as_away() -> None:
    async def fails() -> str | None:
        raise RuntimeError("closed")

    assert await Seldom("other", fails)() == NOT_WELL
