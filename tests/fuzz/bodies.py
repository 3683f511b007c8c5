"""Bodies for ``/alerts/*``, made from random numbers alone: the same seed makes the same bodies."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

Json = Any
FINGERPRINTS = 200
"""So many different alerts, that a long run does not open incidents without end."""
LARGE = 400
ODD: tuple[Callable[[Random], Json], ...] = (
    lambda random: None,
    lambda random: random.choice([True, False]),
    lambda random: -random.randrange(10**9),
    lambda random: int("9" * random.randrange(20, 400)),
    lambda random: random.choice([float("nan"), float("inf"), float("-inf"), 1e308, -0.0]),
    lambda random: random.choice(["", " ", "\x00", "\x1b[31m", "a\r\nb", "\u202eevil", "\ud800", "\U0001f525" * 9]),
    lambda random: random.choice(
        ["<!channel>", "<@U01ALICE>", "*bold* :fire:", "<https://evil.example|safe>", "=?utf-8?q?a?="]
    ),
    lambda random: "a" * random.choice([255, 256, 257, 4_096, 4_097, 20_000]),
    lambda random: {f"label{n}": "x" for n in range(random.choice([1, 127, 128, 129, LARGE]))},
    lambda random: [[]] * random.randrange(9),
    lambda random: nested(random.choice([5, 50, 500])),
    lambda random: random.choice(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "yesterday"]),
)


@dataclass(frozen=True)
class Sent:
    """One request: where it goes, what it says, and which alert must be stored when it is answered 200."""

    path: str
    body: bytes
    headers: dict[str, str]
    stored: str | None = None


def nested(depth: int) -> Json:
    """Lists in lists."""
    document: Json = []
    for _ in range(depth):
        document = [document]
    return document


def alert(random: Random) -> dict[str, Json]:
    """One that can be read."""
    number = random.randrange(FINGERPRINTS)
    return {
        "status": random.choice(["firing", "firing", "resolved"]),
        "fingerprint": f"fuzz-{number}",
        "labels": {"alertname": f"Fuzz{number % 10}", "service": f"service-{number % 10}", "severity": "critical"},
        "annotations": {"summary": "something is wrong"},
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
    }


def envelope(alerts: list[Json], version: str = "4") -> dict[str, Json]:
    """The alerts as a monitor sends them; version 1 is Grafana's."""
    return {"version": version, "status": "firing", "receiver": "bot", "truncatedAlerts": 0, "alerts": alerts}


def spoil(random: Random, document: Json) -> Json:
    """The document with one part, at any depth, left out or replaced by something odd."""
    if isinstance(document, dict) and document and random.random() < 0.9:
        key = random.choice(list(document))
        changed = dict(document)
        if random.random() < 0.15:
            del changed[key]
        else:
            changed[key] = spoil(random, document[key])
        return changed
    if isinstance(document, list) and document and random.random() < 0.9:
        place = random.randrange(len(document))
        return [*document[:place], spoil(random, document[place]), *document[place + 1 :]]
    return random.choice(ODD)(random)


def written(random: Random, document: Json) -> bytes:
    """The document on the wire, often not as JSON wants it."""
    text = json.dumps(document, ensure_ascii=random.random() < 0.7)
    raw = text.encode("utf-8", "surrogatepass")
    match random.randrange(12):
        case 0:
            return raw[: random.randrange(len(raw) + 1)]
        case 1:
            return raw[:1] + b'"version":"4","version":"4",' + raw[1:]
        case 2:
            return text.encode(random.choice(["utf-16", "utf-32", "utf-8-sig"]), "surrogatepass")
        case 3:
            place = random.randrange(len(raw) + 1)
            return raw[:place] + random.randbytes(4) + raw[place:]
        case 4:
            return random.choice([b"", b"null", b"NaN", b"1" * 5_000, b"[" * 20_000, b'{"alerts":' * 5_000])
    return raw


def request(random: Random, token: str) -> Sent:
    """One request to a monitor's address: one in ten whole, the others hostile."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    whole = alert(random)
    if random.random() < 0.1:
        stored = whole["fingerprint"] if whole["status"] == "firing" else None
        return Sent("/alerts/alertmanager", json.dumps(envelope([whole])).encode(), headers, stored)
    version = random.choice(["4"] * 8 + ["1", "5"])
    document = envelope([whole, *(alert(random) for _ in range(random.choice([0, 0, 1, 5])))], version)
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        document = spoil(random, document)
    body = written(random, document)
    match random.randrange(30):
        case 0:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        case 1:
            body, headers["Content-Encoding"] = gzip.compress(b" " * 2_000_000 + body, 1), "gzip"
        case 2:
            headers["Content-Encoding"] = random.choice(["br", "deflate", "gzip", "gzip, gzip"])
        case 3:
            headers["Content-Type"] = random.choice(["text/plain", "application/json; charset=punycode", "huh"])
        case 4:
            headers["Authorization"] = random.choice(
                ["", "Bearer", "Bearer \xff", "Basic eA==", "Bearer " + "a" * 4_000]
            )
    path = random.choice(["/alerts/alertmanager"] * 20 + ["/alerts/grafana", "/alerts/nobody", "/alerts/%00"])
    return Sent(path, body, headers)
