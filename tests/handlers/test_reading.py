"""A body without an address: it is read by the parser whose form it has, and refused where none or two read it."""

from datetime import UTC, datetime

import pytest

from handlers.alerts import alertmanager
from handlers.alerts.reading import read_with, recognised
from handlers.alerts.source import ALERTS_MAX, ForeignWebhookError, Parsed, TooManyAlertsError, WebhookError

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
BODY = b'{"version": "4", "alerts": []}'


def of_another(document: object, now: datetime) -> Parsed:
    if not isinstance(document, dict) or "incident" not in document:
        raise WebhookError("incident: there is none; send one")
    return Parsed()


def of_anything(document: object, now: datetime) -> Parsed:
    return Parsed()


def too_deep(document: object, now: datetime) -> Parsed:
    raise RecursionError


BOTH = {alertmanager.SOURCE: alertmanager.parse, "another": of_another}


@pytest.mark.parametrize(("body", "source"), [(BODY, "alertmanager"), (b'{"incident": 1}', "another")])
def test_the_form_of_a_body_tells_its_monitor(body: bytes, source: str) -> None:
    assert recognised(body, NOW, BOTH)[0] == source


def test_what_no_parser_reads_is_refused_with_what_each_of_them_misses() -> None:
    with pytest.raises(WebhookError) as caught:
        recognised(b"{}", NOW, BOTH)
    assert str(caught.value).startswith("the body is that of no monitor known here (alertmanager, another). ")
    assert 'alertmanager: version: None is not supported; send webhook version "4"' in str(caught.value)
    assert "another: incident: there is none; send one" in str(caught.value)


def test_what_is_known_not_to_be_read_here_has_its_own_remedy_and_no_other() -> None:
    with pytest.raises(ForeignWebhookError) as caught:
        recognised(b'{"version": "1", "alerts": []}', NOW, BOTH)
    assert str(caught.value).startswith("version: '1' is Grafana's own webhook. It is not read here: give the contact")
    assert "another" not in str(caught.value)


def test_what_two_parsers_read_is_not_guessed_at() -> None:
    with pytest.raises(WebhookError, match="may be of alertmanager or of anything; say of which"):
        recognised(BODY, NOW, {alertmanager.SOURCE: alertmanager.parse, "anything": of_anything})


def test_too_many_alerts_are_told_as_such() -> None:
    body = b'{"version": "4", "alerts": [' + b"{}," * ALERTS_MAX + b"{}]}"
    with pytest.raises(TooManyAlertsError, match="at most"):
        recognised(body, NOW, BOTH)


@pytest.mark.parametrize("body", [b"[" * 200_000, BODY])
def test_what_is_nested_too_deeply_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookError, match="nested too deeply"):
        recognised(body, NOW, {"deep": too_deep})
    with pytest.raises(WebhookError, match="nested too deeply"):
        read_with(too_deep, body, NOW)


def test_an_alert_is_the_same_by_either_way() -> None:
    named = read_with(alertmanager.parse, BODY, NOW)
    assert recognised(BODY, NOW) == (alertmanager.SOURCE, named)
