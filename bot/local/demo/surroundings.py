"""What surrounds the bot in the demo: the service, what runs it, and what watches it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from bot.local.demo.alerts import FiringAlert, Receiver, keep_firing, left_firing, send, webhook
from bot.local.demo.folder import Folder
from bot.local.demo.health import Listener
from bot.local.demo.policy import graph_url
from bot.local.demo.probe import ProbeMonitor
from bot.local.servers import (
    Alertmanager,
    StartHook,
    find_binary,
    get_json,
    running_alertmanager,
    running_prometheus,
)
from bot.local.supervised import Program, Supervisord, running_supervisord

CHECKOUT, BASKET, STOREFRONT = "checkout", "basket", "storefront"
STAGING = "checkout-staging"
SERVICES = (CHECKOUT, BASKET, STOREFRONT, STAGING)
USERNAME = "watchkeeper"
"""What the policy tells supervisord; the password is in a file of its own."""
DOWN_FOR_SECONDS = 2
SCRAPE_MILLISECONDS = 500
"""Often, so that nobody has to wait; a busy machine must still be able to answer in that time."""
REMEMBER_EVERY_SECONDS = 1.0
MONITOR_PROGRAMS = ("prometheus", "prometheus-alertmanager")


def monitor_is_installed() -> bool:
    """Whether both programs of the real monitor are there."""
    return all(find_binary(name) for name in MONITOR_PROGRAMS)


@dataclass(frozen=True, slots=True)
class Services:
    """The shop, the staging twin, and the supervisord that runs them and never restarts them by itself."""

    supervisord: Supervisord
    checkout: Program
    basket: Program
    """Keeps data of its own, which can be torn."""
    storefront: Program
    """Needs basket's data."""
    staging: Program
    password_file: Path

    @property
    def production(self) -> tuple[Program, ...]:
        """What is watched and must not break."""
        return (self.checkout, self.basket, self.storefront)


@asynccontextmanager
async def running_services(folder: Folder, started: StartHook) -> AsyncIterator[Services]:
    """All services, answering.

    Raises:
        ServerError: they do not come up.
    """
    checkout = Program(CHECKOUT, port=folder.port(CHECKOUT))
    basket = Program(BASKET, port=folder.port(BASKET), data=folder.servers / "basket.json")
    storefront = Program(STOREFRONT, port=folder.port(STOREFRONT), needs=f"{basket.url}/data")
    folder.servers.mkdir(exist_ok=True)
    staging = Program(STAGING, port=folder.port(STAGING))
    password_file = folder.secret("supervisor-password")
    async with running_supervisord(
        folder.servers / "supervisord",
        checkout,
        basket,
        storefront,
        staging,
        username=USERNAME,
        password=password_file.read_text(),
        started=started,
    ) as supervisord:
        yield Services(supervisord, checkout, basket, storefront, staging, password_file)


@dataclass(frozen=True, slots=True)
class Monitor:
    """What watches the service and posts alerts."""

    name: str
    firing: Callable[[], Awaitable[list[FiringAlert]]]
    """What fires now, as the receiver was told."""
    links: dict[str, str] = field(default_factory=dict)
    """Its own pages, by title."""
    listeners: tuple[Listener, ...] = ()
    """Called with what every check found."""


@asynccontextmanager
async def running_monitor(
    folder: Folder,
    receiver: Receiver,
    services: Services,
    prometheus_port: int | None,
    started: StartHook,
    begins: Callable[[str], None],
) -> AsyncIterator[Monitor]:
    """Real Prometheus and Alertmanager, or without a port for the first our own probe.

    ``begins`` is told of each step that takes its time.

    Raises:
        ServerError: they do not come up.
    """
    if prometheus_port is None:
        yield _probe(services.checkout, receiver)
        return
    async with AsyncExitStack() as programs:
        begins("Starting Alertmanager")
        alertmanager = await programs.enter_async_context(
            running_alertmanager(
                folder.servers / "alertmanager",
                webhook_url=receiver.url,
                token=receiver.token,
                port=folder.port("alertmanager"),
                started=started,
            )
        )
        begins("Starting Prometheus")
        prometheus = await programs.enter_async_context(
            running_prometheus(
                folder.servers / "prometheus",
                services={program.name: program.port for program in (*services.production, services.staging)},
                alertmanager=alertmanager,
                port=prometheus_port,
                down_for_seconds=DOWN_FOR_SECONDS,
                scrape_milliseconds=SCRAPE_MILLISECONDS,
                started=started,
            )
        )
        # It takes up its targets some seconds after its start; before that it would see no trouble.
        begins(f"Waiting until Prometheus watches all {len(SERVICES)} services")
        await prometheus.until_value("count(up == 1)", len(SERVICES))
        yield Monitor(
            "Prometheus",
            firing=lambda: _firing(alertmanager),
            links={"Prometheus": graph_url(prometheus.url)},
        )


async def remember_firing(monitor: Monitor, file: Path) -> None:
    """Keep in ``file`` what fires, until cancelled."""
    last: list[FiringAlert] | None = None
    while True:
        with suppress(aiohttp.ClientError, OSError):  # it is busy for a moment
            firing = await monitor.firing()
            if firing != last:
                last = firing
                await asyncio.to_thread(keep_firing, file, firing)
        await asyncio.sleep(REMEMBER_EVERY_SECONDS)


async def close_left_firing(file: Path, receiver: Receiver) -> int:
    """Tell the receiver that what an earlier demo left firing is over: its servers were started anew. How many.

    Raises:
        aiohttp.ClientError: it was not accepted.
        OSError: nobody listens.
    """
    alerts = left_firing(file)
    for alert in alerts:
        body = webhook(alert, resolved_at=datetime.now(UTC), external_url=alert.generator_url)
        await send(receiver, body)
    return len(alerts)


def _probe(service: Program, receiver: Receiver) -> Monitor:
    probe = ProbeMonitor(service.name, f"{service.url}/healthz", receiver)

    async def firing() -> list[FiringAlert]:
        return [probe.firing] if probe.firing else []

    return Monitor("the demo's probe", firing, listeners=(probe.checked,))


async def _firing(alertmanager: Alertmanager) -> list[FiringAlert]:
    found = await get_json(f"{alertmanager.url}/api/v2/alerts?active=true")
    return [
        FiringAlert(each["labels"], each["annotations"], each["startsAt"], each.get("generatorURL", ""))
        for each in found
    ]
