"""The blocks of ``docs/operating.md`` that show commands with what they print: read, compared, and written anew.

A block is fenced as ``console`` and stands behind a paragraph that begins with the name of its set-up, in bold and with
a full stop. Each command begins with ``$`` and ends with a line that tells its exit code.
"""

import fcntl
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.scenarios.stage import ROOT

HANDBOOK = ROOT / "docs" / "operating.md"
PROMPT, ENDED, LEFT_OUT = "$ ", "exit code ", "..."
FENCE = "```console"
BLOCK = re.compile(
    rf"^\*\*(?P<name>[^*\n]+)\.\*\*(?:(?!\n\n).)*\n\n{FENCE}\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL
)
NEVER_TWICE: Mapping[str, str] = {
    r"127\.0\.0\.1:\d{5}\b": "127.0.0.1:<port>",
    r"\d+\.\d [GM]B free": "<room> free",
    r"within \d s of": "within <so many> s of",
    r"\d{4}-\d\d-\d\d \d\d:\d\d UTC": "<time> UTC",
}
"""What cannot be the same on two days or two machines, and nothing else; each is as long as on any other."""
ALWAYS_SHOWN = "Nothing was changed."
SEES, CANNOT_SEE = "sees it", "cannot see it"
TABLE = re.compile(
    r"(?<=^\| what is broken \| `check` \| `doctor` \| `decide --live` \|\n\|---\|---\|---\|---\|\n)(?:\|.*\n)+", re.M
)


@dataclass(frozen=True)
class Typed:
    """One command as it is typed, with what it prints and its exit code."""

    command: str
    lines: tuple[str, ...]
    code: int

    @property
    def verb(self) -> str:
        """Which of the commands it is: ``doctor``."""
        return self.command.split()[1]

    def fits(self, said: "Typed") -> bool:
        """Whether that is what was printed, with ``...`` for any lines."""
        parts = (r"(?:.*\n)+?" if line == LEFT_OUT else re.escape(f"{masked(line)}\n") for line in self.lines)
        printed = "".join(f"{masked(line)}\n" for line in said.lines)
        return self.code == said.code and re.fullmatch("".join(parts), printed) is not None

    def written(self) -> str:
        """As it stands in a block."""
        return "\n".join((f"{PROMPT}{self.command}", *self.lines, f"{ENDED}{self.code}"))


def said_by(command: str, code: int, printed: str) -> Typed:
    """What a command has printed."""
    return Typed(command, tuple(line.rstrip() for line in printed.strip("\n").split("\n")), code)


def masked(text: str) -> str:
    """Without what is never the same twice."""
    for pattern, word in NEVER_TWICE.items():
        text = re.sub(pattern, word, text)
    return text


def blocks(text: str) -> dict[str, tuple[Typed, ...]]:
    """Every block, by the name of its set-up."""
    found: dict[str, tuple[Typed, ...]] = {}
    for match in BLOCK.finditer(text):
        name = match["name"]
        assert name not in found, f"{name} has two blocks"
        found[name] = tuple(_commands(match["block"]))
    assert len(found) == text.count(FENCE), "a block has no name in bold in the paragraph before it"
    return found


def _commands(block: str) -> Iterator[Typed]:
    for part in re.split(rf"^{re.escape(PROMPT)}", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.strip("\n").split("\n")
        assert "".join(lines[-1:]).startswith(ENDED), f"the last line of {command!r} does not tell its exit code"
        yield Typed(command, tuple(lines[:-1]), int(lines[-1].removeprefix(ENDED)))


def shortened(said: Typed, sound: Typed) -> Typed:
    """Without the lines that are printed where nothing is broken, as far as others stand for them."""
    usual = {_loose(line) for line in sound.lines}
    lines: list[str] = []
    hidden: list[str] = []
    for number, line in enumerate((*said.lines, None)):
        if line is not None and number and _loose(line) in usual and ALWAYS_SHOWN not in line:
            hidden.append(line)
            continue
        lines += [LEFT_OUT] if len(hidden) > 1 else hidden
        hidden = []
        lines += [line] if line is not None else []
    return Typed(said.command, tuple(lines), said.code)


def _loose(line: str) -> str:
    """Columns are as wide as what is in them."""
    return " ".join(masked(line).split())


def rows(found: Mapping[str, Sequence[Typed]], names: Collection[str], sound: Mapping[str, Typed]) -> str:
    """The table: which command sees what."""
    return "".join(f"| {name} | {' | '.join(_seen(each, sound) for each in found[name])} |\n" for name in names)


def _seen(typed: Typed, sound: Mapping[str, Typed]) -> str:
    if typed.fits(sound[typed.verb]):
        return CANNOT_SEE
    return f"{SEES} with `--here`" if "--here" in typed.command else SEES


def rewrite(name: str, commands: Sequence[Typed]) -> None:
    """Write a block anew, unless only what is never the same twice differs; other processes may be writing others."""
    with HANDBOOK.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        [match] = [each for each in BLOCK.finditer(text) if each["name"] == name]
        start, end = match.span("block")
        block = "\n\n".join(each.written() for each in commands)
        if masked(block) == masked(match["block"].rstrip("\n")):
            return
        file.seek(0)
        file.write(f"{text[:start]}{block}\n{text[end:]}")
        file.truncate()
