"""Gates that have become too old, and nothing else: what a runbook has lost by age is told as a demotion."""

from datetime import timedelta
from typing import Any

import pytest

from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause
from bot.policy.rules.licence import expirations, expiring, licence_of
from bot.policy.rules.seal import seal_of
from bot.policy.situation import Evidenced, Gate
from tests.policy.calm import BOB, NOW, RUNBOOK, calm_policy, sealed_evidenced

POLICY = calm_policy({"authors": [BOB]})
SEAL = seal_of(POLICY, RUNBOOK, 1)


def expired(held: Evidenced) -> list[Gate]:
    return [Gate(due.key.split(":")[1]) for due in expirations(held, POLICY, RUNBOOK, SEAL, NOW)]


def changed(held: Evidenced, gate: Gate, **changes: Any) -> Evidenced:
    rows = tuple(row.model_copy(update=changes) if row.gate is gate else row for row in held.gates)
    return held.model_copy(update={"gates": rows})


@pytest.mark.parametrize(
    ("days_ago", "gates"),
    [(29, []), (29.999, []), (30, [Gate.ROLLBACK_VERIFICATION]), (89, [Gate.ROLLBACK_VERIFICATION]), (90, [*Gate])],
)
def test_each_gate_expires_after_its_time(days_ago: float, gates: list[Gate]) -> None:
    assert expired(sealed_evidenced(POLICY, days_ago=days_ago)) == gates


def test_what_expired_is_a_cause_with_its_key_and_its_reason() -> None:
    (due,) = expirations(sealed_evidenced(POLICY, days_ago=31), POLICY, RUNBOOK, SEAL, NOW)
    assert (due.cause, due.level) == (Cause.EXPIRED, Level.L1)
    assert due.key == "expired:rollback_verification:2026-10-23T12:00:00+00:00"
    assert due.reason == "the rollback verification expired at 2026-11-22 12:00 UTC"


@pytest.mark.parametrize("gate", Gate)
def test_where_a_gate_is_lacking_for_another_reason_nothing_was_lost_by_age(gate: Gate) -> None:
    old = sealed_evidenced(POLICY, days_ago=91)
    assert expired(changed(old, gate, seal="lost")) == []
    assert expired(old.model_copy(update={"gates": tuple(row for row in old.gates if row.gate is not gate)})) == []


def test_a_sign_off_that_is_none_is_lacking() -> None:
    old = sealed_evidenced(POLICY, days_ago=31)
    for by in ("", BOB):
        assert expired(changed(old, Gate.HUMAN_SIGN_OFF, by=by)) == []


def test_of_several_rows_the_one_that_lasts_longest_tells() -> None:
    rows = [sealed_evidenced(POLICY, days_ago=days) for days in (33, 31, 40)]
    held = rows[0].model_copy(update={"gates": tuple(gate for one in rows for gate in one.gates)})
    (due,) = expirations(held, POLICY, RUNBOOK, SEAL, NOW)
    assert due.key.endswith((NOW - timedelta(days=31)).isoformat())
    fresh = sealed_evidenced(POLICY)
    assert expired(held.model_copy(update={"gates": (*held.gates, *fresh.gates)})) == []


def test_a_licence_without_any_cap_has_no_reason_for_one() -> None:
    licence = licence_of(sealed_evidenced(POLICY), POLICY, RUNBOOK, SEAL, NOW)
    assert (licence.demoted_to, licence.demotion_reason, licence.missing) == (None, "", {})


def test_the_end_that_is_near_is_told_only_where_every_gate_counts() -> None:
    near = sealed_evidenced(POLICY, days_ago=28)
    assert expiring(near, POLICY, RUNBOOK, SEAL, NOW) == "the rollback verification expires in 2 days"
    lacking = near.model_copy(update={"gates": tuple(row for row in near.gates if row.gate is not Gate.CHAOS_TEST)})
    assert expiring(lacking, POLICY, RUNBOOK, SEAL, NOW) == ""


def test_two_gates_that_end_together_expire() -> None:
    near = changed(sealed_evidenced(POLICY, days_ago=28), Gate.CHAOS_TEST, until=NOW + timedelta(days=2))
    told = "the chaos test and the rollback verification expire in 2 days"
    assert expiring(near, POLICY, RUNBOOK, SEAL, NOW) == told
