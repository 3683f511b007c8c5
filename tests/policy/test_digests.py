"""Digests seal what people agreed to and what licences were earned for: they change with it, and with nothing else."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from bot.policy.file.document import Policy, Runbook
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Remaining, Rollback, Target
from bot.policy.stored import read_policy
from tests.policy.calm import CALM_POLICY, CALM_RUNBOOK, RUNBOOK, calm_plan, calm_policy

# Plans


@pytest.mark.parametrize(
    "change",
    [
        {"summary": "Something else"},
        {"parameters": {"service": "web"}},
        {"service": "orders"},
        {"targets": (Target(key="supervisor:web0", label="web0", state={"pid": 2}),)},
        {"effects": frozenset({Effect.DISK})},
        {"blast_radius": BlastRadius(targets=2, share=0.25)},
        {"rollback": Rollback(summary="The process is started again as it was.", exactness=Exactness.APPROXIMATE)},
        {"steps": ("stop", "start")},
        {"touches_service": False},
        {"version": 2},
        {"services": frozenset({"orders"})},
        {"ends_after_seconds": 60.0},
        {"limit_seconds": 60.0},
        {"step_limit_seconds": 60.0},
        {"targets": (Target(key="supervisor:web0", label="web0", becomes={"version": "2"}),)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_in_a_plan_changes_its_digest(change: dict[str, Any]) -> None:
    plan = calm_plan()
    assert plan.digest == calm_plan().digest
    assert calm_plan(**change).digest != plan.digest
    assert plan.model_copy(update=change).digest == calm_plan(**change).digest


@pytest.mark.parametrize(
    "change",
    [
        {"forecasts": {"bytes_freed": 5}},
        {"cautions": ("It was deployed ten minutes ago.",)},
        {"remaining": Remaining(healthy=3, total=4, taken=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_may_change_while_people_think_is_not_sealed(change: dict[str, Any]) -> None:
    assert calm_plan(**change).digest == calm_plan().digest


def test_a_plan_has_the_digest_it_had_before_plans_could_say_that_they_touch_no_service() -> None:
    assert calm_plan().digest == "716799ae1f9de400b40fc69af588d01bbc53d9db8c96d29719f1f07d9d3eacfa"
    assert calm_plan(touches_service=True).digest == calm_plan().digest


def test_a_plan_of_an_older_release_is_still_the_same_where_only_its_rollback_is_told_to_be_nothing_to_undo() -> None:
    before = calm_plan()
    nothing = Rollback(summary="Only memory is lost.", exactness=Exactness.NOTHING_TO_UNDO)
    assert calm_plan(rollback=nothing).digest != before.digest
    assert calm_plan(rollback=nothing).is_still(before.digest, before.rollback)
    assert not calm_plan(rollback=nothing, summary="Something else").is_still(before.digest, before.rollback)
    assert not calm_plan(rollback=nothing).is_still("", before.rollback)


@pytest.mark.parametrize("exactness", [each for each in Exactness if each is not Exactness.NOTHING_TO_UNDO])
def test_a_plan_whose_rollback_is_told_otherwise_in_any_other_way_is_another_plan(exactness: Exactness) -> None:
    before = calm_plan()
    otherwise = calm_plan(rollback=Rollback(summary="Otherwise.", exactness=exactness))
    assert not otherwise.is_still(before.digest, before.rollback)
    assert otherwise.is_still(otherwise.digest, before.rollback)


def test_a_plan_is_stored_under_the_names_it_always_had() -> None:
    plan = calm_plan()
    stored = plan.model_dump(mode="json")
    assert "way_back" in stored
    assert "rollback" not in stored
    assert Plan.model_validate(stored).digest == plan.digest


# Runbooks and policies


def entry(**changes: Any) -> Runbook:
    return calm_policy(changes).runbooks[RUNBOOK]


def test_a_runbook_is_sealed_as_it_is_written() -> None:
    assert entry().digest == entry(summary=CALM_RUNBOOK["summary"]).digest
    assert entry(summary="Another").digest != entry().digest
    assert entry(level="L2").digest != entry().digest


def test_a_licence_earned_before_entries_could_limit_a_rollback_still_stands_until_one_does() -> None:
    assert entry().digest == "b5bdc73bf5c009827ff3b492c22fd51af5fa77f2766a0ddc6e9d4bac849e8532"
    assert entry(rollback_within=None).digest == entry().digest
    assert entry(rollback_within="5m").digest != entry().digest


STAGING = {"with": {"service": "x-staging"}}


def test_a_licence_survives_what_entries_could_not_say_when_it_was_earned() -> None:
    assert (
        entry(authors=None).digest
        == entry(effects=None).digest
        == entry(verify={**CALM_RUNBOOK["verify"], "own": False}).digest
        == entry().digest
    )
    assert entry(staging=STAGING).digest == "00cc834784a0dbdd69f5f67c040999d429d569c8cc27595577f342ddc32ddc57"
    assert entry(staging={**STAGING, "inject": "kill"}).digest == entry(staging=STAGING).digest


def test_a_licence_is_earned_anew_for_what_an_entry_says_since() -> None:
    assert entry(effects=["billing"]).digest != entry().digest
    assert entry(authors=["U02BOB"]).digest != entry().digest
    assert entry(settle="30s").digest != entry().digest
    assert entry(verify={"within": "2m", "own": True}).digest != entry(verify={"within": "2m"}).digest
    assert entry(staging={**STAGING, "inject": "hang"}).digest != entry(staging=STAGING).digest


def test_a_policy_is_sealed_with_everything_it_says() -> None:
    assert calm_policy().digest == Policy.model_validate(calm_policy().model_dump(by_alias=True)).digest
    assert calm_policy(group_by=["service"]).digest != calm_policy().digest
    copied = calm_policy().model_copy(update={"group_by": ("service",)})
    assert copied.digest == calm_policy(group_by=["service"]).digest


def test_a_policy_keeps_the_digest_it_decided_under_while_it_says_nothing_that_came_later() -> None:
    nothing: dict[str, list[str]] = {"networks": [], "accounts": [], "targets": []}
    gates = {"sign_off": [], "expire": {"rollback_verification": "30d", "others": "90d"}}
    services = {name: {**entry, "leave_healthy": None} for name, entry in CALM_POLICY["services"].items()}
    silent = {"authors": None, "effects": None, "settle": None, "verify": {**CALM_RUNBOOK["verify"], "own": False}}
    said: dict[str, Any] = {
        "protected": nothing,
        "gates": gates,
        "promotion": {"cases": 20, "lower_bound": 0.8},
        "common_cause": {"incidents": 3, "within": "120s"},
    }
    found = calm_policy(silent, services=services, escalate={"cases_below": 3}, **said)
    assert found.digest == calm_policy().digest
    later = {"leave_healthy", "effects", "settle", "own", "authors", "cases_below", *said}
    assert not later & set(re.findall(r'"(\w+)":', json.dumps(calm_policy().as_written())))


@pytest.mark.parametrize(
    ("runbook", "document"),
    [
        ({}, {"protected": {"targets": ["supervisor:db"]}}),
        ({}, {"services": {"checkout": {"leave_healthy": {"count": 1}}}}),
        ({}, {"common_cause": {"incidents": 4}}),
        ({}, {"escalate": {"cases_below": 5}}),
        ({"effects": ["billing"]}, {}),
        ({"authors": ["U02BOB"]}, {}),
        ({"settle": "30s"}, {}),
        ({}, {"gates": {"sign_off": ["sre"]}}),
        ({}, {"promotion": {"cases": 21}}),
        ({"verify": {"within": "2m", "own": True}}, {}),
    ],
)
def test_what_came_later_is_sealed_as_soon_as_a_policy_says_it(
    runbook: dict[str, Any], document: dict[str, Any]
) -> None:
    says = calm_policy(runbook, **document)
    assert says.digest != calm_policy().digest
    assert read_policy(json.dumps(says.as_written()), says.digest) == says


def test_a_digest_that_was_read_does_not_stick_to_a_changed_copy() -> None:
    policy = calm_policy()
    before, runbook = policy.digest, policy.runbooks[RUNBOOK]
    assert runbook.model_copy(update={"summary": "x"}).digest != runbook.digest
    assert policy.model_copy(update={"budgets": ()}).digest != before == policy.digest
    assert policy == calm_policy()


def test_a_runbook_has_its_own_time_for_a_rollback_or_the_defaults() -> None:
    assert calm_policy({"rollback_within": "1m"}).rollback_within_of(RUNBOOK) == timedelta(minutes=1)
    defaults = {**CALM_POLICY["defaults"], "rollback_within": "7m"}
    assert calm_policy(defaults=defaults).rollback_within_of(RUNBOOK) == timedelta(minutes=7)
    assert calm_policy().rollback_within_of("nobody") == timedelta(minutes=5)
