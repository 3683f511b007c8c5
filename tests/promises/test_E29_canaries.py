"""E29: whoever watches the stories for secrets finds one wherever it comes to light, or their silence would say little.

Each test lets a secret out on purpose, in one place, and looks into what the watch has found.
"""

import asyncio
import base64
import logging
import smtplib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import aiohttp
import psycopg
import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from bot import app as bot_app
from bot.local.workspace import Message, Workspace
from tests.fixtures import database
from tests.fixtures.canaries import MARKER, Watch, gathering, watched, written_forms
from tests.fixtures.workspaces import patient_workspace
from tests.second_channel.receivers import PASSWORD, ROUTING_KEY, mail_server, pager_service

SECRET = f'{MARKER}any "secret" of 2026/11'
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": SECRET}}]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with gathering(tmp_path) as watch:
        yield watch


def place_of_the_only_leak(watch: Watch) -> str:
    (leak,) = watch.leaks()
    return leak.partition(":")[0]


def places_of_leaks(watch: Watch) -> set[str]:
    return {leak.partition(":")[0] for leak in watch.leaks()}


def test_where_nothing_comes_to_light_nothing_is_found(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "bot.log").write_text("all is well")
    logging.getLogger("any").warning("all is well")
    assert watch.leaks() == []
    assert {"the log", "file bot.log"} <= watch.places()


def test_a_story_in_which_a_secret_comes_to_light_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"a secret came to light(?s:.)*the log: "), watched(tmp_path):
        logging.getLogger("any").info("the token is %s", SECRET)


@pytest.mark.parametrize("name", ["", "dbos", "apprise", "slack_bolt", "slack_sdk"])
def test_a_secret_in_the_log_is_found(watch: Watch, name: str) -> None:
    try:
        raise ValueError(SECRET)  # noqa: TRY301
    except ValueError:
        logging.getLogger(name).exception("failed")
    assert place_of_the_only_leak(watch) == "the log"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc:"])
def test_a_secret_is_known_in_every_form(before: str) -> None:
    said = [
        quote(f"{before}{SECRET}"),
        repr(f"{before}{SECRET}"),
        base64.b64encode(f"{before}{SECRET}".encode()).decode(),
        base64.urlsafe_b64encode(f"{before}{SECRET}".encode()).decode(),
    ]
    for text in said:
        assert any(form in text for form in written_forms(MARKER)), text


def test_a_secret_in_a_file_of_another_process_is_found(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "replica-0.log").write_bytes(b"\xff\n" + SECRET.encode())
    assert place_of_the_only_leak(watch) == "file replica-0.log"


def test_what_is_in_a_secret_file_is_a_secret_elsewhere(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "token-of-shop").write_text("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr")
    (tmp_path / "bot.log").write_text("cannot use eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr")
    assert place_of_the_only_leak(watch) == "file bot.log"


def test_a_secret_in_a_row_is_found_however_long_the_row_is(watch: Watch, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "watch.db")) as connection, connection:
        connection.execute("CREATE TABLE audit_entries (body TEXT)")
        rows = [("x" * length + SECRET,) for length in range(3980, 4100)]  # SQLite cuts what does not fit on a page
        connection.executemany("INSERT INTO audit_entries VALUES (?)", rows)
    found = [leak for leak in watch.leaks() if leak.startswith("rows of watch.db")]
    assert len(found) == len(rows)


def test_a_secret_in_a_row_on_postgresql_is_found(watch: Watch, postgresql_server: str) -> None:
    name = "canaries_on_show"
    database.create_postgresql_database(postgresql_server, name)
    with psycopg.connect(postgresql_server, dbname=name) as connection:
        connection.execute("CREATE SCHEMA dbos")
        connection.execute("CREATE TABLE dbos.workflow_status (inputs TEXT)")
        encoded = base64.b64encode(SECRET.encode()).decode()
        connection.execute("INSERT INTO dbos.workflow_status VALUES (%s)", [encoded])
    database.drop_postgresql_database(postgresql_server, name)
    assert place_of_the_only_leak(watch) == "table workflow_status"


async def slack(workspace: Workspace, api_url: str) -> AsyncWebClient:
    return AsyncWebClient(workspace.bot_token, base_url=api_url)


