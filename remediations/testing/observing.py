"""What the checks see beside the system: awaits, threads, child processes, and whatever may hold a secret."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Event
from typing import Any, Generic, TypeVar
from urllib.parse import quote

Result = TypeVar("Result")


_EXECUTING: ContextVar[bool] = ContextVar("executing", default=False)


class Threads(ThreadPoolExecutor):
    """The threads that an execution may use, each held back until the execution waits for it.

    So what is left in one when the execution is cancelled has not been done yet, and is done when we say so.
    """

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="subject")
        self.gate = Event()
        self._begun: list[Future[Any]] = []

    def submit(self, function: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        """As every executor."""
        if not _EXECUTING.get():
            return super().submit(function, *given, **named)

        def when_let() -> Any:
            self.gate.wait()
            return function(*given, **named)

        begun = super().submit(when_let)
        self._begun.append(begun)
        return begun

    async def ended(self) -> None:
        """Let all of them go on, and wait until they have ended."""
        self.gate.set()
        await asyncio.to_thread(wait, self._begun)


@contextmanager
def threads() -> Iterator[Threads]:
    """What the loop uses inside."""
    loop, pool = asyncio.get_running_loop(), Threads()
    loop.set_default_executor(pool)
    try:
        yield pool
    finally:
        loop.set_default_executor(ThreadPoolExecutor())
        pool.gate.set()
        pool.shutdown(wait=False)


class CutShort(Generic[Result]):
    """Awaits a coroutine, and cancels its task at one of the times when it waits."""

    def __init__(self, coroutine: Coroutine[Any, Any, Result], at: int | None, gate: Event) -> None:
        """``at``: which time, counted from 0; None: never, only count. ``gate``: open while it waits uncancelled."""
        self._coroutine, self._at, self._gate = coroutine, at, gate
        self.waits = 0
        """How often it has waited so far."""

    def __await__(self) -> Generator[Any, Any, Result]:
        _EXECUTING.set(True)
        inner, problem = self._coroutine.__await__(), None
        while True:
            self._gate.clear()
            try:
                waiting = inner.send(None) if problem is None else inner.throw(problem)
            except StopIteration as end:
                result: Result = end.value
                return result
            task = asyncio.current_task()
            if self.waits == self._at and task is not None:
                task.cancel()
            else:
                self._gate.set()
            self.waits += 1
            try:
                yield waiting
                problem = None
            except BaseException as raised:  # noqa: BLE001  # handed to the coroutine, as the loop would
                problem = raised

    @property
    def was_cut(self) -> bool:
        """Whether it has waited so often."""
        return self._at is not None and self.waits > self._at


def children() -> frozenset[int]:
    """Processes that are ours, also those that have ended and that nobody has waited for."""
    while True:
        try:
            tasks = Path("/proc/self/task").iterdir()
            return frozenset(int(child) for task in tasks for child in (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread ended meanwhile and another one has its children: read them all again


class Leaks:
    """Every place in which a secret was seen."""

    def __init__(self, secret: str) -> None:
        self.places: list[str] = []
        self._forms = {secret, quote(secret, safe=""), repr(secret)[1:-1]}

    def search(self, text: object, place: str) -> None:
        """Note the place if the secret is in the text of it, however written."""
        whole = str(text)
        if any(form in whole for form in self._forms):
            self.places.append(place)


class _LogSearch(logging.Handler):
    def __init__(self, leaks: Leaks) -> None:
        super().__init__(logging.NOTSET)
        self._leaks = leaks

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().format(record)  # with its traceback
        self._leaks.search(text, f"the log: {record.name}, {record.levelname}")


_searching: list[Leaks] = []
_hooked: list[bool] = []


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    """The interpreter's own report of every process that is started."""
    if not _searching or event not in {"subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"}:
        return
    command = arguments[1] if event != "os.system" else arguments[0]
    given = arguments[-1] if event != "os.system" else None
    environment = os.environ if given is None else given
    for leaks in _searching:
        leaks.search(command, f"the arguments of a child process: {arguments[0]}")
        leaks.search(dict(environment), f"the environment of a child process: {arguments[0]}")


@contextmanager
def searching(secret: str) -> Iterator[Leaks]:
    """Search every log and every child process for a secret."""
    if not _hooked:
        sys.addaudithook(_see)  # for good: a hook cannot be removed
        _hooked.append(True)
    leaks, root = Leaks(secret), logging.getLogger()
    handler, level = _LogSearch(leaks), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    _searching.append(leaks)
    try:
        yield leaks
    finally:
        _searching.remove(leaks)
        root.setLevel(level)
        root.removeHandler(handler)
