"""What may be put into a remediation's parameters by whom: by the policy, by an alert's labels, by a person's request.

The policy may set every field. A label fills a whole field, which its type judges; a text of which it is only a part
needs a pattern of its own, or else what a label says could change what the rest of it means. A request may change the
fields that are marked open, and never one that says which system is acted on, or who we are to it.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from bot.policy.file.templates import TemplateError, has_reference, is_reference, is_url

Path = tuple[str | int, ...]

NEVER_OPEN = frozenset(
    {
        "backend", "host", "hosts", "hostname", "server", "servers", "endpoint", "url", "uri", "socket", "port",
        "user", "username", "login", "password", "passphrase", "token", "secret", "credential", "credentials",
        "key", "certificate", "env", "file",
    }
)  # fmt: skip
"""Words that no open field has in its name: they say which system is acted on, or who we are to it."""
_WORD = re.compile(r"[a-z0-9]+")
_BOUND = frozenset({"pattern", "format", "enum", "const"})
"""What in a text's schema says which texts there may be."""


def open_fields(model: type[BaseModel]) -> frozenset[str]:
    """Fields that a person's request may change, within their type."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra.get("open") is True
        and not NEVER_OPEN & set(_WORD.findall(name.lower()))
    )


def loose(model: type[BaseModel], parameters: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Texts with a reference in them that nothing binds: neither one reference as a whole, nor a URL, nor a pattern."""
    for path, text in _texts(parameters, ()):
        if has_reference(text) and not is_reference(text) and not is_url(text) and not _is_bound(model, path):
            yield path, text


def check_bound(model: type[BaseModel], parameters: Mapping[str, Any]) -> None:
    """Refuse what ``loose`` finds.

    Raises:
        TemplateError: the first of them.
    """
    for path, _ in loose(model, parameters):
        raise TemplateError(*loose_words(path), 0)


def loose_words(path: Path) -> tuple[str, str]:
    """What is the matter with such a text, and the remedy."""
    return (
        f"a label would be only a part of {'.'.join(map(str, path))}, and no pattern of its own judges the whole",
        "let one reference be the whole of it",
    )


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _is_bound(model: type[BaseModel], path: Path) -> bool:
    schema = _schema(model)
    here = _alternatives(schema, schema)
    for part in path:
        here = [found for one in here for found in _below(schema, one, part)]
    return bool(here) and all(_BOUND & one.keys() or one.get("type") != "string" for one in here)


@lru_cache(maxsize=256)
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    return model.model_json_schema()


def _alternatives(schema: Mapping[str, Any], here: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schemas that a value here may have, references followed; one that says nothing may be any text."""
    if "$ref" in here:
        return _alternatives(schema, schema["$defs"][here["$ref"].rsplit("/", 1)[-1]])
    if "anyOf" in here:
        return [found for one in here["anyOf"] for found in _alternatives(schema, one) if found.get("type") != "null"]
    return [here if here.keys() & {"type", *_BOUND} else {"type": "string"}]


def _below(schema: Mapping[str, Any], here: Mapping[str, Any], part: str | int) -> list[Mapping[str, Any]]:
    if isinstance(part, int):
        found = here.get("items")
    else:
        found = here.get("properties", {}).get(part, here.get("additionalProperties"))
    return _alternatives(schema, found) if isinstance(found, Mapping) else [{"type": "string"}]
