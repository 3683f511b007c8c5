"""One replica in a process of its own, started as `watchkeeper run` is but with less patience.

It knows `start_service` beside the catalogue, for stories that need an act which can be rolled back.

`--dies-on approve` makes it die, without any warning, when it has saved and acknowledged such a click and is about to
let it take effect. `--dies-in-block` makes it die where the packet filter is told to block somebody, right before or
right after it has. `--runs-nothing` leaves all durable work to the other replicas. `--behind 3600` gives it a clock
that is an hour late.
"""

import argparse
import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import ModuleType
from typing import Any

from dbos import DBOS
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from bot import app, sweeper
from bot.composition import arrivals, foundation
from bot.logs import begin_log
from bot.policy.file.loading import load_policy
from bot.response.engine.dbos import Engine
from bot.response.ports.context import Context, Timing, utc_now
from bot.settings import read_settings
from bot.slack.pacing import Paces
from handlers.slack.arrival import Arrived, Kind
from handlers.slack.bridge import Bridge
from handlers.slack.routes import ROUTES
from remediations.backends.nftables import Nftables
from tests.fixtures.start_service import enrol

INBOX_INTERVAL_SECONDS = 1.0


acknowledged = asyncio.Event()
"""Bolt sends an acknowledgement a little after it has been told to."""


send = SocketModeClient.send_socket_mode_response


async def acknowledge(self: SocketModeClient, response: Any) -> None:
    """As the client does it, and known about."""
    await send(self, response)
    acknowledged.set()


async def die(_bridge: Bridge, _arrived: Arrived) -> None:
    """End like a process whose machine lost its power."""
    await acknowledged.wait()
    os.kill(os.getpid(), signal.SIGKILL)


def die_in_block(*, after: bool) -> None:
    """Whoever changes the packet filter does not live to tell."""
    change = Nftables.change

    async def dying(nftables: Nftables, **changes: Any) -> None:
        if after:
            await change(nftables, **changes)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(Nftables, change.__name__, dying)


class IdleEngine(Engine):
    """Starts durable work and runs none."""

    async def launch(self, *arguments: Any, **options: Any) -> None:
        DBOS.listen_queues([])
        await super().launch(*arguments, **options)


def late_clock(seconds: float) -> Callable[[], datetime]:
    """The real clock, so many seconds behind."""
    return lambda: utc_now() - timedelta(seconds=seconds)


def replace_name(module: ModuleType, name: str, value: object) -> None:
    """Put ``value`` in the place of what the module calls ``name``.

    Raises:
        AttributeError: the module has no such name any more, so that nothing would come of it.
    """
    getattr(module, name)
    setattr(module, name, value)


def main() -> None:
    """Run until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dies-on", choices=sorted(ROUTES[Kind.BUTTON]))
    parser.add_argument("--dies-in-block", choices=("before", "after"))
    parser.add_argument("--runs-nothing", action="store_true")
    parser.add_argument("--behind", type=float, default=0.0, metavar="SECONDS")
    arguments = parser.parse_args()
    begin_log()
    enrol()
    replace_name(sweeper, "INBOX_INTERVAL_SECONDS", INBOX_INTERVAL_SECONDS)
    if arguments.dies_on:
        buttons = dict(ROUTES[Kind.BUTTON])
        buttons[arguments.dies_on] = replace(buttons[arguments.dies_on], handler=die)
        replace_name(arrivals, "ROUTES", {**ROUTES, Kind.BUTTON: buttons})
        setattr(SocketModeClient, send.__name__, acknowledge)
    if arguments.dies_in_block:
        die_in_block(after=arguments.dies_in_block == "after")
    if arguments.runs_nothing:
        replace_name(app, "Engine", IdleEngine)
    if arguments.behind:
        replace_name(foundation, "Context", partial(Context, now=late_clock(arguments.behind)))
    settings = read_settings()
    policy = load_policy(settings.policy_path.read_text(), filename=str(settings.policy_path))
    timing = Timing(verify_interval_seconds=0.1, busy_target_retry_seconds=0.2)
    paces = Paces(post_interval_seconds=0.0, update_interval_seconds=0.0)
    asyncio.run(app.serve(settings, policy, timing=timing, paces=paces))


if __name__ == "__main__":
    main()
