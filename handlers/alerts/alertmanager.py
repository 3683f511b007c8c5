"""Reads Alertmanager's webhook, version 4.

Written for storms: plain checks instead of a model per alert, each naming the path, the value and the remedy. One
alert that cannot be read is set aside and does not cost the others. Must not know: HTTP, storage.
"""

import json
from datetime import UTC, datetime
from typing import Any

from bot.policy.situation import AlertFacts
from bot.response.model.incidents import Alert, AlertStatus
from handlers.alerts.source import ALERTS_MAX, Parsed, TooManyAlertsError, WebhookError, shown
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
TIME_REMEDY = "write a time as RFC 3339 with its zone, such as 2026-11-23T03:32:47.878Z"

_STATUSES = {"firing": AlertStatus.FIRING, "resolved": AlertStatus.RESOLVED}


class _UnreadableAlertError(Exception):
    """One alert cannot be read; the text begins with the field's name."""


def parse(document: object, now: datetime) -> Parsed:
    """The alerts of one webhook.

    Raises:
        WebhookError: the envelope is not version 4's.
        TooManyAlertsError: more than ``ALERTS_MAX`` alerts.
    """
    if not isinstance(document, dict):
        raise WebhookError(f"the body is {shown(document)}, not a JSON object; send Alertmanager's webhook unchanged")
    version, alerts, truncated = document.get("version"), document.get("alerts"), document.get("truncatedAlerts", 0)
    if version != VERSION:
        raise WebhookError(f'version: {shown(version)} is not supported; send webhook version "{VERSION}"')
    if not isinstance(alerts, list):
        raise WebhookError(f"alerts: {shown(alerts)} is not a list; send the group's alerts as a list")
    if type(truncated) is not int or truncated < 0:
        raise WebhookError(
            f"truncatedAlerts: {shown(truncated)} is not a count; send a whole number from 0, or nothing"
        )
    if len(alerts) > ALERTS_MAX:
        raise TooManyAlertsError(
            f"alerts: {len(alerts)} alerts in one request, at most {ALERTS_MAX} are taken; "
            "set max_alerts in Alertmanager's webhook_config, or group by more labels"
        )
    parsed = Parsed(truncated=min(truncated, TRUNCATED_MAX))
    for index, raw in enumerate(alerts):
        try:
            parsed.alerts.append(_alert(raw, now))
        except _UnreadableAlertError as error:
            parsed.rejected.append(RejectedAlert(SOURCE, f"alerts[{index}]{error}", _kept(raw), now))
    return parsed


def _alert(raw: Any, now: datetime) -> Alert:
    if type(raw) is not dict:
        raise _UnreadableAlertError(f": {shown(raw)} is not an object; send each alert as an object")
    status = raw.get("status")
    known_status = _STATUSES.get(status) if type(status) is str else None
    if known_status is None:
        raise _UnreadableAlertError(f".status: {shown(status)} is not a status; send firing or resolved")
    fingerprint = raw.get("fingerprint")
    if type(fingerprint) is not str or not 0 < len(fingerprint) <= FINGERPRINT_MAX_CHARACTERS:
        raise _UnreadableAlertError(
            f".fingerprint: {shown(fingerprint)} identifies nothing; "
            f"send text of 1 to {FINGERPRINT_MAX_CHARACTERS} characters"
        )
    labels = _texts(raw.get("labels"), ".labels")
    name = labels.get("alertname")
    if not name:
        raise _UnreadableAlertError(".labels.alertname: there is none; every alert needs its rule's name")
    starts_at = _time(raw.get("startsAt"), ".startsAt")
    if starts_at is None and known_status is AlertStatus.RESOLVED:
        starts_at = UNTOLD  # its end is what counts: it ends whichever episode fires
    if starts_at is None:
        raise _UnreadableAlertError(f".startsAt: {shown(raw.get('startsAt'))} says nothing; {TIME_REMEDY}")
    generator_url = raw.get("generatorURL")
    facts = AlertFacts.model_construct(
        source=SOURCE,
        fingerprint=_encodable(fingerprint),
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
        ends_at=_time(raw.get("endsAt"), ".endsAt") if known_status is AlertStatus.RESOLVED else None,
        generator_url=_clipped(generator_url) if type(generator_url) is str else "",
        received_at=now,
    )


def _texts(raw: Any, path: str) -> dict[str, str]:
    """A mapping of bounded texts to bounded texts."""
    if type(raw) is not dict:
        raise _UnreadableAlertError(f"{path}: {shown(raw)} is not an object; send names with text values")
    if len(raw) > LABELS_MAX:
        raise _UnreadableAlertError(f"{path}: {len(raw)} of them; at most {LABELS_MAX} are taken")
    texts = {}
    for name, value in raw.items():
        if type(value) is not str:
            raise _UnreadableAlertError(f"{path}.{shown(name)}: {shown(value)} is not text; put the value in quotes")
        if len(name) > NAME_MAX_CHARACTERS:
            raise _UnreadableAlertError(
                f"{path}.{shown(name)}: the name has {len(name)} characters; at most {NAME_MAX_CHARACTERS} are taken"
            )
        texts[_encodable(name)] = _clipped(value)
    return texts


def _clipped(text: str) -> str:
    if len(text) > VALUE_MAX_CHARACTERS:
        text = f"{text[: VALUE_MAX_CHARACTERS - 1]}…"
    return _encodable(text)


def _encodable(text: str) -> str:
    r"""Without lone surrogates, which JSON can write (``\ud800``) and no database can store."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _time(raw: Any, path: str) -> datetime | None:
    """A time in UTC; None for Go's zero time, and for nothing at all."""
    if raw is None or raw == "":
        return None
    try:
        time = datetime.fromisoformat(raw)
        if time.tzinfo is None:
            raise _UnreadableAlertError(f"{path}: {shown(raw)} has no time zone; {TIME_REMEDY}")
        return None if time.year <= NEVER_YEAR else time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise _UnreadableAlertError(f"{path}: {shown(raw)} is not a time; {TIME_REMEDY}") from error


def _kept(raw: Any) -> str:
    """The alert as it came, for people to read."""
    return json.dumps(raw)[:QUARANTINED_PAYLOAD_MAX_CHARACTERS]
