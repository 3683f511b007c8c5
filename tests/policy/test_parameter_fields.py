"""Which of a remediation's parameters labels and requests may fill, said when the policy is read."""

from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from bot.policy.file.loading import check_policy
from bot.policy.file.parameter_fields import check_bound, loose, open_fields
from bot.policy.file.templates import TemplateError, check_text, is_reference, substitute, values_in
from tests.policy.calm import calm_alert
from tests.policy.small_file import GOOD

OPEN: Any = {"open": True}
Name = Annotated[str, Field(pattern=r"^[a-z/]+$")]


class Kind(StrEnum):
    """A few words."""

    HARD = "hard"


class Inner(BaseModel):
    name: Name
    free: str = ""


class Everything(BaseModel):
    text: str = ""
    bound: Name = "a"
    maybe: Name | None = None
    either: Name | str = "a"
    number: int = 0
    address: IPv4Address | None = None
    kind: Kind = Kind.HARD
    mode: Literal["x", "y"] = "x"
    names: list[Name] = []
    texts: tuple[str, ...] = ()
    inner: Inner | None = None
    by_name: dict[str, Name] = {}
    anything: dict[str, Any] = {}
    whatever: Any = None
    speed: int = Field(default=1, json_schema_extra=OPEN)
    shut: int = Field(default=1, json_schema_extra={"open": False})
    computed: int = Field(default=1, json_schema_extra=lambda schema: schema.update(OPEN))
    backend: str = Field(default="", json_schema_extra=OPEN)
    api_token: str = Field(default="", json_schema_extra=OPEN)
    target_host: str = Field(default="", json_schema_extra=OPEN)


def test_what_nothing_binds_is_refused_when_it_is_to_be_filled_too() -> None:
    check_bound(Everything, {"bound": PART, "text": "${alert.labels.a}"})
    with pytest.raises(TemplateError, match=r"only a part of texts\.1, .*; let one reference be the whole of it"):
        check_bound(Everything, {"texts": ["a", PART]})


def test_a_label_in_a_url_is_quoted_as_one_segment() -> None:
    text = {"url": "https://x/a/${alert.labels.a}/b?c=${alert.labels.a}"}
    assert substitute(text, calm_alert(labels={"a": "x/../y?z=1&#"})) == {
        "url": "https://x/a/x%2F..%2Fy%3Fz%3D1%26%23/b?c=x%2F..%2Fy%3Fz%3D1%26%23"
    }
    for way_out in (".", ".."):
        with pytest.raises(TemplateError, match="a way out of the path; correct the label"):
            substitute(text, calm_alert(labels={"a": way_out}))


def test_only_what_is_marked_is_open_and_never_a_system_or_a_credential() -> None:
    assert open_fields(Everything) == {"speed"}


PART = "x/${alert.labels.a}"


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"text": PART}, ("text",)),
        ({"bound": PART}, None),
        ({"maybe": PART}, None),
        ({"either": PART}, ("either",)),
        ({"number": PART}, None),
        ({"address": PART}, None),
        ({"kind": PART}, None),
        ({"mode": PART}, None),
        ({"names": ["a", PART]}, None),
        ({"texts": ["a", PART]}, ("texts", 1)),
        ({"inner": {"name": PART}}, None),
        ({"inner": {"free": PART}}, ("inner", "free")),
        ({"inner": {"gone": PART}}, ("inner", "gone")),
        ({"by_name": {"a": PART}}, None),
        ({"anything": {"a": {"b": [PART]}}}, ("anything", "a", "b", 0)),
        ({"whatever": PART}, ("whatever",)),
        ({"unknown": PART}, ("unknown",)),
        ({"text": "${alert.labels.a}"}, None),
        ({"text": "https://x/${alert.labels.a}"}, None),
        ({"text": "x"}, None),
    ],
)
def test_a_part_of_a_text_needs_something_that_binds_the_whole(parameters: dict[str, Any], found: Any) -> None:
    assert [path for path, _ in loose(Everything, parameters)] == ([found] if found else [])


@pytest.mark.parametrize(
    ("with_", "error"),
    [
        ("{text: 'web-${alert.labels.a}'}", (17, 23)),
        ("{text: ab, texts: [a, ' ${alert.labels.a}']}", (17, 35)),
        ("{text: ab, bound: 'x/${alert.labels.a}'}", None),
        ("{text: '${alert.labels.a}'}", None),
    ],
)
def test_a_policy_that_composes_texts_of_labels_does_not_load(with_: str, error: tuple[int, int] | None) -> None:
    text = GOOD.replace('{backend: supervisor, service: "${alert.labels.service}"}', with_)
    errors = check_policy(text, parameter_models={"restart_service": Everything}).errors
    assert [(one.line, one.column) for one in errors] == ([error] if error else [])
    assert all(one.remedy == "let one reference be the whole of it" for one in errors)


@pytest.mark.parametrize(
    ("text", "offset"),
    [("https://${alert.labels.a}/x", 8), ("http://x.${alert.labels.a}", 9), ("HTTPS://x:${alert.labels.a}?a", 10)],
)
def test_no_label_says_which_host_is_asked(text: str, offset: int) -> None:
    with pytest.raises(TemplateError, match="would say which host is asked; write the host itself") as caught:
        check_text(text)
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "text", ["https://x/${alert.labels.a}", "https://x?a=${alert.labels.a}", "https://x/#${alert.name}"]
)
def test_a_label_may_stand_in_the_rest_of_a_url(text: str) -> None:
    check_text(text)


def test_a_reference_is_the_whole_of_a_text_or_it_is_not() -> None:
    assert is_reference("${alert.name}")
    assert not is_reference("${alert.name} ")
    assert not is_reference("${alert.name}${alert.name}")


def test_what_an_alert_has_for_each_reference_is_empty_where_it_has_none() -> None:
    waiting = {
        "a": ["${alert.labels.service}", {"b": "${alert.annotations.x} ${oops}"}],
        "c": 5,
        "d": "${alert.labels.no}",
    }
    assert values_in(waiting, calm_alert(annotations={"x": "y"})) == {
        "alert.labels.service": "checkout",
        "alert.annotations.x": "y",
        "oops": "",
        "alert.labels.no": "",
    }
