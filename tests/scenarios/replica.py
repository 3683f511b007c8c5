"""One replica in a process of its own, started as `watchkeeper run` is but with less patience.

`--dies-on approve` makes it die, without any warning, when it has saved and acknowledged such a click and is about to
let it take effect. `--runs-nothing` leaves all durable work to the other replicas.
"""

import argparse
import asyncio
import logging
import os
import signal
from dataclasses import replace
from typing import Any

from dbos import DBOS
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from bot import app, sweeper
from bot.policy.loading import load_policy
from bot.response.engine import Engine
from bot.response.watch import Timing
from bot.settings import read_settings
from bot.slack.pacing import Paces
from handlers.arrival import Arrived, Kind
from handlers.bridge import Bridge
from handlers.routes import ROUTES

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


class IdleEngine(Engine):
    """Starts durable work and runs none."""

    async def launch(self, *arguments: Any, **options: Any) -> None:
        DBOS.listen_queues([])
        await super().launch(*arguments, **options)


def main() -> None:
    """Keep the watch until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dies-on", choices=sorted(ROUTES[Kind.BUTTON]))
    parser.add_argument("--runs-nothing", action="store_true")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sweeper.INBOX_INTERVAL_SECONDS = INBOX_INTERVAL_SECONDS
    if arguments.dies_on:
        buttons = dict(ROUTES[Kind.BUTTON])
        buttons[arguments.dies_on] = replace(buttons[arguments.dies_on], handler=die)
        vars(app)["ROUTES"] = {**ROUTES, Kind.BUTTON: buttons}
        setattr(SocketModeClient, send.__name__, acknowledge)
    if arguments.runs_nothing:
        vars(app)["Engine"] = IdleEngine
    settings = read_settings()
    policy = load_policy(settings.policy_path.read_text(), filename=str(settings.policy_path))
    timing = Timing(verify_interval_seconds=0.1, busy_target_retry_seconds=0.2)
    paces = Paces(post_interval_seconds=0.0, update_interval_seconds=0.0)
    asyncio.run(app.serve(settings, policy, timing=timing, paces=paces))


if __name__ == "__main__":
    main()
