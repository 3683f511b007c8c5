"""How every command speaks, and with which exit code it ends."""

from typing import NoReturn

import typer
from rich.console import Console

EXIT_PROBLEM = 1
EXIT_USAGE = 2

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def fail(text: str, code: int = EXIT_USAGE) -> NoReturn:
    """Say what is wrong, and leave."""
    err.print(text, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)
