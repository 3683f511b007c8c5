"""Doors that stand where an API server would, with its certificate, and that answer as a broken one does."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.local.ports import free_port
from remediations.testing import Ability
from tests.fixtures.kubernetes import ControlPlane

SLOW_TIMEOUT = "1s"
"""For what never answers; long enough for what must be answered before it comes to that."""


@asynccontextmanager
async def broken(plane: ControlPlane, how: Ability, folder: Path, **settings: Any) -> AsyncIterator[dict[str, Any]]:
    """The backend's settings with which the cluster is found to be so; ``settings`` are those with which it is not."""
    if how is Ability.REFUSED:
        wrong = folder / "wrong-token"
        wrong.touch(0o600)
        wrong.write_text("a token that nobody has given")
        yield settings | {"token_file": str(wrong)}
        return
    port = free_port()
    where = settings | {"url": f"https://127.0.0.1:{port}"}
    if how is Ability.DEAD:
        yield where
        return
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=_trusting(plane))) as session:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", _Door(plane, how, session).answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port, ssl_context=_certified(plane)).start()
            yield where | ({"timeout": SLOW_TIMEOUT} if how is Ability.SLOW else {})
        finally:
            await runner.cleanup()


class _Door:
    def __init__(self, plane: ControlPlane, how: Ability, session: aiohttp.ClientSession) -> None:
        self._plane, self._how, self._session = plane, how, session

    async def answer(self, request: web.Request) -> web.StreamResponse:
        match self._how:
            case Ability.SLOW:
                await asyncio.Event().wait()
            case Ability.LYING:
                return web.Response(text="<html>It works!</html>", content_type="text/html")
            case Ability.LIMITED:
                return web.json_response({"kind": "Status", "code": 429}, status=429, headers={"Retry-After": "1"})
            case Ability.CONFLICT if request.method == "PATCH" or request.path.endswith("/eviction"):
                return web.json_response({"kind": "Status", "code": 409, "reason": "Conflict"}, status=409)
            case Ability.HALF:
                return await self._half(request)
        return await self._as_it_is(request)

    async def _half(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "4000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"kind": "NodeList", "items": [{"metadata": {"na')
        assert request.transport is not None
        request.transport.close()
        return response

    async def _as_it_is(self, request: web.Request) -> web.Response:
        """What the API server itself says."""
        headers = {name: request.headers[name] for name in ("Authorization", "Accept", "Content-Type")}
        url = self._plane.url + request.raw_path
        async with self._session.request(request.method, url, data=await request.read(), headers=headers) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type="application/json")


def _certified(plane: ControlPlane) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(plane.authority, plane.authority.with_suffix(".key"))
    return context


def _trusting(plane: ControlPlane) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=plane.authority)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
