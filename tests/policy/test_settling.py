"""What heals by itself needs nobody: when an incident is assessed again, and when there is nothing to say."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.policy.settling import Settled, Settling, settled
from tests.policy.calm import NOW, calm_alert

RECEIVED = NOW - timedelta(seconds=20)
SETTLE = timedelta(seconds=30)
WARNING, CRITICAL = calm_alert(severity="warning"), calm_alert(severity="critical", fingerprint="f2")


def test_an_alert_waits_until_it_could_have_healed() -> None:
    assert settled([WARNING], RECEIVED, SETTLE, NOW) == Settled(Settling.WAITS, NOW + timedelta(seconds=10))
    assert settled([WARNING], RECEIVED, timedelta(seconds=20), NOW) == Settled(Settling.FIRES_ON)


def test_what_healed_before_anybody_was_told_needs_no_word() -> None:
    assert settled([], RECEIVED, SETTLE, NOW).standing is Settling.HEALED
    assert settled([], RECEIVED, SETTLE, NOW + SETTLE).standing is Settling.HEALED
    assert settled([], RECEIVED, SETTLE, NOW, told=True).standing is Settling.FIRES_ON, "its end is news as well"


def test_nothing_waits_where_the_runbook_does_not_say_so_or_people_were_told() -> None:
    assert settled([WARNING], RECEIVED, None, NOW).standing is Settling.FIRES_ON
    assert settled([WARNING], RECEIVED, SETTLE, NOW, told=True).standing is Settling.FIRES_ON


def test_what_becomes_worse_does_not_wait_and_what_joins_alike_does() -> None:
    assert settled([WARNING, CRITICAL], RECEIVED, SETTLE, NOW, first=[WARNING]).standing is Settling.FIRES_ON
    assert settled([WARNING, CRITICAL], RECEIVED, SETTLE, NOW, first=[CRITICAL]).standing is Settling.WAITS
    unknown = calm_alert(severity="severity of nobody knows whom")
    assert settled([unknown], RECEIVED, SETTLE, NOW, first=[WARNING]).standing is Settling.FIRES_ON


@given(st.timedeltas(timedelta(0), timedelta(hours=1)), st.timedeltas(timedelta(0), timedelta(hours=2)))
def test_whoever_waits_is_assessed_again_and_is_decided_then(settle: timedelta, later: timedelta) -> None:
    found = settled([WARNING], RECEIVED, settle, RECEIVED + later)
    assert (found.due_at is None) == (found.standing is Settling.FIRES_ON)
    if found.due_at is not None:
        assert RECEIVED + later < found.due_at == RECEIVED + settle
        assert settled([WARNING], RECEIVED, settle, found.due_at).standing is Settling.FIRES_ON
