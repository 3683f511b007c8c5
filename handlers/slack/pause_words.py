"""Understands what is paused, for how long and why, as people type it in Slack and on the command line.

Typographic dashes and quotes are read as what people meant. A reason may follow only where what is paused was said: a
word that is not understood is taken for a name, never for the beginning of a reason. Must not know: whether what is
named exists.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.policy.file.fields import duration
from bot.policy.situation import Scope, ScopeKind

PAUSE_MAX = timedelta(days=365)
SCOPE_NAME_MAX_CHARACTERS = 200
SHOWN_MAX_CHARACTERS = 60
SCOPES = "`everything`, `service:checkout`, `runbook:restart-web` or `target:supervisor:web`"
SCOPES_REMEDY = f"Write {SCOPES}."
EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)
NAMED_KINDS = (ScopeKind.SERVICE, ScopeKind.RUNBOOK, ScopeKind.TARGET)
_EVERYTHING = frozenset({"everything", "all"})
_DASHES = "-\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}\N{HORIZONTAL BAR}\N{MINUS SIGN}"
_QUOTES = (
    "\"'`"
    "\N{ACUTE ACCENT}\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
    "\N{DOUBLE LOW-9 QUOTATION MARK}\N{DOUBLE HIGH-REVERSED-9 QUOTATION MARK}"
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}"
    "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
    "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{SINGLE LOW-9 QUOTATION MARK}"
    "\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}"
)
_AFTER = ",.;:!"
"""What people write after a word and not as a part of it."""
_LOOKS_LIKE_DURATION = re.compile(r"\d+(\.\d+)?[a-z]{1,7}[,.;:!]?", re.IGNORECASE)
_LOOKS_LIKE_SCOPE = re.compile(r"([a-z_]+):(?!//)(.*)", re.IGNORECASE | re.DOTALL)
_OPTION = re.compile(r"(for|reason)[=:](.+)", re.IGNORECASE | re.DOTALL)
_IN_QUOTES = rf"(?:(?:{'|'.join(NAMED_KINDS)}):)?[{_QUOTES}][^{_QUOTES}]+[{_QUOTES}][{_AFTER}]?(?=\s|$)"
_WORD = re.compile(rf"{_IN_QUOTES}|\S+", re.IGNORECASE)
"""What stands in quotes is one word."""


class WordsError(ValueError):
    """What was typed cannot be understood; the text says what, and gives an example."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop automation somewhere; ``lasting`` None: until somebody resumes it. The reason may have any length."""

    scope: Scope | None
    """None: only ``name`` says what, and not of which kind that is."""
    lasting: timedelta | None
    reason: str
    name: str = ""


def read_pause(typed: Sequence[str]) -> Pause:
    """``[scope] [for] [duration] [reason]``, word for word; scope and duration in either order, once each.

    Raises:
        WordsError: it is none; says what to type instead.
    """
    scope: Scope | None = None
    name, reason = "", ""
    lasting: timedelta | None = None
    rest = list(typed)
    while rest:
        word = meant(rest[0])
        said = word.lower()
        if (option := _OPTION.fullmatch(word)) is not None:
            rest = [f"--{option[1]}", option[2], *rest[1:]]  # --for=2h
        elif not word:
            rest = rest[1:]  # a dash that stands alone
        elif said == "for" and lasting is None:
            if len(rest) == 1:
                raise WordsError("For how long? For example: `/watch pause everything for 2h`.")
            lasting, rest = read_duration(meant(rest[1])), rest[2:]
        elif lasting is None and _LOOKS_LIKE_DURATION.fullmatch(word):
            lasting, rest = read_duration(word), rest[1:]
        elif said == "until" and lasting is None:
            raise WordsError("Say how long, not until when: `/watch pause everything for 2h`.")
        elif said == "because" or (said == "reason" and rest[0][0] in _DASHES):
            reason, rest = " ".join(rest[1:]), []
        elif scope is not None or name:
            reason, rest = " ".join(rest), []
        else:
            scope, rest = leading_scope(rest)
            if scope is None:
                name, rest = _name(word), rest[1:]
    return Pause(scope if scope is not None or name else EVERYTHING, lasting, reason, name)


def read_scope(word: str) -> Scope | None:
    """``everything``, ``service:checkout``, ``runbook:restart-web``, ``target:supervisor:web``; None if it is no scope.

    Raises:
        WordsError: it begins like a scope, but names nothing.
    """
    word = meant(word)
    if word.lower().rstrip(_AFTER) in _EVERYTHING:
        return EVERYTHING
    looks = _LOOKS_LIKE_SCOPE.fullmatch(word)
    if looks is None:
        return None
    kind, name = looks[1].lower(), _name(looks[2])
    if kind not in NAMED_KINDS:
        raise WordsError(f"{quoted(word)} is not a scope. {SCOPES_REMEDY}")
    if not 0 < len(name) <= SCOPE_NAME_MAX_CHARACTERS:
        raise WordsError(f"{quoted(word)} names no {kind}. For example: `{kind}:checkout`.")
    return Scope(kind=ScopeKind(kind), name=name)


def leading_scope(words: list[str]) -> tuple[Scope | None, list[str]]:
    """The scope that ``words`` begin with, as one word or as two (``service checkout``), and what follows it."""
    first = meant(words[0]).lower()
    if first in NAMED_KINDS or (len(words) > 1 and first.removesuffix(":") in NAMED_KINDS):
        first = first.removesuffix(":")
        if len(words) == 1:
            raise WordsError(f"Which {first}? For example: `{first}:checkout`. {SCOPES_REMEDY}")
        return read_scope(f"{first}:{meant(words[1])}"), words[2:]
    scope = read_scope(words[0])
    return (None, words) if scope is None else (scope, words[1:])


def words_of(text: str) -> list[str]:
    """What was typed, word for word; what stands in quotes is one word, with its quotes."""
    return _WORD.findall(text)


def meant(word: str) -> str:
    """Without the quotes around it and the dashes before it, of whatever kind; empty when it is nothing else."""
    ended = word.rstrip(_AFTER)
    word = ended if ended[-1:] in _QUOTES else word
    return word.strip(_QUOTES).lstrip(_DASHES).strip(_QUOTES)


def read_duration(word: str) -> timedelta:
    """``30m``, ``2h``, ``1d``.

    Raises:
        WordsError: it is no duration, or not between a second and a year.
    """
    try:
        lasting = duration(word.rstrip(_AFTER).lower())
    except (ValueError, OverflowError):
        raise WordsError(f"{quoted(word)} is not a duration. Write a number and a unit: 30m, 2h or 1d.") from None
    if not timedelta(seconds=1) <= lasting <= PAUSE_MAX:
        raise WordsError(f"{quoted(word)} is not between a second and {PAUSE_MAX.days} days. For example: 2h.")
    return lasting


def quoted(text: str) -> str:
    """What was typed, as an answer repeats it."""
    shown = text if len(text) <= SHOWN_MAX_CHARACTERS else f"{text[: SHOWN_MAX_CHARACTERS - 1]}…"
    return f"“{shown}”"


def _name(word: str) -> str:
    return word.strip(_QUOTES).rstrip(_AFTER)
