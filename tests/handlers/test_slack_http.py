"""``POST /slack/events``: only what Slack signed, now, is listened to."""

import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import aiohttp
import pytest
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.request.async_request import AsyncBoltRequest
from sqlalchemy import text

from bot.response.model.actions import ActionState
from handlers.slack.bolt_app import build_slack_app
from storage.database import Database
from tests.fixtures.database import RecordingEnqueuer
from tests.handlers.ship import Ship, sailing

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def ship(database: Database, enqueuer: RecordingEnqueuer) -> AsyncIterator[Ship]:
    async with sailing(database, enqueuer, http=True) as ship:
        yield ship


def click(value: str = "a1.1") -> str:
    payload = {
        "type": "block_actions",
        "user": {"id": "U01ALICE"},
        "trigger_id": "1.2.x",
        "channel": {"id": "C01INC"},
        "response_url": "http://127.0.0.1:9/stolen",
        "actions": [{"action_id": "approve", "value": value, "action_ts": "1.1"}],
    }
    return urlencode({"payload": json.dumps(payload)})


def signed(body: str | bytes, secret: str, at: float) -> dict[str, str]:
    raw = body.encode() if isinstance(body, str) else body
    digest = hmac.new(secret.encode(), f"v0:{int(at)}:".encode() + raw, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(int(at)), "X-Slack-Signature": f"v0={digest}"}


async def post(ship: Ship, body: str | bytes, headers: dict[str, str], content_type: str = FORM) -> tuple[int, str]:
    assert ship.workspace.request_url is not None
    raw = body.encode() if isinstance(body, str) else body
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            ship.workspace.request_url, data=io.BytesIO(raw), headers={"Content-Type": content_type, **headers}
        ) as answer,
    ):
        return answer.status, await answer.text()


async def test_a_signed_click_takes_effect(ship: Ship) -> None:
    await ship.question()
    status, _ = await post(ship, click(), signed(click(), ship.workspace.signing_secret, time.time()))
    await ship.settled()
    assert status == 200
    assert (await ship.action()).state is ActionState.APPROVED


@pytest.mark.parametrize(
    "how", ["unsigned", "forged", "other body", "replayed", "from the future", "no number", "ssl check"]
)
async def test_what_slack_did_not_sign_now_is_refused_and_nobody_is_told(ship: Ship, how: str) -> None:
    await ship.question()
    body, secret, now = click(), ship.workspace.signing_secret, time.time()
    headers = {
        "unsigned": {},
        "forged": signed(body, "another secret", now),
        "other body": signed(click("a1.2"), secret, now),
        "replayed": signed(body, secret, now - 301),
        "from the future": signed(body, secret, now + 301),
        "no number": {**signed(body, secret, now), "X-Slack-Request-Timestamp": "yesterday"},
        "ssl check": {},
    }[how]
    status, answer = await post(ship, f"{body}&ssl_check=1" if how == "ssl check" else body, headers)
    await ship.settled()
    assert status == 401, answer
    assert (await ship.action()).state is ActionState.WAITING
    assert await ship.unfinished() == 0
    assert ship.told("alice") == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", FORM),
        (b"\xff\xfe", "application/json"),
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"payload=%7B", FORM),
        (b"payload=[]", FORM),
        (b"[]", "application/json"),
        (b'"x"', "application/json"),
    ],
)
async def test_a_body_that_is_nothing_is_refused_whoever_signed_it(ship: Ship, body: bytes, content_type: str) -> None:
    status, _ = await post(ship, body, {}, content_type)
    assert status in (400, 401)
    status, _ = await post(ship, body, signed(body, ship.workspace.signing_secret, time.time()), content_type)
    assert 400 <= status < 500


async def test_slacks_check_of_our_certificate_is_answered_and_has_no_effect(ship: Ship) -> None:
    body = "ssl_check=1&token=t"
    status, answer = await post(ship, body, signed(body, ship.workspace.signing_secret, time.time()))
    assert (status, answer) == (200, "")
    assert await ship.unfinished() == 0


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", ""])
async def test_a_body_under_a_wrong_content_type_is_refused_or_read_but_breaks_nothing(
    ship: Ship, content_type: str
) -> None:
    await ship.question()
    for body in ("<click/>", "approve it please", '["approve"]'):
        status, _ = await post(ship, body, signed(body, ship.workspace.signing_secret, time.time()), content_type)
        assert 400 <= status < 500, body
    assert await ship.unfinished() == 0
    assert (await ship.action()).state is ActionState.WAITING


async def test_a_retry_of_what_could_not_be_saved_is_taken(ship: Ship) -> None:
    event = {"type": "app_mention", "user": "U01ALICE", "channel": "C01INC", "ts": "1.1", "text": "<@UWATCH> hello"}
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": event, "team_id": "T01WATCH"})

    async def deliver(**retry: str) -> int:
        headers = signed(body, ship.workspace.signing_secret, time.time()) | retry
        return (await post(ship, body, headers, "application/json"))[0]

    async with ship.database.begin() as work:
        await work.session.execute(text("ALTER TABLE arrivals RENAME TO elsewhere"))
    assert await deliver() == 500
    async with ship.database.begin() as work:
        await work.session.execute(text("ALTER TABLE elsewhere RENAME TO arrivals"))
    assert await deliver(**{"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_error"}) == 200
    await ship.settled()
    assert len(ship.told("alice")) == 1


async def test_a_request_larger_than_slack_sends_is_refused(ship: Ship) -> None:
    status, _ = await post(ship, b"x" * (11 * 1024 * 1024), {})
    assert status == 413


async def test_the_challenge_is_answered_when_slack_asks_for_it(ship: Ship) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c4ll", "token": "t"})
    status, answer = await post(
        ship, body, signed(body, ship.workspace.signing_secret, time.time()), "application/json"
    )
    assert (status, answer) == (200, '{"challenge": "c4ll"}')
    assert (await post(ship, body, {}, "application/json"))[0] == 401


async def test_slacks_retry_of_an_event_is_taken_for_the_same(ship: Ship) -> None:
    event = {"type": "app_mention", "user": "U01ALICE", "channel": "C01INC", "ts": "1.1", "text": "<@UWATCH> hello"}
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "event": event, "team_id": "T01WATCH"})
    for retry in ({}, {"X-Slack-Retry-Num": "1"}, {"X-Slack-Retry-Num": "2"}):
        status, _ = await post(
            ship, body, signed(body, ship.workspace.signing_secret, time.time()) | retry, "application/json"
        )
        assert status == 200
    await ship.settled()
    assert len(ship.told("alice")) == 1


async def test_without_a_secret_nothing_that_comes_over_http_is_believed(ship: Ship) -> None:
    app = build_slack_app(ship.inbox, signing_secret=None)
    for secret in ("", "None"):
        request = AsyncBoltRequest(body=click(), headers={"content-type": FORM, **signed(click(), secret, time.time())})
        assert (await to_aiohttp_response(await app.async_dispatch(request))).status == 401
