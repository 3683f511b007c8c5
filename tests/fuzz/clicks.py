"""Requests to ``/slack/events``, made from random numbers and the time: signed and not, in good shapes and bad."""

import hashlib
import hmac
import json
from random import Random
from urllib.parse import urlencode

from tests.fuzz.bodies import Json, Sent, spoil

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
CLICK = {
    "type": "block_actions",
    "user": {"id": "U01ALICE"},
    "team": {"id": "T01WATCH"},
    "trigger_id": "1.2.x",
    "channel": {"id": "C01INC"},
    "actions": [{"action_id": "approve", "value": "a1.1", "action_ts": "1.1", "type": "button", "block_id": "b"}],
}
EVENT = {
    "type": "event_callback",
    "team_id": "T01WATCH",
    "event_id": "Ev1",
    "authorizations": [{"team_id": "T01WATCH", "user_id": "UWATCH", "is_bot": True}],
    "event": {"type": "app_home_opened", "user": "U01ALICE", "tab": "home", "channel": "D01"},
}
COMMAND = {"command": "/watch", "text": "status", "user_id": "U01ALICE", "channel_id": "C01INC", "team_id": "T01WATCH"}


def _written(random: Random) -> tuple[bytes, str]:
    shape = random.randrange(3)
    if shape == 2:
        fields: Json = spoil(random, COMMAND)
        pairs = fields if isinstance(fields, dict) else {"text": fields}
        texts = {name: str(value).encode("utf-8", "surrogatepass") for name, value in pairs.items()}
        return urlencode(texts).encode(), FORM
    document = json.dumps(spoil(random, CLICK if shape == 0 else EVENT))
    if shape == 0:
        return urlencode({"payload": document}).encode(), FORM
    return document.encode(), JSON


def request(random: Random, secret: str, now: int) -> Sent:
    """One request: half of them signed as Slack does, the others not, wrongly, or long ago.

    Args:
        random: decides everything else.
        secret: what Slack signs with.
        now: the time in seconds since 1970; what is replayed is older.
    """
    body, content_type = _written(random)
    if random.random() < 0.1:
        body = random.choice([b"", b"\xff\xfe", b"[" * 20_000, b"payload=1" + b"&a" * 20_000, body[: len(body) // 2]])
    at = str(now)
    headers = {"Content-Type": content_type}
    match random.randrange(10):
        case 0:
            headers["Content-Type"] = random.choice([f"{FORM}; charset=punycode", f"{JSON}; charset=nosuch", "huh"])
        case 1:
            headers["Content-Encoding"] = random.choice(["gzip", "br", "identity"])
        case 2:
            at = random.choice([str(now - 3_600), str(now + 3_600), "NaN", "9" * 400, "-1", ""])
    signature = hmac.new(secret.encode(), f"v0:{at}:".encode() + body, hashlib.sha256).hexdigest()
    match random.randrange(8):
        case 0 | 1:
            return Sent("/slack/events", body, headers)
        case 2:
            signature = "0" * 64
        case 3:
            signature = "\u00e9"
    return Sent(
        "/slack/events", body, {**headers, "X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={signature}"}
    )
