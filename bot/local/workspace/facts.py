"""What Slack documents about each Web API method, as data: arguments, scopes, errors and rate tier.

The facts live in `facts.json` so that this workspace refuses exactly what Slack refuses. This module only
reads them; whether a method is implemented here is known to `methods`.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FACTS_FILE = Path(__file__).with_name("facts.json")

# Errors any method may answer with, whatever its own list says.
COMMON_ERRORS = frozenset(
    {
        "account_inactive",
        "internal_error",
        "invalid_arguments",
        "invalid_auth",
        "invalid_json",
        "json_not_object",
        "missing_scope",
        "msg_too_long",
        "not_allowed_token_type",
        "not_authed",
        "ratelimited",
        "unknown_method",
    }
)


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """One method: `argument_types` maps a name to the JSON types it accepts; `tier` is Slack's rate tier."""

    name: str
    tier: str
    accepts_json: bool
    scopes: tuple[str, ...]
    required: tuple[str, ...]
    argument_types: dict[str, tuple[str, ...]]
    errors: frozenset[str]

    def may_answer(self, error: str) -> bool:
        """Whether Slack documents this error for the method."""
        return error in self.errors or error in COMMON_ERRORS


@cache
def method_facts() -> dict[str, MethodFacts]:
    """Every method we know facts about, by name."""
    documented: dict[str, dict[str, Any]] = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
    return {
        name: MethodFacts(
            name=name,
            tier=entry["tier"],
            accepts_json=entry["json"],
            scopes=tuple(entry["scopes"]),
            required=tuple(entry["required"]),
            argument_types={
                argument: (kinds,) if isinstance(kinds, str) else tuple(kinds)
                for argument, kinds in entry["args"].items()
            },
            errors=frozenset(entry["errors"]),
        )
        for name, entry in documented.items()
    }
