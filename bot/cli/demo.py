"""``watchkeeper demo``: everything, without any account."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.console import out


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the workspace page; 0 picks a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    state: Annotated[Path, typer.Option(help="Folder for everything the demo keeps.")] = Path(".demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier demo left.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Watch with the built-in probe even where Prometheus is installed.")
    ] = False,
) -> None:
    """See it work, without any account: a local workspace in the browser, and a real shop that really fails.

    Opens one page, and tells in five acts how autonomy is earned and lost, in about three minutes: it asks, is tried on
    staging, waits for your signature, acts alone, and does harm. Ctrl-C ends everything it started.

    [bold]Examples[/bold]

    watchkeeper demo
    watchkeeper demo --no-browser --port 8000
    """
    out.print(f"Setting up the demo in {state}. The first start takes about fifteen seconds.", markup=False)
    from bot.local.demo import run_demo

    raise typer.Exit(run_demo(state=state, port=port, open_browser=not no_browser, fresh=fresh, probe=probe))