async def test_a_secret_that_a_card_showed_for_a_moment_is_found(watch: Watch) -> None:
    workspace = patient_workspace()
    async with workspace.serve() as server:
        client = await slack(workspace, server.api_url)
        posted = await client.chat_postMessage(channel="C01INC", text="a card", blocks=BLOCKS)
        await client.chat_update(channel="C01INC", ts=str(posted["ts"]), text="a card", blocks=[])
    assert "call of chat.postMessage" in places_of_leaks(watch)
    assert "a message" not in places_of_leaks(watch), "it is there no more"


async def test_a_secret_at_home_is_found(watch: Watch) -> None:
    workspace = patient_workspace()
    async with workspace.serve() as server:
        client = await slack(workspace, server.api_url)
        await client.views_publish(user_id=workspace.person("alice").id, view={"type": "home", "blocks": BLOCKS})
    assert {"a Home tab", "call of views.publish"} <= places_of_leaks(watch)


def test_a_secret_that_one_person_sees_is_found(watch: Watch) -> None:
    workspace = patient_workspace()
    person = workspace.person("alice").id
    workspace.state.post(Message("C01INC", "1.0", "U", SECRET, visible_to=person))
    assert place_of_the_only_leak(watch) == "an ephemeral message"


def test_every_workspace_has_canaries_and_they_are_known_when_they_change(watch: Watch, tmp_path: Path) -> None:
    workspace = patient_workspace()
    assert workspace.bot_token.startswith(f"xoxb-{MARKER}")
    assert MARKER in workspace.app_token
    assert MARKER in workspace.signing_secret
    workspace.state.installation.signing_secret = "0123456789abcdef"
    (tmp_path / "bot.log").write_text("0123456789abcdef")
    assert place_of_the_only_leak(watch) == "file bot.log"


async def test_a_secret_that_the_bot_answers_is_found_even_if_nobody_asked(watch: Watch) -> None:
    async def ready(_request: web.Request) -> web.Response:
        return web.Response(text=SECRET)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    async with vars(bot_app)["listening"](app, "127.0.0.1", 0, shutdown_seconds=1):
        pass
    assert places_of_leaks(watch) == {"answer of the bot to GET", "answer to GET /readyz"}


async def test_a_secret_that_another_process_answers_is_found(watch: Watch) -> None:
    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(headers={"X-Made-By": SECRET.replace('"', "")})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    async with aiohttp.ClientSession() as session, session.get(f"{site.name}/metrics") as answer:
        await answer.read()
    await runner.cleanup()
    assert place_of_the_only_leak(watch) == "answer to GET /metrics"


async def test_a_secret_in_a_mail_is_found_however_it_is_encoded(watch: Watch) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"] = "watch@example.com", "alice@example.com"
    letter.set_content(f"ü {PASSWORD}", cte="base64")

    def send(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            server.login("watch", PASSWORD)
            server.send_message(letter)

    async with mail_server() as mailbox:
        await asyncio.to_thread(send, mailbox.port)
        assert mailbox.logins == [(b"watch", PASSWORD.encode())]
    assert places_of_leaks(watch) == {"a mail"}


async def test_the_routing_key_is_given_to_the_pager_and_stands_nowhere_in_its_alert(watch: Watch) -> None:
    event = {"routing_key": ROUTING_KEY, "event_action": "resolve", "dedup_key": "INC-1"}
    async with pager_service() as pager, aiohttp.ClientSession() as session:
        async with session.post(pager.url, json=event) as answer:
            assert answer.ok
        assert watch.leaks() == []
        async with session.post(pager.url, json=event | {"dedup_key": ROUTING_KEY}) as answer:
            assert answer.ok
    assert place_of_the_only_leak(watch) == "an alert of PagerDuty"


def test_a_secret_in_the_arguments_of_a_child_is_found(watch: Watch) -> None:
    subprocess.run([sys.executable, "-c", "", SECRET], check=True)
    assert place_of_the_only_leak(watch) == "arguments of a process"


def test_a_secret_in_the_arguments_of_a_childs_child_is_found(watch: Watch) -> None:
    start = "import subprocess, sys; subprocess.run(['cat', '-', '--', chr(99) + 'anary-of-mine']); sys.exit(0)"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE) as child:
        while not watch.leaks():
            watch.look_at_processes()
        assert child.stdin is not None
        child.stdin.close()
    assert place_of_the_only_leak(watch) == "arguments of a process"
