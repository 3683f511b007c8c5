"""Markdown (CommonMark, with GitHub's tables) in which outside text stays text: no layout, links or HTML of its own.

Must not know: what is reported.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

TEXT_MAX_CHARACTERS = 2000
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$])")
_BEGINS_A_BLOCK = re.compile(r"^([#+\-=:]|\d+(?=[.)]))")
_LOOKS_LIKE_A_LINK = re.compile(r"(?i)(:(?=//)|(?<=\bwww)\.|@)")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_TICKS = re.compile(r"`+")


def plain(text: str, limit: int = TEXT_MAX_CHARACTERS) -> str:
    """On one line, without characters that nobody sees or that turn the text around; at most ``limit`` long."""
    line = " ".join("".join(_seen(one) for one in text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def escape(text: str, limit: int = TEXT_MAX_CHARACTERS) -> str:
    """Outside text as it is read: nothing in it means anything to Markdown."""
    line = _SPECIAL.sub(r"\\\1", plain(text, limit))
    line = _LOOKS_LIKE_A_LINK.sub(r"\\\1", _ENTITY.sub("&amp;", line))
    begun = _BEGINS_A_BLOCK.match(line)
    if begun is None:
        return line
    number = begun[1]
    return f"{number}\\{line[len(number) :]}" if number.isdigit() else f"\\{line}"


def code(text: str, limit: int = TEXT_MAX_CHARACTERS) -> str:
    """A name as it is written, within as many backticks as keep it whole."""
    line = plain(text, limit)
    if not line:
        return "-"
    fence = "`" * (max((len(run) for run in _TICKS.findall(line)), default=0) + 1)
    room = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{room}{line}{room}{fence}"


def bullets(items: Iterable[str]) -> str:
    """A list; items that are empty are left out."""
    return "\n".join(f"- {item}" for item in items if item)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a pipe that is not escaped yet (within code) is."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text) or " "


def _seen(character: str) -> str:
    kind = unicodedata.category(character)
    return " " if kind in ("Cc", "Zl", "Zp") else "" if kind in ("Cf", "Co", "Cs", "Cn") else character
