"""``watchkeeper audit verify``, ``export`` and ``anchor``: the record, proved, taken away, and its head given away."""

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import EXIT_PROBLEM, err, fail, out
from bot.cli.inputs import storage_settings

if TYPE_CHECKING:
    from storage.audit_chain import Head

audit = typer.Typer(help="The record of everything that people and Watchkeeper did.", no_args_is_help=True)


@audit.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export to verify offline; without it, the database's own chain.")
    ] = None,
    anchor: Annotated[
        list[str] | None, typer.Option(help="A head as the audit channel shows it, number:hash; may be repeated.")
    ] = None,
    anchors: Annotated[Path | None, typer.Option(help="A file that `audit anchor` has written.")] = None,
) -> None:
    """Prove that the record is whole: nothing changed, removed, reordered or cut off.

    Needs WATCHKEEPER_AUDIT_KEY, and DATABASE_URL unless a file is named. Exit code 0: whole; 1: broken, and the entries
    are named; 2: nothing can be said, because it is the wrong key or something cannot be read. Anchors find what
    was cut off the end; give those that are older than the export.

    [bold]Examples[/bold]

    watchkeeper audit verify
    watchkeeper audit verify record.jsonl --anchors anchors.txt
    """
    from bot.cli.offline import OfflineError
    from bot.cli.offline_audit import verify_database, verify_file
    from bot.cli.progress import bar

    url, key = storage_settings()
    published = _published(anchor or [], anchors, key)
    try:
        with bar("Verifying the record") as shown:
            if file is None:
                found = asyncio.run(verify_database(url, key, published, shown.reached))
            else:
                found = verify_file(file, key, published, shown.reached)
    except OfflineError as error:
        fail(str(error))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{str(file)!r} cannot be read: {error}. Name a file that `audit export` wrote.")
    if found.wrong_key:
        fail(_of_another_key(found.problems[0].text, len(published)))
    for problem in found.problems:
        err.print(problem.text, style="red", markup=False)
    if not found.intact:
        fail(f"The record is broken: {found.problem_count} problem(s) in {found.entries} entries.", EXIT_PROBLEM)
    out.print(
        f"The record is whole: {found.entries} entries, unbroken from the first to number {found.head.number}"
        f"{f', and {len(published)} anchor(s) fit' if published else ''}.",
        style="green",
    )


def _of_another_key(text: str, anchors: int) -> str:
    said = f"This is not the key of this record, so nothing can be said of the record: {text}. "
    if anchors:
        return f"{said}The {anchors} anchor(s) fit, so it is that record, and the key is a wrong one."
    return f"{said}If it is the key that you have always used, the record is another one: hold an anchor against it."


def _published(given: list[str], file: Path | None, key: bytes) -> "list[Head]":
    from storage.audit_anchors import AnchorError, read_anchor, read_anchors

    try:
        found = [read_anchor(text, key) for text in given]
        return found if file is None else found + read_anchors(file.read_text("utf-8").splitlines(), key)
    except AnchorError as error:
        fail(f"{error}.")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{str(file)!r} cannot be read: {error}. Name a file that `audit anchor` wrote.")


def _unwritable(file: Path | None, error: OSError) -> str:
    where = "Standard output" if file is None else repr(str(file))
    return f"{where} cannot be written: {error.strerror}. Name another file, or make room."


@audit.command(name="anchor")
def write_anchor(
    file: Annotated[Path | None, typer.Argument(help="Where to append it; without it, standard output.")] = None,
) -> None:
    """Write the record's head (number, count, hash) as a line, to be kept where the database's owner cannot change it.

    `audit verify --anchors FILE` proves later that nothing was cut off before it.

    [bold]Examples[/bold]

    watchkeeper audit anchor anchors.txt
    """
    from bot.cli.offline import OfflineError
    from bot.cli.offline_audit import anchor_database

    url, key = storage_settings()
    try:
        line = asyncio.run(anchor_database(url, key))
        if line is None:
            fail("The record is empty, so there is nothing to anchor yet.", EXIT_PROBLEM)
        if file is None:
            sys.stdout.write(line + "\n")
            return
        with file.open("a", encoding="utf-8") as target:
            target.write(line + "\n")
    except OfflineError as error:
        fail(str(error))
    except OSError as error:
        fail(_unwritable(file, error))
    out.print(f"The head was appended to {file}. Check with `watchkeeper audit verify --anchors {file}`.", markup=False)


@audit.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, standard output.")] = None,
) -> None:
    """Write the record as JSON lines, which `audit verify FILE` proves offline with the key alone.

    [bold]Examples[/bold]

    watchkeeper audit export record.jsonl
    watchkeeper audit export | gzip > record.jsonl.gz
    """
    from bot.cli.offline import OfflineError
    from bot.cli.offline_audit import export_database
    from bot.cli.progress import waiting

    url, key = storage_settings()
    try:
        if file is None:
            asyncio.run(export_database(url, key, lambda: nullcontext(sys.stdout)))
            return
        with waiting("Exporting the record"):
            lines = asyncio.run(export_database(url, key, lambda: file.open("w", encoding="utf-8")))
    except OfflineError as error:
        fail(str(error))
    except OSError as error:
        fail(_unwritable(file, error))
    out.print(f"{lines} lines written to {file}. Prove them with `watchkeeper audit verify {file}`.", markup=False)
