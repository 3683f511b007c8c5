"""Alertmanager's webhooks for tests: two captured from a real one, and a builder for all others."""

import copy
from typing import Any

CAPTURED: dict[str, dict[str, Any]] = {
    "firing": {
        "receiver": "bot",
        "status": "firing",
        "alerts": [
            {
                "status": "firing",
                "labels": {
                    "alertname": "DbPoolExhausted",
                    "db": "orders",
                    "instance": "127.0.0.1:9195",
                    "job": "app",
                    "service": "orders",
                    "severity": "critical",
                },
                "annotations": {
                    "runbook_url": "http://127.0.0.1/runbooks/db",
                    "summary": "Pool at 100% on 127.0.0.1:9195",
                },
                "startsAt": "2026-11-23T03:32:47.878Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://monitor.example:9190/graph?g0.expr=db_pool_in_use+%3E+0.9&g0.tab=1",
                "fingerprint": "7162a71da35bf392",
            }
        ],
        "groupLabels": {"alertname": "DbPoolExhausted", "service": "orders"},
        "commonLabels": {"alertname": "DbPoolExhausted", "service": "orders", "severity": "critical"},
        "commonAnnotations": {"summary": "Pool at 100% on 127.0.0.1:9195"},
        "externalURL": "http://monitor.example:9193",
        "version": "4",
        "groupKey": '{}:{alertname="DbPoolExhausted", service="orders"}',
        "truncatedAlerts": 0,
    }
}
CAPTURED["resolved"] = copy.deepcopy(CAPTURED["firing"])
CAPTURED["resolved"]["status"] = CAPTURED["resolved"]["alerts"][0]["status"] = "resolved"
CAPTURED["resolved"]["alerts"][0]["endsAt"] = "2026-11-23T03:32:48.878Z"


def alert(fingerprint: str = "f1", /, **changes: Any) -> dict[str, Any]:
    """One firing alert of the service web, with ``changes``."""
    return {
        "status": "firing",
        "labels": {"alertname": "ServiceDown", "service": "web", "severity": "critical"},
        "annotations": {"summary": "web does not answer"},
        "startsAt": "2026-11-23T03:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://monitor.example/graph",
        "fingerprint": fingerprint,
        **changes,
    }


def webhook(alerts: Any, **changes: Any) -> dict[str, Any]:
    """An envelope of version 4 around ``alerts``, with ``changes``."""
    return {"version": "4", "status": "firing", "receiver": "bot", "alerts": alerts, "truncatedAlerts": 0, **changes}
