"""E25: whoever is nobody yet costs next to nothing: nothing is unpacked, decoded, parsed, or logged of it.

Compare ``test_E26_connections_are_bounded`` for what their connections cost.
"""

import asyncio
import gzip
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from handlers.alerts import reading as alert_bodies
from handlers.alerts import webhook as alerts
from handlers.alerts.webhook import AlertWebhook
from handlers.bodies import Bodies, BodyError, unpacked
from handlers.metrics import Metrics
from handlers.slack import events
from handlers.web.listener import listening
from storage.database import Database
from storage.intake import Intake
from storage.migrations import migrate
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.handlers.policy import POLICY
from tests.handlers.ship import Ship, sailing

FORM = "application/x-www-form-urlencoded"
PATIENCE_SECONDS = 30
CLICK = {
    "type": "block_actions",
    "user": {"id": "U01ALICE"},
    "trigger_id": "1.2.x",
    "channel": {"id": "C01INC"},
    "response_url": "http://127.0.0.1:9/stolen",
    "actions": [{"action_id": "approve", "value": "a1.1", "action_ts": "1.1"}],
}
COSTLY = {
    "punycode": (gzip.compress(b"a" * 2_000_000 + b"-" + b"a" * 15_000), f"{FORM}; charset=punycode", "gzip"),
    "many fields": (gzip.compress(b"payload=1" + b"&a" * 5_200_000), FORM, "gzip"),
    "many fields, plain": (b"payload=1" + b"&a" * 500_000, FORM, ""),
    "unknown charset": (b"payload=%7B%7D", f"{FORM}; charset=nosuch", ""),
    "unknown encoding": (b"{}", "application/json", "br"),
    "no list": (b'{"authorizations":{"a":1}}', "application/json", ""),
    "no text": (b"\xff\xfe", "application/json", ""),
    "deep": (b"[" * 500_000, "application/json", ""),
    "numbers": (b"1" * 500_000, "application/json", ""),
}


@asynccontextmanager
async def migrated(folder: Path) -> AsyncIterator[tuple[Database, RecordingEnqueuer]]:
    enqueuer = RecordingEnqueuer()
    database = Database(f"sqlite+aiosqlite:///{folder / 'watch.db'}", enqueuer, AUDIT_KEY)
    await database.open()
    await migrate(database)
    yield database, enqueuer
    await database.close()


@pytest.fixture
async def ship(tmp_path: Path) -> AsyncIterator[Ship]:
    async with migrated(tmp_path) as (database, enqueuer), sailing(database, enqueuer, http=True) as ship:
        yield ship


