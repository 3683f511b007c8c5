"""Servers that answer like a Prometheus, or as it never would, and what is made of their answers."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from bot.policy.evidence import Evidence, highest, judge
from bot.response.ports.outside import EvidenceSource

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """An HTTP server that gives every path to ``handler``; what hangs is cut off at the end."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def judged(source: EvidenceSource, query: str) -> Evidence:
    """What the policy makes of the answer to one query."""
    return judge("asked", query, (await source.ask([query]))[query])


async def number(source: EvidenceSource, query: str) -> float | None:
    """What the policy reads as a quantity."""
    return highest((await source.ask([query]))[query])


def vector(*values: str) -> str:
    series = [{"metric": {"n": str(number)}, "value": [1, value]} for number, value in enumerate(values)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}})
