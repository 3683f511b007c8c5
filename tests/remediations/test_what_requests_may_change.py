"""What a request may change, over the whole catalogue: never which system is acted on, nor who we are to it."""

import pytest

from bot.policy.file.parameter_fields import NEVER_OPEN, open_fields
from bot.remediation import OPEN
from remediations.catalogue import parameter_models

MARKED = {
    (name, field)
    for name, model in parameter_models().items()
    for field, about in model.model_fields.items()
    if isinstance(about.json_schema_extra, dict) and OPEN.items() <= about.json_schema_extra.items()
}
"""Every remediation with each of its fields that its author marked as open."""


def test_some_remediation_has_something_open_and_something_that_must_not_be() -> None:
    assert ("block_ip", "duration") in MARKED
    assert any("backend" in model.model_fields for model in parameter_models().values())


@pytest.mark.parametrize("name", sorted(parameter_models()))
def test_no_backend_host_or_credential_is_open(name: str) -> None:
    model = parameter_models()[name]
    for field in open_fields(model):
        assert not NEVER_OPEN & set(field.split("_")), field
    assert {field for remediation, field in MARKED if remediation == name} == open_fields(model), (
        "what is marked is open, or its author would wonder why it is not"
    )