def signed(ship: Ship, body: bytes) -> dict[str, str]:
    at = str(int(time.time()))
    digest = hmac.new(ship.workspace.signing_secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={digest}"}


async def send(ship: Ship, body: bytes, content_type: str = FORM, encoding: str = "", **headers: str) -> int:
    assert ship.workspace.request_url is not None
    sent = {"Content-Type": content_type, **headers} | ({"Content-Encoding": encoding} if encoding else {})
    async with (
        aiohttp.ClientSession() as session,
        session.post(ship.workspace.request_url, data=body, headers=sent) as answer,
    ):
        return answer.status


async def test_what_slack_did_not_sign_is_not_even_decoded(ship: Ship, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    monkeypatch.setattr(events, "AsyncBoltRequest", lambda **given: read.append(given))
    for how, (body, content_type, encoding) in COSTLY.items():
        forged = {**signed(ship, body), "X-Slack-Signature": f"v0={'0' * 64}"}
        expected = 415 if encoding else 401
        assert await send(ship, body, content_type, encoding) == expected, how
        assert await send(ship, body, content_type, encoding, **forged) == expected, how
    assert read == []


async def test_what_slack_signed_and_never_sends_is_no_fault_of_ours(ship: Ship) -> None:
    for how, (body, content_type, encoding) in COSTLY.items():
        if not encoding:
            assert 400 <= await send(ship, body, content_type, **signed(ship, body)) < 500, how
    assert await ship.unfinished() == 0


@pytest.mark.parametrize("charset", ["punycode", "utf-16"])
async def test_what_slack_signed_is_utf_8_whatever_the_charset_says(ship: Ship, charset: str) -> None:
    await ship.question()
    body = urlencode({"payload": json.dumps(CLICK)}).encode()
    assert await send(ship, body, f"{FORM}; charset={charset}", **signed(ship, body)) == 200
    await ship.settled()
    assert (await ship.action()).state is ActionState.APPROVED


async def test_a_header_that_the_signature_does_not_cover_changes_nothing(ship: Ship) -> None:
    await ship.question()
    body = urlencode({"payload": json.dumps(CLICK)}).encode()
    lazy = {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "acknowledge"}
    assert await send(ship, body, **signed(ship, body), **lazy) == 200
    await ship.settled()
    assert (await ship.action()).state is ActionState.APPROVED


async def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_is_sent(ship: Ship) -> None:
    assert ship.workspace.request_url is not None
    host, port = ship.workspace.request_url.removeprefix("http://").split("/")[0].split(":")
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (events.BODY_MAX_BYTES + 1)
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


async def test_a_strangers_words_do_not_reach_the_log_and_many_are_told_of_once(
    ship: Ship, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("a=1", "X-Slack-Signature", "charset"):
        body = f"{name}\n2026-11-27 INFO forged: pressed approve".encode()
        await send(ship, body)
        await send(ship, body, **{"X-Slack-Request-Timestamp": "1 forged", "X-Slack-Signature": "forged"})
        await send(ship, body, encoding="forged: br")
    assert "forged:" not in caplog.text
    assert len([one for one in caplog.records if one.name == events.__name__]) == 1
    refused = ship.metrics.registry.get_sample_value
    assert refused("watchkeeper_webhooks_refused_total", {"source": "slack", "status": "401"}) == 6
    assert refused("watchkeeper_webhooks_refused_total", {"source": "slack", "status": "415"}) == 3


async def test_the_slack_librarys_loggers_have_the_level_that_is_set_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root, "level", logging.INFO)
    monkeypatch.setattr(logging.getLogger("slack_bolt"), "level", logging.WARNING)
    async with migrated(tmp_path) as (database, enqueuer), sailing(database, enqueuer, http=True):
        names = [name for name in logging.root.manager.loggerDict if name.startswith("slack_bolt.")]
        levels = {name: logging.getLogger(name).getEffectiveLevel() for name in names if "Verification" in name}
    assert levels
    assert set(levels.values()) == {logging.WARNING}


@asynccontextmanager
async def reading(bodies: Bodies) -> AsyncIterator[Callable[[], "Stranger"]]:
    """A listener whose one address reads bodies; gives strangers who talk to it."""
    app = web.Application()

    async def handle(request: web.Request) -> web.Response:
        try:
            return web.Response(text=(await bodies.read(request)).decode())
        except BodyError as error:
            return web.Response(status=error.status, text=str(error))

    app.router.add_post("/", handle)
    async with listening(app, "127.0.0.1", 0, shutdown_seconds=0) as address, asyncio.timeout(PATIENCE_SECONDS):
        came: list[Stranger] = []

        def stranger() -> Stranger:
            came.append(Stranger(*address))
            return came[-1]

        yield stranger
        for one in came:
            await one.leave()


class Stranger:
    """Sends a request's head, and then as much of its body as the test wants."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)

    async def begin(self, length: int, sent: bytes = b"") -> None:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        self._writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % length)
        await self._reader.readuntil(b"100 Continue\r\n\r\n")  # so it is its turn now, and not later
        self._writer.write(sent)

    async def status(self) -> int:
        return int((await self._reader.readline()).split()[1])

    async def leave(self) -> None:
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async with reading(Bodies(100, within_seconds=0.05)) as stranger:
        slow = stranger()
        await slow.begin(10, b"half")
        assert await slow.status() == 408


async def test_those_who_hold_back_their_bodies_keep_nobody_out() -> None:
    bodies = Bodies(100, within_seconds=PATIENCE_SECONDS, at_once=3)
    async with reading(bodies) as stranger:
        slow = [stranger() for _ in range(3)]
        for one in slow:
            await one.begin(10, b"half")
        for one in (stranger(), stranger()):
            await one.begin(5, b"whole")
            assert await one.status() == 200
        assert await slow[0].status() == 408, "it has taken longest"


async def test_an_alert_that_comes_too_slowly_may_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "BODY_WITHIN_SECONDS", 0.05)
    async with alerting(tmp_path) as (host, port), asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(
            b"POST /alerts/alertmanager HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\r\n"
            b"Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert head.startswith(b"HTTP/1.1 503"), "Alertmanager sends again after 5xx only"
    assert b"Retry-After" in head


@asynccontextmanager
async def alerting(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """The alert endpoint behind the real listener; the token is s3cret."""
    async with migrated(folder) as (database, _):
        intake = Intake(database, lambda: POLICY, utc_now)
        app = web.Application()
        app.router.add_post("/alerts/{source}", AlertWebhook(intake, Metrics(), utc_now, "s3cret").handle)
        async with listening(app, "127.0.0.1", 0, shutdown_seconds=0) as address:
            yield address
        await intake.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
async def test_nothing_is_unpacked_on_alerts_before_the_token_is_right(
    tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacking: list[int] = []

    def noted(body: bytes, max_bytes: int) -> bytes:
        unpacking.append(len(body))
        return unpacked(body, max_bytes)

    monkeypatch.setattr(alert_bodies, "unpacked", noted)
    bomb = gzip.compress(b" " * 20_000_000, 1)
    async with alerting(tmp_path) as (host, port), aiohttp.ClientSession(f"http://{host}:{port}") as session:

        async def answer(token: str) -> int:
            headers = {"Content-Type": "application/json", "Content-Encoding": encoding, "Authorization": token}
            async with session.post("/alerts/alertmanager", data=bomb, headers=headers) as response:
                return response.status

        assert await answer("Bearer wrong") == 401
        assert unpacking == []
        assert await answer("Bearer s3cret") == (413 if encoding == "gzip" else 415)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\x1f\x8bnot gzip", "not gzip"),
        (gzip.compress(b"{}", mtime=0)[:-3], "cut off"),
        (gzip.compress(b"{}", mtime=0) + b"more", "goes on"),
        (gzip.compress(b" " * 101, mtime=0), "more than 100 bytes"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_in_words(body: bytes, says: str) -> None:
    with pytest.raises(BodyError, match=says):
        unpacked(body, 100)
