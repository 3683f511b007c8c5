"""The audit chain itself, pure: how an entry is sealed, and how a reader finds out what was done to the entries.

Each entry is sealed with HMAC-SHA256 over its canonical JSON, in which the seal of the entry before it stands. Without
the key nobody can write an entry that verifies; with the key, a changed, removed, moved or missing entry is found and
named. Cutting off the end leaves a valid shorter chain: that is found against the head and against anchors, which are
heads that were published earlier, to places the database's owner cannot change.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

GENESIS = "0" * 64
"""What stands before the first entry."""
PROBLEMS_MAX = 100
"""A report names so many problems and counts the rest."""
_PURPOSE = "watchkeeper.audit.v1"
_SECRET = re.compile(
    r"token|passw|passphrase|secret|authorization|api.?key|credential|private.?key|cookie", re.IGNORECASE
)
REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """One entry with its two seals, as stored or exported. ``body`` is plain JSON."""

    number: int
    at: datetime
    actor: str
    kind: str
    incident_id: int | None
    body: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry's number and seal; number 0 with the genesis seal for an empty chain."""

    number: int
    hash: str


EMPTY = Head(0, GENESIS)


class Damage(StrEnum):
    """What can be wrong with an entry."""

    CHANGED = "changed"
    """Its seal does not fit its content: changed, or written without the key."""
    REMOVED = "removed"
    """Numbers are missing before it."""
    MOVED = "moved"
    """It stands where another number belongs."""
    UNLINKED = "unlinked"
    """The entry before it is not the one it was written after: that one was replaced."""
    CUT_OFF = "cut_off"
    """The chain ends before a head that it once had."""
    REWRITTEN = "rewritten"
    """Its seal is not the one that an anchor or the head remembers for this number."""
    WRONG_KEY = "wrong_key"
    """No entry fits the key: the chain belongs to another key."""
    UNREADABLE = "unreadable"
    """A line of an export is not what the format says."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, by entry number, in words."""

    number: int
    damage: Damage
    text: str


@dataclass(slots=True)
class Verification:
    """What a reader found. ``intact`` means that nothing at all is wrong."""

    entries: int = 0
    head: Head = EMPTY
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    foreign: bool = False
    """Whether it belongs to another key: of its seals nothing can be said."""

    @property
    def wrong_key(self) -> bool:
        """Whether that is all: nothing is wrong that could be seen without the key."""
        return self.foreign and self.problem_count == 1

    @property
    def intact(self) -> bool:
        """Whether nothing at all is wrong, problems beyond ``PROBLEMS_MAX`` included."""
        return self.problem_count == 0

    def add(self, number: int, damage: Damage, text: str) -> None:
        """Note a problem; beyond ``PROBLEMS_MAX`` it is only counted."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(number, damage, text))


def key_id(key: bytes) -> str:
    """Recognises a key without revealing it."""
    return hmac.new(key, b"watchkeeper.audit.key-id", hashlib.sha256).hexdigest()[:16]


def other_key(begun_with: str, key: bytes) -> tuple[str, str] | None:
    """What is wrong and what to do where a chain was begun with another key; neither ends in a full stop.

    ``begun_with`` recognises the key that the chain was begun with; it is empty before the first entry.
    """
    ours = key_id(key)
    if begun_with in ("", ours):
        return None
    told = f"the audit key does not fit: the record was begun with the key {begun_with}, and this one is {ours}"
    return told, "set WATCHKEEPER_AUDIT_KEY to the key this database was begun with; the record itself is not broken"


def seal(
    key: bytes,
    *,
    number: int,
    at: datetime,
    actor: str,
    kind: str,
    incident_id: int | None,
    body: Mapping[str, Any],
    previous: str,
) -> str:
    """The entry's seal, as hexadecimal."""
    return seal_document(
        key,
        {
            "purpose": _PURPOSE,
            "number": number,
            "at": time_text(at),
            "actor": actor,
            "kind": kind,
            "incident_id": incident_id,
            "body": body,
            "previous": previous,
        },
    )


