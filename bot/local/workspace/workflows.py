"""A step of a workflow that the app carries out: what it was given, and how it ended."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.local.workspace.team import Json


class ExecutionState(StrEnum):
    """How far the app has got with a step."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(slots=True)
class Execution:
    """One run of one of the app's functions."""

    id: str
    callback_id: str
    inputs: Mapping[str, Any]
    token: str = field(default_factory=lambda: f"xwfp-{secrets.token_hex(16)}", repr=False)
    """Comes with the event, and opens the Web API while the step runs."""
    state: ExecutionState = ExecutionState.RUNNING
    outputs: Json = field(default_factory=dict)
    error: str = ""


def missing(parameters: Json, given: Mapping[str, Any]) -> list[str]:
    """Required parameters of the manifest's ``input_parameters`` or ``output_parameters`` without a value."""
    required = [*parameters.get("required", [])]
    required += [name for name, kind in parameters.get("properties", {}).items() if kind.get("is_required")]
    return sorted({name for name in required if given.get(name) in (None, "")})


def unknown(parameters: Json, given: Mapping[str, Any]) -> list[str]:
    """What the manifest names no parameter for."""
    return sorted(set(given) - set(parameters.get("properties", {})))


def described(callback_id: str, function: Json) -> Json:
    """The function as the event about its execution describes it."""
    return {
        "id": f"Fn{callback_id.upper()[:20]}",
        "callback_id": callback_id,
        "title": function["title"],
        "description": function["description"],
        "type": "app",
        "input_parameters": _listed(function["input_parameters"]),
        "output_parameters": _listed(function["output_parameters"]),
        "app_id": "",
        "date_created": 0,
        "date_updated": 0,
        "date_deleted": 0,
    }


def _listed(parameters: Json) -> list[Json]:
    required = set(parameters.get("required", []))
    return [
        {"name": name, "is_required": name in required or bool(kind.get("is_required")), **kind}
        for name, kind in parameters.get("properties", {}).items()
    ]
