"""Point 30: a page of somebody else, open in the same browser, reaches nothing of the local workspace."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from bot.local.demo.team import demo_team
from bot.local.workspace import Server, Workspace

CHANGES = [
    ("POST", "page/acts/post"),
    ("POST", "page/panel/more"),
    ("POST", "api/chat.postMessage"),
    ("GET", "api/chat.postMessage?channel=C01INC&text=x"),
    ("POST", "response/key"),
    ("POST", "upload/v1/F1/key"),
]
READS = ["", "page/state", "page/panel", "page/live", "link/", "files/F1/a", "archives/C01INC/p1", "static/page.js"]
"""What is answered with what stands there, or opens a socket."""


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Workspace(demo_team()).serve() as server:
        yield server


async def status(server: Server, method: str, path: str, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{server.url}{path}", headers=named, json={"as": "U01ALICE"}) as answer,
    ):
        return answer.status


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", ""])
async def test_a_name_that_was_made_to_lead_here_reaches_nothing(server: Server, host: str) -> None:
    port = urlsplit(server.url).port
    for named in (host, f"{host.split(':', maxsplit=1)[0]}:{port}"):
        own = {"Host": named, "Origin": f"http://{named}", "Sec_Fetch_Site": "same-origin"}
        asked = [*CHANGES, *(("GET", path) for path in READS)]
        assert {(method, path): await status(server, method, path, **own) for method, path in asked} == dict.fromkeys(
            asked, 403
        )


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "http://localhost:1", "file://"]
)
async def test_another_site_changes_nothing(server: Server, origin: str) -> None:
    assert {await status(server, method, path, Origin=origin) for method, path in CHANGES} == {403}
    assert {await status(server, "GET", path, Origin=origin) for path in READS} == {403}, "nor listens"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_picture_on_another_page_calls_no_method(server: Server, site: str) -> None:
    assert {await status(server, method, path, Sec_Fetch_Site=site) for method, path in CHANGES} == {403}
    navigated = {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "navigate"}
    assert {await status(server, method, path, **navigated) for method, path in CHANGES} == {403}


async def test_whoever_follows_a_link_to_the_page_sees_it(server: Server) -> None:
    followed = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert await status(server, "GET", "", **followed) == 200


async def test_by_its_address_or_as_localhost_the_page_is_reached_also_through_a_forwarded_port(server: Server) -> None:
    port = urlsplit(server.url).port
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "localhost:9999", "LOCALHOST"):
        own = {"Host": host, "Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}
        assert await status(server, "GET", "page/state", **own) == 200
        assert await status(server, "POST", "page/acts/home", **own) == 200


async def test_a_program_on_this_machine_needs_to_say_nothing_of_itself(server: Server) -> None:
    assert await status(server, "POST", "page/acts/home") == 200
    assert await status(server, "GET", "page/state") == 200
