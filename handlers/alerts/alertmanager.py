"""Reads Alertmanager's webhook, version 4.

Written for storms: plain checks instead of a model per alert, each naming the path, the value and the remedy. One
alert that cannot be read is set aside and does not cost the others; where something has a substitute that is safe (a
name, a value that is no text, a start, a fingerprint), it is taken with that. Must not know: HTTP, storage.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.policy.situation import AlertFacts
from bot.response.model.incidents import Alert, AlertStatus
from handlers.alerts.source import ALERTS_MAX, ForeignWebhookError, Parsed, TooManyAlertsError, WebhookError, shown
from storage.deliveries import RejectedAlert

SOURCE = "alertmanager"
VERSION = "4"
LABELS_MAX = 128
"""Labels, and as many annotations, of one alert."""
NAME_MAX_CHARACTERS = 256
VALUE_MAX_CHARACTERS = 4096
"""Of a label or an annotation; what is longer is cut and ends in an ellipsis."""
FINGERPRINT_MAX_CHARACTERS = 256
TRUNCATED_MAX = 1_000_000
"""Of alerts left out; a larger number says no more to anybody, and the alerts that came count."""
QUARANTINED_PAYLOAD_MAX_CHARACTERS = 20_000
UNTOLD = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for the start of an episode that a resolve does not tell."""
NEVER_YEAR = 1
"""Go's zero time, 0001-01-01T00:00:00Z: "not set"."""

GRAFANA_VERSION = "1"
GRAFANA_REMEDY = (
    "It is not read here: give the contact point in Grafana the integration Alertmanager with the address of a "
    "Prometheus Alertmanager, and let a webhook_config of that send to this address"
)
NAMELESS = "unnamed alert"
"""Stands for the name of an alert that has none: no runbook is for it, so people are called."""

_STATUSES = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}


class _UnreadableAlertError(Exception):
    """One alert, or what is said beside them, cannot be read; the text begins with the field's name."""


def parse(document: object, now: datetime) -> Parsed:
    """The alerts of one webhook.

    Raises:
        WebhookError: the envelope is not version 4's.
        ForeignWebhookError: it is Grafana's own.
        TooManyAlertsError: more than ``ALERTS_MAX`` alerts.
    """
    if not isinstance(document, dict):
        raise WebhookError(f"the body is {shown(document)}, not a JSON object; send Alertmanager's webhook unchanged")
    version, alerts = document.get("version"), document.get("alerts")
    if version == GRAFANA_VERSION and isinstance(alerts, list):
        raise ForeignWebhookError(f"version: {shown(version)} is Grafana's own webhook. {GRAFANA_REMEDY}")
    if version != VERSION:
        raise WebhookError(f'version: {shown(version)} is not supported; send webhook version "{VERSION}"')
    if not isinstance(alerts, list):
        raise WebhookError(f"alerts: {shown(alerts)} is not a list; send the group's alerts as a list")
    if len(alerts) > ALERTS_MAX:
        raise TooManyAlertsError(
            f"alerts: {len(alerts)} alerts in one request, at most {ALERTS_MAX} are taken; "
            "set max_alerts in Alertmanager's webhook_config, or group by more labels"
        )
    parsed = Parsed()
    try:
        parsed.truncated = _left_out(document.get("truncatedAlerts"))
    except _UnreadableAlertError as error:
        parsed.rejected.append(RejectedAlert(SOURCE, str(error), "", now))
    for index, raw in enumerate(alerts):
        try:
            parsed.alerts.append(_alert(raw, now))
        except _UnreadableAlertError as error:
            parsed.rejected.append(RejectedAlert(SOURCE, f"alerts[{index}]{error}", _kept(raw), now))
    return parsed


def _left_out(raw: Any) -> int:
    """How many alerts the monitor says it left out; whatever it says, those that came are taken."""
    number = int(raw[:FINGERPRINT_MAX_CHARACTERS]) if type(raw) is str and raw.isascii() and raw.isdigit() else raw
    if number is None:
        return 0
    if type(number) in (int, float) and number >= 0 and (number >= TRUNCATED_MAX or number == int(number)):
        return int(min(number, TRUNCATED_MAX))
    raise _UnreadableAlertError(
        f"truncatedAlerts: {shown(raw)} is not a count, so how many were left out is not known; "
        "send a whole number from 0, or nothing"
    )


