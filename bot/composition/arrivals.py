"""What comes in: clicks, commands and events from Slack, alerts from monitors, and whoever asks how we are doing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from slack_bolt.async_app import AsyncApp

from bot.composition.foundation import Foundation
from bot.composition.slack import SlackSide
from bot.slack.connection import Connection
from bot.sweeper import Sweeper
from handlers.changes.webhook import ChangeWebhook
from handlers.metrics import Metrics
from handlers.slack.bolt_app import build_slack_app
from handlers.slack.bridge import Bridge
from handlers.slack.events import SlackEvents
from handlers.slack.inbox import Inbox
from handlers.slack.live_home import LiveHome
from handlers.slack.private import PrivateAnswers
from handlers.slack.routes import ROUTES
from handlers.slack.transport import SlackTransport
from handlers.web.health import Check, Health, database_answers, fresh, holds, says
from handlers.web.http_app import build_http_app
from handlers.web.links import LinkPages
from handlers.web.seldom import Seldom
from storage.intake import Intake

SWEEP_FRESH = timedelta(seconds=30)
"""Whoever has not swept the deadlines for so long is not ready."""


@dataclass(frozen=True, slots=True)
class SlackArrivals:
    """What people do in Slack."""

    app: AsyncApp
    inbox: Inbox
    home: LiveHome
    transport: SlackTransport


@dataclass(frozen=True, slots=True)
class WebArrivals:
    """What is sent to our own address."""

    app: web.Application
    intake: Intake


def build_slack_arrivals(
    base: Foundation, slack: SlackSide, metrics: Metrics, problems: Callable[[], tuple[str, ...]]
) -> SlackArrivals:
    """``problems``: what is not well on any way to people, in words."""
    settings = base.settings
    transport = SlackTransport(
        base.name,
        base.context.now,
        socket_mode=bool(settings.slack_app_token),
        http=bool(settings.slack_signing_secret),
    )
    private = PrivateAnswers(slack.courier, settings.slack_api_url)
    bridge = Bridge(base.context, base.database, base.client, private, metrics, problems, transport.process)
    inbox = transport.inbox = Inbox(bridge, ROUTES)
    app = build_slack_app(inbox, signing_secret=settings.slack_signing_secret)
    if settings.slack_app_token:
        transport.connection = Connection(app, settings.slack_app_token, base.client)
    return SlackArrivals(app, inbox, LiveHome(bridge), transport)


def build_web_arrivals(
    base: Foundation,
    slack: SlackSide,
    arrivals: SlackArrivals,
    sweeper: Sweeper,
    metrics: Metrics,
    links: LinkPages | None,
) -> WebArrivals:
    """``links``: the pages behind links of the second channel; None where there are none."""
    settings = base.settings
    intake = Intake(base.database, base.context.policy, base.context.now)
    app = build_http_app(
        intake=intake,
        health=_health(base, slack, arrivals.transport, sweeper, metrics),
        metrics=metrics,
        alert_token=settings.alert_token,
        slack=_slack_events(base, arrivals.app, metrics),
        links=links,
        changes=ChangeWebhook(base.context, metrics, settings.changes_secret),
    )
    return WebArrivals(app, intake)


def _slack_events(base: Foundation, app: AsyncApp, metrics: Metrics) -> SlackEvents | None:
    secret = base.settings.slack_signing_secret
    return SlackEvents(app, secret, metrics, base.context.now) if secret else None


def _health(
    base: Foundation, slack: SlackSide, transport: SlackTransport, sweeper: Sweeper, metrics: Metrics
) -> Health:
    undelivered = "notices cannot be delivered to Slack; see the log for the remedy"
    return Health(
        {
            "database": database_answers(base.database),
            "storing": says(lambda: base.writing.problem),
            "engine": holds(lambda: base.engine.launched, "the durable engine is not launched"),
            "slack": holds(lambda: not transport.problem(), "not connected to Slack; see the log"),
            "delivery": holds(lambda: slack.courier.state.healthy, undelivered),
            "sweep": fresh(lambda: sweeper.last_sweep, SWEEP_FRESH, base.context.now, "the deadline sweep"),
        },
        metrics,
        base.database,
        transport.process,
        remarks={
            "people": holds(lambda: not slack.people.problems, "somebody cannot be looked up; see `/watch status`"),
            **_others(base),
        },
        now=base.context.now,
        unwritable=lambda: base.writing.problem,
    )


def _others(base: Foundation) -> dict[str, Check]:
    """The systems that decisions and acts rest on: without one of them people are asked, so they are remarks."""
    prometheus = {"prometheus": Seldom("Prometheus", base.evidence.reach)} if base.settings.prometheus_url else {}
    backends = {f"backend {name}": Seldom(f"backend {name}", one.reach) for name, one in base.backends.items()}
    return {**prometheus, **backends}
