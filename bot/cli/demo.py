"""``watchkeeper demo``: everything, without any account."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    port: Annotated[int, typer.Option(help="Port of the workspace page; 0 picks a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    state: Annotated[Path, typer.Option(help="Folder for everything the demo keeps.")] = Path(".demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier demo left.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Watch with the built-in probe even where Prometheus is installed.")
    ] = False,
) -> None:
    """See it work, without any account: a local workspace in the browser, and a real service that really fails.

    Opens one page. Break the service there (or wait 20 seconds), read the card, approve it, and watch the thread.
    Ctrl-C ends everything it started.
    """
    from bot.local.demo import run_demo

    raise typer.Exit(run_demo(state=state, port=port, open_browser=not no_browser, fresh=fresh, probe=probe))
