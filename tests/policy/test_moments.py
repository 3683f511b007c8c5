"""Times from anywhere can be compared: without a zone they are read as UTC, and none makes the judgement fail."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from bot.policy.decision import Verdict
from bot.policy.situation import Acted, GatePass, LedgerEntry, Memory, PastAction, Refusal, RefusalKind
from tests.policy.calm import NOW, RUNBOOK, calm_alert, calm_policy, calm_situation, pause
from tests.policy.edges import decided

NAIVE = NOW.replace(tzinfo=None)
EXTREMES = (
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
)


def test_a_time_without_a_zone_is_read_as_utc_wherever_it_stands() -> None:
    refusal = Refusal(kind=RefusalKind.STOPPED, by="U02BOB", at=NAIVE)
    entry = LedgerEntry(action_id="a1", runbook=RUNBOOK, at=NAIVE)
    past = PastAction(action_id="a1", runbook=RUNBOOK, service="checkout", outcome="failed", at=NAIVE)
    acted = Acted(action_id="a1", runbook=RUNBOOK, targets=(), at=NAIVE)
    times: list[Any] = [refusal.at, entry.at, past.at, acted.at, calm_alert(starts_at=NAIVE).starts_at]
    times += [calm_situation(now=NAIVE).now, pause(until=NAIVE).until]
    assert times == [NOW] * len(times)
    assert {time.tzinfo for time in times} == {UTC}


def test_a_situation_of_such_times_is_judged_as_any_other() -> None:
    freeze = {"name": "release", "from": NOW, "until": NOW + timedelta(hours=1)}
    assert decided(calm_policy(freezes=[freeze]), now=NAIVE).verdict is Verdict.HOLD
    assert decided(now=NAIVE, pauses=(pause(until=NAIVE + timedelta(hours=1)),)).verdict is Verdict.HOLD
    assert decided(now=NAIVE).verdict is Verdict.ACT_UNLESS_STOPPED


@pytest.mark.parametrize("moment", EXTREMES)
def test_no_time_is_so_far_off_that_it_cannot_be_judged(moment: datetime) -> None:
    firing = (calm_alert(starts_at=moment), calm_alert(fingerprint="f2"))
    memory = Memory(acted=(Acted(action_id="a1", runbook="other", targets=("elsewhere",), at=moment),))
    ledger = (LedgerEntry(action_id="a1", runbook="other", services=("orders",), at=moment),)
    decision = decided(alerts=firing, memory=memory, ledger=ledger)
    assert decision.verdict is Verdict.ACT_UNLESS_STOPPED
    row = GatePass(gate="chaos_test", digest="d", passed_at=moment, until=moment)
    assert row.until.tzinfo is not None
