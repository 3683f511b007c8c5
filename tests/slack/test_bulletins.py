"""Messages of their own about what belongs to no incident: as agreed, within limits, never with foreign markup."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.response.model.bulletins import BulletinNotice
from bot.slack.cards import render
from bot.slack.cards.bulletin import LINES_SHOWN
from bot.slack.limits import check_card
from tests.slack.conftest import Golden
from tests.slack.notices import ALICE, BOB, OPENED

HASH = "3f0c9b1de7a8425f6c1d0e9b8a7f6e5d4c3b2a190817263544536271809fa6be"
BULLETINS = {
    "bulletin_unreadable": BulletinNotice(
        incident="what cannot be read",
        channel="C01INC",
        title="412 signals of a monitor could not be read as an alert",
        lines=(
            "What was to be said by it is not known here, and nothing acts on it: please check the monitor.",
            "• alertmanager, 408 times: an alert.status: 'pending' is not a status; send firing or resolved",
            "• alertmanager, 3 times: version: '1' is Grafana's own webhook. It is not read here: give the contact "
            "point in Grafana the integration Alertmanager with the address of a Prometheus Alertmanager, and let a "
            "webhook_config of that send to this address",
            "• nagios: no monitor 'nagios' is known here; there is /alerts/alertmanager",
        ),
        warns=True,
        to=(ALICE, BOB),
        at=OPENED,
    ),
    "bulletin_record": BulletinNotice(
        incident="the audit record",
        channel="C02AUD",
        title="The audit record on 2026-11-24",
        lines=(
            "New since 2026-11-23 00:00 UTC: 31 alert.received, 12 decision.made, 9 incident.opened.",
            f"Number 4711, count 4711, hash {HASH}",
            "Keep this message: with it, nobody can cut the record off before this number, or write it anew.",
        ),
        command=f"watchkeeper audit verify --anchor 4711:{HASH}",
        at=OPENED,
    ),
}
ANY = st.lists(
    st.one_of(st.sampled_from(["<!channel>", "&" * 90, "<https://evil|x>", "\n> ", "`", "*", "🔴" * 40]), st.text()),
    max_size=30,
).map("".join)


@pytest.mark.parametrize("name", BULLETINS)
def test_a_bulletin_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    message = render(BULLETINS[name], 41)
    check_card(message.blocks, message.text)
    golden(name, {"text": message.text, "blocks": message.blocks, "metadata": message.metadata})


def test_as_much_as_is_ever_told_is_shown_and_its_end_as_well() -> None:
    full = BULLETINS["bulletin_unreadable"].model_copy(update={"lines": ("<&>" * 300,) * LINES_SHOWN})
    message = render(full, 41)
    check_card(message.blocks, message.text)
    assert f"<@{ALICE}>" in str(message.blocks[:-1])


@settings(deadline=None, max_examples=60)
@given(st.lists(ANY, max_size=14), ANY)
def test_any_text_gives_a_bulletin_that_slack_takes_and_no_markup_of_its_own(said: list[str], title: str) -> None:
    changes = {"lines": tuple(said), "title": f"<!channel>{title}"}
    message = render(BULLETINS["bulletin_unreadable"].model_copy(update=changes), 41)
    check_card(message.blocks, message.text)
    ours = re.sub(r"<!date\^\d+\^[^<>|]*\|[^<>]*>|<@U\w+>", "", f"{message.text} {message.blocks}")
    assert "<" not in ours
