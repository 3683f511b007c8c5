"""The audit chain as a file: JSON lines that anyone with the key can verify without us.

The first line says what the file is, then comes one line per entry, and the last line names the head and seals the
file, so that a file that was cut short is not taken for a short chain.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Any

from storage.audit import Audit, unreadable_row
from storage.audit_chain import Damage, Head, Reader, SealedEntry, Verification, key_id, seal_document, time_text

FORMAT = "watchkeeper-audit"
VERSION = 1


async def export_lines(audit: Audit, key: bytes, now: datetime) -> AsyncIterator[str]:
    """Every line of an export, without line ends. Read it within one ``Database.read``, which is one moment's view."""
    exported_at = time_text(now)
    yield _line({"format": FORMAT, "version": VERSION, "key_id": key_id(key), "exported_at": exported_at})
    async for entry in audit.entries():
        try:
            yield _line(
                {
                    "number": entry.number,
                    "at": time_text(entry.at),
                    "actor": entry.actor,
                    "kind": entry.kind,
                    "incident_id": entry.incident_id,
                    "body": entry.body,
                    "previous": entry.previous,
                    "hash": entry.hash,
                }
            )
        except ValueError as error:
            raise unreadable_row(entry.number, error) from error
    head = await audit.head()
    end = {"head": {"number": head.number, "hash": head.hash}, "exported_at": exported_at}
    yield _line({**end, "seal": seal_document(key, end)})


def verify_export(lines: Iterable[str], key: bytes, anchors: Sequence[Head] = ()) -> Verification:
    """Verify an exported file, streaming; ``anchors`` are heads that were published while the chain grew."""
    reader = Reader(key, anchors)
    unreadable: list[str] = []
    head: Head | None = None
    ended, named_key = False, ""
    for number, text in enumerate(lines, start=1):
        document = _read(text)
        if number == 1:
            if problem := _wrong_header(document):
                found = Verification()
                found.add(0, *problem)
                return found
            named_key = str((document or {}).get("key_id", ""))
        elif ended:
            unreadable.append(f"line {number} stands after the last line")
        elif document is not None and "head" in document:
            ended = True
            head = _sealed_head(document, key)
        elif (entry := _entry(document)) is not None:
            reader.read(entry)
        else:
            unreadable.append(f"line {number} is not an audit entry")
    found = reader.close(head, named_key)
    for problem_text in unreadable:
        found.add(found.head.number, Damage.UNREADABLE, problem_text)
    if not ended:
        found.add(found.head.number + 1, Damage.CUT_OFF, "the file has no last line: it was cut short")
    elif head is None and not found.foreign:
        found.add(found.head.number, Damage.CHANGED, "the last line does not carry the audit key's seal")
    return found


def _line(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _read(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _wrong_header(document: Mapping[str, Any] | None) -> tuple[Damage, str] | None:
    if document is None or document.get("format") != FORMAT:
        return Damage.UNREADABLE, f"the first line does not say that this is a {FORMAT} file"
    if document.get("version") != VERSION:
        return (
            Damage.UNREADABLE,
            f"the file has version {document.get('version')!r} of the format; this program reads version {VERSION}",
        )
    return None


def _sealed_head(document: Mapping[str, Any], key: bytes) -> Head | None:
    """The head, if the last line is one that the key's owner wrote."""
    sealed = {name: value for name, value in document.items() if name != "seal"}
    try:
        expected = seal_document(key, sealed)
    except (ValueError, RecursionError):
        return None  # no line that could ever be sealed
    if not compare_digest(expected.encode(), str(document.get("seal", "")).encode("utf-8", "replace")):
        return None
    return Head(int(document["head"]["number"]), str(document["head"]["hash"]))


def _entry(document: Mapping[str, Any] | None) -> SealedEntry | None:
    if document is None:
        return None
    try:
        return SealedEntry(
            number=int(document["number"]),
            at=datetime.fromisoformat(document["at"]),
            actor=document["actor"],
            kind=document["kind"],
            incident_id=document["incident_id"],
            body=document["body"],
            previous=document["previous"],
            hash=str(document["hash"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
