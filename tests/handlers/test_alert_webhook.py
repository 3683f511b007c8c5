"""The alert endpoint over a real socket, on a real database."""

import asyncio
import gzip
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bot.policy.file.document import Policy
from bot.response.ports.context import utc_now
from bot.response.ports.flow import FlowName, QueueName
from handlers.metrics import Metrics
from handlers.web.health import Health
from handlers.web.http_app import build_http_app
from handlers.web.listener import SERVER_SETTINGS
from storage.database import Database
from storage.intake import Intake
from storage.migrations import migrate
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.handlers.policy import POLICY
from tests.handlers.webhooks import CAPTURED, alert, webhook

TOKEN = "s3cret"
ADDRESS = "/alerts/alertmanager"


class Monitor:
    """Something that sends webhooks to one running Watchkeeper."""

    def __init__(self, session: aiohttp.ClientSession, metrics: Metrics) -> None:
        self.session = session
        self.metrics = metrics

    async def send(self, document: Any, **request: Any) -> tuple[int, Any]:
        return await self.post(json.dumps(document).encode(), **request)

    async def post(self, body: bytes, address: str = ADDRESS, **headers: str) -> tuple[int, Any]:
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): v for name, v in headers.items()}}
        async with self.session.post(address, data=io.BytesIO(body), headers=sent) as response:
            return response.status, await response.json()

    def counted(self, result: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "watchkeeper_alerts_total", {"source": "alertmanager", "result": result}
        )


@asynccontextmanager
async def listening(database: Database, token: str | None = None, policy: Policy = POLICY) -> AsyncIterator[Monitor]:
    """A server over ``database``, as the composition root runs it."""
    metrics = Metrics()
    intake = Intake(database, lambda: policy, utc_now)
    app = build_http_app(intake=intake, health=Health({}, metrics, database), metrics=metrics, alert_token=token)
    server = TestServer(app)
    await server.start_server(**SERVER_SETTINGS)
    try:
        async with aiohttp.ClientSession(server.make_url("/")) as session:
            yield Monitor(session, metrics)
    finally:
        await server.close()
        await intake.close()


@pytest.fixture
async def monitor(database: Database) -> AsyncIterator[Monitor]:
    async with listening(database) as monitor:
        yield monitor


async def stored(database: Database, what: str) -> int:
    async with database.read() as work:
        return int(await work.session.scalar(text(f"SELECT count(*) FROM {what}")) or 0)  # noqa: S608 - our own words


async def test_a_captured_webhook_opens_an_incident_and_asks_for_a_look(
    monitor: Monitor, database: Database, enqueuer: RecordingEnqueuer
) -> None:
    assert await monitor.send(CAPTURED["firing"]) == (200, {"accepted": 1, "duplicates": 0, "incidents": ["INC-1"]})
    async with database.read() as work:
        (incident,) = await work.incidents.unresolved()
    assert (incident.service, incident.alert_name, incident.severity) == ("orders", "DbPoolExhausted", "critical")
    assert enqueuer.calls == [(FlowName.CONSIDER, 1, "consider:1:1", QueueName.INCIDENTS, "1")]


async def test_the_same_alert_again_is_a_duplicate_and_its_end_is_news(monitor: Monitor) -> None:
    await monitor.send(CAPTURED["firing"])
    assert await monitor.send(CAPTURED["firing"]) == (200, {"accepted": 0, "duplicates": 1, "incidents": ["INC-1"]})
    assert await monitor.send(CAPTURED["resolved"]) == (200, {"accepted": 1, "duplicates": 0, "incidents": ["INC-1"]})
    assert (monitor.counted("accepted"), monitor.counted("duplicate")) == (2, 1)


async def test_a_duplicate_is_recognised_after_a_restart(database_url: str, database: Database) -> None:
    async with listening(database) as before:
        await before.send(CAPTURED["firing"])
    await database.close()
    again = Database(database_url, RecordingEnqueuer(), AUDIT_KEY)
    await again.open()
    await migrate(again)
    async with listening(again) as after:
        answer = await after.send(CAPTURED["firing"])
    await again.close()
    assert answer == (200, {"accepted": 0, "duplicates": 1, "incidents": ["INC-1"]})


