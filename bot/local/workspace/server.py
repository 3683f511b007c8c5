"""Serves the workspace on one port: Web API, Socket Mode, uploads, response URLs and the page."""

import json
import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import BodyPartReader, web

from bot.local.workspace.delivery import Delivery
from bot.local.workspace.http_push import HttpPush
from bot.local.workspace.methods.files import MOST_FILE_BYTES
from bot.local.workspace.page_api import PageApi
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.responses import respond
from bot.local.workspace.socket_mode import SocketMode
from bot.local.workspace.state import State
from bot.local.workspace.visitors import only_own_visitors
from bot.local.workspace.web_api import WebApi

PAGE_FOLDER = Path(__file__).with_name("page")
SHUTDOWN_SECONDS = 0.5
URL_REFUSALS = {"invalid_url", "expired_url", "used_url"}
SHOWN_INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp"}


@dataclass(frozen=True, slots=True)
class Server:
    """Where a running workspace is reached. `url` ends with a slash."""

    url: str

    @property
    def api_url(self) -> str:
        """What `SLACK_API_URL` must be set to."""
        return f"{self.url}api/"

    @property
    def page_url(self) -> str:
        """What to open in a browser."""
        return self.url


@asynccontextmanager
async def serve(
    state: State, web_api: WebApi, sockets: SocketMode, delivery: Delivery, host: str, port: int
) -> AsyncIterator[Server]:
    """Run a workspace's server inside the `async with` block.

    Raises:
        OSError: the port is taken.
    """
    doors = Doors(state)
    page = PageApi(state, delivery)
    application = web.Application(middlewares=[only_own_visitors], client_max_size=MOST_FILE_BYTES + 1024)
    application.add_routes(
        [
            web.route("*", "/api/{method}", web_api.handle),
            web.get("/link/", sockets.handle),
            web.post("/response/{key}", doors.respond),
            web.post("/upload/v1/{file}/{key}", doors.upload),
            web.get("/files/{file}/{name}", doors.download),
            web.get("/archives/{channel}/{message}", doors.follow_permalink),
            web.get("/", doors.page),
            *page.routes(),
        ]
    )
    if PAGE_FOLDER.is_dir():
        application.router.add_static("/static/", PAGE_FOLDER)
    application.on_shutdown.append(page.close)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound_host, bound_port = runner.addresses[0][:2]
        async with aiohttp.ClientSession() as session:
            delivery.http = HttpPush(session, state)
            try:
                yield Server(f"http://{bound_host}:{bound_port}/")
            finally:
                await delivery.close()
                delivery.http = None
                await sockets.close()
    finally:
        await runner.cleanup()


class Doors:
    """The small handlers that are neither Web API nor page."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def respond(self, request: web.Request) -> web.Response:
        """A POST to a response URL."""
        try:
            body = json.loads(await request.text())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
        try:
            respond(self._state, request.match_info["key"], body)
        except Refusal as refusal:
            return web.json_response(refusal.as_slack(), status=404 if refusal.code in URL_REFUSALS else 400)
        return web.json_response({"ok": True})

    async def upload(self, request: web.Request) -> web.Response:
        """The bytes of an announced file, raw or as a form's first file."""
        file = self._state.files.get(request.match_info["file"])
        if file is None or file.upload_key != request.match_info["key"] or file.content is not None:
            return web.Response(status=404, text="This upload URL is unknown or was used.")
        content = await _uploaded_bytes(request)
        if len(content) != file.length:
            return web.Response(status=400, text=f"{file.length} bytes were announced, {len(content)} came.")
        file.content = content
        return web.Response(text=f"OK - {file.length}")

    async def download(self, request: web.Request) -> web.Response:
        """A shared file's bytes. Only plain pictures are shown; a browser must never run what an app uploaded."""
        file = self._state.files.get(request.match_info["file"])
        if file is None or not file.is_complete or file.content is None:
            return web.Response(status=404, text="There is no such file.")
        guessed = mimetypes.guess_type(file.name)[0]
        is_picture = guessed in SHOWN_INLINE
        headers = {"X-Content-Type-Options": "nosniff"}
        if not is_picture:
            headers["Content-Disposition"] = "attachment"
        content_type = guessed if is_picture and guessed else "application/octet-stream"
        return web.Response(body=file.content, content_type=content_type, headers=headers)

    async def follow_permalink(self, request: web.Request) -> web.Response:
        """Open the page at a message."""
        channel, packed = request.match_info["channel"], request.match_info["message"].removeprefix("p")
        raise web.HTTPFound(f"/?channel={channel}&ts={packed[:-6]}.{packed[-6:]}")

    async def page(self, _request: web.Request) -> web.StreamResponse:
        """The web page."""
        index = PAGE_FOLDER / "index.html"
        if not index.is_file():
            return web.Response(text="The workspace is running. Its web page is not installed here.")
        return web.FileResponse(index, headers={"Cache-Control": "no-cache"})


async def _uploaded_bytes(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader) and part.filename:
            return bytes(await part.read())
    return b""
