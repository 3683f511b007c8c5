"""The composition root: builds every part, starts them in order, and stops them in reverse.

The only module that knows everything. How a part is put together is in ``bot.composition``; nothing is decided here.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from bot.composition.arrivals import SlackArrivals, WebArrivals, build_slack_arrivals, build_web_arrivals
from bot.composition.database import open_database
from bot.composition.foundation import Foundation, lay_foundation
from bot.composition.second_channel import SecondChannel, build_second_channel
from bot.composition.slack import SlackSide, ask_slack, build_slack_side
from bot.composition.start_error import StartError
from bot.gates.attendant import Attendant
from bot.policy.file.document import Policy
from bot.response.engine.dbos import Engine
from bot.response.failures import flow_failed
from bot.response.flows import flows
from bot.response.ports.context import Timing
from bot.settings import Settings
from bot.slack.pacing import Paces
from bot.sweeper import Sweeper
from handlers.metrics import Metrics
from handlers.slack.inbox import Inbox
from handlers.web.listener import listening
from storage.held_leases import HeldLeases

SHUTDOWN_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that is started, built and not started yet."""

    base: Foundation
    slack: SlackSide
    second_channel: SecondChannel | None
    from_slack: SlackArrivals
    sweeper: Sweeper
    attendant: Attendant
    from_web: WebArrivals


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
        log.info("starting: the database is opened, and its tables are brought up to date")
        engine = Engine(settings.database_url)
        database = await open_database(stack, settings, engine)
        base = await lay_foundation(stack, settings, policy, engine, database, timing)
        parts = await _build(base, paces)
        log.info("starting: Slack is asked whether it knows our tokens")
        await ask_slack(base, parts.from_slack.transport.connection)
        log.info("starting: what was under way is continued")
        await _start(stack, parts)
        address = await _listen(stack, parts.from_web.app, settings)
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


async def _build(base: Foundation, paces: Paces | None) -> Parts:
    metrics = Metrics()
    slack = build_slack_side(base, paces)
    second_channel = await asyncio.to_thread(build_second_channel, base)
    from_slack = build_slack_arrivals(base, slack, metrics, partial(_problems, base, slack, second_channel))
    sweeper = Sweeper(base.context, from_slack.inbox, base.engine, slack.channels)
    links = second_channel.pages if second_channel else None
    from_web = build_web_arrivals(base, slack, from_slack, sweeper, metrics, links)
    attendant = Attendant(
        base.context,
        name=base.name,
        audit_key=base.settings.audit_key,
        prometheus_url=base.settings.prometheus_url,
    )
    return Parts(base, slack, second_channel, from_slack, sweeper, attendant, from_web)


async def _start(stack: AsyncExitStack, parts: Parts) -> None:
    """Start what does the work before what lets work in; ``stack`` stops it in reverse."""
    base, slack, second_channel, arrivals = parts.base, parts.slack, parts.second_channel, parts.from_slack
    held_leases = HeldLeases(base.database, base.context.now)
    context = base.context
    await base.engine.launch(
        base.database, flows(context), partial(flow_failed, context), held_leases, on_closing=context.closing.begin
    )
    stack.push_async_callback(base.engine.close)
    base.writing.start()
    stack.push_async_callback(base.writing.close)
    slack.courier.start()
    stack.push_async_callback(slack.courier.close)
    if second_channel is not None:
        second_channel.teller.start()
        stack.push_async_callback(second_channel.teller.close)
        second_channel.alarm.start()
        stack.push_async_callback(second_channel.alarm.close)
    arrivals.home.start()
    stack.push_async_callback(arrivals.home.close)
    await arrivals.inbox.recover()
    stack.push_async_callback(_drain, arrivals.inbox)
    parts.attendant.start()
    stack.push_async_callback(parts.attendant.close)
    parts.sweeper.start()
    stack.push_async_callback(parts.sweeper.stop)
    stack.push_async_callback(slack.channels.close)
    if arrivals.transport.connection is not None:
        await arrivals.transport.connection.start()
        stack.push_async_callback(arrivals.transport.connection.close)
    stack.push_async_callback(parts.from_web.intake.close)


async def _listen(stack: AsyncExitStack, app: web.Application, settings: Settings) -> str:
    host, port = settings.listen_host, settings.listen_port
    try:
        host, port = await stack.enter_async_context(listening(app, host, port, shutdown_seconds=SHUTDOWN_SECONDS))
    except OSError as error:
        number = error.errno or 0
        # The loop says the address once more in words of its own; a resolver counts below 0.
        why = os.strerror(number) if number > 0 else error.strerror
        raise StartError(f"Cannot listen on {host}:{port}: {why}. Set WATCHKEEPER_LISTEN to a free one.") from error
    return f"http://{host}:{port}"


async def _drain(inbox: Inbox) -> None:
    left = await inbox.drain()
    if left:
        log.warning("%d click(s) are still being handled; they continue at the next start", left)


def _problems(base: Foundation, slack: SlackSide, second_channel: SecondChannel | None) -> tuple[str, ...]:
    """What is not well on the way to people, in words, for ``/watch status``."""
    unwritable = (f"The database: {base.writing.problem}",) if base.writing.problem else ()
    return (*unwritable, *slack.problems, *(second_channel.problems if second_channel else ()))
