"""``watchkeeper audit verify`` and ``export``: the record, proved and taken away."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.console import EXIT_PROBLEM, err, fail, out
from bot.cli.inputs import storage_settings

audit = typer.Typer(help="The record of everything that people and Watchkeeper did.", no_args_is_help=True)


@audit.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export to verify offline; without it, the database's own chain.")
    ] = None,
) -> None:
    """Prove that the record is whole: nothing changed, removed, reordered or cut off.

    Needs WATCHKEEPER_AUDIT_KEY, and DATABASE_URL unless a file is named. Exit code 0: whole; 1: broken, and the entries
    are named.
    """
    from bot.cli.offline import OfflineError
    from bot.cli.offline_audit import verify_database, verify_file

    url, key = storage_settings()
    try:
        found = asyncio.run(verify_database(url, key)) if file is None else verify_file(file, key)
    except OfflineError as error:
        fail(str(error))
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{str(file)!r} cannot be read: {error}. Name a file that `audit export` wrote.")
    for problem in found.problems:
        err.print(problem.text, style="red", markup=False)
    if not found.intact:
        fail(f"The record is broken: {found.problem_count} problem(s) in {found.entries} entries.", EXIT_PROBLEM)
    out.print(
        f"The record is whole: {found.entries} entries, unbroken from the first to number {found.head.number}.",
        style="green",
    )


@audit.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, standard output.")] = None,
) -> None:
    """Write the record as JSON lines, which `audit verify FILE` proves offline with the key alone."""
    from bot.cli.offline import OfflineError
    from bot.cli.offline_audit import export_database

    url, key = storage_settings()
    try:
        if file is None:
            asyncio.run(export_database(url, key, sys.stdout))
            return
        with file.open("w", encoding="utf-8") as target:
            lines = asyncio.run(export_database(url, key, target))
    except (OfflineError, OSError) as error:
        fail(str(error))
    out.print(f"{lines} lines written to {file}. Prove them with `watchkeeper audit verify {file}`.", markup=False)
