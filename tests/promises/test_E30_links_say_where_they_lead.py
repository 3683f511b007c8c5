"""Point 30: whoever is about to follow a link that came with an alert sees first where it leads."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.response.model.incidents import Alert
from bot.response.model.notices import CardNotice, Link
from bot.slack.cards import render
from bot.slack.text import HOST_SHOWN, web_address, with_host
from tests.promises.incoming import alert, card, decided, policy_with, send
from tests.response.world import world
from tests.slack.notices import card as any_card

OURS = "https://docs.example/runbooks/lamp"
THEIRS = "https://docs.example.evil.example/runbooks/lamp"
GRAPH = "https://prometheus.example:9090/graph?g0.expr=up"


def drawn(notice: CardNotice) -> str:
    return str(render(notice, 1).blocks)


def offered(url: str) -> str:
    """How a card offers this address of an alert, or that it does not."""
    return drawn(any_card(links=(Link(label="Graph", url=url),)))


def from_monitor(**annotations: str) -> Alert:
    sent = replace(alert(), generator_url=GRAPH)
    return replace(sent, facts=sent.facts.model_copy(update={"annotations": annotations}))


@pytest.mark.parametrize(
    ("written", "said"),
    [(None, f"<{THEIRS}|Runbook (docs.example.evil.example)>"), (OURS, f"<{OURS}|Runbook>")],
)
async def test_a_runbook_that_an_alert_names_shows_its_host_and_one_that_the_policy_names_does_not(
    tmp_path: Path, written: str | None, said: str
) -> None:
    async with world(tmp_path, policy_with(runbook={"runbook_url": written})) as here:
        await send(here, from_monitor(runbook_url=THEIRS))
        await decided(here)
        assert said in drawn(card(here))
        assert f"<{GRAPH}|Graph (prometheus.example:9090)>" in drawn(card(here))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://grafana.example.evil.example/", "grafana.example.evil.example"),
        ("https://gr\u0430fana.example/", "xn--grfana-4nf.example"),
        ("https://b\u00fccher.example:8443/a", "xn--bcher-kva.example:8443"),
        ("https://grafana\uff0eexample/", "grafana.example"),
        ("HTTPS://Grafana.Example:3000", "grafana.example:3000"),
        ("https://evil.example?grafana.example", "evil.example"),
        ("https://evil.example#@grafana.example", "evil.example"),
        ("https://grafana.example\u2044.evil.example/", "grafana.xn--example-7d7c.evil.example"),
        ("http://[::1]:9090/graph", "[::1]:9090"),
        ("http://2130706433/", "2130706433"),
    ],
)
def test_the_host_is_shown_as_it_is_asked_for(url: str, host: str) -> None:
    assert f"|Graph ({host})>" in offered(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://grafana.example@evil.example/",
        "https://grafana.example:443@evil.example/",
        "https://@evil.example/",
        "https://grafana.example\\@evil.example/",
        "https://grafana.example%2f@evil.example/",
        "https://grafana.example%2eevil.example/",
        "https://grafana.example .evil.example/",
        "https://grafana.example\uff0f.evil.example/",
        "https://grafana.example\u200b.evil.example/",
        "https://grafana.example:99999/",
        "https://grafana.example:port/",
        "https:///grafana.example",
        "//grafana.example/",
        "grafana.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "slack://open?team=T1",
        "ftp://grafana.example/",
        "http://[::1",
        "https://(grafana.example)/",
        "",
    ],
)
def test_what_could_be_read_as_another_host_is_no_link(url: str) -> None:
    assert web_address(url) is None
    assert "Graph (no usable link)" in offered(url)


def test_of_a_long_host_the_end_is_shown_which_says_whose_it_is() -> None:
    url = web_address(f"https://grafana.example.{'a' * 60}.{'b' * 60}.evil.example/")
    assert url is not None
    shown = with_host("Runbook", url)
    assert shown.startswith("Runbook (…")
    assert shown.endswith("b.evil.example)")
    assert len(shown) == len("Runbook ()") + HOST_SHOWN


@given(
    st.lists(
        st.sampled_from(
            [
                "https://",
                "grafana.example",
                "evil.example",
                "@",
                ":",
                "8",
                "/",
                "?",
                "#",
                "\\",
                "\u0430",
                "%40",
                "[",
                "]",
                ".",
            ]
        )
        | st.characters(),
        max_size=12,
    ).map("".join)
)
def test_whatever_is_offered_is_what_is_shown(url: str) -> None:
    address = web_address(f"https://{url}")
    if address is not None:
        asked = re.match(r"https?://([^/?#]*)", address)
        assert asked is not None
        assert with_host("Graph", address) in (f"Graph ({asked[1]})", f"Graph (…{asked[1][1 - HOST_SHOWN :]})")
        assert re.fullmatch(r"[a-z0-9._:\[\]-]+", asked[1])
