"""What Alertmanager sends, read as alerts; and what nobody should send, refused in words."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.response.model.incidents import AlertStatus
from handlers.alerts import SOURCES, alertmanager
from handlers.alerts.alertmanager import parse
from handlers.alerts.source import ALERTS_MAX, Parsed, TooManyAlertsError, WebhookError
from tests.handlers.webhooks import CAPTURED, alert, webhook

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def rejected_reason(**changes: Any) -> str:
    """Why an alert with these fields is set aside, between two good ones that are not."""
    parsed = parse(webhook([alert("a"), alert("b", **changes), alert("c")]), NOW)
    assert [each.facts.fingerprint for each in parsed.alerts] == ["a", "c"]
    (rejected,) = parsed.rejected
    assert (rejected.source, rejected.received_at) == ("alertmanager", NOW)
    assert rejected.reason.startswith("alerts[1]")
    return rejected.reason


def test_the_captured_firing_webhook_is_read_with_every_fact() -> None:
    (read,) = parse(CAPTURED["firing"], NOW).alerts
    sent = CAPTURED["firing"]["alerts"][0]
    assert read.status is AlertStatus.FIRING
    assert read.ends_at is None  # Go's zero time
    assert read.received_at == NOW
    assert read.generator_url == sent["generatorURL"]
    assert read.facts.model_dump() == {
        "source": "alertmanager",
        "fingerprint": sent["fingerprint"],
        "name": "DbPoolExhausted",
        "severity": "critical",
        "service": "orders",
        "labels": sent["labels"],
        "annotations": sent["annotations"],
        "starts_at": datetime(2026, 11, 23, 3, 32, 47, 878000, tzinfo=UTC),
    }


def test_the_captured_resolved_webhook_says_when_it_ended() -> None:
    (read,) = parse(CAPTURED["resolved"], NOW).alerts
    assert read.status is AlertStatus.RESOLVED
    assert read.ends_at == datetime(2026, 11, 23, 3, 32, 48, 878000, tzinfo=UTC)


def test_facts_built_without_validation_are_the_ones_validation_would_build() -> None:
    (read,) = parse(CAPTURED["firing"], NOW).alerts
    assert type(read.facts).model_validate(read.facts.model_dump()) == read.facts


def test_the_number_of_truncated_alerts_is_kept() -> None:
    assert parse(webhook([alert()], truncatedAlerts=7), NOW).truncated == 7


def test_fields_of_a_later_alertmanager_are_ignored() -> None:
    parsed = parse(webhook([alert(new="thing")], brand={"new": ["thing"]}), NOW)
    assert len(parsed.alerts) == 1


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "the body is []"),
        ("x", "the body is 'x'"),
        (None, "the body is None"),
        ({}, "version: None"),
        (webhook([], version=4), "version: 4"),
        (webhook([], version="3"), "version: '3'"),
        (webhook(None), "alerts: None is not a list"),
        (webhook({"0": {}}), "alerts: {'0': {}} is not a list"),
    ],
)
def test_a_bad_envelope_is_refused_by_the_path_the_value_and_a_remedy(document: object, says: str) -> None:
    with pytest.raises(WebhookError) as refusal:
        parse(document, NOW)
    assert str(refusal.value).startswith(says)
    assert "send" in str(refusal.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "pending"}, ".status: 'pending' is not a status; send firing or resolved"),
        ({"fingerprint": "", "labels": None}, ".fingerprint: '' identifies nothing, and there are no labels"),
        ({"labels": [1]}, ".labels: [1] is not an object"),
        ({"status": ["firing"]}, ".status: ['firing'] is not a status"),
        ({"labels": {"alertname": "A", **{f"l{n}": "" for n in range(200)}}}, ".labels: 201 of them"),
        ({"labels": {"alertname": "A", "n" * 300: ""}}, ".labels.'nnn"),
        ({"annotations": "x"}, ".annotations: 'x' is not an object"),
    ],
)
def test_one_bad_alert_is_set_aside_and_the_others_are_kept(changes: dict[str, Any], says: str) -> None:
    assert rejected_reason(**changes).removeprefix("alerts[1]").startswith(says)


@pytest.mark.parametrize("raw", [None, 7, "alert", [], True])
def test_an_alert_that_is_no_object_is_set_aside(raw: object) -> None:
    parsed = parse(webhook([raw, alert()]), NOW)
    assert len(parsed.alerts) == 1
    assert parsed.rejected[0].reason.startswith(f"alerts[0]: {raw!r} is not an object")
    assert parsed.rejected[0].payload == json.dumps(raw)


def test_the_quarantined_payload_is_what_came_but_bounded() -> None:
    (rejected,) = parse(webhook([alert(status="?", annotations={"a": "y" * 100_000})]), NOW).rejected
    assert rejected.payload.startswith('{"status": "?"')
    assert len(rejected.payload) == alertmanager.QUARANTINED_PAYLOAD_MAX_CHARACTERS


def test_huge_values_are_cut_and_end_in_an_ellipsis() -> None:
    (read,) = parse(webhook([alert(annotations={"summary": "y" * 1_000_000})]), NOW).alerts
    summary = read.facts.annotations["summary"]
    assert len(summary) == alertmanager.VALUE_MAX_CHARACTERS
    assert summary.endswith("y…")


def test_lone_surrogates_become_something_a_database_can_store() -> None:
    broken = json.loads(r'"a\ud800b"')
    (read,) = parse(
        webhook([alert(broken, labels={"alertname": broken, broken: broken}, generatorURL=broken)]), NOW
    ).alerts
    assert read.facts.name == read.facts.fingerprint == read.generator_url == "a?b"
    assert read.facts.labels == {"alertname": "a?b", "a?b": "a?b"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23T03:32:47.878Z", datetime(2026, 11, 23, 3, 32, 47, 878000, tzinfo=UTC)),
        ("2026-11-23T03:32:47.878123456Z", datetime(2026, 11, 23, 3, 32, 47, 878123, tzinfo=UTC)),
        ("2026-11-23T05:32:47+02:00", datetime(2026, 11, 23, 3, 32, 47, tzinfo=UTC)),
        ("2026-11-23T03:32:47Z", datetime(2026, 11, 23, 3, 32, 47, tzinfo=UTC)),
    ],
)
def test_times_are_understood_in_every_form_go_writes(written: str, meant: datetime) -> None:
    (read,) = parse(webhook([alert(startsAt=written)]), NOW).alerts
    assert read.facts.starts_at == meant
    assert read.facts.starts_at.tzinfo is UTC


def test_a_firing_alert_has_no_end_whatever_it_says() -> None:
    (read,) = parse(webhook([alert(endsAt="2026-11-23T09:00:00Z")]), NOW).alerts
    assert read.ends_at is None


def test_ten_thousand_alerts_are_taken_and_one_more_is_too_many() -> None:
    one = alert()
    assert len(parse(webhook([one] * ALERTS_MAX), NOW).alerts) == ALERTS_MAX
    with pytest.raises(TooManyAlertsError, match="10001 alerts in one request, at most 10000"):
        parse(webhook([one] * (ALERTS_MAX + 1)), NOW)


def test_every_source_answers_to_its_own_name() -> None:
    assert SOURCES["alertmanager"] is parse
    assert isinstance(SOURCES["alertmanager"](webhook([]), NOW), Parsed)
