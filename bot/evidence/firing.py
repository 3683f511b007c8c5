"""Which alerts Prometheus itself says are firing, read without Alertmanager in between.

They come as the webhook would bring them, so that the same parser reads both; what Alertmanager does to them on the way
(routing, relabelling) is not seen here.
"""

import hashlib
import json
from http import HTTPStatus
from typing import Any

from bot.connecting import why
from bot.evidence.prometheus import NOT_CONFIGURED, TIMEOUT_SECONDS, readable
from bot.http_client import Lost, NoAnswerError, answer_of, json_in

ANSWER_LIMIT_BYTES = 5_000_000


class NotToldError(Exception):
    """Prometheus did not say which alerts fire; the text says why, for people, without addresses or credentials."""


async def firing_alerts(url: str | None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """Every firing alert, as a webhook of Alertmanager's version 4.

    Raises:
        NotToldError: there is no Prometheus, or it does not answer as one.
    """
    if url is None:
        raise NotToldError(NOT_CONFIGURED)
    try:
        answer = await answer_of(
            "GET",
            f"{url.rstrip('/')}/api/v1/alerts",
            within_seconds=timeout_seconds,
            limit_bytes=ANSWER_LIMIT_BYTES,
            only=HTTPStatus.OK,
        )
    except NoAnswerError as error:
        raise NotToldError(_without_answer(error, timeout_seconds)) from error
    if answer.status != HTTPStatus.OK:
        raise NotToldError(f"Prometheus answered {answer.status} when it was asked which alerts fire")
    firing = [each for each in _alerts_in(answer.body) if each["state"] == "firing"]
    return {"version": "4", "alerts": [_as_webhook(each) for each in firing]}


def _without_answer(error: NoAnswerError, seconds: float) -> str:
    match error.lost:
        case Lost.SILENT:
            return f"no answer from Prometheus within {seconds:g} s"
        case Lost.TOO_LARGE:
            return f"Prometheus tells of more alerts than fit into {ANSWER_LIMIT_BYTES} bytes"
    return f"Prometheus is not reachable ({why(error.cause)}): check PROMETHEUS_URL"


def _alerts_in(body: bytes) -> list[dict[str, Any]]:
    try:
        document = json_in(body)
        alerts = document["data"]["alerts"] if document["status"] == "success" else None
    except (ValueError, LookupError, TypeError) as error:
        raise NotToldError(f"what answers at PROMETHEUS_URL is no Prometheus ({type(error).__name__})") from error
    if not isinstance(alerts, list) or not all(isinstance(each, dict) and "state" in each for each in alerts):
        raise NotToldError("what answers at PROMETHEUS_URL does not say which alerts fire")
    return alerts


def _as_webhook(alert: dict[str, Any]) -> dict[str, Any]:
    labels = alert.get("labels")
    fingerprint = hashlib.sha256(readable(json.dumps(labels, sort_keys=True)).encode()).hexdigest()[:16]
    return {
        "status": "firing",
        "labels": labels,
        "annotations": alert.get("annotations") or {},
        "startsAt": alert.get("activeAt"),
        "fingerprint": fingerprint,
    }
