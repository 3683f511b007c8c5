"""``POST /changes``: check the signature, read, store, and only then answer 200.

Every refusal says in words what is wrong with what was sent.
"""

import logging
from dataclasses import replace
from http import HTTPStatus

from aiohttp import web

from bot.response.interventions import other_hands
from bot.response.interventions.other_hands import KNOWN_AT_MOST, Reported
from bot.response.ports.context import Context
from handlers.bodies import Bodies, BodyError
from handlers.changes.reading import Begin, ReportError, read
from handlers.changes.signing import CHANGES
from handlers.metrics import Metrics
from handlers.signed import SignatureError

SOURCE = "changes"
BODY_MAX_BYTES = 16 * 1024
READ_AT_ONCE = 64
_REFUSED = {
    Reported.DIFFERS: (
        HTTPStatus.CONFLICT,
        "another change was reported under this id; report its end first and use another id for this one",
    ),
    Reported.OVER: (HTTPStatus.CONFLICT, "the change of this id is over; use another id for another one"),
    Reported.UNKNOWN: (HTTPStatus.NOT_FOUND, "no change of this id is known: it was never reported, or is long over"),
    Reported.TOO_MANY: (
        HTTPStatus.TOO_MANY_REQUESTS,
        f"{KNOWN_AT_MOST} changes are known already; report the end of those that are over",
    ),
}

log = logging.getLogger(__name__)


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ChangeWebhook:
    """The endpoint for whoever deploys, drains or maintains."""

    def __init__(self, context: Context, metrics: Metrics, secret: bytes | None) -> None:
        """``secret``: what reports are signed with; without it none is taken."""
        self._context = context
        self._metrics = metrics
        self._secret = secret
        self._bodies = Bodies(BODY_MAX_BYTES, at_once=READ_AT_ONCE)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request; 200 only after the commit."""
        try:
            return await self._handle(request)
        except _RefusedError as refused:
            self._metrics.webhooks_refused.labels(SOURCE, str(refused.status.value)).inc()
            return web.json_response({"error": str(refused)}, status=refused.status)

    async def _handle(self, request: web.Request) -> web.Response:
        if self._secret is None:
            text = "no changes are taken here: WATCHKEEPER_CHANGES_SECRET is not set"
            raise _RefusedError(HTTPStatus.NOT_FOUND, text)
        if request.content_type != "application/json":
            text = f"Content-Type: {request.content_type[:80]!r} is not read; send application/json"
            raise _RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
        try:
            body = await self._bodies.read(request)
        except BodyError as error:
            raise _RefusedError(error.status, str(error)) from error
        now = self._context.now()
        try:
            CHANGES.check(self._secret, request.headers, body, now)
        except SignatureError as error:
            raise _RefusedError(HTTPStatus.UNAUTHORIZED, str(error)) from error
        try:
            report = read(body)
            change = report.change(now) if isinstance(report, Begin) else None
        except ReportError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        try:
            async with self._context.database.begin() as work:
                if change is not None:
                    result = await other_hands.begin(work, replace(self._context, now=lambda: now), change)
                else:
                    result = await other_hands.end(work, self._context, report.id, report.by or "")
                stored = await work.changes.get(report.id)
        except Exception as error:
            log.exception("the report of a change could not be stored")
            text = "it could not be stored, see Watchkeeper's log; send it again in a few seconds"
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, text) from error
        if result in _REFUSED and not (result is Reported.OVER and change is None):
            raise _RefusedError(*_REFUSED[result])
        answer = {"id": report.id, "result": result.value}
        if stored is not None:
            answer["until"] = stored.until.isoformat()
        unknown = sorted({*(change.services if change else ())} - {*self._context.policy().services})
        if unknown:
            answer["remark"] = f"not in the policy, so only alerts can name them: {', '.join(unknown)}"
        return web.json_response(answer)
