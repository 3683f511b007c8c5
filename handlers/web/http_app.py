"""The HTTP application: alerts from monitors, changes of others, Slack's signed requests, and how Watchkeeper is doing.

Must not know: what an alert or a click means.
"""

from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from bot.response.ports.context import utc_now
from handlers.alerts.reading import BODY_MAX_BYTES
from handlers.alerts.webhook import AlertWebhook
from handlers.changes.webhook import ChangeWebhook
from handlers.metrics import Metrics
from handlers.slack.events import SlackEvents
from handlers.web.health import Health
from handlers.web.links import LinkPages
from storage.intake import Intake


def build_http_app(
    *,
    intake: Intake,
    health: Health,
    metrics: Metrics,
    alert_token: str | None,
    slack: SlackEvents | None = None,
    links: LinkPages | None = None,
    changes: ChangeWebhook | None = None,
    now: Callable[[], datetime] = utc_now,
) -> web.Application:
    """Everything that listens; run it with ``handlers.web.listener``, which bounds what strangers may cost.

    Args:
        intake: commits alerts; closed by the caller after the server has stopped.
        alert_token: bearer credential that ``/alerts/*`` asks for; None asks for none (loopback only).
        slack: takes what Slack signs; None when there is no secret, and then there is no ``/slack/events``: without
            a secret anybody could post there.
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
    if slack is not None:
        app.router.add_post("/slack/events", slack.handle)
    if links is not None:
        links.add_to(app)
    return app
