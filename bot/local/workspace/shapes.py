"""A small language for saying what a JSON object must be like, with faults worded and placed as Slack does.

It knows nothing of Block Kit: `elements` and `blocks` say in it what Slack accepts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.local.workspace.team import Json


@dataclass(slots=True)
class Faults:
    """Collects what is wrong, each with a JSON pointer to where."""

    found: list[str] = field(default_factory=list)

    def add(self, problem: str, pointer: str) -> None:
        """Note one problem at one place."""
        self.found.append(f"{problem} [json-pointer:{pointer}]")


Check = Callable[[Any, str, Faults], None]
Rule = Callable[[Json, str, Faults], None]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object with these fields and no others; `rules` check the object as a whole."""

    required: Mapping[str, Check] = field(default_factory=dict)
    optional: Mapping[str, Check] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def __call__(self, value: Any, pointer: str, faults: Faults) -> None:
        """Note in `faults` everything in which the value at `pointer` differs from this shape."""
        if not isinstance(value, dict):
            faults.add("must be an object", pointer)
            return
        for name in self.required:
            if value.get(name) is None:
                faults.add(f"missing required field: {name}", pointer)
        for name, given in value.items():
            check = self.required.get(name) or self.optional.get(name)
            if check is None:
                faults.add(f"invalid additional property: {name}", pointer)
            elif given is not None:
                check(given, f"{pointer}/{name}", faults)
        for rule in self.rules:
            rule(value, pointer, faults)


def anything(_value: Any, _pointer: str, _faults: Faults) -> None:
    """Accepts whatever is given."""


def boolean(value: Any, pointer: str, faults: Faults) -> None:
    """Accepts true and false."""
    if not isinstance(value, bool):
        faults.add("must be a boolean", pointer)


def integer(least: int, most: int) -> Check:
    """Accepts whole numbers within these bounds, both included."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            faults.add("must be an integer", pointer)
        elif not least <= value <= most:
            faults.add(f"must be between {least} and {most}", pointer)

    return check


def string(most: int, least: int = 1) -> Check:
    """Accepts strings of `least` to `most` characters."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        if not isinstance(value, str):
            faults.add("must provide a string", pointer)
        elif len(value) < least:
            faults.add(f"must be more than {least - 1} characters", pointer)
        elif len(value) > most:
            faults.add(f"must be less than {most + 1} characters", pointer)

    return check


def one_of(*allowed: str) -> Check:
    """Accepts these words only."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        if value not in allowed:
            faults.add(f"must be one of: {', '.join(allowed)}", pointer)

    return check


def matching(pattern: Callable[[str], object], wanted: str) -> Check:
    """Accepts strings the pattern likes; `wanted` says in words what that is."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        if not isinstance(value, str) or not pattern(value):
            faults.add(f"must be {wanted}", pointer)

    return check


def array(item: Check, most: int, least: int = 1) -> Check:
    """Accepts lists of `least` to `most` items, each of which passes `item`."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        if not isinstance(value, list):
            faults.add("must be an array", pointer)
            return
        if len(value) < least:
            faults.add(f"no fewer than {least} items allowed", pointer)
        if len(value) > most:
            faults.add(f"no more than {most} items allowed", pointer)
        for number, given in enumerate(value):
            item(given, f"{pointer}/{number}", faults)

    return check


def typed(shapes: Mapping[str, Check]) -> Check:
    """Accepts objects whose `type` is one of these, each checked by its own shape."""

    def check(value: Any, pointer: str, faults: Faults) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str):
            faults.add("missing required field: type", pointer)
        elif kind not in shapes:
            faults.add(f"unsupported type: {kind}", pointer)
        else:
            shapes[kind](value, pointer, faults)

    return check
