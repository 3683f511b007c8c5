"""``POST /alerts/<source>``: authenticate, read, store, and only then answer 200.

Every refusal says in words what is wrong with what was sent. Must not know: any monitor's format; ``SOURCES`` does.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from handlers.alerts import SOURCES
from handlers.alerts.reading import BODY_MAX_BYTES, read_with
from handlers.alerts.source import Parse, Parsed, TooManyAlertsError, WebhookError
from handlers.bodies import Bodies, BodyError, is_packed
from handlers.metrics import Metrics
from storage.deliveries import IntakeResult, RejectedAlert
from storage.intake import Intake, IntakeUnavailableError

LARGE_BODY_BYTES = 256 * 1024
"""From here on parsing goes to a thread, so that everybody else's clicks are served meanwhile."""
BODY_WITHIN_SECONDS = 30.0
PAYLOAD_KEPT_BYTES = 20_000
"""Of a request that cannot be read, for people to read."""
REASONS_SHOWN = 20
RETRY_AFTER_SECONDS = 5

log = logging.getLogger(__name__)


class AlertWebhook:
    """The endpoint of every source."""

    def __init__(
        self,
        intake: Intake,
        metrics: Metrics,
        now: Callable[[], datetime],
        token: str | None,
        sources: Mapping[str, Parse] = SOURCES,
    ) -> None:
        self._intake = intake
        self._metrics = metrics
        self._now = now
        self._token = None if token is None else token.encode()
        self._sources = sources
        self._bodies = Bodies(BODY_MAX_BYTES, within_seconds=BODY_WITHIN_SECONDS, compressed=True)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; 200 only after the commit."""
        source = request.match_info["source"]
        parse = self._sources.get(source)
        if parse is None:
            return await self._unknown(request, source[:80])
        response = await self._handle(request, source, parse)
        if response.status != 200:
            self._metrics.webhooks_refused.labels(source, str(response.status)).inc()
        return response

    async def _handle(self, request: web.Request, source: str, parse: Parse) -> web.Response:
        if not self._is_authentic(request):
            return _refusal(
                401,
                "the bearer credential is missing or wrong; give Alertmanager the value of WATCHKEEPER_ALERT_TOKEN "
                "(webhook_config: http_config: authorization: credentials)",
                {"WWW-Authenticate": "Bearer"},
            )
        if request.content_type != "application/json":
            text = f"Content-Type: {request.content_type[:80]!r} is not read; send application/json"
            return await self._not_read(source, 415, text)
        body = b""
        try:
            body = await self._bodies.read(request)
            parsed = await _read(body, parse, self._now())
        except TooManyAlertsError as error:
            return await self._not_read(source, 413, str(error))
        except WebhookError as error:
            return await self._not_read(source, 400, str(error), body)
        except BodyError as error:
            if error.status is HTTPStatus.REQUEST_TIMEOUT:  # Alertmanager takes any 4xx for an answer and forgets them
                return _refusal(503, str(error), {"Retry-After": str(RETRY_AFTER_SECONDS)})
            return await self._not_read(source, error.status, str(error))
        return await self._store(source, parsed)

    async def _unknown(self, request: web.Request, source: str) -> web.Response:
        """No monitor of that name is known; who has the credential is one of ours with a wrong address."""
        known = ", ".join(f"/alerts/{name}" for name in sorted(self._sources))
        if self._token is None or not self._is_authentic(request):  # a stranger is quoted to nobody
            return _refusal(404, f"no monitor of this name is known here; there is {known}")
        return await self._not_read(source, 404, f"no monitor {source!r} is known here; there is {known}")

    async def _not_read(self, source: str, status: int, reason: str, body: bytes = b"") -> web.Response:
        """Refuse what may have held alerts: its sender is told, and so are people, for who reads a sender's log?

        Where people cannot be told, the sender is asked to come back: monitors forget what was refused for good.
        """
        payload = body[:PAYLOAD_KEPT_BYTES].decode("utf-8", "replace")
        try:
            await self._intake.accept([], [RejectedAlert(source, reason, payload, self._now())])
        except IntakeUnavailableError as error:
            return _refusal(503, f"{reason}. {error}", {"Retry-After": str(RETRY_AFTER_SECONDS)})
        except Exception:
            log.exception("that a request of %s cannot be read could not be stored", source)
            text = f"{reason}. That could not be stored either, see Watchkeeper's log; send it again in a few seconds"
            return _refusal(503, text, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        return _refusal(status, reason)

    async def _store(self, source: str, parsed: Parsed) -> web.Response:
        try:
            result = await self._intake.accept(parsed.alerts, parsed.rejected, parsed.truncated)
        except IntakeUnavailableError as error:
            return _refusal(503, str(error), {"Retry-After": str(RETRY_AFTER_SECONDS)})
        except Exception:
            log.exception("%d alerts of %s could not be stored", len(parsed.alerts), source)
            return _refusal(
                503,
                "nothing of this request could be stored, see Watchkeeper's log; send it again in a few seconds",
                {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        try:
            self._count(source, parsed, result)
        except Exception:  # they are stored: whatever counting comes to, the answer says so
            log.exception("what came from %s is stored, and could not be counted", source)
        answer: dict[str, Any] = {
            "accepted": result.accepted,
            "duplicates": result.duplicates,
            "incidents": result.incidents,
        }
        if result.quarantined:
            answer["quarantined"] = result.quarantined
            answer["reasons"] = [rejected.reason for rejected in parsed.rejected[:REASONS_SHOWN]]
        return web.json_response(answer)

    def _is_authentic(self, request: web.Request) -> bool:
        if self._token is None:
            return True
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        # Compared in constant time, so that no sender learns from our pace how much of a guess was right.
        is_right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
        return is_right and scheme.lower() == "bearer"

    def _count(self, source: str, parsed: Parsed, result: IntakeResult) -> None:
        alerts = self._metrics.alerts
        if result.accepted:
            alerts.labels(source, "accepted").inc(result.accepted)
        if result.duplicates:
            alerts.labels(source, "duplicate").inc(result.duplicates)
        if result.quarantined:
            alerts.labels(source, "quarantined").inc(result.quarantined)
            log.warning("%d alerts of %s quarantined; first: %s", result.quarantined, source, _first_reason(parsed))
        if parsed.truncated:
            self._metrics.truncated_alerts.labels(source).inc(parsed.truncated)
            log.warning("%s left %d alerts out of a webhook; see max_alerts there", source, parsed.truncated)


async def _read(body: bytes, parse: Parse, now: datetime) -> Parsed:
    # What is packed may be a thousand times as large.
    if is_packed(body) or len(body) >= LARGE_BODY_BYTES:
        return await asyncio.to_thread(read_with, parse, body, now)
    return read_with(parse, body, now)


def _first_reason(parsed: Parsed) -> str:
    return parsed.rejected[0].reason if parsed.rejected else "see the quarantine"


def _refusal(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response({"error": reason}, status=status, headers=headers)
