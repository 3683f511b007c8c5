"""Gates that are lost by their age alone, each with a key of its own for every time that it was passed."""

from datetime import timedelta

from bot.policy.file.document import Policy
from bot.policy.rules.licence import expirations
from bot.policy.rules.seal import seal_of
from bot.policy.situation import Evidenced, Gate
from tests.policy.calm import ALICE, CAROL, NOW, RUNBOOK, calm_policy, sealed_evidenced


def policy(**runbook: object) -> Policy:
    return calm_policy({"authors": [ALICE], **runbook})


def found(held: Evidenced, written: Policy, days: float = 0) -> list[tuple[str, str]]:
    seal = seal_of(written, RUNBOOK, 1)
    dues = expirations(held, written, RUNBOOK, seal, NOW + timedelta(days=days))
    return [(due.key, due.reason) for due in dues]


def test_each_gate_that_has_expired_is_named_with_when() -> None:
    written = policy()
    held = sealed_evidenced(written, days_ago=30)
    passed_at = NOW - timedelta(days=30)
    assert found(held, written) == [
        (
            f"expired:rollback_verification:{passed_at.isoformat()}",
            "the rollback verification expired at 2026-11-23 12:00 UTC",
        )
    ]
    assert found(held, written, days=-1e-6) == []
    assert len(found(held, written, days=60)) == len(Gate)


def test_what_was_passed_anew_counts_by_the_pass_that_lasts_longest() -> None:
    written = policy()
    old, new = sealed_evidenced(written, days_ago=40), sealed_evidenced(written)
    both = new.model_copy(update={"gates": (*new.gates, *old.gates)})
    assert found(both, written) == []
    assert found(both, written, days=29)[0][0].endswith(new.gates[0].passed_at.isoformat())


def test_where_a_gate_is_lacking_void_or_signed_by_nobody_who_may_none_is_lost_by_its_age() -> None:
    written = policy()
    held = sealed_evidenced(written, days_ago=400)
    assert len(found(held, written)) == len(Gate)
    fewer = tuple(row for row in held.gates if row.gate is not Gate.CHAOS_TEST)
    assert found(held.model_copy(update={"gates": fewer}), written) == []
    assert found(held, policy(veto_window="31s")) == []
    assert found(sealed_evidenced(written, by=ALICE, days_ago=400), written) == []
    assert found(sealed_evidenced(calm_policy(), by=CAROL, days_ago=400), calm_policy()) == []
