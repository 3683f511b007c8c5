"""The policy's JSON Schema: editors know the policy as the models read it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.policy.file.loading import check_policy
from bot.policy.file.schema import policy_schema
from bot.policy.file.source import Source

ROOT = Path(__file__).parents[2]
POLICIES = (
    ROOT / "docs" / "policy.example.yml",
    ROOT / "docs" / "plugin" / "policy.yml",
    *sorted((ROOT / "tests" / "upgrade" / "stored").glob("*/policy.yml")),
)
VALIDATOR = Draft202012Validator(policy_schema())


def read(file: Path) -> Any:
    source = Source(file.read_text())
    assert source.problems == []
    return source.data


def wrong(document: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(document)]


def test_it_is_a_schema_of_its_draft() -> None:
    Draft202012Validator.check_schema(policy_schema())


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_can_be_used_has_its_form(file: Path) -> None:
    assert check_policy(file.read_text()).errors == ()
    assert wrong(read(file)) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("runbooks", "restart-checkout", "level"), "L4"),
        (("runbooks", "restart-checkout", "level"), 3),
        (("runbooks", "restart-checkout", "verify", "within"), "soon"),
        (("runbooks", "restart-checkout", "verify", "within"), 30),
        (("runbooks", "restart-checkout", "effects"), ["unknown"]),
        (("runbooks", "restart-checkout", "blast_radius", "share"), 2),
        (("people", "sre-oncall", "quiet_hours", "from"), "25:00"),
        (("chanels",), {}),
    ],
    ids=str,
)
def test_what_the_models_refuse_by_its_form_it_refuses_too(path: tuple[str, ...], value: Any) -> None:
    document = copy.deepcopy(read(POLICIES[0]))
    place = document
    for step in path[:-1]:
        place = place.setdefault(step, {})
    place[path[-1]] = value
    assert wrong(document)
    assert check_policy(json.dumps(document)).errors
