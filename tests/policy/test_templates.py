"""Hostile alert values stay values: they never change what is asked."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.file.templates import (
    TemplateError,
    check_query,
    check_text,
    has_reference,
    names_in,
    substitute,
    substitute_query,
)
from tests.policy.calm import calm_alert


def with_label(value: str) -> str:
    return substitute_query("up{a='${alert.labels.x}'}", calm_alert(labels={"x": value}))


def test_references_are_filled_wherever_a_text_stands() -> None:
    parameters = {
        "service": "${alert.labels.service}",
        "deep": {"list": ["${alert.name}-${alert.severity}", 7], "plain": "text"},
        "count": 3,
        "${alert.name}": None,
    }
    assert substitute(parameters, calm_alert()) == {
        "service": "checkout",
        "deep": {"list": ["ServiceDown-critical", 7], "plain": "text"},
        "count": 3,
        "${alert.name}": None,
    }


def test_annotations_and_odd_label_names_are_reachable() -> None:
    alert = calm_alert(labels={"app.kubernetes.io/name": "web"}, annotations={"summary": "down"})
    filled = substitute({"a": "${alert.labels.app.kubernetes.io/name} ${alert.annotations.summary}"}, alert)
    assert filled == {"a": "web down"}


def test_a_value_that_looks_like_a_reference_is_not_filled_again() -> None:
    alert = calm_alert(labels={"x": "${alert.name}"})
    assert substitute({"a": "${alert.labels.x}"}, alert) == {"a": "${alert.name}"}


@pytest.mark.parametrize("text", ["${alert.labels.absent}", "${alert.annotations.absent}", "${alert.labels.empty}"])
def test_a_value_the_alert_does_not_have_is_an_error_with_a_remedy(text: str) -> None:
    with pytest.raises(TemplateError, match=r"the alert ServiceDown has no alert\..*; add it to the alerting rule"):
        substitute({"a": text}, calm_alert(labels={"empty": ""}))


def test_an_empty_field_of_the_alert_is_an_error_too() -> None:
    with pytest.raises(TemplateError, match=r"has no alert\.service"):
        substitute({"a": "${alert.service}"}, calm_alert(service=""))


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("${service}", 0),
        ("ab ${alert.label.x}", 3),
        ("${alert.labels.}", 0),
        ("${alert.fingerprint}", 0),
        ("${alert.labels}", 0),
        ("${alert.name", 0),
        ("${}", 0),
        ("${alert.labels.a b}", 0),
        ("${alert.name} ${alert.nam}", 14),
    ],
)
def test_an_unknown_reference_is_found_at_load_with_its_place(text: str, offset: int) -> None:
    with pytest.raises(TemplateError) as caught:
        check_text(text)
    assert caught.value.offset == offset
    assert "alert.labels.<name>" in caught.value.remedy


def test_what_an_alert_must_fill_is_found_however_deep_it_stands() -> None:
    parameters = {"a": "${alert.labels.x} and ${alert.name}", "b": [{"c": ("${alert.service}", 5)}], "d": None}
    assert names_in(parameters) == {"alert.labels.x", "alert.name", "alert.service"}
    assert names_in("nothing") == names_in(5) == names_in([]) == frozenset()
    with pytest.raises(TemplateError, match="unknown name"):
        names_in(["${oops}"])


def test_texts_without_references_are_left_alone() -> None:
    check_text("costs $5 {really}")
    assert not has_reference("costs $5 {really}")
    assert substitute({"a": "costs $5 {really}"}, calm_alert()) == {"a": "costs $5 {really}"}


@pytest.mark.parametrize(
    "query",
    [
        "up{service='${alert.labels.service}'} == 0",
        'up{service="${alert.labels.service}",job!~"a|b"}',
        "up{service = '${alert.labels.service}'} # it's a comment with a quote",
        "sum(rate(x{a='it\\'s', service=~'web-${alert.labels.service}-.*'}[5m]))",
        "label_replace(up{service!='${alert.labels.service}'}, 'a', '$1', 'b', '(.*)')",
    ],
)
def test_a_reference_in_a_label_matchers_value_is_accepted(query: str) -> None:
    check_query(query)
    assert "checkout" in substitute_query(query, calm_alert())


@pytest.mark.parametrize(
    "query",
    [
        "up == ${alert.labels.x}",
        "${alert.name}",
        "up{${alert.labels.x}='a'}",
        "up{service=${alert.labels.x}}",
        "up{service=`${alert.labels.x}`}",
        "up{service='a'} == '${alert.labels.x}'",
        "label_replace(up, 'a', '$1', 'b', '${alert.labels.x}')",
        "up{service='\\${alert.labels.x}'}",
        "up{service='${alert.labels.x}",
        "up # '${alert.labels.x}'",
    ],
)
def test_a_reference_anywhere_else_in_a_query_is_an_error(query: str) -> None:
    with pytest.raises(TemplateError, match="only inside the quoted value of a label matcher"):
        check_query(query)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a'} or vector(1) #", "up{a='a\\'} or vector(1) #'}"),
        ('say "hi"', "up{a='say \"hi\"'}"),
        ("back\\slash", "up{a='back\\\\slash'}"),
        ("ends with \\", "up{a='ends with \\\\'}"),
        ("two\nlines", "up{a='two\\x0alines'}"),
        ("\ud800", "up{a='?'}"),
        (".*", "up{a='.*'}"),
    ],
)
def test_a_value_cannot_end_its_quotes(value: str, written: str) -> None:
    assert with_label(value) == written


def test_a_value_in_a_regular_expression_is_plain_text() -> None:
    query = substitute_query('up{a=~"x-${alert.labels.x}"}', calm_alert(labels={"x": '.*|a"b-c'}))
    assert query == 'up{a=~"x-\\\\.\\\\*\\\\|a\\\\\\"b\\\\-c"}'


_STRING = re.compile(r"""'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)\"""", re.DOTALL)


