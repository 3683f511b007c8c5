"""A JSON file with feature flags, as the services on one machine read it: a backend that fulfils the port itself."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

from pydantic import TypeAdapter

from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, TemporaryError
from remediations.backends.base import Backend, BackendSettings
from watchkeeper_flags.set_flag import Flag

DOCUMENT = TypeAdapter(dict[str, Flag])
POLL_SECONDS = 0.02


class FlagFileSettings(BackendSettings):
    """``backends:`` entry of kind ``flag_file``."""

    path: Path
    timeout: Duration = timedelta(seconds=5)
    """For the lock, which whoever writes the file holds."""


class FlagFile(Backend):
    """One file, ``{"name": {"on": true, "by": "ann"}}``, with a lock beside it. Fulfils ``Flags``."""

    kind: ClassVar[str] = "flag_file"
    settings: ClassVar[type[BackendSettings]] = FlagFileSettings

    def __init__(self, name: str, settings: FlagFileSettings) -> None:
        super().__init__(name, settings)
        self._path, self._timeout = settings.path, settings.timeout

    def __str__(self) -> str:
        return f"{self._path} (backend {self.name!r})"

    async def all(self) -> Mapping[str, Flag]:
        """Every flag by its name."""
        async with self._locked():
            return self._read()

    async def switch(self, name: str, was: Flag, becomes: Flag) -> None:
        """Replace one flag, if it is what it was."""
        async with self._locked():
            document = self._read()
            if document.get(name) != was:
                raise PermanentError(f"{name} in {self} is not what it was, so it was left alone: plan again.")
            self._write({**document, name: becomes})

    def _read(self) -> dict[str, Flag]:
        try:
            return DOCUMENT.validate_json(self._path.read_bytes())
        except OSError as error:
            raise TemporaryError(f"{self} cannot be read ({type(error).__name__}): check `path`.") from error
        except ValueError as error:
            raise PermanentError(f"{self} does not hold flags: a person must mend it.") from error

    def _write(self, document: dict[str, Flag]) -> None:
        """Small, and as a whole: whoever reads sees the old one or the new one."""
        fresh = self._path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(DOCUMENT.dump_json(document))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise PermanentError(f"{self} cannot be written ({type(error).__name__}): give us that folder.") from error

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        try:
            lock = self._path.with_suffix(".lock").open("w")
        except OSError as error:
            raise TemporaryError(f"{self} cannot be locked ({type(error).__name__}): check `path`.") from error
        with lock:
            try:
                async with asyncio.timeout(self._timeout.total_seconds()):
                    while not _taken(lock.fileno()):  # noqa: ASYNC110  # nobody tells when it is free
                        await asyncio.sleep(POLL_SECONDS)
            except TimeoutError as error:
                raise TemporaryError(f"Somebody else holds the lock of {self}.") from error
            yield


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
