"""``POST /slack/events`` faces the internet: size, time and signature of the raw bytes first, and only then Bolt.

Must not know: what Slack says.
"""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.response.ports.context import utc_now
from handlers.bodies import Bodies, BodyError
from handlers.metrics import Metrics
from handlers.signed import Scheme, SignatureError

SOURCE = "slack"
BODY_MAX_BYTES = 1024 * 1024
"""Several times what Slack sends at most: a modal with everything that it may hold."""
READ_AT_ONCE = 32
"""Bodies of strangers, beside each other; with ``BODY_MAX_BYTES`` this bounds what they cost."""
TOLD_EVERY = timedelta(minutes=1)
SLACK = Scheme(
    "v0",
    "X-Slack-Request-Timestamp",
    "X-Slack-Signature",
    "where Slack itself sends this, SLACK_SIGNING_SECRET is not the one on the app's page",
)
_FOR_BOLT = ("Content-Type", SLACK.timestamp_header, SLACK.signature_header)
"""No other header is sealed by the signature, so no other header is believed."""

log = logging.getLogger(__name__)


class SlackEvents:
    """The endpoint for everything that Slack sends over HTTP."""

    def __init__(
        self, app: AsyncApp, signing_secret: str, metrics: Metrics, now: Callable[[], datetime] = utc_now
    ) -> None:
        """``signing_secret``: the one that ``app`` was built with."""
        self._app = app
        self._secret = signing_secret.encode()
        self._metrics = metrics
        self._now = now
        self._bodies = Bodies(BODY_MAX_BYTES, at_once=READ_AT_ONCE)
        self._refused = 0
        self._told_at: datetime | None = None

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; whoever is not Slack learns a status and nothing else."""
        try:
            body = await self._bodies.read(request)
            SLACK.check(self._secret, request.headers, body, self._now())
        except BodyError as error:
            return self._refuse(error.status, str(error))
        except SignatureError as error:
            return self._refuse(HTTPStatus.UNAUTHORIZED, str(error))
        try:
            # Whatever charset is claimed: Slack sends UTF-8.
            read = AsyncBoltRequest(
                body=body.decode("utf-8"), headers={name: request.headers.get(name, "") for name in _FOR_BOLT}
            )
            json.dumps(read.body, allow_nan=False, ensure_ascii=False).encode()  # or it cannot be stored
            answer = await self._app.async_dispatch(read)  # what our listeners raise, Bolt answers
        except Exception as error:  # noqa: BLE001 - Bolt reads names and numbers from it as they come
            return self._refuse(HTTPStatus.BAD_REQUEST, f"signed, but nothing that Slack sends: {type(error).__name__}")
        return await to_aiohttp_response(answer)

    def _refuse(self, status: HTTPStatus, reason: str) -> web.Response:
        self._metrics.webhooks_refused.labels(SOURCE, str(status.value)).inc()
        self._refused += 1
        now = self._now()
        if self._told_at is None or now - self._told_at >= TOLD_EVERY:  # strangers do not fill the log
            log.warning("%d request(s) to /slack/events refused; the last: %s", self._refused, reason)
            self._refused, self._told_at = 0, now
        return web.Response(status=status)
