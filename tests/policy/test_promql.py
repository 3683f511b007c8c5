"""A condition and a quantity are told apart by the query's text."""

import pytest

from bot.policy.promql import is_condition, one_text

CONDITIONS = [
    "up == 0",
    "up{service='checkout'} == 0",
    "(up == 0)",
    "((up) != 1) or (absent(up) == 1)",
    "up == 0 and on(service) rate(errors[5m]) > 1",
    "sum by (service) (rate(errors[5m])) > 0.5",
    "rate(errors[5m]) >= bool 1 > 0",
    "up # an aside\n < 1",
    "AND_counter > 1 AND up",
]
QUANTITIES = [
    "up",
    "vector(1)",
    "1",
    "up == bool 0",
    "up{service!='checkout', path=~'a==b'}",
    'up{path="a > b", quote="\\"> 0"}',
    "up{path=`a > b`}",
    "count(up == 0)",
    "sum by (service) (up == 0)",
    "errors and on(service) (up == 0)",
    "rate(errors[5m]) # > 0",
    "max_over_time((up == bool 0)[5m:1m])",
    "max_over_time((up > 0)[5m:1m])",
    "",
    ")))",
]


@pytest.mark.parametrize("query", CONDITIONS)
def test_a_comparison_at_the_outer_level_is_a_condition(query: str) -> None:
    assert is_condition(query)


@pytest.mark.parametrize("query", QUANTITIES)
def test_everything_else_is_a_quantity(query: str) -> None:
    assert not is_condition(query)


@pytest.mark.parametrize(
    "other", ["(up{a='b'} == 0)", 'up{ a="b" }==0', "( (up{a='b'} == 0) ) # down", '(up{a="b"} == 0)']
)
def test_the_same_query_has_one_text_however_it_is_written(other: str) -> None:
    assert one_text(other) == one_text("up{a='b'} == 0")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(a) + (b)", "a) + (b"),
        ("up{a='b'}", "up{a='c'}"),
        (r"up{a='\d'}", r'up{a="\\d"}'),
        ("(a)", "sum(a)"),
        ("a b", "ab"),
    ],
)
def test_another_query_has_another_text(one: str, other: str) -> None:
    assert one_text(one) != one_text(other)
