"""Does the file have the shape of the policy? Every wrong key, type and value, in words for its author.

The shape itself is ``document``; here its validation errors get a place in the file and a remedy.
"""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bot.policy.file.document import Policy
from bot.policy.file.source import Path, Source

_REMEDIES = {
    "string_type": "write a text; put numbers in quotes",
    "int_type": "write a whole number without quotes",
    "float_type": "write a number without quotes",
    "tuple_type": "write a list: [one, two]",
    "model_type": "write a mapping of `key: value` lines",
    "model_attributes_type": "write a mapping of `key: value` lines",
    "dict_type": "write a mapping of `key: value` lines, or {} for none",
    "timezone_aware": "say which time zone: end it with Z for UTC",
    "datetime_from_date_parsing": "write it as 2026-12-20T00:00Z",
    "datetime_parsing": "write it as 2026-12-20T00:00Z",
    "datetime_type": "write it as 2026-12-20T00:00Z",
}
TIGHTENED = "; escalation thresholds can be tightened, never loosened"
_PLAIN_WORDS = {
    "a valid tuple": "a list",
    "a valid array": "a list",
    "a valid dictionary": "a mapping",
    "an object": "a mapping",
}


def shaped(source: Source) -> Policy | None:
    """The policy if the file has its shape, else None with the errors added to ``source``."""
    try:
        return Policy.model_validate_json(json.dumps(source.data), strict=True)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            report(source, (), Policy, each)
        return None


def report(source: Source, base: Path, model: type[BaseModel], error: Mapping[str, Any]) -> None:
    """Add one validation error of ``model``, which stands at ``base``, to ``source``."""
    location: Path = tuple(error["loc"])
    path = (*base, *location)
    kind, name = str(error["type"]), str(location[-1]) if location else ""
    if kind == "extra_forbidden":
        known = _keys(model, location[:-1])
        source.error(source.key_at(path), path, f"unknown key {name!r}", did_you_mean(name, known))
    elif kind == "missing":
        source.error(
            source.key_at(path), path, f"{name!r} is missing", f"add `{name}:` here; docs/policy.md explains it"
        )
    else:
        message, remedy = _explained(kind, error)
        source.error(source.value_at(path), path, message, remedy)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A remedy for an unknown name."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(known)}" if known else "nothing of this kind is defined; add it, or remove this"


def _explained(kind: str, error: Mapping[str, Any]) -> tuple[str, str]:
    text, found = str(error["msg"]), error.get("input")
    if kind == "value_error":
        message, _, remedy = text.removeprefix("Value error, ").partition("; ")
        return message, remedy or "see docs/policy.md"
    message = text.replace("Input should", "should", 1)
    for technical, plain in _PLAIN_WORDS.items():
        message = message.replace(technical, plain)
    shown = "nothing" if found is None else json.dumps(found, default=str)
    context = error.get("ctx", {})
    if kind in ("enum", "literal_error"):
        remedy = f"choose one of {context['expected']}"
    elif kind in ("greater_than_equal", "less_than_equal", "greater_than", "less_than"):
        tightened = error["loc"][:1] == ("escalate",)
        remedy = f"write a value within the bound{TIGHTENED if tightened else ''}"
    else:
        remedy = _REMEDIES.get(kind, "docs/policy.md explains what is accepted here")
    return f"{_short(shown)}: {message[:1].lower()}{message[1:]}", remedy


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(model: type[BaseModel], location: Path) -> tuple[str, ...]:
    """The keys that the file may have at ``location`` below ``model``."""
    here: Any = model
    for part in location:
        here = _below(here, part)
    return tuple(_written(here)) if _is_model(here) else ()


def _below(annotation: Any, part: str | int) -> Any:
    if _is_model(annotation):
        field = _written(annotation).get(str(part))
        return _without_none(field.annotation) if field is not None else None
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _written(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the key that is written in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        return next(argument for argument in get_args(annotation) if argument is not type(None))
    return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
