"""Which alerts Prometheus itself says are firing, read without Alertmanager in between.

They come as the webhook would bring them, so that the same parser reads both; what Alertmanager does to them on the way
(routing, relabelling) is not seen here.
"""

import hashlib
import json
from http import HTTPStatus
from typing import Any

import aiohttp

from bot.evidence.prometheus import CHUNK_BYTES, NOT_CONFIGURED, TIMEOUT_SECONDS, readable

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
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url.rstrip('/')}/api/v1/alerts", allow_redirects=False) as response,
        ):
            status, body = response.status, bytearray()
            async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                body += chunk
                if len(body) > ANSWER_LIMIT_BYTES:
                    raise NotToldError(f"Prometheus tells of more alerts than fit into {ANSWER_LIMIT_BYTES} bytes")
    except TimeoutError as error:
        raise NotToldError(f"no answer from Prometheus within {timeout_seconds:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotToldError(f"Prometheus is not reachable ({type(error).__name__}): check PROMETHEUS_URL") from error
    if status != HTTPStatus.OK:
        raise NotToldError(f"Prometheus answered {status} when it was asked which alerts fire")
    firing = [each for each in _alerts_in(bytes(body)) if each["state"] == "firing"]
    return {"version": "4", "alerts": [_as_webhook(each) for each in firing]}


def _alerts_in(body: bytes) -> list[dict[str, Any]]:
    try:
        document = json.loads(body)
        alerts = document["data"]["alerts"] if document["status"] == "success" else None
    except (ValueError, LookupError, TypeError, RecursionError) as error:
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
