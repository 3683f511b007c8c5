"""CEL is type-checked at load, and only a real true counts at run time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.conditions import (
    FOR_ALERTS,
    FOR_CONDITIONS,
    ConditionError,
    Vocabulary,
    alert_variables,
    compiled,
    constant,
    errors_in,
    evaluate,
)
from bot.policy.file.document import Policy
from bot.policy.rules.matching import candidates, match
from tests.policy.calm import CALM_RUNBOOK, calm_alert, calm_policy


@pytest.mark.parametrize(
    ("expression", "vocabulary", "line", "column", "message", "remedy"),
    [
        ("alert.nam == 'x'", FOR_ALERTS, 1, 1, "unknown name alert.nam", "did you mean alert.name?"),
        ("alert.name == 'x' && hour > 3", FOR_ALERTS, 1, 22, "unknown name hour", "known here: alert.name, "),
        ("hour > 3 &&\n  weekdy == 'monday'", FOR_CONDITIONS, 2, 3, "unknown name weekdy", "did you mean weekday?"),
        ("confidence > 1", FOR_CONDITIONS, 1, 12, "no matching overload", "double as 0.8"),
        ("hour = 3", FOR_CONDITIONS, 1, 6, "a single = is not CEL", "write =="),
        ("hour > 3 and hour < 5", FOR_CONDITIONS, 1, 10, "mismatched input 'and'", "&& || !"),
        ("hour >", FOR_CONDITIONS, 1, 7, "mismatched input '<EOF>'", "&& || !"),
        ("", FOR_CONDITIONS, 1, 1, "mismatched input '<EOF>'", "&& || !"),
        ("alert.name", FOR_ALERTS, 1, 1, "of type string, not bool", "compare it"),
        ("dyn(true)", FOR_ALERTS, 1, 1, "of type dyn, not bool", "compare it"),
        ("'\ud800' == alert.name", FOR_ALERTS, 1, 1, "not a CEL expression", "more simply"),
        ("(" * 300 + "true" + ")" * 300, FOR_ALERTS, 1, 1, "recursion limit", "more simply"),
    ],
)
def test_an_unusable_expression_names_place_and_remedy(
    expression: str, vocabulary: Vocabulary, line: int, column: int, message: str, remedy: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        compiled(expression, vocabulary)
    error = caught.value
    assert (error.line, error.column) == (line, column)
    assert message in error.message
    assert remedy in error.remedy
    assert evaluate(expression, {}, vocabulary).holds is None


def test_every_type_error_of_an_expression_is_found_at_once() -> None:
    found = errors_in("alert.nam == 'x' && hour > 3", FOR_ALERTS)
    assert [(error.column, error.message) for error in found] == [
        (1, "unknown name alert.nam"),
        (21, "unknown name hour"),
    ]
    assert errors_in("alert.name == 'x'", FOR_ALERTS) == ()
    assert len(errors_in("alert.name", FOR_ALERTS)) == 1
    assert len(errors_in("hour = 3", FOR_CONDITIONS)) == 1


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("alert.name == 'ServiceDown'", True),
        ("alert.name == 'Other'", False),
        ("alert.labels.region == 'eu'", True),
        ("alert.labels['region'].startsWith('e')", True),
        ("'team' in alert.labels", False),
        ("alert.labels.team == 'x'", None),
        ("alert.labels.team != 'x'", None),
        ("!(alert.labels.team == 'x')", None),
        ("alert.labels.team == 'x' || true", True),
        ("1 / 0 == 1", None),
        ("alert.name.matches('(')", None),
        ("alert.severity == 'critical' && alert.service == 'checkout' && alert.source == 'alertmanager'", True),
    ],
)
def test_what_cannot_be_evaluated_is_undetermined(expression: str, holds: bool | None) -> None:
    answer = evaluate(expression, alert_variables(calm_alert()), FOR_ALERTS)
    assert answer.holds is holds
    assert answer.text.startswith("undetermined: ") == (holds is None)


@pytest.mark.parametrize("wrong", ["nine", None, 1.5, 2**70, {}])
def test_a_value_of_the_wrong_type_is_undetermined(wrong: Any) -> None:
    assert evaluate("hour >= 0", {"hour": wrong}, FOR_CONDITIONS).holds is None


def test_a_missing_value_is_undetermined() -> None:
    assert evaluate("hour >= 0", {}, FOR_CONDITIONS).holds is None


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_no_alert_text_can_break_evaluation(name: str, labels: dict[str, str]) -> None:
    variables = alert_variables(calm_alert(name=name, labels=labels))
    assert evaluate("alert.name == alert.name && size(alert.labels) >= 0", variables, FOR_ALERTS).holds is True


def test_a_hidden_end_of_text_makes_no_two_texts_equal() -> None:
    hostile = calm_alert(name="ServiceDown\0or not", labels={"region": "eu\0", "team\0x": "sre"})
    for expression in ("alert.name == 'ServiceDown'", "alert.labels.region == 'eu'", "'team' in alert.labels"):
        assert evaluate(expression, alert_variables(hostile), FOR_ALERTS).holds is False


@given(st.text(), st.text())
def test_texts_are_equal_to_themselves_only(one: str, other: str) -> None:
    variables = alert_variables(calm_alert(name=one, service=other))
    readable = one.replace("\0", "\ufffd") == other.replace("\0", "\ufffd")
    assert evaluate("alert.name == alert.service", variables, FOR_ALERTS).holds is readable


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("true", True),
        ("1 == 2", False),
        ("true || alert.name == 'x'", True),
        ("false && alert.name == 'x'", False),
        ("alert.name == 'x'", None),
    ],
)
def test_an_expression_that_asks_nothing_is_constant(expression: str, value: bool | None) -> None:
    assert constant(expression, FOR_ALERTS) is value


def runbooks(**whens: str) -> Policy:
    return Policy.model_validate(
        calm_policy().model_dump(by_alias=True)
        | {"runbooks": {name: {**CALM_RUNBOOK, "when": when} for name, when in whens.items()}}
    )


def test_the_first_runbook_in_file_order_wins() -> None:
    policy = runbooks(other="alert.name == 'Other'", first="alert.name == 'ServiceDown'", second="true")
    found = match(policy, calm_alert())
    assert (found.runbook, found.mute, found.undetermined) == ("first", None, ())
    assert candidates(policy, calm_alert()) == ("first", "second")


def test_an_undetermined_when_never_matches_but_is_reported() -> None:
    policy = runbooks(team="alert.labels.team == 'x'", rest="true", after="alert.labels.team == 'y'")
    found = match(policy, calm_alert())
    assert found.runbook == "rest"
    assert [(each.entry, "team" in each.text) for each in found.undetermined] == [("team", True)]


def test_an_alert_the_policy_does_not_cover_matches_nothing() -> None:
    found = match(runbooks(other="alert.name == 'Other'"), calm_alert())
    assert (found.runbook, found.mute) == (None, None)


def test_a_mute_comes_before_every_runbook_and_only_when_it_is_true() -> None:
    muting = [
        {"when": "alert.labels.team == 'x'", "reason": "unsure"},
        {"when": "alert.name == 'Watchdog'", "reason": "always fires"},
    ]
    policy = runbooks(all="true").model_copy(update={"mute": calm_policy(mute=muting).mute})
    muted = match(policy, calm_alert(name="Watchdog"))
    assert muted.runbook is None
    assert muted.mute is not None
    assert muted.mute.reason == "always fires"
    found = match(policy, calm_alert())
    assert (found.runbook, found.mute) == ("all", None)
    assert [each.entry for each in found.undetermined] == ["mute: unsure"]
