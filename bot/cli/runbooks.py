"""``watchkeeper runbooks``: what each runbook may do, and everything that keeps it from more."""

import asyncio
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.inputs import load_policy_file, runbook_settings

if TYPE_CHECKING:
    from bot.cli.offline_runbooks import RunbookRow

COLUMNS = ("RUNBOOK", "WRITTEN", "IN FORCE", "WHY NOT HIGHER", "GATES")
PIPED_WIDTH = 10_000
"""Wide enough for every line: what is piped is read by programs, which are not to find one broken."""


def runbooks() -> None:
    """Show every runbook with the level written, the level in force, each reason why it is not higher, and its gates.

    Of one that runs in shadow it says what it would have done with its licence, and how often people did the same.

    Reads the policy (WATCHKEEPER_POLICY) and the database (DATABASE_URL, WATCHKEEPER_AUDIT_KEY), needs no running bot,
    and changes nothing.

    [bold]Examples[/bold]

    watchkeeper runbooks
    watchkeeper runbooks | grep checkout
    """
    from bot.cli import offline_runbooks
    from bot.cli.offline import OfflineError
    from remediations.plugins import CatalogueError

    path, url, key = runbook_settings()
    policy = load_policy_file(path)
    try:
        rows = asyncio.run(offline_runbooks.rows(url, key, policy))
    except (OfflineError, CatalogueError) as error:
        fail(str(error), EXIT_PROBLEM)
    if not rows:
        out.print("The policy names no runbook yet, so every alert is for people.")
        return
    if not out.is_terminal:
        out.width = PIPED_WIDTH
    out.print(_table(rows), soft_wrap=False)


def _table(rows: "list[RunbookRow]") -> Table:
    """One line per reason and gate; columns that two spaces keep apart, with no frame to be in the way of `grep`."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
    for name in COLUMNS:
        table.add_column(name, no_wrap=name in COLUMNS[1:3], overflow="fold")
    for number, row in enumerate(rows):
        if number:
            table.add_row()
        why = "\n".join(filter(None, (*row.reasons, row.shadow))) or "-"
        gates = "\n".join(row.gates)
        higher = row.in_force == row.written
        table.add_row(
            Text(row.runbook),
            row.written,
            Text(row.in_force, style="green" if higher else "yellow"),
            Text(why),
            Text(gates),
        )
    return table
