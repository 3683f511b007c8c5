"""How far a long command is, or what it waits for: on a terminal and after two seconds only, and gone in the end.

It is on standard error. What a command prints is the same with it and without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
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


@contextmanager
def waiting(what: str, console: Console = err, silent_seconds: float = SILENT_SECONDS) -> Iterator[None]:
    """For a block of which nobody knows how far it is."""
    if not console.is_terminal:
        yield
        return
    status = console.status(what)
    timer = Timer(silent_seconds, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it may be about to begin
        status.stop()
