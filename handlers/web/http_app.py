"""The HTTP application: alerts from monitors, changes of others, Slack's signed requests, and how Watchkeeper is doing.

Must not know: what an alert or a click means.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from bot.response.ports.context import utc_now
from handlers.alerts.webhook import BODY_MAX_BYTES, AlertWebhook
from handlers.changes.webhook import ChangeWebhook
from handlers.metrics import Metrics
from handlers.web.health import Health
from handlers.web.links import LinkPages
from storage.intake import Intake

log = logging.getLogger(__name__)


def build_http_app(
    *,
    intake: Intake,
    health: Health,
    metrics: Metrics,
    alert_token: str | None,
    slack_app: AsyncApp | None = None,
    links: LinkPages | None = None,
    changes: ChangeWebhook | None = None,
    now: Callable[[], datetime] = utc_now,
) -> web.Application:
    """Everything that listens; run it with ``web.AppRunner``.

    Args:
        intake: commits alerts; closed by the caller after the server has stopped.
        alert_token: bearer credential that ``/alerts/*`` asks for; None asks for none (loopback only).
        slack_app: the Bolt app, built with its signing secret; None when there is no secret, and then there is no
            ``/slack/events``: without a secret anybody could post there.
        changes: takes what others report to be changing; None where nothing does.
        links: the pages behind links in messages of the second channel; None where the policy wants no such links.
    """
    app = web.Application(client_max_size=BODY_MAX_BYTES)
    app.router.add_post("/alerts/{source}", AlertWebhook(intake, metrics, now, alert_token).handle)
    if changes is not None:
        app.router.add_post("/changes", changes.handle)
    app.router.add_get("/healthz", health.alive)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", health.metrics)
    app.cleanup_ctx.append(health.measuring)
    if slack_app is not None:
        app.router.add_post("/slack/events", _slack_events(slack_app))
    if links is not None:
        links.add_to(app)
    return app


def _slack_events(slack_app: AsyncApp) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            bolt_request = await to_bolt_request(request)
        except (ValueError, RecursionError, AttributeError, TypeError) as error:
            # Bolt reads the body before it checks the signature: whoever sent this is nobody yet.
            log.warning("a request to /slack/events could not be read: %s", error)
            raise web.HTTPBadRequest(text="This is nothing that Slack sends.") from error
        return await to_aiohttp_response(await slack_app.async_dispatch(bolt_request))

    return handle
