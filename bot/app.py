"""The composition root: builds every part, starts them in order, and stops them in reverse.

The only module that knows everything. Nothing is decided here.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import aiohttp
from aiohttp import web

from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.file.document import Policy
from bot.remediation import Catalogue, PermanentError
from bot.response.deadlines.announcements import announced
from bot.response.engine.dbos import Engine
from bot.response.engine.liveness import PlaceTakenError
from bot.response.failures import flow_failed
from bot.response.flows import flows
from bot.response.model.notices import CardNotice
from bot.response.notices.channel_moves import lost, want_channel
from bot.response.ports.context import Context, Timing
from bot.second_channel_parts import SecondChannel, build_second_channel
from bot.settings import Settings, default_pause_file
from bot.slack.connection import CALL_TIMEOUT_SECONDS, Connection, build_client
from bot.slack.courier import Courier
from bot.slack.deliveries import OutboxItem
from bot.slack.incident_channels import Channels
from bot.slack.pacing import Paces
from bot.slack.people import SlackPeople
from bot.slack.posting import Desk
from bot.slack.replies import ProcessFacts
from bot.sweeper import Sweeper
from handlers.metrics import Metrics
from handlers.slack.bolt_app import build_slack_app
from handlers.slack.bridge import Bridge
from handlers.slack.inbox import Inbox
from handlers.slack.live_home import LiveHome
from handlers.slack.private import PrivateAnswers
from handlers.slack.routes import ROUTES
from handlers.web.health import Health, database_answers, fresh, holds, told
from handlers.web.http_app import build_http_app
from remediations.catalogue import BackendError, build_catalogue
from storage.claims import Claims
from storage.database import Database
from storage.intake import Intake
from storage.migrations import migrate
from storage.pause_file import PauseFile
from storage.unit_of_work import UnitOfWork

SWEEP_FRESH_SECONDS = 30.0
SHUTDOWN_SECONDS = 10.0

log = logging.getLogger(__name__)


class StartError(Exception):
    """A part cannot start; the text names the part, the value and the remedy."""


class _SlackTransport:
    """This process's transport to Slack: Socket Mode, HTTP, or both, when somebody moves from one to the other."""

    def __init__(self, settings: Settings, replica: str, now: Callable[[], datetime]) -> None:
        ways = {"Socket Mode": settings.slack_app_token, "HTTP": settings.slack_signing_secret}
        self._transport = " and ".join(way for way, secret in ways.items() if secret)
        self._replica = replica
        self._now = now
        self.inbox: Inbox | None = None
        self.connection: Connection | None = None

    def problem(self) -> str:
        """In words; empty when all is well. HTTP has no connection that could be lost."""
        return self.connection.state.problem if self.connection else ""

    def process(self) -> ProcessFacts:
        """For ``/readyz`` and ``/watch status``."""
        state = self.connection.state if self.connection else None
        signs = [state.seconds_since_sign] if state and state.seconds_since_sign is not None else []
        if self.inbox is not None and self.inbox.heard_at is not None:
            signs.append((self._now() - self.inbox.heard_at).total_seconds())
        return ProcessFacts(
            replica=self._replica,
            transport=self._transport,
            connected_since=state.connected_since if state else None,
            seconds_since_sign=round(min(signs), 1) if signs else None,
            rebuilds=state.rebuilds if state else 0,
        )


@asynccontextmanager
async def running(
    settings: Settings, policy: Policy, *, timing: Timing | None = None, paces: Paces | None = None
) -> AsyncIterator[str]:
    """Everything, started; yields the address it listens on (``http://host:port``).

    ``timing`` and ``paces`` (how fast we may talk to Slack) are shortened in tests.

    Raises:
        StartError: a part cannot start.
    """
    async with AsyncExitStack() as stack:
        engine = Engine(settings.database_url)
        database = await _open_database(stack, settings, engine)
        evidence = PrometheusEvidence(settings.prometheus_url)
        stack.callback(evidence.close)
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        client = build_client(settings.slack_bot_token, settings.slack_api_url, session)
        people = SlackPeople(client, lambda: policy)
        context = Context(
            database=database,
            policy=lambda: policy,
            catalogue=_catalogue(policy),
            evidence=evidence,
            people=people,
            timing=timing or Timing(),
        )
        courier = Courier(
            database,
            Desk(client),
            name=engine.executor_id,
            channel=lambda: policy.channels.incidents,
            now=context.now,
            on_accepted=partial(_accepted, context),
            on_lost_channel=partial(_lost_channel, context),
            known_people=people.known,
            paces=paces,
        )
        channels = Channels(context, database, client, name=engine.executor_id)
        second_channel = await asyncio.to_thread(
            _second_channel, settings, context, database, session, engine.executor_id
        )
        metrics = Metrics()
        private = PrivateAnswers(courier, settings.slack_api_url)
        transport = _SlackTransport(settings, engine.executor_id, context.now)
        bridge = Bridge(
            context,
            database,
            client,
            private,
            metrics,
            partial(_problems, courier, channels, people, second_channel),
            transport.process,
        )
        inbox = transport.inbox = Inbox(bridge, ROUTES)
        intake = Intake(database, context.policy, context.now)
        slack_app = build_slack_app(inbox, signing_secret=settings.slack_signing_secret)
        if settings.slack_app_token:
            transport.connection = Connection(slack_app, settings.slack_app_token, client)
        sweeper = Sweeper(context, inbox, engine, channels)
        health = Health(
            {
                "database": database_answers(database),
                "engine": holds(lambda: engine.launched, "the durable engine is not launched"),
                "slack": told(transport.problem),
                "delivery": holds(
                    lambda: courier.state.healthy, "notices cannot be delivered to Slack; see the log for the remedy"
                ),
                "sweep": fresh(
                    lambda: sweeper.last_sweep,
                    timedelta(seconds=SWEEP_FRESH_SECONDS),
                    context.now,
                    "the deadline sweep",
                ),
            },
            metrics,
            database,
            transport.process,
            remarks={"people": told(lambda: "; ".join(people.problems))},
        )
        http_app = build_http_app(
            intake=intake,
            health=health,
            metrics=metrics,
            alert_token=settings.alert_token,
            slack_app=slack_app if settings.slack_signing_secret else None,
            links=second_channel.pages if second_channel else None,
        )

        await engine.launch(database, flows(context), partial(flow_failed, context), Claims(database, context.now))
        stack.push_async_callback(engine.close)
        courier.start()
        stack.push_async_callback(courier.close)
        if second_channel is not None:
            second_channel.teller.start()
            stack.push_async_callback(second_channel.teller.close)
        home = LiveHome(bridge)
        home.start()
        stack.push_async_callback(home.close)
        await inbox.recover()
        stack.push_async_callback(_drained(inbox.drain))
        sweeper.start()
        stack.push_async_callback(sweeper.stop)
        stack.push_async_callback(channels.close)
        if transport.connection is not None:
            await transport.connection.start()
            stack.push_async_callback(transport.connection.close)
        stack.push_async_callback(intake.close)
        address = await _listen(stack, http_app, settings)
        log.info("running at %s", address)
        yield address


