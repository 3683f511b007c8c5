"""How every command speaks, and with which exit code it ends."""

from typing import NoReturn

import typer
from rich.console import Console

from bot.redaction import redacted

EXIT_PROBLEM = 1
EXIT_USAGE = 2

# No line is broken where a terminal would end: what is piped is read by programs, and a terminal breaks lines itself. A
# word between colons is no picture: names of metrics are written so.
out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def fail(text: str, code: int = EXIT_USAGE) -> NoReturn:
    """Say what is wrong, and leave."""
    err.print(redacted(text), style="red", markup=False)
    raise typer.Exit(code)
