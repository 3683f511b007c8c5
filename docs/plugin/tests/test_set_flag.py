"""``set_flag`` on a flag file keeps the contract of a remediation."""

import fcntl
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.policy.plan import Target
from bot.remediation import Remediation
from remediations.testing import Ability, Promise, Subject


class FlagsInAFile(Subject):
    """Two flags that a release brought in and that have to go, and one that nobody talks about."""

    name = "set_flag"
    golden = Path(__file__).parent / "golden" / "flag_file"
    absent: ClassVar = {
        Ability.BY_ITSELF: "a file changes nothing by itself",
        Ability.CANARY: "a file asks for no credential",
        Ability.CONFLICT: "the lock keeps others out while a flag is switched",
        Ability.ENDS: "a flag stays as it is",
        Ability.HALF: "the file is replaced as a whole",
        Ability.HELD: "a flag is as wanted at once",
        Ability.LIMITED: "nobody counts how often a file is read",
        Ability.PROTECTED: "flags are neither networks nor accounts",
        Ability.REFUSED: "where we may not write, the first step fails",
        Ability.STAGING: "no fault can be injected",
    }

    def __init__(self, folder: Path) -> None:
        self.file = folder / "flags.json"

    def backends(self) -> Mapping[str, Mapping[str, Any]]:
        return {"flag_file": {"path": str(self.file), "timeout": "200ms"}}

    async def begin(self) -> None:
        flags = {"cart-new": True, "cart-tips": True, "search": True, **{f"many-{n}": True for n in range(6)}}
        self.file.write_text(json.dumps({name: {"on": on, "by": "release 7"} for name, on in flags.items()}))

    def parameters(self) -> dict[str, Any]:
        return {"flag": "cart-*", "on": False}

    def nothing(self) -> dict[str, Any]:
        return {"flag": "no-such-flag", "on": False}

    def too_many(self) -> dict[str, Any]:
        return {"flag": "many-*", "on": False}

    async def outside(self) -> Any:
        return json.loads(self.file.read_text())

    async def works(self) -> bool:
        flags = json.loads(self.file.read_text())
        return not flags["cart-new"]["on"] and not flags["cart-tips"]["on"]

    async def drift(self, target: Target) -> None:
        self._change(target.label, on=True, by="ann")

    async def moved_on(self, target: Target) -> None:
        self._change(target.label, on=False, by="ann")

    async def spoilt(self, targets: tuple[Target, ...]) -> Target:
        """A folder where the new file is to be written: the first change fails already."""
        self.file.with_suffix(".new").mkdir()
        return targets[0]

    @asynccontextmanager
    async def broken(self, how: Ability) -> AsyncIterator[Remediation]:
        lock, aside = self.file.with_suffix(".lock"), self.file.with_suffix(".aside")
        with lock.open("w") as held:
            self.file.rename(aside)
            if how is Ability.SLOW:
                fcntl.flock(held, fcntl.LOCK_EX)
            if how is Ability.LYING:
                self.file.write_text("<html>Not found</html>")
            yield self.remediation
            aside.replace(self.file)

    def _change(self, flag: str, **values: Any) -> None:
        flags = json.loads(self.file.read_text())
        flags[flag] |= values
        self.file.write_text(json.dumps(flags))


@pytest.fixture
def subject(tmp_path: Path) -> FlagsInAFile:
    return FlagsInAFile(tmp_path)


@pytest.mark.contract(subject=FlagsInAFile)
async def test_set_flag_on_a_file(promise: Promise, subject: FlagsInAFile) -> None:
    await promise.of(subject)
