"""Signed links: what they hold cannot be changed, and nobody else can make one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.second_channel.links import LinkError, LinkIntervention, Links, Offer
from tests.fixtures.database import AUDIT_KEY
from tests.fixtures.incidents import NOW

LINKS = Links(AUDIT_KEY, "https://watch.example.com/wk/")
OFFER = Offer(LinkIntervention.STOP, 7, "alice@example.com", NOW, LINKS.nonce("key", LinkIntervention.STOP))


def test_a_link_brings_back_what_it_was_made_for() -> None:
    address = LINKS.address(OFFER)
    assert address.startswith("https://watch.example.com/wk/links/")
    assert LINKS.read(address.rpartition("/")[2]) == OFFER
    assert OFFER.actor == "link:alice@example.com"


def test_nothing_that_lets_anything_run_can_be_offered() -> None:
    assert {intervention.value for intervention in LinkIntervention} == {"stop", "pause"}


@pytest.mark.parametrize(
    "changes",
    [
        {"intervention": LinkIntervention.PAUSE},
        {"incident_id": 8},
        {"recipient": "bob@example.com"},
        {"expires_at": NOW + timedelta(seconds=1)},
        {"nonce": "another"},
    ],
)
def test_nothing_in_a_link_can_be_changed(changes: dict[str, Any]) -> None:
    text, _, seal = LINKS.token(OFFER).partition(".")
    other = LINKS.token(replace(OFFER, **changes)).partition(".")[0]
    with pytest.raises(LinkError):
        LINKS.read(f"{other}.{seal}")
    assert LINKS.read(f"{text}.{seal}") == OFFER


def test_another_key_makes_no_link_of_ours_and_the_audit_key_itself_neither() -> None:
    for stranger in (Links(b"another key of some length", "https://x"), Links(AUDIT_KEY + b"0", "https://x")):
        with pytest.raises(LinkError):
            LINKS.read(stranger.token(OFFER))


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_is_typed_is_refused_in_one_way(text: str, seal: str) -> None:
    with pytest.raises(LinkError):
        LINKS.read(f"{text}.{seal}")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=0x10FFFF))
def test_one_changed_letter_breaks_the_seal(place: int, step: int) -> None:
    token = LINKS.token(OFFER)
    index = place % len(token)
    other = chr((ord(token[index]) + step) % 0x110000)
    changed = token[:index] + other + token[index + 1 :]
    if changed == token:
        return
    with pytest.raises(LinkError):
        LINKS.read(changed)


def test_a_nonce_is_the_same_again_but_for_this_message_and_intervention_only() -> None:
    nonces = {
        LINKS.nonce(key, intervention)
        for key in ("key", "other")
        for intervention in LinkIntervention
        for _ in range(2)
    }
    assert len(nonces) == 4
