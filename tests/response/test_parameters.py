"""What fills a remediation's parameters: an alert, a person, and never somebody who may not."""

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from bot.policy.file.document import Runbook
from bot.policy.file.templates import TemplateError
from bot.policy.situation import AlertFacts
from bot.remediation import OPEN, Parameters
from bot.response.assessment.parameters import FixedError, changes, filled, taken, unfilled
from tests.policy.calm import RUNBOOK, calm_alert, calm_policy


class Scale(Parameters):
    backend: str = Field(default="cluster", json_schema_extra=OPEN)
    """Marked open by mistake: it never is."""
    service: str
    path: Annotated[str, Field(pattern=r"^[a-z0-9]+/[a-z0-9]+$")] = "any/thing"
    url: str = "https://example.com/"
    replicas: int = Field(default=2, ge=1, le=9, json_schema_extra=OPEN)
    gently: bool = Field(default=True, json_schema_extra=OPEN)


def runbook(**written: Any) -> Runbook:
    return calm_policy({"with": {"service": "checkout", **written}}).runbooks[RUNBOOK]


def labelled(**labels: str) -> AlertFacts:
    return calm_alert(labels=labels)


def scaled(written: Runbook, given: dict[str, str] | None = None, **labels: str) -> Scale:
    parameters = filled(Scale, written, labelled(**labels), given or {})
    assert isinstance(parameters, Scale)
    return parameters


# A person


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"replicas": "5"}, "replicas", 5),
        ({"gently": "false"}, "gently", False),
    ],
)
def test_an_open_field_may_be_changed_within_its_type(given: dict[str, str], field: str, value: Any) -> None:
    assert changes(Scale, runbook(), given) == given
    assert getattr(scaled(runbook(), given), field) == value


@pytest.mark.parametrize("given", [{"replicas": "many"}, {"replicas": "0"}, {"replicas": "10"}, {"gently": "perhaps"}])
def test_an_open_field_takes_nothing_that_its_type_does_not(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        scaled(runbook(), given)


@pytest.mark.parametrize(
    ("written", "given", "told"),
    [
        ({}, {"service": "orders"}, "“service” is fixed by the policy as “checkout”"),
        ({}, {"path": "a/b"}, "“path” is fixed by the policy, so"),
        ({}, {"backend": "elsewhere"}, "“backend” is fixed by the policy, so"),
        ({"backend": "here"}, {"backend": "elsewhere"}, "“backend” is fixed by the policy as “here”"),
        (
            {"path": "${alert.labels.path}"},
            {"replicas": "3", "path": "a/b", "url": "x"},
            "“url” is fixed by the policy",
        ),
    ],
)
def test_every_other_field_is_fixed_and_the_text_names_it_with_the_remedy(
    written: dict[str, Any], given: dict[str, str], told: str
) -> None:
    for ask in (lambda: changes(Scale, runbook(**written), given), lambda: scaled(runbook(**written), given)):
        with pytest.raises(FixedError) as caught:
            ask()
        assert told in str(caught.value)
        assert "A request may change gently, replicas. Leave " in str(caught.value)


def test_where_nothing_is_open_a_request_may_change_nothing() -> None:
    class Shut(Parameters):
        size: int = 1

    with pytest.raises(FixedError, match=r"A request may change none of its fields\. Leave size=… out"):
        changes(Shut, runbook(), {"size": "2"})


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ({}, {"service": "checkout"}),
        ({}, {"backend": "cluster", "replicas": "2", "gently": "true"}),
        ({"replicas": 4}, {"replicas": "4"}),
        ({"service": "${alert.labels.instance}"}, {"service": "checkout", "instance": "web1"}),
    ],
)
def test_saying_what_the_policy_says_changes_nothing(written: dict[str, Any], given: dict[str, str]) -> None:
    assert changes(Scale, runbook(**written), given) == {}


def test_a_request_fills_the_references_that_the_policy_wrote() -> None:
    written = runbook(service="${alert.labels.instance}", replicas="${alert.labels.count}")
    assert taken(Scale, written) == ("count", "gently", "instance", "replicas", "service")
    assert unfilled(Scale, written, labelled(instance="web1"), {}) == ("alert.labels.count",)
    assert scaled(written, {"count": "3"}, instance="web1", count="3").replicas == 3


# Labels


@pytest.mark.parametrize(("count", "value"), [("3", 3), ("9", 9)])
def test_a_label_fills_a_whole_typed_field(count: str, value: int) -> None:
    assert scaled(runbook(replicas="${alert.labels.count}"), count=count).replicas == value


@pytest.mark.parametrize("count", ["3; rm", "1e3", "10", "-1", "", "³", "0x3"])
def test_a_label_that_its_type_does_not_take_is_refused(count: str) -> None:
    with pytest.raises(ValueError, match=r"replicas|has no alert\.labels\.count"):
        scaled(runbook(replicas="${alert.labels.count}"), count=count)


PARTS = {"path": "${alert.labels.a}/${alert.labels.b}"}


def test_several_labels_may_fill_a_field_whose_own_pattern_holds_afterwards() -> None:
    assert scaled(runbook(**PARTS), a="shop", b="web1").path == "shop/web1"


@pytest.mark.parametrize(("a", "b"), [("shop/x", "y"), ("shop", "../x"), ("shop", ""), ("a b", "c"), ("a\n", "b")])
def test_hostile_parts_are_refused_whole(a: str, b: str) -> None:
    with pytest.raises(ValueError, match=r"path|has no alert\.labels\.b"):
        scaled(runbook(**PARTS), a=a, b=b)


@pytest.mark.parametrize("text", ["web-${alert.labels.a}", "${alert.labels.a}${alert.labels.b}", " ${alert.labels.a}"])
def test_a_label_is_no_part_of_a_text_that_nothing_binds(text: str) -> None:
    with pytest.raises(TemplateError, match="only a part of service, and no pattern of its own"):
        scaled(runbook(service=text), a="x", b="y")


def test_a_label_in_a_url_is_one_segment_of_it() -> None:
    written = runbook(url="https://example.com/api/${alert.labels.a}/restart?by=${alert.labels.b}")
    assert scaled(written, a="web/../1?x=y#z", b="a&c=d").url == (
        "https://example.com/api/web%2F..%2F1%3Fx%3Dy%23z/restart?by=a%26c%3Dd"
    )
    for way_out in ("..", ".", "..."):
        with pytest.raises(TemplateError, match="a way out of the path"):
            scaled(written, a=way_out, b="x")


@given(st.text(min_size=1))
def test_no_label_leaves_its_segment_of_a_url(value: str) -> None:
    written = runbook(url="https://example.com/a/${alert.labels.x}/b")
    try:
        url = scaled(written, x=value).url
    except TemplateError:
        assert not value.strip(".")
    else:
        before, segment, after = url.removeprefix("https://example.com/").split("/")
        assert (before, after) == ("a", "b")
        assert segment.isascii()
        assert not set(segment) & set("?#&= \\")


@given(st.text())
def test_no_label_makes_a_composed_text_mean_something_else(value: str) -> None:
    try:
        path = scaled(runbook(**PARTS), a=value, b="web1").path
    except ValueError:
        return
    assert path.count("/") == 1
    assert path.endswith("/web1")
