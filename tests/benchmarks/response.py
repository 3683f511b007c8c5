"""How long people and services wait: ``python -m tests.benchmarks.response [number of incidents]``.

The bot runs as its own process, exactly as an operator starts it, on SQLite; workspace, supervisord and this driver
run beside it on the same machine. Every latency is put beside the bare round trip of the same kind, measured in the
same run: what the machine itself costs. Printed: p50, p99 and the worst, start-up, and resident memory.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles

import aiohttp
import psutil
import yaml

from bot.local.demo.team import demo_team
from bot.local.servers import free_port, running, until
from bot.local.workspace import Message, Workspace
from tests.fixtures.servers import Program, running_supervisord
from tests.scenarios.small_stage import HEADERS, firing, moment
from tests.scenarios.stage import ALERT_TOKEN, INCIDENTS, document, said

SECONDS_BETWEEN = 1.5
"""Incidents come one at a time: the courier paces itself to one new message a second and channel, as Slack asks."""
MEBIBYTE = 1024 * 1024


def row(name: str, milliseconds: list[float]) -> str:
    """One line of the table."""
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return f"{name:34} p50 {cuts[49]:7.0f} ms   p99 {cuts[98]:7.0f} ms   worst {max(milliseconds):7.0f} ms"


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds until ``call`` has returned."""
    begun = time.perf_counter()
    await call()
    return (time.perf_counter() - begun) * 1000


async def main(incidents: int) -> None:
    """Measure and print."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = Program("checkout")
        supervisord = await stack.enter_async_context(running_supervisord(folder, service))
        workspace = Workspace(team=demo_team(), relaxed_limits=True)
        server = await stack.enter_async_context(workspace.serve())
        written = document(supervisord.server)
        written["runbooks"]["restart-checkout"]["verify"] = {
            "within": "10s",
            "http": f"{service.url}/healthz",
            "stable": 1,
        }
        written["runbooks"]["restart-checkout"]["with"]["service"] = "checkout"
        written["defaults"]["watch_after"] = "1ms"
        written["budgets"] = [{"scope": "all", "actions": 10_000, "per": "1h"}]
        written["storm"] = {"after": 10_000, "within": "1h"}  # what is measured is a card each
        (folder / "policy.yml").write_text(yaml.safe_dump(written, sort_keys=False))
        port = free_port()
        environment = {
            "PATH": "/usr/bin:/bin",
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_API_URL": server.api_url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'watch.db'}",
            "WATCHKEEPER_POLICY": str(folder / "policy.yml"),
            "WATCHKEEPER_LISTEN": f"127.0.0.1:{port}",
            "WATCHKEEPER_ALERT_TOKEN": ALERT_TOKEN,
            "WATCHKEEPER_AUDIT_KEY": "a key that only this benchmark knows",
        }
        http = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=HEADERS))

        async def ready() -> bool:
            async with http.get("/readyz") as answer:
                return answer.status == 200

        begun = time.perf_counter()
        process = await stack.enter_async_context(
            running([sys.executable, "-m", "bot", "run"], folder / "bot.log", ready, environment=environment)
        )
        started = time.perf_counter() - begun

        async def post(alert: dict[str, object]) -> None:
            body = {"version": "4", "status": "firing", "receiver": "b", "alerts": [alert], "truncatedAlerts": 0}
            async with http.post("/alerts/alertmanager", json=body) as answer:
                assert answer.status == 200, await answer.text()

        async def bare() -> None:
            async with http.get("/healthz") as answer:
                await answer.read()

        to_card, to_ack, to_effect, round_trip = [], [], [], []
        alice = workspace.person("alice")
        for number in range(incidents):
            round_trip.append(await timed(bare))
            known = {m.ts for m in workspace.messages(INCIDENTS)}

            def asking() -> Message | None:
                new = [m for m in workspace.messages(INCIDENTS) if m.ts not in known]  # noqa: B023 - used at once
                return next((m for m in new if "'action_id': 'approve'" in said(m)), None)

            alert = firing("checkout", f"f{number}")
            begun = time.perf_counter()
            await post(alert)
            card = await workspace.until(asking, timeout=30)
            to_card.append((time.perf_counter() - begun) * 1000)
            assert isinstance(card, Message)
            pid = await supervisord.pid("checkout:checkout")
            begun = time.perf_counter()
            outcome = await alice.click(card, "approve")
            to_ack.append((time.perf_counter() - begun) * 1000)
            assert outcome.acked

            async def restarted() -> bool:
                return await supervisord.pid("checkout:checkout") != pid  # noqa: B023 - used at once

            await until(restarted, "checkout is restarted")
            to_effect.append((time.perf_counter() - begun) * 1000)

            def told(words: str) -> Callable[[], bool]:
                return lambda: any(words in said(m) for m in workspace.thread(INCIDENTS, card.ts))  # noqa: B023

            await workspace.until(told("Done and verified"), timeout=30)
            await post(alert | {"status": "resolved", "endsAt": moment()})
            await workspace.until(told("Resolved"), timeout=30)
            await asyncio.sleep(SECONDS_BETWEEN)
        memory = psutil.Process(process.pid).memory_info().rss / MEBIBYTE
        print(row("webhook to card", to_card))
        print(row("click to ack", to_ack))
        print(row("click to effect (polled each 50 ms)", to_effect))
        print(row("bare HTTP round trip, same run", round_trip))
        print(f"{'start-up until ready':34} {started:.2f} s (polled)")
        print(f"{'resident memory afterwards':34} {memory:.0f} MiB")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
