"""Which alerts Prometheus says are firing: read as its webhook would bring them, and never guessed."""

import json
from typing import Any

import pytest
from aiohttp import web

from bot.evidence.firing import NotToldError, firing_alerts
from bot.response.ports.context import utc_now
from handlers.alerts import alertmanager
from tests.evidence.answering import serving

ALERT = {
    "labels": {"alertname": "ServiceDown", "service": "checkout", "severity": "critical"},
    "annotations": {"summary": "checkout does not answer"},
    "state": "firing",
    "activeAt": "2026-11-27T03:00:00.123456789Z",
    "value": "1e+00",
}


def told(*alerts: Any) -> str:
    return json.dumps({"status": "success", "data": {"alerts": alerts}})


async def asked(body: str, status: int = 200) -> dict[str, Any]:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/api/v1/alerts"
        return web.Response(text=body, status=status)

    async with serving(answer) as url:
        return await firing_alerts(f"{url}/", timeout_seconds=2)


async def test_what_fires_is_read_by_the_parser_of_the_webhook_and_what_is_pending_is_not() -> None:
    document = await asked(told(ALERT, ALERT | {"state": "pending"}))
    parsed = alertmanager.parse(document, utc_now())
    (alert,) = parsed.alerts
    assert (alert.facts.name, alert.facts.service, alert.facts.severity) == ("ServiceDown", "checkout", "critical")
    assert alert.facts.annotations == ALERT["annotations"]
    assert alert.facts.starts_at.isoformat() == "2026-11-27T03:00:00.123456+00:00"
    again = alertmanager.parse(await asked(told(ALERT)), utc_now()).alerts[0]
    assert again.facts.fingerprint == alert.facts.fingerprint
    other = ALERT | {"labels": {"alertname": "ServiceDown", "service": "orders"}}
    assert (
        alertmanager.parse(await asked(told(other)), utc_now()).alerts[0].facts.fingerprint != alert.facts.fingerprint
    )


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("no JSON", 200, "is no Prometheus"),
        (told(ALERT), 503, "answered 503"),
        (told(ALERT), 302, "answered 302"),
        (json.dumps({"status": "error", "error": "x"}), 200, "does not say which alerts fire"),
        (json.dumps({"status": "success", "data": {"alerts": {}}}), 200, "does not say which alerts fire"),
        (told("an alert"), 200, "does not say which alerts fire"),
        (json.dumps([]), 200, "is no Prometheus"),
        ("[" * 100_000, 200, "is no Prometheus"),
        (" " * 5_000_001, 200, "tells of more alerts"),
    ],
)
async def test_what_is_no_answer_is_an_error_that_says_so(body: str, status: int, words: str) -> None:
    with pytest.raises(NotToldError, match=words):
        await asked(body, status)


async def test_without_a_prometheus_nobody_can_tell() -> None:
    with pytest.raises(NotToldError, match="PROMETHEUS_URL is not set"):
        await firing_alerts(None)
    with pytest.raises(NotToldError, match="not reachable"):
        await firing_alerts("http://127.0.0.1:9", timeout_seconds=2)
