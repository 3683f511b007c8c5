"""The survivors that may be, each with its reason: a file beside decision 15."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path("docs/decisions/0015-survivors.yml")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A mutant of which somebody has written why no test notices it."""

    module: str
    was: str
    becomes: str
    why: str

    @property
    def key(self) -> tuple[str, str]:
        """Names the fault within its module, as ``Mutant.key`` does."""
        return self.was, self.becomes


def accepted(file: Path = FILE) -> tuple[Accepted, ...]:
    """Every survivor that may be.

    Raises:
        ValueError: an entry lacks something, has something else, or is there twice.
    """
    written = yaml.safe_load(file.read_text()) or {}
    entries = [_entry(file, module, one) for module, ones in written.items() for one in ones]
    for place, entry in enumerate(entries):
        if entry.key in {other.key for other in entries[:place] if other.module == entry.module}:
            raise ValueError(f"{file}: {entry.was!r} -> {entry.becomes!r} is there twice; keep one")
    return tuple(entries)


def of_module(entries: Sequence[Accepted], module: str) -> dict[tuple[str, str], Accepted]:
    """Those of one module, by the fault."""
    return {entry.key: entry for entry in entries if entry.module == module}


def _entry(file: Path, module: str, one: object) -> Accepted:
    if not isinstance(one, dict) or set(one) != {"was", "becomes", "why"} or not str(one["why"]).strip():
        raise ValueError(f"{file}: {module}: each entry says what it was, what it becomes, and why; this is {one!r}")
    return Accepted(module, str(one["was"]).strip("\n"), str(one["becomes"]).strip("\n"), str(one["why"]).strip())
