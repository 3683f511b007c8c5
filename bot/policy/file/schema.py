"""The form of the policy file as a JSON Schema, for editors: made of the models that read it, so the two cannot differ.

It knows names, kinds and bounds. What hangs together (a group that exists, an expression that can be read) only
``watchkeeper check`` knows.
"""

from collections.abc import Mapping
from typing import Any

from bot.policy.file.document import Policy

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OF_PYTHON = frozenset({"gt", "ge", "lt", "le"})
"""Bounds of a duration, which no keyword of JSON Schema can say of a text."""


def policy_schema() -> dict[str, Any]:
    """A schema of draft 2020-12, in the policy's own notation (``10m``, ``L2``)."""
    said: dict[str, Any] = _cleaned(Policy.model_json_schema(by_alias=True))
    return {"$schema": DIALECT} | said | {"title": "Watchkeeper's policy"}


def _cleaned(said: Any) -> Any:
    if isinstance(said, Mapping):
        return {name: _cleaned(value) for name, value in said.items() if not (_is_text(said) and name in _OF_PYTHON)}
    return [_cleaned(each) for each in said] if isinstance(said, list) else said


def _is_text(said: Mapping[str, Any]) -> bool:
    return said.get("type") == "string" or "enum" in said