def read_back(query: str) -> str:
    """What PromQL makes of the one string in ``query``."""
    strings = _STRING.findall(query)
    assert len(strings) == 1
    text = "".join(strings[0])
    return re.sub(
        r"\\(x([0-9a-f]{2})|.)", lambda found: chr(int(found[2], 16)) if found[2] else found[1], text, flags=re.DOTALL
    )


hostile = st.text(st.one_of(st.sampled_from("'\"\\`{}=~!.*|\n\x00$"), st.characters(codec="utf-8")), min_size=1)


@given(hostile, st.sampled_from(("'", '"')), st.sampled_from(("=", "!=")))
def test_every_value_is_read_back_as_it_was(value: str, quote: str, matcher: str) -> None:
    query = f"up{{a{matcher}{quote}${{alert.labels.x}}{quote}}} == 0"
    filled = substitute_query(query, calm_alert(labels={"x": value}))
    assert read_back(filled) == value
    assert _STRING.sub("S", filled) == f"up{{a{matcher}S}} == 0"


@given(hostile, st.sampled_from(("'", '"')), st.sampled_from(("=~", "!~")))
def test_every_value_matches_only_itself_in_a_regular_expression(value: str, quote: str, matcher: str) -> None:
    query = f"up{{a{matcher}{quote}${{alert.labels.x}}{quote}}}"
    pattern = read_back(substitute_query(query, calm_alert(labels={"x": value})))
    assert re.fullmatch(pattern, value)
    assert not re.fullmatch(pattern, value + "x")
    assert re.sub(r"\\([^\w\s])", r"\1", pattern) == value


HOSTILE_VALUES = (
    "a'} or vector(1) #",
    '"x"',
    "\\",
    "\\\\'",
    "a\nb",
    "`",
    "é😀",
    ".*",
    "^$[a-z]{2}",
    "#",
    "\t{}",
    "a-z",
    "\x01",
)


def in_code_points(value: str) -> str:
    """How any text can be written between quotes without our own escaping, which is what is tested."""
    return "".join(f"\\U{ord(character):08x}" for character in value)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_a_real_prometheus_selects_exactly_the_series_with_the_hostile_value(tmp_path: Path) -> None:
    tests = [
        {
            "interval": "1m",
            "input_series": [
                {"series": f'up{{a="{in_code_points(value)}"}}', "values": "1"},
                {"series": 'up{a="another"}', "values": "1"},
            ],
            "promql_expr_test": [
                {
                    "expr": substitute_query(
                        f"count(up{{a{matcher}{quote}${{alert.labels.x}}{quote}}})",
                        calm_alert(labels={"x": value}),
                    ),
                    "eval_time": "0m",
                    "exp_samples": [{"labels": "{}", "value": 1}],
                }
                for quote in ("'", '"')
                for matcher in ("=", "=~", "!=", "!~")
            ],
        }
        for value in HOSTILE_VALUES
    ]
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": tests}))
    told = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
