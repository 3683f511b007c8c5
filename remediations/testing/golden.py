"""Plans of older versions, stored beside a test: what people approved and what was recorded outlives the release.

One file for each version, ``v1.json``, written once and never changed. Values that are others in each run (a pid) are
stored as names, ``"<pid of web>"``, which ``Subject.volatile`` gives a meaning.
"""

import json
from collections.abc import Mapping
from typing import Any

from bot.policy.plan import Plan
from bot.remediation import Record
from remediations.testing.life import Done
from remediations.testing.subject import Subject

write_missing = False
"""Whether a plan of the present version is stored where there is none; pytest's ``--write-golden``."""


def documents(subject: Subject) -> dict[int, Any]:
    """What is stored, by version."""
    found = subject.golden.glob("v*.json") if subject.golden.is_dir() else ()
    return {int(path.stem.removeprefix("v")): json.loads(path.read_text("utf-8")) for path in found}


def read(subject: Subject, document: Any) -> Done:
    """A stored plan with its record, as if it were of the present system."""
    now = _replaced(document, {f"<{name}>": value for name, value in subject.volatile().items()})
    return Done(Plan.model_validate(now["plan"]), Record.model_validate(now["record"]), None)


def write(subject: Subject, done: Done) -> None:
    """Store a plan of the present version, which was just carried out."""
    plan, record = (each.model_dump(mode="json") for each in (done.plan, done.record))
    names = {value: f"<{name}>" for name, value in subject.volatile().items() if isinstance(value, str | int)}
    document = _replaced({"digest": done.plan.digest, "plan": plan, "record": record}, names)
    subject.golden.mkdir(parents=True, exist_ok=True)
    path = subject.golden / f"v{subject.remediation.version}.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _replaced(value: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(value, dict):
        return {_replaced(key, values): _replaced(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, values) for each in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value not in values:
        for old, new in values.items():
            if isinstance(old, str) and isinstance(new, str):
                value = value.replace(old, new)
        return value
    return values.get(value, value)