async def test_200_means_it_is_in_the_database(monitor: Monitor, database: Database) -> None:
    async def send(number: int) -> None:
        status, _ = await monitor.send(webhook([alert(f"f{number}")]))
        assert status == 200
        assert await stored(database, f"alerts WHERE fingerprint = 'f{number}'") == 1

    await asyncio.gather(*(send(number) for number in range(40)))


async def test_one_webhook_of_five_thousand_alerts_is_taken_whole(monitor: Monitor, database: Database) -> None:
    document = webhook([alert(f"f{n}", labels={"alertname": f"A{n % 50}", "service": "web"}) for n in range(5000)])
    status, answer = await monitor.send(document)
    assert (status, answer["accepted"], len(answer["incidents"])) == (200, 5000, 50)
    assert await stored(database, "alerts") == 5000


async def test_a_bad_alert_is_reported_and_quarantined_and_the_others_are_accepted(
    monitor: Monitor, database: Database
) -> None:
    status, answer = await monitor.send(webhook([alert("a"), alert("b", status="pending"), alert("c")]))
    assert (status, answer["accepted"], answer["quarantined"]) == (200, 2, 1)
    assert answer["reasons"] == ["alerts[1].status: 'pending' is not a status; send firing or resolved"]
    async with database.read() as work:
        row = (await work.session.execute(text("SELECT source, reason, payload FROM quarantined_alerts"))).one()
    assert (row.source, row.reason) == ("alertmanager", answer["reasons"][0])
    assert json.loads(row.payload)["fingerprint"] == "b"
    assert monitor.counted("quarantined") == 1


async def test_a_batch_of_nothing_but_bad_alerts_is_kept_for_people(monitor: Monitor, database: Database) -> None:
    status, answer = await monitor.send(webhook([None, 7]))
    assert (status, answer["accepted"], answer["quarantined"]) == (200, 0, 2)
    assert await stored(database, "quarantined_alerts") == 2


async def test_an_empty_webhook_is_no_error(monitor: Monitor) -> None:
    assert await monitor.send(webhook([])) == (200, {"accepted": 0, "duplicates": 0, "incidents": []})


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", "s3cret", "Basic s3cret", "Bearer s3cret\xff"])
async def test_a_missing_or_wrong_token_is_refused_before_anything_is_read(
    database: Database, given: str | None
) -> None:
    async with listening(database, TOKEN) as monitor:
        headers = {} if given is None else {"Authorization": given}
        status, answer = await monitor.post(b"not even JSON", **headers)
        assert status == 401
        assert "WATCHKEEPER_ALERT_TOKEN" in answer["error"]
        assert TOKEN not in answer["error"]
    assert await stored(database, "alerts") == 0


async def test_the_right_token_is_let_in(database: Database) -> None:
    async with listening(database, TOKEN) as monitor:
        for scheme in ("Bearer", "bearer"):
            status, _ = await monitor.send(CAPTURED["firing"], Authorization=f"{scheme} {TOKEN}")
            assert status == 200


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "the body is not JSON"),
        (b"{", 400, "the body is not JSON"),
        (b'{"version": "4", "alerts": [}', 400, "line 1 column 29"),
        (b"\xff\xfe", 400, "the body is not UTF-8 at byte 0"),
        (b"[" * 200_000, 400, "nested too deeply"),
        (b'{"version": ' + b"1" * 5000 + b"}", 400, "version: inf"),
        (b'{"version": "3"}', 400, "version: '3'"),
        (json.dumps(webhook([None] * 10_001)).encode(), 413, "10001 alerts"),
        (b" " * (10 * 1024 * 1024 + 1), 413, "more than 10485760 bytes"),
    ],
    ids=["empty", "cut off", "malformed", "not utf-8", "deep", "huge number", "version", "too many", "too large"],
)
async def test_what_cannot_be_read_is_refused_in_words(monitor: Monitor, body: bytes, status: int, says: str) -> None:
    answered, answer = await monitor.post(body)
    assert answered == status
    assert says in answer["error"]


