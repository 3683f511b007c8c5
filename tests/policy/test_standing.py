"""The highest level a runbook may exercise now, with everything that keeps it there in words."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.standing import Standing, standing
from bot.policy.situation import Demotion, Evidenced, Pause, ScopeKind
from bot.policy.track_record import Ending
from tests.policy.calm import (
    ANOTHER,
    BOB,
    CALM_POLICY,
    NOW,
    RUNBOOK,
    calm_policy,
    passed_gates,
    past_case,
    pause,
    sealed_evidenced,
)

HOUR = timedelta(hours=1)


def policy(level: str = "L3", **document: Any) -> Policy:
    return calm_policy({"authors": [BOB], "level": level}, **document)


def stands(
    written: Policy | None = None, held: Evidenced | None = None, *pauses: Pause, version: int | None = 1
) -> Standing:
    written = written or policy()
    return standing(written, RUNBOOK, held or sealed_evidenced(written), pauses, NOW, version=version)


def freeze(**changes: Any) -> dict[str, Any]:
    return {"name": "release", "from": NOW - HOUR, "until": NOW + HOUR, **changes}


def test_nothing_stands_in_the_way_of_what_was_earned() -> None:
    assert stands() == Standing(Level.L3, (), Level.L3)


def test_an_expired_gate_is_told_with_the_level_it_leaves() -> None:
    found = stands(held=sealed_evidenced(policy(), days_ago=33))
    assert (found.level, found.reasons) == (Level.L1, ("L1: the rollback verification expired 3 days ago",))


def test_what_no_evidence_can_lift_is_told_first() -> None:
    found = stands(policy("L1"), Evidenced())
    assert found.level is Level.L1
    assert found.reasons[0] == "L1: the policy says L1"
    assert found.reasons[1].startswith("L1: not passed yet: staging dry run, ")
    assert stands(policy("L2")).reasons == ("L2: the policy says L2",)
    assert stands(policy(levels={"highest": "L2"})).reasons == ("L2: this organisation operates at L2 at most",)


def test_a_demotion_is_told_whether_or_not_a_row_says_it() -> None:
    row = Demotion(level=Level.L1, reason="the review of INC-7 is overdue", at=NOW, cause="overdue:a7")
    held = sealed_evidenced(policy()).model_copy(
        update={"demotions": (row,), "cases": (past_case(7, review_due=NOW), past_case(3, Ending.UNKNOWN))}
    )
    assert stands(held=held).reasons == (
        "L1: demoted to L1: the review of INC-7 is overdue",
        "L1: demoted to L1: nobody knows how it ended in INC-3",
    )
    without = Demotion(level=Level.L0, at=NOW)
    assert stands(held=held.model_copy(update={"demotions": (without,)})).reasons[0] == "L0: demoted to L0"
    no_cap = Demotion(level=Level.L3, at=NOW)
    assert stands(held=sealed_evidenced(policy()).model_copy(update={"demotions": (no_cap,)})).reasons == ()


@pytest.mark.parametrize(
    ("control", "told"),
    [
        (pause(), ("L0: everything is paused: deploying",)),
        (pause(ScopeKind.RUNBOOK, RUNBOOK), (f"L0: runbook {RUNBOOK} is paused: deploying",)),
        (pause().model_copy(update={"reason": ""}), ("L0: everything is paused",)),
        (pause(until=NOW), ()),
        (pause(ScopeKind.RUNBOOK, ANOTHER), ()),
        (pause(ScopeKind.SERVICE, "checkout"), ()),
        (pause(ScopeKind.TARGET, "supervisor:web0"), ()),
    ],
)
def test_what_is_paused_wherever_it_applies_leaves_nothing(control: Pause, told: tuple[str, ...]) -> None:
    assert stands(None, None, control).reasons == told


@pytest.mark.parametrize(
    ("frozen", "told"),
    [
        (freeze(), ("L0: the freeze release lasts until 2026-11-23 13:00 UTC",)),
        (freeze(services=["checkout"]), ()),
        (freeze(until=NOW), ()),
        (freeze(**{"from": NOW + HOUR / 2}), ()),
    ],
)
def test_what_is_frozen_wherever_it_applies_leaves_nothing(frozen: dict[str, Any], told: tuple[str, ...]) -> None:
    assert stands(policy(freezes=[frozen])).reasons == told


def test_a_service_that_has_changed_is_told_apart_and_lowers_nothing_elsewhere() -> None:
    services = {**CALM_POLICY["services"], "orders": {"fleet": 9}, "search": {}}
    found = stands(policy(services=services), sealed_evidenced(policy()))
    assert found.level is Level.L3
    assert found.reasons == (
        "L1 for orders: every gate is void: service orders changed (fleet: 3 -> 9)",
        "L1 for search: every gate is void: service search came later",
    )
    expired = stands(policy(services=services), sealed_evidenced(policy(), days_ago=40))
    assert expired.reasons == ("L1: the rollback verification expired 10 days ago",), "nothing is lost there alone"


def test_a_service_whose_entry_was_another_once_and_is_again_as_it_was_tested_is_fine() -> None:
    other = policy(services={**CALM_POLICY["services"], "orders": {"fleet": 9}})
    old, new = sealed_evidenced(other, days_ago=5), sealed_evidenced(policy())
    both = Evidenced(gates=(*old.gates, *new.gates), seals={**old.seals, **new.seals})
    assert stands(held=both) == Standing(Level.L3, (), Level.L3)


@pytest.mark.parametrize("version", [2, None])
def test_another_version_of_the_remediation_or_one_that_nobody_knows_has_earned_nothing(version: int | None) -> None:
    found = stands(version=version)
    assert found.level is Level.L1
    assert "the remediation changed (version: 1 -> " in found.reasons[0]


LEVELS = [str(level) for level in Level]


@pytest.mark.parametrize(("written", "highest"), list(product(LEVELS, LEVELS)))
def test_the_level_is_the_least_of_all_and_the_strictest_cap_comes_first(written: str, highest: str) -> None:
    whole = policy(written, levels={"highest": highest})
    demotions = [(), *(((Demotion(level=level, at=NOW)),) for level in Level)]
    for rows, demoted, paused in product((True, False), demotions, ((), (pause(),))):
        held = Evidenced(gates=passed_gates(whole) if rows else (), demotions=demoted)
        found = standing(whole, RUNBOOK, held, paused, NOW, version=1)
        least = min(
            Level[written],
            Level[highest],
            Level.L3 if rows else Level.L1,
            *(row.level for row in demoted),
            *(Level.L0 for _ in paused),
        )
        assert found.level is least
        assert [cap.level for cap in found.caps] == sorted(cap.level for cap in found.caps)
        assert not found.caps or found.caps[0].level is least
        assert all(cap.why for cap in found.caps)


@pytest.mark.parametrize(
    ("days_ago", "told"),
    [
        (22, ""),
        (23, "the rollback verification expires in 7 days"),
        (28, "the rollback verification expires in 2 days"),
        (31, ""),
    ],
)
def test_a_licence_whose_end_is_near_says_which_gate_ends_it_and_when(days_ago: int, told: str) -> None:
    assert stands(held=sealed_evidenced(policy(), days_ago=days_ago)).expiring == told


def test_gates_that_end_together_are_told_together_the_nearest_end_first() -> None:
    alike = policy(gates={"expire": {"rollback_verification": "9d", "others": "9d"}})
    assert stands(alike, sealed_evidenced(alike, days_ago=4)).expiring == "every gate expires in 5 days"
    apart = policy(gates={"expire": {"rollback_verification": "9d", "others": "8d"}})
    assert stands(apart, sealed_evidenced(apart, days_ago=4)).expiring == (
        "the staging dry run, the chaos test, the failure simulation and the human sign-off expire in 4 days; "
        "the rollback verification expires in 5 days"
    )


def test_the_end_of_a_gate_is_that_of_its_row_which_counts_longest() -> None:
    old, new = sealed_evidenced(policy(), days_ago=28), sealed_evidenced(policy(), days_ago=1)
    assert stands(held=Evidenced(gates=(*new.gates, *old.gates), seals=new.seals)).expiring == ""


def test_what_was_earned_is_told_apart_from_what_is_paused_and_written() -> None:
    assert stands(policy("L1"), None, pause()).earned is Level.L3
    assert stands(held=Evidenced()).earned is Level.L1
