"""Point 30: a number that nobody can mean is refused where it is written, and waited for by nobody."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from slack_sdk.errors import SlackApiError

from bot.policy.file.document import Policy
from bot.policy.file.loading import check_policy
from bot.policy.file.problems import render
from bot.remediation import AGAIN_AFTER_SECONDS, AGAIN_WITHIN_SECONDS, TemporaryError
from bot.slack.posting import Limited, outcome_of
from bot.waiting import LONGEST_SECONDS, seconds_to_wait
from remediations.backends.kubernetes.errors import Said, of_status
from remediations.catalogue import backend_kinds, parameter_models
from tests.policy.small_file import GOOD, MODELS

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SAID = Said("the cluster", "list pods", changes=False, seconds=5)
NO_BOUND = {
    "too many": "1e309",
    "endless": "Infinity",
    "thirty digits": str(10**30),
    "five thousand digits": "9" * 5_000,
    "the year 9999": "Fri, 31 Dec 9999 23:59:59 GMT",
    "the year 9999 elsewhere": "Fri, 31 Dec 9999 23:59:59 -2359",
}
NOT_A_TIME = [
    "",
    "soon",
    "NaN",
    "-NaN",
    "0x10",
    "Mon, 99 Foo 2026 99:99:99 GMT",
    "2026-11-23T12:00:00Z",
    "1;2",
    "\ud800",
]


def numbers(schema: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every place in a model where a number may stand."""
    if isinstance(schema, list):
        for index, one in enumerate(schema):
            yield from numbers(one, f"{path}[{index}]")
    elif isinstance(schema, dict):
        if schema.get("type") in ("integer", "number") and not schema.keys() & {"enum", "const"}:
            yield path, schema
        for name, below in schema.items():
            yield from numbers(below, f"{path}.{name}")


def unbounded(model: type[BaseModel]) -> list[str]:
    found = numbers(model.model_json_schema(), model.__name__)
    return [path for path, schema in found if not schema.keys() & {"maximum", "exclusiveMaximum"}]


def test_no_number_of_a_policy_is_without_an_upper_bound() -> None:
    assert len(list(numbers(Policy.model_json_schema(), ""))) > 15, "these are where they are looked for"
    models: list[type[BaseModel]] = [Policy, *parameter_models().values()]
    models += [kind.settings for kind in backend_kinds().values()]
    assert [path for model in models for path in unbounded(model)] == []


class Boundless(BaseModel):
    times: int = 1
    deep: dict[str, tuple[float | None, ...]] = {}


def test_one_that_is_would_be_found() -> None:
    assert len(unbounded(Boundless)) == 2


@pytest.mark.parametrize(
    ("lines", "field", "limit"),
    [
        ("budgets: [{scope: all, actions: HUGE, per: 1h}]", "budgets[0].actions", 100_000),
        ("budgets: [{scope: all, concurrent: HUGE}]", "budgets[0].concurrent", 1_000),
        ("storm: {after: HUGE}", "storm.after", 1_000),
        ("common_cause: {incidents: HUGE}", "common_cause.incidents", 1_000),
        ("escalate: {cases_below: HUGE}", "escalate.cases_below", 10_000),
        ("escalate: {slo_burn_above: HUGE}", "escalate.slo_burn_above", 2),
        ("promotion: {cases: HUGE}", "promotion.cases", 10_000),
        ("services: {a: {fleet: HUGE}}", "services.a.fleet", 1_000_000),
        ("services: {a: {leave_healthy: {count: HUGE}}}", "services.a.leave_healthy.count", 1_000_000),
        ("services: {a: {tier: HUGE}}", "services.a.tier", 5),
        ("blast_radius: {targets: HUGE}", "runbooks.restart.blast_radius.targets", 10_000),
        ("blast_radius: {approved_targets: HUGE}", "runbooks.restart.blast_radius.approved_targets", 100_000),
    ],
)
@pytest.mark.parametrize("huge", ["1000001", str(10**30)])
def test_a_number_that_nobody_can_mean_is_refused_with_its_field_value_and_limit(
    lines: str, field: str, limit: int, huge: str
) -> None:
    top = lines.split(":", maxsplit=1)[0]
    kept = "\n".join(line for line in GOOD.splitlines() if not line.startswith(("services:", "  checkout:")))
    written = f"{kept}\n    {lines}\n" if top == "blast_radius" else f"{lines}\n{kept}\n"
    written = written.replace("HUGE", huge)
    (error,) = check_policy(written, parameter_models=MODELS).errors
    assert error.path == field
    assert error.message == f"{huge}: should be less than or equal to {limit}"
    told = render([error], filename="policy.yml", text=written)
    assert lines.replace("HUGE", huge) in told, "the line with its field is shown"


@pytest.mark.parametrize("written", ["1e309", "9" * 500, "-1", "1.5", ".inf", ".nan", "'7'"])
def test_what_is_no_count_at_all_is_refused(written: str) -> None:
    (error,) = check_policy(f"storm: {{after: {written}}}\n{GOOD}", parameter_models=MODELS).errors
    assert error.path == "storm.after"


def asked_of_slack(said: str) -> float:
    limited = {"ok": False, "error": "ratelimited"}
    response = SimpleNamespace(status_code=429, headers={"Retry-After": said}, data=limited)
    outcome = outcome_of(SlackApiError("no", response), "chat.postMessage", "C01INC")  # type: ignore[no-untyped-call]
    assert isinstance(outcome, Limited)
    return outcome.retry_after_seconds


def asked_of_a_cluster(said: str) -> float:
    refused = of_status(SAID, 429, {"Retry-After": said}, {})
    assert isinstance(refused, TemporaryError)
    return refused.retry_after


@pytest.mark.parametrize("asked", [asked_of_slack, asked_of_a_cluster])
def test_nobody_is_kept_waiting_longer_than_is_reasonable(asked: Any) -> None:
    assert {name: asked(said) for name, said in NO_BOUND.items()} == dict.fromkeys(NO_BOUND, LONGEST_SECONDS)
    assert asked("7") == 7
    assert all(0 <= asked(said) <= 1 for said in ("-5", "-1e309", "Thu, 01 Jan 1970 00:00:00 GMT"))
    assert len({asked(said) for said in NOT_A_TIME}) == 1, "the one wait for what says nothing"


def test_a_date_is_waited_for() -> None:
    assert seconds_to_wait("Mon, 23 Nov 2026 12:00:20 GMT", NOW, otherwise=5) == 20


PARTS = ["Mon", ",", " ", "23", "Nov", "2026", "12:00:20", ":", "GMT", "-2359", "+", "9" * 5_000, "(", ")"]


@given(st.text() | st.floats().map(str) | st.integers().map(str) | st.lists(st.sampled_from(PARTS)).map("".join))
def test_whatever_is_said_the_wait_is_finite(said: str) -> None:
    assert 1 <= seconds_to_wait(said, NOW, otherwise=5, least=1) <= LONGEST_SECONDS


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(math.inf, AGAIN_WITHIN_SECONDS), (10**400, AGAIN_WITHIN_SECONDS), (math.nan, AGAIN_AFTER_SECONDS), (-1, 0)],
)
def test_a_remediation_cannot_ask_to_be_left_alone_for_ever(asked: float, waited: float) -> None:
    assert TemporaryError("The line is busy.", retry_after=asked).retry_after == waited
