"""Names and topics of incidents' own channels: whatever the alert says, what Slack takes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.response.model.incident_channel import ChannelBrief
from bot.response.model.notices import Link
from bot.slack.channel_names import channel_name, topic
from tests.slack.harbour import DASHBOARD


def brief(service: str = "checkout", severity: str = "critical", name: str = "inc-{number}-{service}") -> ChannelBrief:
    return ChannelBrief(
        number=7,
        service=service,
        severity=severity,
        alert_name="ServiceDown",
        summary="it does not answer",
        name=name,
        invite=(),
        links=(Link(label="Dashboard", url=DASHBOARD),),
    )


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("checkout", "inc-7-checkout"),
        ("Check Out/EU", "inc-7-check-out-eu"),
        ("Übergröße", "inc-7-ubergroe"),
        ("#general <!channel>", "inc-7-general-channel"),
        ("結帳", "inc-7"),
        ("--__--", "inc-7"),
        ("", "inc-7"),
    ],
)
def test_a_name_is_made_of_what_slack_allows(service: str, name: str) -> None:
    assert channel_name(brief(service)) == name


@settings(deadline=None, max_examples=200)
@given(
    st.text(max_size=300),
    st.text(max_size=60),
    st.sampled_from(["inc-{number}-{service}", "{service}{number}", "{severity}-{service}-{number}-x", "{number}"]),
    st.integers(0, 20),
)
def test_any_service_gives_a_name_that_slack_takes_and_that_holds_the_number(
    service: str, severity: str, pattern: str, attempt: int
) -> None:
    name = channel_name(brief(service, severity, pattern), attempt)
    assert re.fullmatch(r"[a-z0-9_-]{1,80}", name)
    assert "7" in name
    assert re.search(r"[a-z0-9]", name)


def test_a_long_service_is_cut_and_never_the_number() -> None:
    assert channel_name(brief("x" * 300, name="{service}-{number}"), 19).endswith("-7-20")
    assert len(channel_name(brief("x" * 300), 20)) <= 80


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_gives_a_topic_within_slacks_limit_and_without_markup(service: str, summary: str) -> None:
    said = topic(brief(service).model_copy(update={"summary": f"<!channel> {summary}"}))
    assert len(said.encode("utf-16-le")) // 2 <= 250
    assert "<" not in said
