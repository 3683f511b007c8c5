"""What makes two deliveries the same deed, and two deeds different ones."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.slack.arrival import Arrived, Kind, recognise

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CLICK: dict[str, Any] = {
    "type": "block_actions",
    "token": "verification",
    "user": {"id": "U01ALICE"},
    "trigger_id": "11.22.aa",
    "channel": {"id": "C01INC"},
    "message": {"ts": "1.2", "thread_ts": "1.1"},
    "response_url": "http://127.0.0.1/response/x",
    "actions": [{"action_id": "approve", "value": "a1.1", "action_ts": "5.5"}],
}
COMMAND: dict[str, Any] = {"command": "/watch", "text": "status", "user_id": "U01ALICE", "trigger_id": "33.44.bb"}
MODAL: dict[str, Any] = {
    "type": "view_submission",
    "user": {"id": "U01ALICE"},
    "trigger_id": "55.66.cc",
    "view": {"id": "V1", "callback_id": "pause", "state": {"values": {"reason": {"reason": {"value": "x"}}}}},
}
EVENT: dict[str, Any] = {
    "type": "event_callback",
    "event_id": "Ev1",
    "event": {"type": "app_home_opened", "user": "U1"},
}
MENTION: dict[str, Any] = {
    "type": "event_callback",
    "event_id": "Ev2",
    "event": {"type": "app_mention", "user": "U1", "channel": "C1", "ts": "7.7"},
}
SHORTCUT: dict[str, Any] = {
    "type": "shortcut",
    "callback_id": "pause_all",
    "user": {"id": "U1"},
    "trigger_id": "77.88.dd",
}


def arrived(body: dict[str, Any]) -> Arrived:
    found = recognise(body, NOW)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("body", "kind", "name", "person"),
    [
        (CLICK, Kind.BUTTON, "approve", "U01ALICE"),
        (COMMAND, Kind.COMMAND, "/watch", "U01ALICE"),
        (MODAL, Kind.MODAL, "pause", "U01ALICE"),
        (EVENT, Kind.EVENT, "app_home_opened", "U1"),
        (MENTION, Kind.EVENT, "app_mention", "U1"),
        (SHORTCUT, Kind.SHORTCUT, "pause_all", "U1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_is_recognised(body: dict[str, Any], kind: Kind, name: str, person: str) -> None:
    found = arrived(body)
    assert (found.kind, found.name, found.person) == (kind, name, person)
    assert found.key.startswith(f"{kind}:")
    assert arrived(dict(body)).key == found.key  # delivered again


def test_where_it_was_done_is_known() -> None:
    found = arrived(CLICK)
    assert (found.channel, found.thread_ts) == ("C01INC", "1.1")
    assert found.response_url == "http://127.0.0.1/response/x"


def test_slacks_verification_token_is_not_kept() -> None:
    assert "token" not in arrived(CLICK).body


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CLICK, CLICK | {"trigger_id": "11.22.ab"}),
        (CLICK, CLICK | {"actions": [{"action_id": "approve", "action_ts": "5.6"}]}),
        (COMMAND, COMMAND | {"trigger_id": "33.44.bc"}),
        (MODAL, MODAL | {"view": {**MODAL["view"], "id": "V2"}}),
        (MODAL, MODAL | {"view": {**MODAL["view"], "state": {"values": {}}}}),
        (EVENT, EVENT | {"event_id": "Ev3"}),
        (SHORTCUT, SHORTCUT | {"trigger_id": "77.88.de"}),
    ],
)
def test_two_deeds_have_two_keys(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert arrived(first).key != arrived(second).key


def test_a_modal_that_is_sent_again_after_a_time_out_is_the_same_deed() -> None:
    assert arrived(MODAL | {"trigger_id": "99.99.zz"}).key == arrived(MODAL).key


def test_a_message_that_is_told_of_twice_under_two_event_ids_is_the_same_deed() -> None:
    assert arrived(MENTION | {"event_id": "Ev9"}).key == arrived(MENTION).key


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from([CLICK, COMMAND, MODAL, EVENT, MENTION, SHORTCUT]), st.data())
def test_a_payload_of_any_form_is_recognised_or_not_but_never_an_error(
    body: dict[str, Any], data: st.DataObject
) -> None:
    twisted = {**body, data.draw(st.sampled_from(sorted(body))): data.draw(JSON)}
    found = recognise(twisted, NOW)
    if found is not None:
        assert isinstance(found.person + found.channel + found.thread_ts + found.trigger_id + found.response_url, str)
        assert 0 < len(found.name) <= 255
        assert recognise(found.body, NOW) == found  # as it is read back from the database


@given(JSON)
def test_what_no_person_did_is_nothing(body: object) -> None:
    assert recognise(body, NOW) is None


def test_a_click_on_the_card_is_answered_in_the_channel_and_one_in_its_thread_in_the_thread() -> None:
    on_the_card = CLICK | {"message": {"ts": "1.1", "thread_ts": "1.1"}}
    assert arrived(on_the_card).thread_ts == "", "or the answer would hide in a thread that is not open"
    assert arrived(CLICK).thread_ts == "1.1"
