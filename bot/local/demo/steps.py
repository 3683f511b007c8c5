"""Says in the terminal what the start of the demo is doing, so that nobody wonders whether it does anything."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status


class Steps:
    """The steps of one start: on a terminal one line that changes and moves, elsewhere a line for each."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status

    def begin(self, what: str) -> None:
        """From now on ``what`` is being done: "Starting Prometheus"."""
        if self._console.is_terminal:
            self._status.update(f"{what} ...")
        else:
            self._console.print(f"{what} ...", markup=False)


@contextmanager
def steps(console: Console) -> Iterator[Steps]:
    """The steps of the block; on a terminal their line is gone at its end."""
    with console.status("") as status:
        yield Steps(console, status)
