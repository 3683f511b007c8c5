"""How far a long command is: a bar on standard error, on a terminal and after two seconds only, and gone in the end.

What a command prints is the same with it and without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bot.cli.console import err

SILENT_SECONDS = 2.0
"""What is done within this time shows nothing."""


class Bar:
    """One bar, which is drawn once it has been silent for long enough."""

    def __init__(self, what: str, console: Console, silent_seconds: float = SILENT_SECONDS) -> None:
        self._what = what
        self._console = console
        self._from = monotonic() + silent_seconds
        self._drawn: Progress | None = None

    def reached(self, done: int, total: int | None) -> None:
        """So much is done, of so much; ``total`` None: nobody knows of how much."""
        if not self._console.is_terminal or monotonic() < self._from:
            return
        if self._drawn is None:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self._drawn = Progress(*columns, console=self._console, transient=True)
            self._drawn.add_task(self._what, total=total)
            self._drawn.start()
        for task in self._drawn.task_ids:
            self._drawn.update(task, completed=done, total=total)

    def close(self) -> None:
        """Take it away, where it was drawn."""
        if self._drawn is not None:
            self._drawn.stop()


@contextmanager
def bar(what: str) -> Iterator[Bar]:
    """A bar for the block, on standard error."""
    shown = Bar(what, err)
    try:
        yield shown
    finally:
        shown.close()
