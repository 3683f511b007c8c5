"""The way to one supervisord: XML-RPC over its UNIX socket or over HTTP.

It knows processes, their states, how to start and stop one, and how to break one on staging. It must not know plans or
why something is restarted. Nothing is believed of an answer that does not look as supervisord's own.

What an error means, in the words of the remediation contract: ``TemporaryError`` is only raised while *nothing has
been asked of the server yet*. A request to change something whose answer is lost is a ``PermanentError``, since nobody
knows whether it took effect.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, JsonValue, TypeAdapter, ValidationError, model_validator
from supervisor.states import RUNNING_STATES, ProcessStates
from supervisor.xmlrpc import Faults, getFaultDescription

from bot.connecting import why
from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, RemediationError, TemporaryError
from remediations.backends.base import Backend, BackendSettings, UnknownTargetError
from remediations.backends.credentials import read_secret
from remediations.backends.supervisor.rpc import (
    Fault,
    ForeignError,
    LostError,
    NotConnectedError,
    StatusError,
    request,
)

POLL_SECONDS = 0.1
RETRY_AFTER_SECONDS = 5.0
HTTP_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
SIGNALS: Mapping[str, str] = {"kill": "KILL", "hang": "STOP"}
"""Faults that are a signal to the process."""

REMEDIES: dict[int, str] = {
    Faults.BAD_NAME: "it is not in the configuration this supervisord has loaded; check the name, or run "
    "`supervisorctl update`",
    Faults.NO_FILE: "its command does not exist on that machine; correct `command` and run `supervisorctl update`",
    Faults.NOT_EXECUTABLE: "its command may not be executed by supervisord; correct its mode or `command`",
    Faults.FAILED: "supervisord could not do it; read supervisord's own log",
    Faults.ABNORMAL_TERMINATION: "it ended while starting; read its log with `supervisorctl tail`",
    Faults.SPAWN_ERROR: "it could not be started; read its log with `supervisorctl tail`",
    Faults.UNKNOWN_METHOD: "supervisord 4 or newer with the standard RPC interface is needed",
    Faults.INCORRECT_PARAMETERS: "supervisord 4 or newer with the standard RPC interface is needed",
}
"""What a person can do about each fault that trying again cannot mend."""


class ProcessState(IntEnum):
    """supervisord's process states, with its own numbers."""

    STOPPED = ProcessStates.STOPPED
    STARTING = ProcessStates.STARTING
    RUNNING = ProcessStates.RUNNING
    BACKOFF = ProcessStates.BACKOFF
    STOPPING = ProcessStates.STOPPING
    EXITED = ProcessStates.EXITED
    FATAL = ProcessStates.FATAL
    UNKNOWN = ProcessStates.UNKNOWN

    @classmethod
    def _missing_(cls, value: object) -> "ProcessState":
        return cls.UNKNOWN

    @property
    def meant_to_run(self) -> bool:
        """Whether supervisord is running it or still trying to."""
        return self in RUNNING_STATES


Shape = TypeVar("Shape")
ENDED = frozenset({ProcessState.STOPPED, ProcessState.EXITED, ProcessState.FATAL})


@dataclass(frozen=True, slots=True)
class Process:
    """One process as supervisord sees it now; ``pid`` is 0 when there is none."""

    group: str
    name: str
    state: ProcessState
    pid: int

    @property
    def address(self) -> str:
        """As supervisor names it: ``group:name``."""
        return f"{self.group}:{self.name}"

    @property
    def label(self) -> str:
        """As supervisorctl shows it: a program that is its own group goes by its name alone."""
        return self.name if self.group == self.name else self.address


class _Info(BaseModel):
    """What supervisord says about a process, as far as we need it."""

    group: str = Field(min_length=1)
    name: str = Field(min_length=1)
    state: int
    pid: int = Field(ge=0, lt=2**32)

    @property
    def process(self) -> Process:
        return Process(group=self.group, name=self.name, state=ProcessState(self.state), pid=self.pid)


_ONE = TypeAdapter(_Info)
_ALL = TypeAdapter(list[_Info])


