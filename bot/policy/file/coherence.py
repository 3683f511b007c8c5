"""Does the policy make sense as a whole? References, expressions and entries that contradict each other.

It reads the file's plain data rather than the finished policy, so that every error is reported at once, whatever
else is wrong; what has the wrong shape has been reported already and is skipped here.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError

from bot.policy.conditions import FOR_ALERTS, FOR_CONDITIONS, Vocabulary, errors_in
from bot.policy.file.fields import duration
from bot.policy.file.parameter_fields import loose, loose_words
from bot.policy.file.second_channel import is_address
from bot.policy.file.shape import did_you_mean, report
from bot.policy.file.source import Path, Source
from bot.policy.file.templates import TemplateError, check_query, check_text, has_reference
from bot.policy.levels import Level

ParameterModels = Mapping[str, type[BaseModel]]
"""Remediation name -> the model of its ``with``."""

_RUNBOOK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DISPLAY_NAME = re.compile(r"[@#]|.*\s")


def check_coherence(source: Source, parameter_models: ParameterModels | None) -> None:
    """Add every error of meaning to ``source``.

    Without ``parameter_models`` the names of remediations and the keys of ``with`` go unchecked.
    """
    for check in (_channels, _people, _levels, _approvers, _services, _freezes, _waits, _second_channel, _sign_off):
        check(source)
    for index, _ in enumerate(_items(source, "mute")):
        _expression(source, ("mute", index, "when"), FOR_ALERTS)
    for name in _mapping(source, "runbooks"):
        _runbook(source, name, parameter_models)


def _channels(source: Source) -> None:
    own: Path = ("channels", "own_channel")
    for key in _mapping(source, "channels").keys() - {own[-1]}:
        _slack_id(source, ("channels", key), "a channel id, such as C01INC (in Slack: channel details, at the bottom)")
    for index, _ in enumerate(_items(source, *own, "invite")):
        _reference(source, (*own, "invite", index), _mapping(source, "people"), "group of people")


def _people(source: Source) -> None:
    for name, group in _mapping(source, "people").items():
        if isinstance(group, dict) and not group.get("users") and not group.get("usergroup"):
            path = ("people", name)
            source.error(source.key_at(path), path, f"group {name!r} names nobody", "add `users:` or `usergroup:`")
        for index, _ in enumerate(_items(source, "people", name, "users")):
            _slack_id(
                source, ("people", name, "users", index), "a user id, such as U01ALICE (in Slack: profile, copy id)"
            )
        _slack_id(source, ("people", name, "usergroup"), "a user group id, such as S0123")
        hours = ("people", name, "quiet_hours")
        since, until = _get(source, *hours, "from"), _get(source, *hours, "until")
        if since is not None and since == until:
            told = f"quiet hours from {since} until {until} are no time at all, or the whole day"
            source.error(source.value_at((*hours, "until")), (*hours, "until"), told, "write two different times")


def _levels(source: Source) -> None:
    levels = _mapping(source, "levels")
    lowest, highest = str(levels.get("lowest", "L0")), str(levels.get("highest", "L3"))
    if {lowest, highest} <= set(Level.__members__) and Level[lowest] > Level[highest]:
        path = ("levels", "lowest")
        remedy = "swap them, or write the level this organisation really operates at"
        source.error(source.value_at(path), path, f"lowest ({lowest}) is above highest ({highest})", remedy)


def _approvers(source: Source) -> None:
    """Whoever must approve exists: for each runbook that has its own, and for the defaults, by which pauses end."""
    default = ("defaults", "approvals")
    own = [("runbooks", name, "approvals") for name in _mapping(source, "runbooks")]
    for path in (default, *own):
        for key in ("from", "escalation"):
            for index, _ in enumerate(_items(source, *path, key)):
                _reference(source, (*path, key, index), _mapping(source, "people"), "group of people")
    remedy = "add `from: [group]` with a group from `people`"
    for path in own:
        if _get(source, *path) is not None and not _get(source, *path, "from"):
            told = f"nobody may approve {path[1]!r}: its own approvals replace the defaults, and name no group"
            source.error(source.key_at(path), (*path, "from"), told, remedy)
    if (own or _get(source, *default) is not None) and not _get(source, *default, "from"):
        told = "nobody may approve anything: defaults.approvals names no group"
        source.error(source.key_at(default), (*default, "from"), told, remedy)


def _services(source: Source) -> None:
    services = _mapping(source, "services")
    for name in services:
        for index, _ in enumerate(_items(source, "services", name, "depends_on")):
            _reference(source, ("services", name, "depends_on", index), services, "service")
        _query(source, ("services", name, "slo_burn"), with_references=False)


def _freezes(source: Source) -> None:
    for index, freeze in enumerate(_items(source, "freezes")):
        path = ("freezes", index)
        for position, _ in enumerate(_items(source, *path, "services")):
            _reference(source, (*path, "services", position), _mapping(source, "services"), "service")
        since, until = (_time(freeze, key) for key in ("from", "until"))
        if since is not None and until is not None and until <= since:
            told = f"the freeze ends ({freeze['until']}) before it begins ({freeze['from']})"
            source.error(source.value_at((*path, "until")), (*path, "until"), told, "write `until` later than `from`")


def _waits(source: Source) -> None:
    """Time for people and for verification must be some time; only a veto window may be zero."""
    approvals = [("defaults", "approvals"), *(("runbooks", name, "approvals") for name in _mapping(source, "runbooks"))]
    paths: list[Path] = [(*path, key) for path in approvals for key in ("approve_within", "execute_within")]
    paths += [("defaults", key) for key in ("review_within", "announce_within", "watch_after")]
    paths += [("budgets", index, "per") for index, _ in enumerate(_items(source, "budgets"))]
    for name in _mapping(source, "runbooks"):
        paths += [("runbooks", name, "verify", "within"), ("runbooks", name, "staging", "verify", "within")]
    for path in paths:
        written = _get(source, *path)
        try:
            zero = written is not None and duration(written) <= timedelta(0)
        except ValueError:
            continue
        if zero:
            source.error(
                source.value_at(path), path, f"{written} is no time at all", "write a time above zero, such as 5m"
            )


def _second_channel(source: Source) -> None:
    """Whoever is to be written to has an address, directly or through a group."""
    people, to = _mapping(source, "people"), ("second_channel", "email", "to")
    for index, name in enumerate(_items(source, *to)):
        if not isinstance(name, str) or is_address(name):
            continue
        _reference(source, (*to, index), people, "address or group of people")
        if name in people and not _items(source, "people", name, "email"):
            told = f"group {name!r} has no address to write to"
            source.error(source.value_at((*to, index)), (*to, index), told, f"add `email: [...]` to people.{name}")


def _sign_off(source: Source) -> None:
    for index, _ in enumerate(_items(source, "gates", "sign_off")):
        _reference(source, ("gates", "sign_off", index), _mapping(source, "people"), "group of people")


def _runbook(source: Source, name: str, parameter_models: ParameterModels | None) -> None:
    path = ("runbooks", name)
    if not _RUNBOOK_NAME.fullmatch(name):
        remedy = "use letters, digits, dots, dashes and underscores: people type it in `/watch run`"
        source.error(source.key_at(path), path, f"{name!r} cannot be the name of a runbook", remedy)
    _expression(source, (*path, "when"), FOR_ALERTS)
    for index, _ in enumerate(_items(source, *path, "conditions")):
        _expression(source, (*path, "conditions", index), FOR_CONDITIONS)
    for query in _mapping(source, *path, "evidence"):
        _query(source, (*path, "evidence", query))
    others = [other for other in _mapping(source, "runbooks") if other != name]
    for index, _ in enumerate(_items(source, *path, "alternatives")):
        _reference(source, (*path, "alternatives", index), others, "other runbook")
    for index, _ in enumerate(_items(source, *path, "authors")):
        _slack_id(source, (*path, "authors", index), "a user id, such as U01ALICE (in Slack: profile, copy id)")
    _verify(source, (*path, "verify"))
    _verify(source, (*path, "staging", "verify"))
    _bounds(source, (*path, "blast_radius"))
    _staging(source, path)
    _parameters(source, path, parameter_models)


def _verify(source: Source, path: Path) -> None:
    verify = _get(source, *path)
    if not isinstance(verify, dict):
        return
    ways = [key for key in ("healthy", "http", "own") if verify.get(key) not in (None, False)]
    if len(ways) != 1:
        told = "verify needs exactly one of `healthy` (PromQL), `http` (a URL) and `own: true` (the remediation's view)"
        remedy = "keep the one that counts" if ways else "add one of them: without it nobody knows whether it worked"
        source.error(source.key_at(path), path, told, remedy)
    _query(source, (*path, "healthy"))
    url = verify.get("http")
    if isinstance(url, str) and (not url.startswith(("http://", "https://")) or has_reference(url)):
        told = f"{url!r} is not a fixed http:// or https:// URL"
        source.error(source.value_at((*path, "http")), (*path, "http"), told, "write the whole URL, without ${...}")


def _bounds(source: Source, path: Path) -> None:
    targets, approved = _get(source, *path, "targets"), _get(source, *path, "approved_targets")
    if isinstance(approved, int) and approved < (targets if isinstance(targets, int) else 1):
        told = (
            f"an approver could allow fewer targets ({approved}) than the runbook may touch by itself ({targets or 1})"
        )
        at = (*path, "approved_targets")
        source.error(source.value_at(at), at, told, "raise approved_targets, or lower targets")


def _staging(source: Source, path: Path) -> None:
    """Staging is somewhere else than production: faults are injected there."""
    staging, own = _get(source, *path, "staging"), _mapping(source, *path, "with")
    if not isinstance(staging, dict) or {**own, **_mapping(source, *path, "staging", "with")} != own:
        return
    at = (*path, "staging")
    told = "as it stands, staging is production: `staging.with` changes nothing of `with`"
    source.error(source.key_at(at), at, told, "name what is on staging in `staging.with`")


def _parameters(source: Source, path: Path, parameter_models: ParameterModels | None) -> None:
    """``with``, and ``staging.with`` laid over it, fit the remediation, its backend and the references in them."""
    own, staging = _mapping(source, *path, "with"), _mapping(source, *path, "staging", "with")
    for base, given in (((*path, "with"), own), ((*path, "staging", "with"), staging)):
        for at, text in _texts(given, base):
            _template(source, at, text)
        backend = given.get("backend")
        if isinstance(backend, str) and not has_reference(backend):
            _reference(source, (*base, "backend"), _mapping(source, "backends"), "backend")
    remediation = _get(source, *path, "remediation")
    if parameter_models is None or not isinstance(remediation, str):
        return
    if remediation not in parameter_models:
        _reference(source, (*path, "remediation"), sorted(parameter_models), "remediation")
        return
    model = parameter_models[remediation]
    for base, given in (((*path, "with"), own), ((*path, "staging", "with"), staging)):
        for at, text in loose(model, given):
            _misplaced(source, (*base, *at), text, TemplateError(*loose_words(at), max(0, text.find("${"))))
    _fits(source, (*path, "with"), own, own, model)
    if _get(source, *path, "staging") is not None:
        _fits(source, (*path, "staging", "with"), staging, {**own, **staging}, model)


def _fits(
    source: Source, base: Path, written: Mapping[str, Any], given: Mapping[str, Any], model: type[BaseModel]
) -> None:
    """Validate ``given``; of what is laid over other parameters, only the errors in ``written`` are news."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            location = each["loc"]
            value = given.get(str(location[0])) if location else given
            if any(has_reference(text) for _, text in _texts(value, ())):
                continue  # an alert will fill it; it is validated then
            if written is given or (location and location[0] in written):
                report(source, base, model, each)


