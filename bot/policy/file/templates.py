"""``${alert.labels.service}`` in parameters and queries: what an alert fills in.

Values come from outside and are hostile. A parameter that is one reference becomes that one text, whatever it contains,
and its type judges it. Where a reference stands in a URL it is quoted as one segment of it; in any other text the
parameter's own pattern must hold afterwards (``parameter_fields``). In PromQL they may stand only as (part of) the
quoted value of a label matcher, and are escaped there, so that no value can change what the query asks: not by ending
the quotes, and not by being read as a regular expression.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from string import punctuation
from typing import Any
from urllib.parse import quote as percent_encoded

from bot.policy.situation import AlertFacts

_OPENING = "${"
_REFERENCE = re.compile(r"\$\{([A-Za-z0-9_.:/-]*)\}")
_PLAIN = ("alert.name", "alert.severity", "alert.service", "alert.source")
_MAPS = ("alert.labels.", "alert.annotations.")
KNOWN = (*_PLAIN, *(f"{prefix}<name>" for prefix in _MAPS))
"""What may be referred to, for error texts."""

_URL = re.compile(r"https?://[^/?#]*[/?#]|https?://.*", re.IGNORECASE | re.DOTALL)
"""What says which host is asked: up to the path, or all of it where there is none."""
_PROMQL = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
      | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
      | (?P<raw>`[^`]*`)
      | (?P<operator>=~|!~|!=|==|=)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_MATCHERS = frozenset({"=", "!=", "=~", "!~"})
_REGEX_MATCHERS = frozenset({"=~", "!~"})
_REGEX_QUOTED = str.maketrans({character: f"\\{character}" for character in punctuation if character != "_"})
_CONTROL_QUOTED = str.maketrans({chr(code): f"\\x{code:02x}" for code in (*range(0x20), 0x7F)})


class TemplateError(ValueError):
    """A reference that cannot be used or filled; ``offset`` counts from 0 within the text."""

    def __init__(self, message: str, remedy: str, offset: int) -> None:
        super().__init__(f"{message}; {remedy}")
        self.message, self.remedy, self.offset = message, remedy, offset


def substitute(parameters: Mapping[str, Any], alert: AlertFacts) -> dict[str, Any]:
    """Fill the references in every text of ``parameters``, however deep; keys are left alone.

    Raises:
        TemplateError: an unknown name, or one for which this alert has no value.
    """
    return {key: _filled(value, alert) for key, value in parameters.items()}


def substitute_query(query: str, alert: AlertFacts) -> str:
    """Fill the references in PromQL, escaped for where they stand.

    Raises:
        TemplateError: as ``check_query``, or this alert has no value.
    """
    pieces, end = [], 0
    for reference, matcher, quote in _in_query(query):
        value = _value(reference, alert)
        if matcher in _REGEX_MATCHERS:
            value = value.translate(_REGEX_QUOTED)
        value = value.replace("\\", "\\\\").replace(quote, f"\\{quote}").translate(_CONTROL_QUOTED)
        pieces += [query[end : reference.start()], value]
        end = reference.end()
    return "".join((*pieces, query[end:]))


def has_reference(text: str) -> bool:
    """Whether ``text`` waits for an alert to fill it."""
    return _OPENING in text


def names_in(value: Any) -> frozenset[str]:
    """What the texts in ``value``, however deep, refer to: ``alert.labels.service``.

    Raises:
        TemplateError: a reference that no alert could fill.
    """
    return frozenset(reference[1] for text in _texts(value) for reference in _references(text))


def values_in(value: Any, alert: AlertFacts) -> dict[str, str]:
    """What the alert has for each name that the texts in ``value``, however deep, refer to; empty where it has none."""
    names = dict.fromkeys(reference[1] for text in _texts(value) for reference in _REFERENCE.finditer(text))
    return {name: _known(name, alert) for name in names}


def is_reference(text: str) -> bool:
    """Whether ``text`` is one reference and nothing else, so that an alert's value fills the whole of it."""
    return _REFERENCE.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Whether references in ``text`` are filled as segments of a URL."""
    return _URL.match(text) is not None


def check_text(text: str) -> None:
    """Whether the references in a parameter's text could be filled by some alert.

    Raises:
        TemplateError: they could not.
    """
    if is_url(text):
        _in_url(text)
    else:
        _references(text)


def check_query(query: str) -> None:
    """Whether the references in PromQL stand where they can be filled safely.

    Raises:
        TemplateError: they do not.
    """
    _in_query(query)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _filled(value: Any, alert: AlertFacts) -> Any:
    if isinstance(value, str):
        in_url = is_url(value)
        pieces, end = [], 0
        for reference in _in_url(value) if in_url else _references(value):
            given = _value(reference, alert)
            pieces += [value[end : reference.start()], _segment(reference, given) if in_url else given]
            end = reference.end()
        return "".join((*pieces, value[end:]))
    if isinstance(value, Mapping):
        return substitute(value, alert)
    if isinstance(value, list | tuple):
        return [_filled(item, alert) for item in value]
    return value


@lru_cache(maxsize=1024)
def _references(text: str) -> tuple[re.Match[str], ...]:
    """Every reference in order, each with a known name; texts of the policy, so the same ones again and again."""
    found = []
    start = text.find(_OPENING)
    while start >= 0:
        reference = _REFERENCE.match(text, start)
        if reference is None:
            raise TemplateError(
                f"{text[start : start + 30]!r} is not a reference", f"write ${{name}} with one of {_listed()}", start
            )
        name = reference[1]
        if name not in _PLAIN and not any(name.startswith(prefix) and name != prefix for prefix in _MAPS):
            raise TemplateError(f"unknown name {reference[0]}", f"known are {_listed()}", start)
        found.append(reference)
        start = text.find(_OPENING, reference.end())
    return tuple(found)


def _in_url(text: str) -> tuple[re.Match[str], ...]:
    """Every reference of a URL: in its path or what follows, never in what says which host is asked."""
    references, host = _references(text), _URL.match(text)
    for reference in references:
        if host is None or reference.start() < host.end():
            raise TemplateError(
                f"{reference[0]} would say which host is asked", "write the host itself", reference.start()
            )
    return references


def _segment(reference: re.Match[str], value: str) -> str:
    """The value as one segment of a URL: quoted, and no way up."""
    if value.strip(".") == "":
        raise TemplateError(
            f"{reference[0]} is {value!r}, a way out of the path", "correct the label", reference.start()
        )
    return percent_encoded(value, safe="")


@lru_cache(maxsize=1024)
def _in_query(query: str) -> tuple[tuple[re.Match[str], str, str], ...]:
    """Every reference with the matcher and the quote it stands in."""
    found = []
    homes: list[tuple[int, int, str]] = []
    matcher = ""
    for token in _PROMQL.finditer(query):
        if token.lastgroup == "text" and matcher in _MATCHERS:
            homes.append((token.start(), token.end(), matcher))
        if token.lastgroup != "skip":
            matcher = token[0] if token.lastgroup == "operator" else ""
    for reference in _references(query):
        home = next((home for home in homes if home[0] < reference.start() and reference.end() < home[1]), None)
        if home is None or query[reference.start() - 1] == "\\":
            raise TemplateError(
                f"{reference[0]} may stand only inside the quoted value of a label matcher",
                f"write it as {{service='{reference[0]}'}}, in single or double quotes and not after a backslash",
                reference.start(),
            )
        found.append((reference, home[2], query[home[0]]))
    return tuple(found)


def _value(reference: re.Match[str], alert: AlertFacts) -> str:
    """The value of this alert; lone surrogates become question marks, because nothing outside could read them."""
    name = reference[1]
    value = _known(name, alert)
    if not value:
        remedy = "add it to the alerting rule, or restrict `when` to alerts that have it"
        raise TemplateError(f"the alert {alert.name} has no {name}", remedy, reference.start())
    return value.encode("utf-8", "replace").decode()


def _known(name: str, alert: AlertFacts) -> str:
    if name.startswith(_MAPS[0]):
        return alert.labels.get(name.removeprefix(_MAPS[0]), "")
    if name.startswith(_MAPS[1]):
        return alert.annotations.get(name.removeprefix(_MAPS[1]), "")
    return str(getattr(alert, name.removeprefix("alert."))) if name in _PLAIN else ""


def _listed() -> str:
    return ", ".join(KNOWN)
