"""Which texts are PromQL is what Prometheus' own grammar says, and every query of a policy is held to it."""

import json

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.file.loading import check_policy
from bot.policy.file.problems import Trouble
from bot.policy.file.queries import LONGEST, and_queries, filled_with_examples, queries_of, query_troubles
from tests.policy.small_file import GOOD

WITH_EVERY_QUERY = """\
    evidence: {still_down: "up == 0", slow: "latency{service='${alert.labels.service}'} > 1"}
    staging: {with: {service: checkout-staging}, verify: {within: 2m, healthy: "up{stage='x'} == 1"}}
"""
EVERY_QUERY = (GOOD + WITH_EVERY_QUERY).replace("{fleet: 4}", "{fleet: 4, slo_burn: burn_rate}")
PLACES = {
    "burn_rate": "services.checkout.slo_burn",
    "up == 0": "runbooks.restart.evidence.still_down",
    "latency{service='${alert.labels.service}'} > 1": "runbooks.restart.evidence.slow",
    "up == 1": "runbooks.restart.verify.healthy",
    "up{stage='x'} == 1": "runbooks.restart.staging.verify.healthy",
}


def troubles(query: str) -> list[Trouble]:
    """What is wrong with a policy that has the query at one place."""
    written = GOOD.replace('"up == 1"', json.dumps(query))
    policy = check_policy(written).policy
    assert policy is not None
    return list(query_troubles(policy))


def test_every_query_has_its_place() -> None:
    policy = check_policy(EVERY_QUERY).policy
    assert policy is not None
    assert {query: ".".join(path) for path, query in queries_of(policy)} == PLACES
    assert list(query_troubles(policy)) == []


def test_where_nothing_is_asked_of_prometheus_there_is_no_query() -> None:
    policy = check_policy(GOOD.replace('healthy: "up == 1"', "http: https://example.com/healthz")).policy
    assert policy is not None
    assert list(queries_of(policy)) == []


@pytest.mark.parametrize(("query", "place"), PLACES.items())
def test_a_query_that_is_none_is_an_error_in_its_line(query: str, place: str) -> None:
    text = EVERY_QUERY.replace(f'"{query}"' if " " in query else query, f'"{query} ("')
    findings = check_policy(text, systems=and_queries(lambda _: iter(())))
    assert findings.policy is None
    [problem] = findings.errors
    assert problem.path == place
    assert text.splitlines()[problem.line - 1][problem.column :].startswith(f"{query} (")
    assert problem.message.startswith("the query is not PromQL: ")
    assert filled_with_examples(query) in problem.message


def test_what_the_systems_say_comes_first_and_nothing_is_lost() -> None:
    findings = check_policy(
        GOOD.replace("up == 1", "up =="),
        systems=and_queries(lambda _: iter([Trouble(("services",), "no", "find it")])),
    )
    assert [problem.path for problem in findings.errors] == ["services", "runbooks.restart.verify.healthy"]


@pytest.mark.parametrize(
    "query",
    [
        "up",
        "sum by (le) (rate(http_requests_total{code=~'5..'}[5m])) / 2 > bool 0.1",
        "histogram_quantile(0.99, sum(rate(latency_bucket[5m])) by (le)) > 1",
        "up offset -5m @ end() == 0",
        "max_over_time((1 - avg(up))[1h:5m]) > 0",
        "a * on (pod) group_left (node) b",
        "vector(scalar(up)) or vector(1)",
        '{"a.dotted.name"} > 1',
        "# why it is asked\nup",
        "((3))",
        "-1",
    ],
)
def test_promql_of_every_kind_is_taken(query: str) -> None:
    assert troubles(query) == []


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("sum(up", "the query is not PromQL: unclosed left parenthesis (sum(up)"),
        ("up = 0", "the query is not PromQL: up = 0"),
        ("up\n  and", "the query is not PromQL: up and"),
        ("rate(up)", "expected type matrix in call to function 'rate', got vector"),
        ("rat(up[5m])", "unknown function with name 'rat'"),
        ("up{service=checkout}", "not PromQL: "),
        ("up[5 minutes]", "not PromQL: "),
        ("{}", "not PromQL: vector selector must contain at least one non-empty matcher"),
        ("up offset 9999999999999999999", "a number in it is too large"),
        ("max_over_time(up[1e400])", "a length of time in it is too long"),
        ("up[5m]", "neither a number nor an instant vector"),
        ("((up[5m:1m]))", "neither a number nor an instant vector"),
        ("'down'", "neither a number nor an instant vector"),
        ("up" + " + up" * LONGEST, f"more than {LONGEST} words and signs"),
        ("(" * 100_000, f"more than {LONGEST} words and signs"),
    ],
)
def test_what_is_none_is_refused_with_the_reason_and_the_remedy(query: str, told: str) -> None:
    [trouble] = troubles(query)
    assert trouble.path == ("runbooks", "restart", "verify", "healthy")
    assert told in trouble.message
    assert trouble.remedy
    assert len(trouble.message) < 300


@given(st.lists(st.sampled_from(["up", "(", ")", "[5m]", "{", "}", "==", "sum", "by", "'a'", "=", "0", "-", "\n"])))
def test_whatever_is_written_ends_in_a_verdict(parts: list[str]) -> None:
    query = "".join(parts)
    if query.strip():
        assert all(trouble.message and trouble.remedy for trouble in troubles(query))


def test_the_longest_that_is_judged_is_judged() -> None:
    assert troubles("-" * (LONGEST - 1) + "1") == []
    assert troubles("up" + "+up" * (LONGEST // 2 - 1)) == []


def test_no_other_end_of_the_parser_is_taken_for_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(promql_parser, "parse", interrupted)
    with pytest.raises(KeyboardInterrupt):
        troubles("up")


def test_what_an_alert_fills_in_is_filled_with_an_example() -> None:
    query = "up{a='${alert.labels.x}', b=~'${alert.name}.*', c='${alert.annotations.y}'}"
    assert filled_with_examples(query) == "up{a='example', b=~'example.*', c='example'}"