def _alert(raw: Any, now: datetime) -> Alert:
    if type(raw) is not dict:
        raise _UnreadableAlertError(f": {shown(raw)} is not an object; send each alert as an object")
    status = raw.get("status")
    known_status = _STATUSES.get(status) if type(status) is str else None
    if known_status is None:
        raise _UnreadableAlertError(f".status: {shown(status)} is not a status; send firing or resolved")
    labels = _texts(raw.get("labels") or {}, ".labels")
    fingerprint = _fingerprint(raw.get("fingerprint"), labels)
    name = labels.get("alertname") or NAMELESS
    starts_at = _time(raw.get("startsAt"))
    # Of a resolve its end is what counts: it ends whichever episode fires. What fires has begun by now; the store takes
    # it for the episode that fires already, if one does.
    untold = starts_at is None
    if starts_at is None:
        starts_at = UNTOLD if known_status is AlertStatus.RESOLVED else now
    generator_url = raw.get("generatorURL")
    facts = AlertFacts.model_construct(
        source=SOURCE,
        fingerprint=fingerprint,
        name=name,
        severity=labels.get("severity", ""),
        service=labels.get("service", ""),
        labels=labels,
        annotations=_texts(raw.get("annotations") or {}, ".annotations"),
        starts_at=starts_at,
    )
    return Alert(
        facts=facts,
        status=known_status,
        ends_at=_time(raw.get("endsAt")) if known_status is AlertStatus.RESOLVED else None,
        generator_url=_clipped(generator_url) if type(generator_url) is str else "",
        received_at=now,
        start_untold=untold,
    )


def _fingerprint(given: Any, labels: Mapping[str, str]) -> str:
    """What tells the alert apart: as the monitor says, else by its labels, of which monitors make it too."""
    if type(given) is str and 0 < len(given) <= FINGERPRINT_MAX_CHARACTERS:
        return _encodable(given)
    if not labels:
        raise _UnreadableAlertError(
            f".fingerprint: {shown(given)} identifies nothing, and there are no labels to do so; "
            f"send text of 1 to {FINGERPRINT_MAX_CHARACTERS} characters"
        )
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:32]


def _texts(raw: Any, path: str) -> dict[str, str]:
    """A mapping of bounded texts to bounded texts."""
    if type(raw) is not dict:
        raise _UnreadableAlertError(f"{path}: {shown(raw)} is not an object; send names with text values")
    if len(raw) > LABELS_MAX:
        raise _UnreadableAlertError(f"{path}: {len(raw)} of them; at most {LABELS_MAX} are taken")
    texts = {}
    for name, value in raw.items():
        if len(name) > NAME_MAX_CHARACTERS:
            raise _UnreadableAlertError(
                f"{path}.{shown(name)}: the name has {len(name)} characters; at most {NAME_MAX_CHARACTERS} are taken"
            )
        if value is not None:
            texts[_encodable(name)] = _clipped(value if type(value) is str else json.dumps(value))
    return texts


def _clipped(text: str) -> str:
    if len(text) > VALUE_MAX_CHARACTERS:
        text = f"{text[: VALUE_MAX_CHARACTERS - 1]}…"
    return _encodable(text)


def _encodable(text: str) -> str:
    r"""Without lone surrogates, which JSON can write (``\ud800``) and no database can store."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _time(raw: Any) -> datetime | None:
    """A time in UTC; None for Go's zero time, for nothing at all, and for what says no moment."""
    if type(raw) is not str or not raw:
        return None
    try:
        time = datetime.fromisoformat(raw)
        known = time.tzinfo is not None and time.year > NEVER_YEAR
        return time.astimezone(UTC) if known else None
    except (ValueError, OverflowError):
        return None


def _kept(raw: Any) -> str:
    """The alert as it came, for people to read."""
    return json.dumps(raw)[:QUARANTINED_PAYLOAD_MAX_CHARACTERS]