def _expression(source: Source, path: Path, vocabulary: Vocabulary) -> None:
    text = _get(source, *path)
    if not isinstance(text, str):
        return
    for error in errors_in(text, vocabulary):
        mark = source.inside(path, error.line, error.column)
        source.error(mark, path, f"in the condition: {error.message}", error.remedy)


def _query(source: Source, path: Path, *, with_references: bool = True) -> None:
    text = _get(source, *path)
    if not isinstance(text, str):
        return
    if not with_references and has_reference(text):
        told = "this query is asked without an alert, so nothing could fill ${...}"
        source.error(source.value_at(path), path, told, "write the name of the service itself")
        return
    try:
        check_query(text)
    except TemplateError as error:
        _misplaced(source, path, text, error)


def _template(source: Source, path: Path, text: str) -> None:
    try:
        check_text(text)
    except TemplateError as error:
        _misplaced(source, path, text, error)


def _misplaced(source: Source, path: Path, text: str, error: TemplateError) -> None:
    before = text[: error.offset]
    mark = source.inside(path, before.count("\n") + 1, error.offset - before.rfind("\n"))
    source.error(mark, path, error.message, error.remedy)


def _reference(source: Source, path: Path, known: Collection[str], kind: str) -> None:
    name = _get(source, *path)
    if isinstance(name, str) and name not in known:
        source.error(source.value_at(path), path, f"there is no {kind} {name!r}", did_you_mean(name, tuple(known)))


def _slack_id(source: Source, path: Path, wanted: str) -> None:
    value = _get(source, *path)
    if isinstance(value, str) and (not value or _DISPLAY_NAME.match(value)):
        source.error(source.value_at(path), path, f"{value!r} is a name that people see, not an id", f"write {wanted}")


def _time(freeze: Any, key: str) -> datetime | None:
    """The time if it can be compared; the shape has reported it otherwise."""
    try:
        time = datetime.fromisoformat(freeze[key])
    except (KeyError, TypeError, ValueError):
        return None
    return time if time.tzinfo is not None else None


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _get(source: Source, *path: str | int) -> Any:
    """The plain value at ``path``; None where something around it is missing or of another shape."""
    here = source.data
    for part in path:
        if isinstance(here, dict) and isinstance(part, str):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return None
    return here


def _mapping(source: Source, *path: str | int) -> dict[str, Any]:
    value = _get(source, *path)
    return value if isinstance(value, dict) else {}


def _items(source: Source, *path: str | int) -> list[Any]:
    value = _get(source, *path)
    return value if isinstance(value, list) else []
