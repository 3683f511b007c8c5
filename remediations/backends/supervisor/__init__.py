"""The way to one supervisord: XML-RPC over its UNIX socket or over HTTP.

It knows processes, their states, and how to start and stop one. It must not know plans or why something is restarted.
Every call blocks in a thread, with a time-out, on a connection of its own, because supervisor's proxy is not
thread-safe and a connection costs a millisecond.

What an error means, in the words of the remediation contract: ``TemporaryError`` is only raised while *nothing has
been asked of the server yet*. A request to change something whose answer is lost is a ``PermanentError``, since nobody
knows whether it took effect.
"""

import asyncio
import http.client
import socket
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from pydantic import model_validator
from supervisor.states import RUNNING_STATES, ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport, getFaultDescription

from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, RemediationError, TemporaryError
from remediations.backends.base import Backend, BackendSettings, UnknownTargetError
from remediations.backends.credentials import read_secret

POLL_SECONDS = 0.1
RETRY_AFTER_SECONDS = 5.0
HTTP_REFUSED = frozenset({401, 403})

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


class _NotConnectedError(Exception):
    """No connection was made, so the server has seen nothing of the request; the cause says why."""


class _Connection(http.client.HTTPConnection):
    """HTTP over TCP or a UNIX socket, with what supervisor's own connections lack.

    A UNIX socket keeps to the time-out too, and closing it also closes an answer that nobody has read.
    """

    def __init__(self, server: str, timeout_seconds: float) -> None:
        address = urlsplit(server)
        super().__init__(address.hostname or "localhost", address.port, timeout=timeout_seconds)
        self._socket_path = address.path if address.scheme == "unix" else None
        self._answer: http.client.HTTPResponse | None = None

    def connect(self) -> None:
        if self._socket_path is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._socket_path)

    def getresponse(self) -> http.client.HTTPResponse:
        self._answer = super().getresponse()
        return self._answer

    def close(self) -> None:
        super().close()
        if self._answer is not None:
            self._answer.close()


class _Transport(SupervisorTransport):  # type: ignore[misc]  # supervisor ships no types
    """supervisor's transport with a time-out, and with connecting told apart from asking."""

    def __init__(self, server: str, username: str | None, password: str | None, timeout_seconds: float) -> None:
        super().__init__(username, password, server)

        def connected() -> _Connection:
            connection = _Connection(server, timeout_seconds)
            try:
                connection.connect()
            except OSError as error:
                connection.close()
                raise _NotConnectedError from error
            return connection

        self._get_connection = connected


class Supervisor(Backend):
    """One supervisord."""

    kind: ClassVar[str] = "supervisor"
    settings: ClassVar[type[BackendSettings]] = SupervisorSettings

    def __init__(self, name: str, settings: SupervisorSettings) -> None:
        super().__init__(name, settings)
        self._settings = settings
        self._password()

    def __str__(self) -> str:
        return f"supervisord at {self._settings.server} (backend {self.name!r})"

    async def processes(self) -> tuple[Process, ...]:
        """Every process supervisord knows, sorted by address.

        Raises:
            TemporaryError: it cannot be reached, does not answer in time, or is shutting down.
            PermanentError: it refuses us, or does not speak supervisor's protocol.
        """
        found = await self._look("getAllProcessInfo")
        return tuple(sorted((_process(each) for each in found), key=lambda process: process.address))

    async def process(self, address: str) -> Process:
        """One process by ``group:name``.

        Raises:
            TemporaryError: as ``processes``.
            PermanentError: as ``processes``, or supervisord knows no process of that name.
        """
        return _process(await self._look("getProcessInfo", address))

    async def stop(self, address: str) -> None:
        """Stop the process and wait until it has ended; one that has ended already is left as it is.

        Raises:
            TemporaryError: nothing has been asked of the server yet.
            PermanentError: refused, not stopped within ``settle_within``, or the server was lost on the way.
        """
        await self._change("stopProcess", address, already=Faults.NOT_RUNNING)
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
        await self._change("startProcess", address, already=Faults.ALREADY_STARTED)
        if wait:
            await self._settle(address, "start", wanted=frozenset({ProcessState.RUNNING}), failed=ENDED)

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

    async def _look(self, method: str, *arguments: str) -> Any:
        """Ask without changing anything, so that every loss of the server is temporary."""
        return await asyncio.to_thread(self._call, method, arguments, changes=False)

    async def _change(self, method: str, address: str, *, already: int) -> None:
        """Ask for a change without waiting for it; the fault ``already`` says that there is nothing to change."""
        await asyncio.to_thread(self._call, method, (address, False), changes=True, tolerated=(already,))

    def _call(self, method: str, arguments: tuple[Any, ...], *, changes: bool, tolerated: Iterable[int] = ()) -> Any:
        timeout_seconds = self._settings.timeout.total_seconds()
        transport = _Transport(self._settings.server, self._settings.username, self._password(), timeout_seconds)
        subject = f"{method}({arguments[0]})" if arguments else method
        try:
            with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in tolerated:
                return None
            raise self._of_fault(fault.faultCode, subject) from fault
        except xmlrpc.client.ProtocolError as error:
            raise self._of_status(error.errcode, changes=changes) from error
        except _NotConnectedError as error:
            raise self._of_connecting(error.__cause__) from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, TimeoutError):
                what = f"{self} did not answer {subject} within {timeout_seconds:g} s"
            else:
                what = f"{self} broke off while answering {subject} ({type(error).__name__})"
            raise self._lost(what, changes=changes) from error
        except (ExpatError, xmlrpc.client.ResponseError) as error:
            raise PermanentError(
                f"{self} did not answer {subject} as a supervisord does: check `server` of the backend."
            ) from error

    def _password(self) -> str | None:
        return read_secret(
            environment_variable=self._settings.password_env,
            file=self._settings.password_file,
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
        if status >= http.client.INTERNAL_SERVER_ERROR:
            return self._lost(f"{self} failed inside (HTTP {status})", changes=changes)
        return PermanentError(f"{self} answered HTTP {status}: check `server`; this does not look like a supervisord.")

    def _of_connecting(self, cause: BaseException | None) -> RemediationError:
        if isinstance(cause, PermissionError):
            return PermanentError(
                f"{self} may not be used by us (permission denied): allow the Watchkeeper user with `chmod` and "
                "`chown` under [unix_http_server]."
            )
        reason = "no such socket" if isinstance(cause, FileNotFoundError) else type(cause).__name__
        return TemporaryError(
            f"{self} cannot be reached ({reason}): is it running, and is `server` right?",
            retry_after=RETRY_AFTER_SECONDS,
        )


def _process(found: dict[str, Any]) -> Process:
    return Process(
        group=str(found["group"]), name=str(found["name"]), state=ProcessState(found["state"]), pid=int(found["pid"])
    )