class SupervisorSettings(BackendSettings):
    """``backends:`` entry of kind ``supervisor``."""

    server: str
    """``unix:///run/supervisor.sock`` or ``http://127.0.0.1:9001``."""
    username: str | None = None
    password_env: str | None = None
    """Name of the environment variable that holds the password."""
    password_file: Path | None = None
    timeout: Duration = timedelta(seconds=5)
    """For one request."""
    settle_within: Duration = timedelta(seconds=60)
    """How long a process may take to stop, and again to start."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        address = urlsplit(self.server)
        if address.username or address.password:
            raise ValueError("`server` must not contain credentials; use username with password_env or password_file")
        local = address.scheme == "unix" and not address.netloc and address.path.startswith("/")
        remote = address.scheme == "http" and address.hostname and address.port != 0  # reading the port checks it
        if not (local or remote):
            raise ValueError("`server` must look like unix:///run/supervisor.sock or http://127.0.0.1:9001")
        if self.password_env is not None and not self.password_env.isidentifier():
            raise ValueError("`password_env` is the name of an environment variable, such as SUPERVISOR_PASSWORD")
        if self.password_env is not None and self.password_file is not None:
            raise ValueError("give password_env or password_file, not both")
        if (self.username is None) != (self.password_env is None and self.password_file is None):
            raise ValueError("username and a password (password_env or password_file) belong together; give both")
        if not (self.timeout > timedelta(0) and self.settle_within > timedelta(0)):
            raise ValueError("timeout and settle_within must be longer than 0s")
        return self


class Supervisor(Backend):
    """One supervisord."""

    kind: ClassVar[str] = "supervisor"
    settings: ClassVar[type[BackendSettings]] = SupervisorSettings
    faults: ClassVar[Mapping[str, str]] = {
        "kill": "its process is killed",
        "stop": "it is stopped and stays so",
        "hang": "its process is halted, and answers nobody",
    }

    def __init__(self, name: str, settings: SupervisorSettings) -> None:
        super().__init__(name, settings)
        self._settings = settings
        self._password()

    def __str__(self) -> str:
        return f"supervisord at {self._settings.server} (backend {self.name!r})"

    @classmethod
    def names(cls, target: str) -> tuple[str, ...]:
        """``group:name``, and the group's own name."""
        return (target, target.partition(":")[0])

    async def processes(self) -> tuple[Process, ...]:
        """Every process supervisord knows, sorted by address.

        Raises:
            TemporaryError: it cannot be reached, does not answer in time, or is shutting down.
            PermanentError: it refuses us, or does not speak supervisor's protocol.
        """
        found = [each.process for each in await self._look(_ALL, "getAllProcessInfo")]
        if len({process.address for process in found}) < len(found):
            raise self._foreign("getAllProcessInfo", "one process twice")
        return tuple(sorted(found, key=lambda process: process.address))

    async def process(self, address: str) -> Process:
        """One process by ``group:name``.

        Raises:
            TemporaryError: as ``processes``.
            PermanentError: as ``processes``, or supervisord knows no process of that name.
        """
        found = (await self._look(_ONE, "getProcessInfo", address)).process
        if address not in {found.address, found.label}:
            raise self._foreign(f"getProcessInfo({address})", "another process")
        return found

    async def stop(self, address: str) -> None:
        """Stop the process and wait until it has ended; one that has ended already is left as it is.

        Raises:
            TemporaryError: nothing has been asked of the server yet.
            PermanentError: refused, not stopped within ``settle_within``, or the server was lost on the way.
        """
        await self._change("stopProcess", address, False, already=Faults.NOT_RUNNING)
        await self._settle(address, "stop", wanted=ENDED)

    async def start(self, address: str, *, wait: bool = True) -> None:
        """Start the process and, with ``wait``, stay until it runs; one that runs already is left as it is.

        supervisord's own start retries count as starting: it has failed when supervisord gives up.

        Raises:
            TemporaryError: nothing has been asked of the server yet.
            PermanentError: refused, ended while starting, not running within ``settle_within``, or the server was
                lost on the way.
        """
        if (await self.process(address)).state is ProcessState.STOPPING:  # supervisord cannot start it before it ended
            await self._settle(address, "stop", wanted=ENDED)
        await self._change("startProcess", address, False, already=Faults.ALREADY_STARTED)
        if wait:
            await self._settle(address, "start", wanted=frozenset({ProcessState.RUNNING}), failed=ENDED)

    async def survey(self) -> Mapping[str, JsonValue]:
        """Every process on staging, with its state and pid."""
        return {
            each.address: {"state": each.state.name, "pid": each.pid}
            for each in await self.processes()
            if self.is_staging(each.address)
        }

    async def _reach(self) -> str:
        """Whoever may ask it may do everything: there are no lesser rights."""
        await self.processes()
        return ""

    async def _settle(
        self,
        address: str,
        verb: str,
        *,
        wanted: frozenset[ProcessState],
        failed: frozenset[ProcessState] = frozenset(),
    ) -> None:
        seconds = self._settings.settle_within.total_seconds()
        state = ProcessState.UNKNOWN
        try:
            async with asyncio.timeout(seconds):
                while (state := (await self.process(address)).state) not in wanted:
                    if state in failed:
                        raise PermanentError(
                            f"{address} on {self} did not {verb}: it is {state.name}. Read its log with "
                            f"`supervisorctl tail {address}`."
                        )
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise PermanentError(
                f"{address} on {self} did not {verb} within {seconds:g} s: it is {state.name}. Check the process; "
                "if it only needs longer, raise `settle_within` of the backend."
            ) from None
        except TemporaryError as error:
            raise PermanentError(f"{address} was told to {verb}, but the outcome is unknown: {error}") from error

    async def _inject(self, fault: str, target: str) -> None:
        if fault == "stop":
            await self.stop(target)
            return
        await self._change("signalProcess", target, SIGNALS[fault])

    async def _mend(self, fault: str, target: str) -> None:
        if fault == "hang":
            await self._change("signalProcess", target, "CONT", already=Faults.NOT_RUNNING)
        await self.start(target)

    async def _look(self, shape: TypeAdapter[Shape], method: str, *arguments: str) -> Shape:
        """Ask without changing anything, so that every loss of the server is temporary."""
        answer = await self._call(method, arguments, changes=False)
        try:
            return shape.validate_python(answer, strict=True)
        except ValidationError as error:
            raise self._foreign(_subject(method, arguments), "something else") from error

    async def _change(self, method: str, *arguments: Any, already: int | None = None) -> None:
        """Ask for a change without waiting for it; the fault ``already`` says that there is nothing to change."""
        if await self._call(method, arguments, changes=True, already=already) is not True:
            what = f"{self} answered {_subject(method, arguments)} with neither yes nor no"
            raise self._lost(what, changes=True)

    async def _call(self, method: str, arguments: tuple[Any, ...], *, changes: bool, already: int | None = None) -> Any:
        seconds, subject = self._settings.timeout.total_seconds(), _subject(method, arguments)
        credentials = await self._credentials()
        try:
            answer = await request(self._settings.server, credentials, f"supervisor.{method}", arguments, seconds)
        except NotConnectedError as error:
            raise self._of_connecting(error.__cause__) from error
        except StatusError as error:
            raise self._of_status(error.status, changes=changes) from error
        except ForeignError as error:
            if changes:
                raise self._lost(f"{self} answered {subject} with {error}", changes=True) from error
            raise self._foreign(subject, str(error)) from error
        except LostError as error:
            cause = error.__cause__
            if isinstance(cause, TimeoutError):
                what = f"{self} did not answer {subject} within {seconds:g} s"
            else:
                what = f"{self} broke off while answering {subject} ({type(cause).__name__})"
            raise self._lost(what, changes=changes) from error
        if isinstance(answer, Fault):
            if answer.code == already:
                return True
            raise self._of_fault(answer.code, subject)
        return answer

    async def _credentials(self) -> tuple[str, str] | None:
        if self._settings.username is None:
            return None
        return self._settings.username, await asyncio.to_thread(self._password) or ""

    def _password(self) -> str | None:
        return read_secret(
            environment_variable=self._settings.password_env,
            file=self._settings.password_file,
        )

    def _foreign(self, subject: str, what: str) -> PermanentError:
        return PermanentError(
            f"{self} did not answer {subject} as a supervisord does ({what}): check `server` of the backend."
        )

    def _lost(self, what: str, *, changes: bool) -> RemediationError:
        if changes:
            return PermanentError(f"{what}; whether it took effect is unknown. Check with `supervisorctl status`.")
        return TemporaryError(f"{what}.", retry_after=RETRY_AFTER_SECONDS)

    def _of_fault(self, code: int, subject: str) -> RemediationError:
        if code == Faults.SHUTDOWN_STATE:
            return TemporaryError(f"{self} is shutting down or restarting.", retry_after=RETRY_AFTER_SECONDS)
        remedy = REMEDIES.get(code, "read supervisord's own log")
        kind = UnknownTargetError if code == Faults.BAD_NAME else PermanentError
        return kind(f"{self} answered {subject} with {getFaultDescription(code)} (fault {code}): {remedy}.")

    def _of_status(self, status: int, *, changes: bool) -> RemediationError:
        if status in HTTP_REFUSED:
            return PermanentError(
                f"{self} refused our credentials (HTTP {status}): check `username` and the password that "
                "`password_env` or `password_file` of the backend points to."
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return TemporaryError(f"{self} is asked too often (HTTP {status}).", retry_after=RETRY_AFTER_SECONDS)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._lost(f"{self} failed inside (HTTP {status})", changes=changes)
        return PermanentError(f"{self} answered HTTP {status}: check `server`; this does not look like a supervisord.")

    def _of_connecting(self, cause: BaseException | None) -> RemediationError:
        if isinstance(cause, PermissionError):
            return PermanentError(
                f"{self} may not be used by us (permission denied): allow the Watchkeeper user with `chmod` and "
                "`chown` under [unix_http_server]."
            )
        return TemporaryError(
            f"{self} cannot be reached ({why(cause)}): start it, or correct `server` of the backend.",
            retry_after=RETRY_AFTER_SECONDS,
        )


def _subject(method: str, arguments: Collection[Any]) -> str:
    """As people know a request: ``stopProcess(shop:east)``."""
    return f"{method}({next(iter(arguments))})" if arguments else method
