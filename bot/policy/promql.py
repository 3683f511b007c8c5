"""What we must know about a query's text: whether it is a condition or a quantity, and whether two ask the same.

``up == 0`` is a condition: PromQL keeps the series that match *with their value*, here 0, so that it holds
when anything is left. ``rate(errors_total[5m])`` is a quantity, where 0 means "no". The answer alone cannot tell them
apart. This module knows nothing of Prometheus as a server.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
      | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
      | (?P<comparison>==|!=|>=|<=|>|<)(?P<as_number>\s*bool\b)?
      | (?P<word>[A-Za-z_:][A-Za-z0-9_:.]*)
      | (?P<open>[({\[])
      | (?P<close>[)}\]])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_LOGICAL_WORDS = frozenset({"and", "or", "unless", "atan2"})


@lru_cache(maxsize=1024)
def one_text(query: str) -> str:
    """``query`` in one way of writing it: without comments and brackets around all of it, its parts one space apart."""
    parts = [_in_double_quotes(token[0]) for token in _TOKEN.finditer(query) if token.lastgroup != "skip"]
    while _in_brackets(parts):
        parts = parts[1:-1]
    return " ".join(parts)


def parts_of(query: str) -> int:
    """How many words, texts and signs it has; comments and spaces are none."""
    return sum(token.lastgroup != "skip" for token in _TOKEN.finditer(query))


@lru_cache(maxsize=1024)
def is_condition(query: str) -> bool:
    """Whether ``query`` compares at its outer level (without ``bool``), as the expression of an alerting rule does.

    Parentheses that only group are searched; arguments of functions and aggregations, selectors and ranges are not.
    """
    opaque_depth = 0
    brackets: list[bool] = []
    previous = ""  # nothing yet; a bracket after a word or another bracket holds arguments, after an operator it groups
    for token in _TOKEN.finditer(query):
        kind = token.lastgroup if token.lastgroup != "as_number" else "comparison"
        if kind == "skip":
            continue
        if kind == "open":
            opaque = token[0] != "(" or previous in {"word", "close"}
            brackets.append(opaque)
            opaque_depth += opaque
        elif kind == "close" and brackets:
            opaque_depth -= brackets.pop()
        elif kind == "comparison" and token["as_number"] is None and opaque_depth == 0:
            return True
        previous = "operator" if kind == "word" and token[0].lower() in _LOGICAL_WORDS else kind or ""
    return False


def _in_double_quotes(part: str) -> str:
    """``'a'`` and ``"a"`` are the same text; what needs care (escapes, quotes inside) stays as it is written."""
    plain = part[:1] == "'" and not set(part[1:-1]) & {"\\", '"'}
    return f'"{part[1:-1]}"' if plain else part


def _in_brackets(parts: Sequence[str]) -> bool:
    """Whether one pair of brackets holds all of it."""
    if len(parts) < 2 or parts[0] != "(" or parts[-1] != ")":
        return False
    depth = 0
    for part in parts[:-1]:
        depth += (part == "(") - (part == ")")
        if depth == 0:
            return False
    return True
