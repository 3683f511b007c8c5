"""``watchkeeper doctor``: is everything there that a running Watchkeeper needs?"""

import asyncio
import json
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from bot.cli.console import err, out
from bot.cli.policy_file import PolicyFileError, read_policy_text
from bot.redaction import redacted

if TYPE_CHECKING:
    from bot.doctor.diagnosis import Diagnosis
    from bot.doctor.examination import Examination
    from bot.settings import Settings

COLUMNS = 80
COLOURS = {"broken": "bold red", "cannot tell": "magenta", "remark": "yellow", "ok": "green"}
GRADE_WIDTH = max(map(len, COLOURS))
SHOWN_MAX_CHARACTERS = 400
"""Of one text; what another system says may be long."""


class DoctorForm(StrEnum):
    """How `watchkeeper doctor` says it."""

    TEXT = "text"
    JSON = "json"


def doctor(
    form: Annotated[DoctorForm, typer.Option("--format", help="For people, or for programs.")] = DoctorForm.TEXT,
) -> None:
    """Check the set-up: is everything there? Before or beside a running Watchkeeper.

    It reads the environment that `watchkeeper run` reads, and asks everything
    that is named there and in the policy: the database, Slack, Prometheus, each
    backend. The worst comes first, each with what to do. Nothing is changed.

    Exit code 0: all is well, or there are only remarks.
    1: something is broken, or could not be asked.
    2: the settings or the policy file cannot be read; the rest was checked.

    [bold]Examples[/bold]

    watchkeeper doctor
    watchkeeper doctor --format json | jq .parts
    """
    from bot.doctor.examination import PolicyUnreadableError, examined

    def read_policy(settings: "Settings") -> str:
        try:
            return read_policy_text(settings.policy_path)
        except PolicyFileError as error:
            raise PolicyUnreadableError(str(error)) from error

    found = asyncio.run(examined(read_policy, _waiting))
    out.print(_as_json(found) if form is DoctorForm.JSON else _as_text(found), markup=False)
    raise typer.Exit(found.outcome)


@contextmanager
def _waiting(parts: Sequence[str]) -> Iterator[None]:
    """On a terminal, for whom we wait."""
    if not err.is_terminal:
        yield
        return
    with err.status(f"Still asking: {', '.join(parts)}"):
        yield


def _as_json(found: "Examination") -> str:
    parts = [{name: redacted(value) for name, value in asdict(each).items()} for each in _sorted(found)]
    document: dict[str, Any] = {"outcome": found.outcome.name.lower(), "parts": parts}
    return json.dumps(document, indent=2)


def _as_text(found: "Examination") -> Text:
    diagnoses = _sorted(found)
    part_width = max(len(each.part) for each in diagnoses)
    text = Text()
    for each in diagnoses:
        _add(text, each, part_width)
    counts = {grade: sum(each.grade == grade for each in diagnoses) for grade in COLOURS}
    summary = ", ".join(f"{count} {grade}" for grade, count in counts.items() if count)
    text.append(f"\n{summary}. Nothing was changed.")
    return text


def _add(text: Text, diagnosis: "Diagnosis", part_width: int) -> None:
    indent = " " * (GRADE_WIDTH + part_width + 4)
    told, remedy = _shown(diagnosis.told), f"-> {_shown(diagnosis.remedy)}" if diagnosis.remedy else ""
    room = COLUMNS - len(indent)
    together = f"{told} {remedy}".rstrip()
    lines = [together] if len(together) <= room else [*_wrapped(told, room), *_wrapped(remedy, room, "   ")]
    text.append(f"{diagnosis.grade.value:<{GRADE_WIDTH}}", style=COLOURS[diagnosis.grade.value])
    text.append(f"  {diagnosis.part:<{part_width}}  {lines[0]}\n")
    for line in lines[1:]:
        text.append(f"{indent}{line}\n")


def _shown(words: str) -> str:
    """In one line, without secrets, and not without end."""
    shown = " ".join(redacted(words).split())
    return shown if len(shown) <= SHOWN_MAX_CHARACTERS else f"{shown[:SHOWN_MAX_CHARACTERS]}..."


def _wrapped(words: str, room: int, hanging: str = "") -> list[str]:
    return textwrap.wrap(words, room, subsequent_indent=hanging, break_on_hyphens=False)


def _sorted(found: "Examination") -> "tuple[Diagnosis, ...]":
    from bot.doctor.diagnosis import by_weight

    return by_weight(found.diagnoses)
