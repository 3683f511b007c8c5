"""Alertmanager's webhook, version 4, as the demo sends it itself.

It does so where no Alertmanager runs, and to close what an earlier demo left open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import TypeAdapter

from bot.local.demo.files import write_whole

NEVER = "0001-01-01T00:00:00Z"
SEND_WITHIN_SECONDS = 5.0
_OFFSET_BASIS, _PRIME, _SEPARATOR = 0xCBF29CE484222325, 0x100000001B3, b"\xff"


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where alerts are posted."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """One alert from the moment it fires; the same labels and ``starts_at`` belong to one episode."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    """RFC 3339, as it was first told: it is compared as text by whoever receives it again."""
    generator_url: str = ""

    @property
    def fingerprint(self) -> str:
        """As Prometheus computes it: FNV-1a over the sorted labels."""
        value = _OFFSET_BASIS
        for name, label in sorted(self.labels.items()):
            for byte in name.encode() + _SEPARATOR + label.encode() + _SEPARATOR:
                value = (value ^ byte) * _PRIME % 2**64
        return f"{value:016x}"


_FIRING = TypeAdapter(list[FiringAlert])


def moment(at: datetime) -> str:
    """As Alertmanager writes a time."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def webhook(alert: FiringAlert, *, resolved_at: datetime | None, external_url: str) -> dict[str, Any]:
    """The body Alertmanager would post for one alert alone in its group."""
    status = "resolved" if resolved_at else "firing"
    group = {name: alert.labels[name] for name in ("alertname", "service") if name in alert.labels}
    return {
        "receiver": "watchkeeper",
        "status": status,
        "alerts": [
            {
                "status": status,
                "labels": alert.labels,
                "annotations": alert.annotations,
                "startsAt": alert.starts_at,
                "endsAt": moment(resolved_at) if resolved_at else NEVER,
                "generatorURL": alert.generator_url,
                "fingerprint": alert.fingerprint,
            }
        ],
        "groupLabels": group,
        "commonLabels": alert.labels,
        "commonAnnotations": alert.annotations,
        "externalURL": external_url,
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{name}="{value}"' for name, value in group.items()) + "}",
        "truncatedAlerts": 0,
    }


async def send(receiver: Receiver, body: Mapping[str, Any]) -> None:
    """Post one webhook.

    Raises:
        aiohttp.ClientError: it was not accepted.
        OSError: nobody listens, or no answer came in time.
    """
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SEND_WITHIN_SECONDS)) as session,
        session.post(receiver.url, json=body, headers={"Authorization": f"Bearer {receiver.token}"}) as response,
    ):
        response.raise_for_status()


def keep_firing(file: Path, alerts: list[FiringAlert]) -> None:
    """Note down what fires now, for a later demo to close: a monitor that starts anew does not remember it."""
    write_whole(file, _FIRING.dump_json(alerts, indent=1))


def left_firing(file: Path) -> list[FiringAlert]:
    """What fired when the last demo ended."""
    return _FIRING.validate_json(file.read_bytes()) if file.exists() else []
