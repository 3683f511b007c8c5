"""Seal: everything that a gate was passed with, in parts, so that what has changed since can be named.

The runbook as it is written, the remediation in its version, the defaults and escalation thresholds that apply to it,
and the entries of backends and services. A runbook that names its backends is sealed with these, any other with all. Of
services every entry is sealed, as alerts say which ones it touches; only those that a plan touches count.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

from bot.policy.file.canonical import OF_A_SERVICE, OF_ESCALATE, digest_of, without
from bot.policy.file.document import Policy, Runbook
from bot.policy.file.templates import has_reference
from bot.policy.rules.services import Services
from bot.policy.situation import GatePass
from bot.policy.track_record import Seal, SealedPart

RUNBOOK, REMEDIATION, DEFAULTS, ESCALATION = "runbook", "remediation", "defaults", "escalation thresholds"
BACKEND, SERVICE = "backend ", "service "
"""How the names of parts begin that are an entry of the policy each."""

REPLACED_BY_ITS_OWN = ("approvals", "rollback_within", "veto_window")
"""Defaults that do not apply to a runbook that says otherwise."""
NOT_ON_RECORD = "what it was passed with is not on record"
CHANGES_NAMED = 3
SHOWN = 40
"""Characters of a value; of a longer one the part around the change."""
AROUND = 12
"""Characters before a change that are shown, of a long value."""
VISIBLE = frozenset(map(chr, range(0x21, 0x7F)))
"""Characters that are told apart at sight."""


def seal_of(policy: Policy, name: str, version: int | None) -> Seal:
    """What the gates of the runbook ``name`` would be passed with now.

    ``version``: of its remediation, as its plans and the catalogue say; one that nobody knows is another one. A field
    that comes later stays out of its part while it says what its absence says, as in ``Runbook.sealed``: no new
    release voids what was passed.
    """
    runbook = policy.runbooks[name]
    defaults = policy.defaults.model_dump(mode="json", by_alias=True)
    for own in REPLACED_BY_ITS_OWN:
        if getattr(runbook, own) is not None:
            del defaults[own]
    documents: dict[str, dict[str, Any]] = {
        RUNBOOK: runbook.sealed,
        REMEDIATION: {"name": runbook.remediation, "version": version},
        DEFAULTS: defaults,
        ESCALATION: without(policy.escalate.model_dump(mode="json"), OF_ESCALATE),
    }
    for backend in _backends(policy, runbook):
        # Only which setting has changed is ever told, so no value of one is kept.
        settings = policy.backends[backend].items()
        documents[f"{BACKEND}{backend}"] = {key: digest_of(value) for key, value in settings}
    for service, entry in policy.services.items():
        documents[f"{SERVICE}{service}"] = without(entry.model_dump(mode="json"), OF_A_SERVICE)
    return Seal(parts={part: SealedPart(digest=digest_of(text), document=text) for part, text in documents.items()})


def digest_of_seal(seal: Seal) -> str:
    """The one digest that rows of gates name a seal by."""
    return digest_of({name: part.digest for name, part in seal.parts.items()})


def slim(seal: Seal, now: Seal) -> Seal:
    """The seal without documents that say what is still so: its digests stay, and nothing is left to be named."""
    same = {name: part.digest for name, part in now.parts.items()}
    return Seal(
        parts={
            name: part.model_copy(update={"document": None}) if same.get(name) == part.digest else part
            for name, part in seal.parts.items()
        }
    )


def void(row: GatePass, seals: Mapping[str, Seal], now: Seal, touched: Services) -> str:
    """What has changed since the gate was passed, in words; empty when all that counts is as it was.

    ``touched``: services whose entries count. A row of an older release was sealed by the runbook alone.
    """
    if not row.seal:
        return "" if row.digest == now.parts[RUNBOOK].digest else "the runbook changed"
    then = seals.get(row.seal)
    if then is None or digest_of_seal(then) != row.seal:
        return NOT_ON_RECORD
    return "; ".join(changes(then, now, touched))


def changes(then: Seal, now: Seal, touched: Services) -> tuple[str, ...]:
    """Every part that is not as it was, in words: "the runbook changed (verify.within: 2m -> 121s)"."""
    names = dict.fromkeys((*now.parts, *then.parts))
    return tuple(
        _change(name, then.parts.get(name), now.parts.get(name))
        for name in names
        if not name.startswith(SERVICE) or touched.may_be(name.removeprefix(SERVICE))
        if _digest(then, name) != _digest(now, name)
    )


def _digest(seal: Seal, name: str) -> str | None:
    part = seal.parts.get(name)
    return part.digest if part is not None else None


def _change(name: str, then: SealedPart | None, now: SealedPart | None) -> str:
    what = name if name.startswith((BACKEND, SERVICE)) else f"the {name}"
    if then is None:
        return f"{what} came later"
    if now is None:
        return f"{what} is gone"
    if then.document is None:
        return f"{what} changed"
    found = tuple(_differences(then.document, now.document, ()))
    with_values = not name.startswith(BACKEND)
    named = [f"{path}: {values}" if with_values else path for path, values in found[:CHANGES_NAMED]]
    more = [f"{len(found) - CHANGES_NAMED} more"] if len(found) > CHANGES_NAMED else []
    return f"{what} changed ({', '.join((*named, *more))})" if named else f"{what} changed"


def _differences(then: Any, now: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Where two documents differ, and from what to what."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*now, *then)):
            yield from _differences(then.get(key), now.get(key), (*path, key))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (one, other) in enumerate(zip(then, now, strict=True), 1):
            yield from _differences(one, other, (*path, str(number)))
    elif then != now or isinstance(then, bool) != isinstance(now, bool):
        yield ".".join(path), _from_to(_text(then), _text(now))


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _from_to(then: str, now: str) -> str:
    """Both values, and of long ones what is around the first character that differs.

    Where nobody could see which that is, as of a blank or of letters that look alike, it is named.
    """
    same = _alike(then, now)
    rest = _alike(then[same:][::-1], now[same:][::-1])
    one, other = then[same : len(then) - rest], now[same : len(now) - rest]
    hidden = any(part and VISIBLE.isdisjoint(part) for part in (one, other))
    which = f", character {same + 1}: {_character(one)} -> {_character(other)}" if hidden else ""
    if max(len(then), len(now)) <= SHOWN:
        return f"{then} -> {now}{which}"
    start = max(0, same - AROUND)
    return f"{_around(then, start)} -> {_around(now, start)}{which}"


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _character(text: str) -> str:
    """The first one by its number and name: "U+00A0 no-break space"."""
    return f"U+{ord(text[0]):04X} {unicodedata.name(text[0], 'without a name').lower()}" if text else "none"


def _around(text: str, start: int) -> str:
    end = start + SHOWN
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _backends(policy: Policy, runbook: Runbook) -> tuple[str, ...]:
    """Those it names, in production and on staging; where it leaves that open, all."""
    staging = runbook.staging.parameters if runbook.staging is not None else {}
    own = runbook.parameters.get("backend")
    named = {own, staging.get("backend", own)}
    if all(isinstance(name, str) and not has_reference(name) for name in named):
        return tuple(name for name in policy.backends if name in named)
    return tuple(policy.backends)
