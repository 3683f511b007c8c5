"""Point 23 over HTTP: whoever has the credential and sends what cannot be read has people told of it, or comes back."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from storage.database import Database
from tests.handlers.test_alert_webhook import TOKEN, Monitor, listening
from tests.handlers.webhooks import alert, webhook

OURS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def monitor(database: Database) -> AsyncIterator[Monitor]:
    async with listening(database, TOKEN) as monitor:
        yield monitor


async def to_be_told(database: Database) -> list[tuple[Any, ...]]:
    """Sender, reason and what came of everything of which people are to be told."""
    async with database.read() as work:
        rows = await work.session.execute(text("SELECT source, reason, payload FROM quarantined_alerts ORDER BY id"))
        return [tuple(row) for row in rows]


GRAFANA = {"receiver": "ops", "status": "firing", "version": "1", "alerts": [alert()], "title": "[FIRING:1]"}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "the body is not JSON"),
        (b"alertname=Lost&service=shop", 400, "the body is not JSON"),
        (b"<alert>Lost</alert>", 400, "the body is not JSON"),
        (b"\xff\xfe{", 400, "the body is not UTF-8"),
        (b"[]", 400, "not a JSON object"),
        (json.dumps(GRAFANA).encode(), 400, "give the contact point in Grafana the integration Alertmanager"),
        (json.dumps(webhook([None] * 10_001)).encode(), 413, "10001 alerts"),
        (b"[" * 991 + b"]" * 991, 400, "the body"),
    ],
    ids=["empty", "a form", "xml", "not utf-8", "a list", "grafana", "too many", "deep"],
)
async def test_a_body_that_is_no_webhook_is_told_to_its_sender_and_to_people(
    monitor: Monitor, database: Database, body: bytes, status: int, said: str
) -> None:
    answered, answer = await monitor.post(body, **OURS)
    assert (answered, said in answer["error"]) == (status, True), answer
    ((source, reason, _),) = await to_be_told(database)
    assert (source, reason) == ("alertmanager", answer["error"])


@pytest.mark.parametrize("packed", ["application/x-www-form-urlencoded", "text/plain"])
async def test_so_is_what_is_not_sent_as_json(monitor: Monitor, database: Database, packed: str) -> None:
    answered, answer = await monitor.post(b"{}", Content_Type=packed, **OURS)
    assert (answered, [row[1] for row in await to_be_told(database)]) == (415, [answer["error"]])


async def test_a_monitor_of_ours_at_a_wrong_address_is_told_of_and_a_stranger_is_not(
    monitor: Monitor, database: Database
) -> None:
    assert (await monitor.post(b"{}", "/alerts/nagios"))[0] == 404
    assert (await monitor.post(b"{}", "/alerts/nagios", Authorization="Bearer wrong"))[0] == 404
    assert (await monitor.post(b"not JSON"))[0] == 401
    assert not await to_be_told(database)
    assert (await monitor.post(b"{}", f"/alerts/{'n' * 500}", **OURS))[0] == 404
    ((source, reason, _),) = await to_be_told(database)
    assert (source, "no monitor" in reason, "/alerts/alertmanager" in reason) == ("n" * 80, True, True)


async def test_where_people_cannot_be_told_the_sender_is_asked_to_come_back(
    monitor: Monitor, database: Database
) -> None:
    async with database.begin() as work:
        await work.session.execute(text("ALTER TABLE quarantined_alerts RENAME TO elsewhere"))
    answered, answer = await monitor.post(b"not JSON", **OURS)
    assert (answered, "the body is not JSON" in answer["error"]) == (503, True), "a monitor forgets what was refused"
    async with database.begin() as work:
        await work.session.execute(text("ALTER TABLE elsewhere RENAME TO quarantined_alerts"))
    assert (await monitor.post(b"not JSON", **OURS))[0] == 400
    assert len(await to_be_told(database)) == 1


async def test_what_has_a_substitute_is_taken_beside_what_has_none(monitor: Monitor, database: Database) -> None:
    nameless = alert("a", labels={"service": "shop", "shard": 7}, annotations={"value": 0.5}, startsAt=None)
    status, answer = await monitor.send(webhook([nameless, alert("b", status="broken")]), **OURS)
    assert (status, answer["accepted"], answer["quarantined"]) == (200, 1, 1)
    async with database.read() as work:
        (incident,) = await work.incidents.unresolved()
        (kept,) = await work.incidents.alerts(incident.id)
    assert (incident.alert_name, incident.service) == ("unnamed alert", "shop")
    assert (kept.facts.labels["shard"], kept.facts.annotations["value"]) == ("7", "0.5")
    assert len(await to_be_told(database)) == 1
