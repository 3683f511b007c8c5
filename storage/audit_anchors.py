"""Anchors as text: heads of the record that were given away while it grew, and are now held against it.

A file holds one anchor a line, as ``watchkeeper audit anchor`` writes them, or as the audit channel shows them:
``number:hash``, or the line of the daily digest that was copied from there.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from storage.audit_chain import Head, key_id, time_text

FORMAT = "watchkeeper-anchor"
VERSION = 1
_SHORT = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
_DIGEST = re.compile(r"Number (\d{1,18}), count \d{1,18}, hash ([0-9a-f]{64})")


class AnchorError(ValueError):
    """What was given is no anchor, or one of another record; the text says which and what to do."""


def anchor_line(head: Head, count: int, key: bytes, now: datetime) -> str:
    """The anchor as one line of a file, without its end."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "number": head.number,
        "count": count,
        "hash": head.hash,
        "at": time_text(now),
        "key_id": key_id(key),
    }
    return json.dumps(document, separators=(",", ":"))


def read_anchor(text: str, key: bytes) -> Head:
    """One anchor.

    Raises:
        AnchorError: it is none, or it was written with another key.
    """
    if (short := _SHORT.fullmatch(text.strip()) or _DIGEST.fullmatch(text.strip())) is not None:
        return Head(int(short[1]), short[2])
    document = _document(text)
    number, seal = document.get("number"), document.get("hash")
    if document.get("format") != FORMAT or document.get("version") != VERSION or type(number) is not int:
        raise _no_anchor(text)
    if document.get("key_id") != key_id(key):
        raise AnchorError(
            f"anchor {number} belongs to the key {document.get('key_id')!r}, and this one is {key_id(key)!r}: "
            "set WATCHKEEPER_AUDIT_KEY to the key of that record"
        )
    return read_anchor(f"{number}:{seal}", key)


def read_anchors(lines: Iterable[str], key: bytes) -> list[Head]:
    """Every anchor of a file; empty lines say nothing.

    Raises:
        AnchorError: a line is none, or none is there at all.
    """
    found = [read_anchor(line, key) for line in lines if line.strip()]
    if not found:
        raise AnchorError("the file holds no anchor: `watchkeeper audit anchor FILE` writes one")
    return found


def _document(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _no_anchor(text) from None
    if not isinstance(document, dict):
        raise _no_anchor(text)
    return document


def _no_anchor(text: str) -> AnchorError:
    shown = repr(text.strip()[:80])
    return AnchorError(
        f"{shown} is no anchor: write number:hash, the digest's line “Number …, count …, hash …”, or a line that "
        "`watchkeeper audit anchor` wrote"
    )