async def serve(
    settings: Settings, policy: Policy, *, timing: Timing | None = None, paces: Paces | None = None
) -> None:
    """Run until SIGINT or SIGTERM; ``timing`` and ``paces`` as in ``running``.

    If this process loses its place among the replicas, it exits at once instead, with a status other than zero.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with running(settings, policy, timing=timing, paces=paces) as address:
        print(f"Watchkeeper is running at {address}", flush=True)  # noqa: T201 - the operator started it by hand
        await stopped.wait()
        log.info("stopping: what is under way is finished or continues at the next start")


async def _open_database(stack: AsyncExitStack, settings: Settings, engine: Engine) -> Database:
    try:
        pause_file = PauseFile(settings.pause_file or default_pause_file(settings.database_url))
        database = Database(settings.database_url, engine, settings.audit_key, pause_file)
    except ValueError as error:
        raise StartError(f"DATABASE_URL cannot be used: {error}") from error
    stack.push_async_callback(database.close)
    stack.push_async_callback(engine.close)  # for a start that fails; once it is launched, it is closed sooner
    try:
        await database.open()
        await engine.prepare()
        await migrate(database)
    except PlaceTakenError as error:
        raise StartError(str(error)) from error
    except Exception as error:
        raise StartError(
            f"The database cannot be opened: {error}. Check DATABASE_URL and that it is running."
        ) from error
    return database


def _catalogue(policy: Policy) -> Catalogue:
    try:
        return build_catalogue(policy.backends)
    except BackendError as error:
        raise StartError(f"The policy's backends cannot be used:\n{error}") from error


def _second_channel(
    settings: Settings, context: Context, database: Database, session: aiohttp.ClientSession, name: str
) -> SecondChannel | None:
    try:
        return build_second_channel(settings, context, database, session, name)
    except PermanentError as error:
        raise StartError(f"The policy's second_channel cannot be used: {error}") from error


def _problems(
    courier: Courier[UnitOfWork], channels: Channels, people: SlackPeople, second_channel: SecondChannel | None
) -> tuple[str, ...]:
    """What is not well on the way to people, in words, for ``/watch status``."""
    since = courier.state.unreachable_since
    unreachable = (f"Slack has not answered since {since:%H:%M} UTC",) if since else ()
    slack = (*courier.state.problems.values(), *channels.problems.values(), *people.problems)
    return (*unreachable, *slack, *(second_channel.problems if second_channel else ()))


async def _accepted(context: Context, work: UnitOfWork, item: OutboxItem) -> None:
    if isinstance(item.notice, CardNotice):
        await announced(work, context, item.incident_id, item.notice)
        await want_channel(work, context, item.incident_id, item.notice)


async def _lost_channel(context: Context, work: UnitOfWork, item: OutboxItem, error: str) -> None:
    await lost(work, context, item.incident_id, error)


def _drained(drain: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        left = await drain()
        if left:
            log.warning("%d click(s) are still being handled; they continue at the next start", left)

    return run


async def _listen(stack: AsyncExitStack, http_app: web.Application, settings: Settings) -> str:
    runner = web.AppRunner(http_app, shutdown_timeout=SHUTDOWN_SECONDS, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, settings.listen_host, settings.listen_port)
    try:
        await site.start()
    except OSError as error:
        where = f"{settings.listen_host}:{settings.listen_port}"
        raise StartError(
            f"Cannot listen on {where}: {error.strerror}. Set WATCHKEEPER_LISTEN to a free one."
        ) from error
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"
