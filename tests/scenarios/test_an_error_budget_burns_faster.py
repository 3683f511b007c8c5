"""A story in which no alert tells of the harm: a real Prometheus counts errors, and after an act they become more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from bot.local.servers import get_json, until
from bot.response.model.actions import By
from tests.fixtures.servers import free_port
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.scenarios.stage import in_order

RUNBOOK, CHECKOUT = "restart-checkout", "checkout:checkout"
OBJECTIVE_ALLOWS = 0.01
BURN = f"sum(rate(errors_total[6s])) / sum(rate(requests_total[6s])) / {OBJECTIVE_ALLOWS}"
EVERY_SECONDS, REQUESTS_EACH_TIME = 0.1, 10


@dataclass
class Traffic:
    """What a shop counts of its requests."""

    failing: float
    """The share that fails from now on."""
    requests: float = 0.0
    errors: float = 0.0

    async def go_on(self) -> None:
        """Never returns."""
        while True:
            self.requests += REQUESTS_EACH_TIME
            self.errors += REQUESTS_EACH_TIME * self.failing
            await asyncio.sleep(EVERY_SECONDS)

    async def metrics(self, _request: web.Request) -> web.Response:
        """As Prometheus reads it."""
        counters = {"requests_total": self.requests, "errors_total": self.errors}
        return web.Response(
            text="".join(f"# TYPE {name} counter\n{name} {value}\n" for name, value in counters.items())
        )


@asynccontextmanager
async def traffic(port: int, failing: float) -> AsyncIterator[Traffic]:
    """Customers are there, and are counted at ``/metrics``."""
    counted = Traffic(failing)
    application = web.Application()
    application.router.add_get("/metrics", counted.metrics)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    going = asyncio.create_task(counted.go_on())
    try:
        yield counted
    finally:
        going.cancel()
        await runner.cleanup()


def measured(document: Json) -> None:
    """Checkout has an objective, and acts on it are watched."""
    document["defaults"]["watch_after"] = "1m"
    document["services"]["checkout"]["slo_burn"] = BURN


async def burn(here: SmallStage) -> float | None:
    """How many times its pace the budget burns, as Prometheus says."""
    assert here.prometheus is not None
    found = (await get_json(f"{here.prometheus.url}/api/v1/query?query={quote(BURN)}"))["data"]["result"]
    return float(found[0]["value"][1]) if found else None


async def test_errors_that_rise_after_an_act_are_harm_and_take_its_autonomy(tmp_path: Path, start_service: str) -> None:
    port = free_port()
    async with (
        traffic(port, failing=0.005) as customers,
        small_stage(
            tmp_path,
            level="L3",
            licensed=True,
            with_prometheus=True,
            scraped={"shop": port},
            relaxed_limits=True,
            change_policy=measured,
            remediation=start_service,
            veto_window="1s",
        ) as here,
    ):

        async def steady() -> bool:
            rate = await burn(here)
            return rate is not None and 0.4 < rate < 0.6

        await until(steady, "half of what the objective allows is spent", within_seconds=60)
        await here.service.crash()
        await here.fire()
        await here.thread_of("INC-1", "Decided to act unless someone stops it", "Done and verified")
        [action] = await here.actions()
        assert action.by is By.ALONE

        customers.failing = 0.3
        told = await here.thread_of(
            "INC-1",
            "may have made things worse",
            "Rolled back",
            f"Demoted: {RUNBOOK} asks first from now on",
            timeout=90,
        )
        [harm] = [text for text in told if "may have made things worse" in text]
        assert "The error budget of checkout burns at " in harm
        assert " times its pace, 0.5 times right before." in harm
        assert "<@U01ALICE>" in harm
        assert await here.supervisord.state(CHECKOUT) == "STOPPED"
        await here.slash("bob", "status", f"runbook {RUNBOOK}", "until somebody resumes it")
        assert in_order(
            await here.kinds(), "action.executed", "action.succeeded", "automation.paused", "licence.demoted"
        )
