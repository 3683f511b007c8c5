"""Every plan is checked in one place before anybody judges it: whoever wrote its remediation."""

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.file.document import Policy
from bot.policy.file.protected import Protected
from bot.policy.plan import Effect, Plan, Target
from bot.policy.rules.forbidden import FORBIDDEN, forbidden_in
from bot.remediation import Parameters, PermanentError, Remediation
from bot.response.assessment.plan_checks import ANY_EFFECT, UnusablePlanError, checked
from tests.policy.calm import RUNBOOK, calm_plan, calm_policy, targets


class Restart(Remediation):
    """Says what it may do, as most remediations can."""

    name: ClassVar[str] = "restart_service"
    title: ClassVar[str] = "Restart a service"
    version: ClassVar[int] = 3
    parameters: ClassVar[type[Parameters]] = Parameters
    effects: ClassVar[frozenset[Effect] | None] = frozenset({Effect.RESTART, Effect.TRAFFIC})


class Playbook(Restart):
    """Cannot know what a playbook does."""

    effects: ClassVar[frozenset[Effect] | None] = None


def check(plan: Plan, remediation: type[Any] = Restart, policy: Policy | None = None, **protected: Any) -> Plan:
    runbook = (policy or calm_policy()).runbooks[RUNBOOK]
    return checked(plan, remediation(), runbook, Protected(**protected))


def declaring(*effects: Effect) -> Policy:
    return calm_policy({"effects": [effect.value for effect in effects]})


def test_a_plan_is_sealed_with_the_version_of_its_remediation() -> None:
    assert check(calm_plan()) == calm_plan(version=3)
    assert check(calm_plan()).digest != calm_plan().digest


def test_a_plan_without_targets_is_for_the_policy_to_refuse() -> None:
    nothing = calm_plan(targets=(), effects=frozenset())
    for remediation in (Restart, Playbook):
        plan = check(nothing, remediation, declaring(Effect.BILLING))
        assert (plan.targets, plan.effects) == ((), frozenset())


# Protected


@pytest.mark.parametrize("pattern", ["supervisor:web0", "supervisor:*", "web?"])
def test_what_is_protected_is_refused_before_anything_else(pattern: str) -> None:
    bad = calm_plan(remediation="another", effects=frozenset())
    with pytest.raises(PermanentError) as caught:
        check(bad, targets=(pattern,))
    assert str(caught.value) == (
        f"web0 is protected: the policy says under protected.targets that nothing is ever done to {pattern}"
    )


def test_one_protected_target_among_many_is_enough() -> None:
    with pytest.raises(PermanentError, match="web2 is protected"):
        check(calm_plan(targets=targets(4)), targets=("*web2",))
    assert check(calm_plan(), targets=("*web2",)).targets == targets(1)


# Effects


@pytest.mark.parametrize(
    ("said", "declared", "effects"),
    [
        ({Effect.RESTART}, (), {Effect.RESTART}),
        ({Effect.RESTART}, (Effect.BILLING,), {Effect.RESTART, Effect.BILLING}),
    ],
)
def test_the_policy_may_declare_more_than_a_remediation_says(
    said: set[Effect], declared: tuple[Effect, ...], effects: set[Effect]
) -> None:
    policy = declaring(*declared) if declared else calm_policy()
    assert check(calm_plan(effects=frozenset(said)), policy=policy).effects == effects


@pytest.mark.parametrize(
    ("said", "declared", "effects"),
    [
        (set(), (), ANY_EFFECT),
        (set(), (Effect.RESTART,), {Effect.RESTART}),
        ({Effect.BILLING}, (Effect.RESTART,), {Effect.RESTART, Effect.BILLING}),
    ],
)
def test_what_a_class_cannot_know_is_anything_until_the_policy_declares_it(
    said: set[Effect], declared: tuple[Effect, ...], effects: set[Effect]
) -> None:
    policy = declaring(*declared) if declared else calm_policy()
    plan = check(calm_plan(effects=frozenset(said)), Playbook, policy)
    assert plan.effects == effects
    assert set(forbidden_in(plan)) == (set() if declared else set(FORBIDDEN) - {Effect.UNKNOWN})


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (calm_plan(effects=frozenset()), "does not say what it does: its effects are empty"),
        (calm_plan(effects=frozenset({Effect.RESTART, Effect.DISK})), "does more than it declares: disk"),
        (calm_plan(remediation="another"), "names another remediation, 'another'"),
        (calm_plan(targets=targets(1) * 2), "cannot be told apart: 'supervisor:web0', 'supervisor:web0'"),
        (calm_plan(targets=(Target(key=" ", label="x"),)), "cannot be told apart"),
    ],
)
def test_a_plan_that_cannot_be_relied_on_is_refused_by_its_remediations_name(plan: Plan, words: str) -> None:
    with pytest.raises(UnusablePlanError, match=rf"^restart_service made a plan .*{words}"):
        check(plan)


# What is stored


NOT_JSON = {
    "a set": {1, 2},
    "a tuple": (1, 2),
    "a timedelta": timedelta(seconds=1),
    "the number nan": float("nan"),
    "the number inf": float("inf"),
    "a text that is no valid Unicode": "\ud800",
    "a key that is no text": {1: "x"},
    "a bytes": b"x",
}


@pytest.mark.parametrize("what", NOT_JSON)
@pytest.mark.parametrize("where", ["parameters", "state", "becomes"])
@pytest.mark.parametrize("deep", [False, True])
def test_what_would_not_come_back_from_the_database_is_refused(what: str, where: str, deep: bool) -> None:
    value = {"x": [{"y": NOT_JSON[what]}] if deep else NOT_JSON[what]}
    target = targets(1)[0]
    plan = (
        calm_plan(parameters=value)
        if where == "parameters"
        else calm_plan(targets=(target.model_copy(update={where: value}),))
    )
    named = where if where == "parameters" else f"{where} of supervisor:web0"
    with pytest.raises(UnusablePlanError) as caught:
        check(plan)
    assert str(caught.value) == f"restart_service made a plan that cannot be stored: {named} holds {what}."


@pytest.mark.parametrize("text", ["summary", "service"])
def test_a_text_that_cannot_be_stored_is_refused_wherever_it_stands(text: str) -> None:
    with pytest.raises(UnusablePlanError, match="not the same when it is read from the database"):
        check(calm_plan(**{text: "\ud800"}))


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8"), max_size=8),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values, max_size=3))
def test_whatever_is_json_is_stored_and_keeps_its_digest(value: dict[str, Any]) -> None:
    target = targets(1)[0].model_copy(update={"state": value, "becomes": value})
    plan = check(calm_plan(parameters=value, targets=(target,)))
    assert Plan.model_validate_json(plan.model_dump_json()).digest == plan.digest
