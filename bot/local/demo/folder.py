"""The one folder in which a demo keeps everything: what is in it, who may use it, and what a killed demo left there."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import BaseModel, Field, ValidationError

from bot.local.demo.files import write_whole
from bot.local.demo.processes import Ledger, Noted
from bot.local.ports import free_port, is_free

KEPT = "demo.json"
LOCK = "lock"


class FolderError(Exception):
    """The folder cannot be used; the text says why and what to do."""


class Kept(BaseModel):
    """What a later demo in the same folder goes on with."""

    ports: dict[str, int] = Field(default_factory=dict)
    policy_digest: str = ""
    """Of the policy as we wrote it: a file that differs has been edited by a person, and is theirs."""


class Folder:
    """Paths, ports and secrets of one demo. Use ``open_folder``."""

    def __init__(self, root: Path, lock: IO[str]) -> None:
        self.root = root
        self._lock = lock
        self.policy = root / "policy.yml"
        self.database = root / "watchkeeper.db"
        self.messages = root / "workspace.json"
        self.firing = root / "firing.json"
        self.logs = root / "logs"
        self.servers = root / "servers"
        self.ledger = Ledger(root / "processes.json")
        self.ended: list[Noted] = []
        """What an earlier, killed demo had left running, and is ended now."""
        self.kept = Kept()
        self._chosen_ports: dict[str, int] = {}

    def port(self, name: str, wanted: int = 0) -> int:
        """The port to use all along: the wanted one, else that of the last demo while it is free, else a free one."""
        if name not in self._chosen_ports:
            last = self.kept.ports.get(name, 0)
            chosen = wanted or (last if last and is_free(last) else free_port())
            self._chosen_ports[name] = self.kept.ports[name] = chosen
            self.keep()
        return self._chosen_ports[name]

    def secret(self, name: str) -> Path:
        """A file that holds a random secret, made on first use."""
        path = self.root / name
        if not path.exists():
            write_whole(path, secrets.token_hex(32).encode())
        return path

    def tell_others(self, text: str) -> None:
        """What whoever tries to start another demo here is told about this one."""
        self._lock.truncate(0)
        self._lock.write(text)
        self._lock.flush()

    def keep(self) -> None:
        """Write down what a later demo goes on with."""
        write_whole(self.root / KEPT, self.kept.model_dump_json(indent=1).encode())


def _opened(root: Path) -> tuple[Path, IO[str]]:
    """The folder, made where it was missing, and its lock."""
    root = root.resolve()
    if root.exists() and not root.is_dir():
        raise FolderError(f"{root} is not a folder. Choose another with --state.")
    if root.exists() and not (root / KEPT).exists() and any(path.name != LOCK for path in root.iterdir()):
        raise FolderError(
            f"{root} holds something else than a demo, which is left alone. Choose an empty folder with --state."
        )
    root.mkdir(parents=True, mode=0o700, exist_ok=True)
    return root, (root / LOCK).open("a+")


@contextmanager
def open_folder(root: Path, *, fresh: bool) -> Iterator[Folder]:
    """The folder, ours alone inside the ``with`` block; left-over processes of a killed demo are ended first. Blocks.

    Raises:
        FolderError: another demo uses it, it is not a demo's folder, or not ours to write.
    """
    try:
        root, lock = _opened(root)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        raise FolderError(f"{str(root)!r} cannot be used: {why}. Choose a folder of your own with --state.") from error
    with lock:
        _take(lock, root)
        folder = Folder(root, lock)
        folder.ended = folder.ledger.end_left_over()
        if fresh:
            _empty(root)
        elif (root / KEPT).exists():
            folder.kept = _read(root)
        folder.keep()
        folder.tell_others(f"process {os.getpid()} is just starting")
        yield folder


def _take(lock: IO[str], root: Path) -> None:
    """Take the lock, which the operating system gives back whenever and however its holder ends."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise FolderError(
            f"A demo is running in {root} already: {lock.read().strip()}. Use that one, end it with Ctrl-C, or start "
            "this one elsewhere with --state."
        ) from None


def _read(root: Path) -> Kept:
    try:
        return Kept.model_validate_json((root / KEPT).read_bytes())
    except ValidationError as error:
        raise FolderError(f"{root / KEPT} cannot be understood. Begin anew with --fresh.") from error


def _empty(root: Path) -> None:
    for path in root.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