async def test_a_body_of_ten_megabytes_is_still_read(monitor: Monitor) -> None:
    document = webhook([alert(annotations={"summary": "x" * 10_000_000})])
    status, answer = await monitor.send(document)
    assert (status, answer["accepted"]) == (200, 1)


async def test_another_content_type_is_refused_with_the_remedy(monitor: Monitor) -> None:
    status, answer = await monitor.post(b"{}", Content_Type="text/plain")
    assert (status, answer["error"]) == (415, "Content-Type: 'text/plain' is not read; send application/json")


async def test_a_compressed_webhook_is_read(monitor: Monitor) -> None:
    body = gzip.compress(json.dumps(CAPTURED["firing"]).encode())
    status, answer = await monitor.post(body, Content_Encoding="gzip")
    assert (status, answer["accepted"]) == (200, 1)


async def test_a_bomb_is_refused_when_it_has_unpacked_as_much_as_may_be_sent(monitor: Monitor) -> None:
    status, answer = await monitor.post(gzip.compress(b" " * 200_000_000, 1), Content_Encoding="gzip")
    assert status == 413
    assert "more than 10485760 bytes" in answer["error"]


async def test_what_only_claims_to_be_compressed_is_refused(monitor: Monitor) -> None:
    async with monitor.session.post(
        ADDRESS, data=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    ) as response:
        assert response.status == 400


async def test_an_unknown_monitor_is_told_which_ones_there_are(monitor: Monitor) -> None:
    status, answer = await monitor.post(b"{}", "/alerts/nagios")
    assert (status, answer["error"]) == (404, "no monitor of this name is known here; there is /alerts/alertmanager")


async def test_when_nothing_can_be_stored_the_monitor_is_told_to_come_back(database: Database, tmp_path: Path) -> None:
    async with listening(database) as monitor:
        async with database.begin() as work:
            await work.session.execute(text("ALTER TABLE alerts RENAME TO elsewhere"))
        status, answer = await monitor.send(CAPTURED["firing"])
        assert status == 503
        assert "nothing of this request could be stored" in answer["error"]
        async with database.begin() as work:
            await work.session.execute(text("ALTER TABLE elsewhere RENAME TO alerts"))
        assert (await monitor.send(CAPTURED["firing"]))[0] == 200  # the retry is not taken for a duplicate


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
TIMES = st.datetimes().map(str) | st.sampled_from(
    ["0001-01-01T00:00:00Z", "2026-11-23T03:00:00Z", "9999-12-31T23:59:59-23:59"]
)
ALERTS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["firing", "resolved"]) | JSON,
        "labels": st.dictionaries(st.sampled_from(["alertname", "service", "severity"]) | st.text(), st.text()) | JSON,
        "annotations": JSON,
        "startsAt": TIMES | JSON,
        "endsAt": TIMES | JSON,
        "generatorURL": JSON,
        "fingerprint": st.text() | JSON,
    },
)
WEBHOOKS = JSON | st.fixed_dictionaries(
    {"version": st.just("4") | JSON, "alerts": st.lists(ALERTS | JSON, max_size=5) | JSON},
    optional={"truncatedAlerts": st.integers() | JSON},
)


async def test_any_json_at_all_is_answered_200_or_400(monitor: Monitor, database: Database) -> None:
    loop = asyncio.get_running_loop()
    send: Callable[[Any], Awaitable[tuple[int, Any]]] = monitor.send

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(WEBHOOKS)
    def fuzz(document: Any) -> None:
        status, answer = asyncio.run_coroutine_threadsafe(_sent(send, document), loop).result(20)
        assert status in (200, 400), answer
        assert ("error" in answer) == (status == 400)

    await asyncio.to_thread(fuzz)


async def _sent(send: Callable[[Any], Awaitable[tuple[int, Any]]], document: Any) -> tuple[int, Any]:
    return await send(document)