def seal_document(key: bytes, document: Mapping[str, Any]) -> str:
    """HMAC-SHA256 over canonical JSON: sorted keys, no spaces, ASCII only."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hmac.new(key, canonical.encode("ascii"), hashlib.sha256).hexdigest()


def time_text(at: datetime) -> str:
    """UTC to the microsecond, always the same length."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as plain JSON, in which the values of keys that look like secrets are replaced.

    Raises:
        TypeError: a value cannot be written as JSON.
    """
    try:
        document = to_jsonable_python(dict(body))
    except PydanticSerializationError as error:
        raise TypeError(f"an audit body must be JSON: {error}") from error
    return {name: _plain(name, value) for name, value in document.items()}


def _plain(name: str, value: Any) -> Any:
    """A number or a boolean cannot be a secret; everything else under such a name is taken for one."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, bool | int | float | None) or value == "":
        return value
    if _SECRET.search(name):
        return REDACTED
    if isinstance(value, dict):
        return {key: _plain(key, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain("", item) for item in value]
    return value


def verify(
    entries: Iterable[SealedEntry], key: bytes, anchors: Sequence[Head] = (), head: Head | None = None
) -> Verification:
    """Read every entry once, in the order they are kept, and name what is wrong.

    Args:
        entries: the whole chain from its beginning; streamed, never held.
        key: the audit key.
        anchors: heads known from outside, in any order.
        head: the head that the database keeps beside the entries, when it is at hand.
    """
    reader = Reader(key, anchors)
    for entry in entries:
        reader.read(entry)
    return reader.close(head)


class Reader:
    """``verify`` one entry at a time, for entries that arrive asynchronously."""

    def __init__(self, key: bytes, anchors: Iterable[Head] = ()) -> None:
        self._key = key
        self._anchors: dict[int, set[str]] = {}
        for anchor in anchors:
            if anchor.number > 0:
                self._anchors.setdefault(anchor.number, set()).add(anchor.hash)
        self._found = Verification()
        self._keyless = Verification()
        """The same without what only the right key can say: gaps, links and anchors need none."""
        self._fitting = 0

    def read(self, entry: SealedEntry) -> None:
        """Check the next entry against itself, against the one before, and against its anchor."""
        found, before = self._found, self._found.head
        found.entries += 1
        if entry.number > before.number + 1:
            missing = _range(before.number + 1, entry.number - 1)
            self._add(entry.number, Damage.REMOVED, f"{missing} removed before entry {entry.number}")
        elif entry.number != before.number + 1:
            self._add(
                entry.number,
                Damage.MOVED,
                f"entry {entry.number} stands where entry {before.number + 1} belongs",
            )
        elif entry.previous != before.hash:
            self._add(
                entry.number,
                Damage.UNLINKED,
                f"entry {entry.number} was not written after this entry {before.number}; entry {before.number} was "
                "replaced",
            )
        if self._fits(entry):
            self._fitting += 1
        else:
            found.add(
                entry.number,
                Damage.CHANGED,
                f"entry {entry.number} was changed after it was written, or was written without the audit key",
            )
        if self._anchors.pop(entry.number, {entry.hash}) != {entry.hash}:
            self._add(
                entry.number,
                Damage.REWRITTEN,
                f"entry {entry.number} is not the one an anchor remembers; the chain was rewritten",
            )
        found.head = Head(entry.number, entry.hash)

    def close(self, head: Head | None = None, named_key: str | None = None) -> Verification:
        """Compare the end with the head and with the anchors that no entry has met.

        ``named_key``: what the record says of the key it was written with (see ``key_id``); None where it says nothing.
        """
        found, ours = self._found, key_id(self._key)
        foreign = named_key not in (None, "", ours)
        end = found.head.number
        remembered = list(self._anchors)
        if head is not None and head.number > 0:
            if head.number == end and head.hash != found.head.hash:
                self._add(end, Damage.REWRITTEN, f"entry {end} is not the one the chain's head remembers")
            elif head.number < end:
                self._add(
                    head.number + 1, Damage.REWRITTEN, f"entries after {head.number} are unknown to the chain's head"
                )
            elif head.number > end:
                remembered.append(head.number)
        if missing := [number for number in remembered if number > end]:
            self._add(
                end + 1,
                Damage.CUT_OFF,
                f"{_range(end + 1, max(missing))} removed from the end of the chain",
            )
        if found.entries > 0 and self._fitting == 0 and (foreign or not named_key):
            named = f"; the record names the key {named_key}, and this one is {ours}" if foreign else ""
            text = f"none of the {found.entries} entries fits this audit key{named}; use the key it was written with"
            problems = [Problem(1, Damage.WRONG_KEY, text), *self._keyless.problems]
            return Verification(found.entries, found.head, problems, self._keyless.problem_count + 1, foreign=True)
        if foreign and found.entries > 0:
            self._add(0, Damage.CHANGED, f"the record names the key {named_key}, but its entries fit the key {ours}")
        return found

    def _add(self, number: int, damage: Damage, text: str) -> None:
        self._found.add(number, damage, text)
        self._keyless.add(number, damage, text)

    def _fits(self, entry: SealedEntry) -> bool:
        try:
            expected = seal(
                self._key,
                number=entry.number,
                at=entry.at,
                actor=entry.actor,
                kind=entry.kind,
                incident_id=entry.incident_id,
                body=entry.body,
                previous=entry.previous,
            )
        except (ValueError, OverflowError, TypeError, RecursionError):
            return False  # no entry that could ever be sealed: a number that is none, a time that no clock shows
        return hmac.compare_digest(expected.encode(), entry.hash.encode("utf-8", "replace"))


def _range(first: int, last: int) -> str:
    return f"entry {first} was" if first == last else f"entries {first} to {last} were"
