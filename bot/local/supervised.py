"""A real supervisord with small web services that really fail, for the demo and the tests."""

import asyncio
import http.client
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import uuid
import xmlrpc.client
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from supervisor.xmlrpc import SupervisorTransport

from bot.local.ports import free_port
from bot.local.servers import (
    STOP_WITHIN_SECONDS,
    ServerError,
    StartHook,
    get_json,
    installed,
    log_tail,
    start,
    stop,
    tell_nobody,
    until,
)

LONGEST_SOCKET_PATH_BYTES = 90
"""The kernel's limit for a UNIX socket is 107 bytes, and supervisord first binds a name with its pid added."""
CALL_SECONDS = 5.0
"""One call of supervisord, which answers at once unless it is frozen or gone."""
WEB_SERVICE = Path(__file__).with_name("web_service.py")


@dataclass(frozen=True, slots=True)
class Program:
    """One web service under supervisord; ``group`` None means a group of its own, as supervisor does it."""

    name: str
    group: str | None = None
    port: int = field(default_factory=free_port)
    autostart: bool = True
    autorestart: str = "false"
    start_seconds: int = 0
    """How long it must live before supervisord calls it RUNNING; with 0 there is no BACKOFF."""
    stop_seconds: int = 5
    """How long after SIGTERM supervisord sends SIGKILL."""
    fail_while: Path | None = None
    ignore_terminate: bool = False
    data: Path | None = None
    """File in which it keeps data that it reads at its start."""
    needs: str | None = None
    """URL that must not answer with an error, or it fails as well."""

    @property
    def address(self) -> str:
        """What supervisord calls it: ``group:name``."""
        return f"{self.group or self.name}:{self.name}"

    @property
    def url(self) -> str:
        """Where the web service answers while it is well, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def section(self) -> str:
        """Its part of supervisord's configuration."""
        command = [sys.executable, str(WEB_SERVICE), "--name", self.name, "--port", str(self.port)]
        if self.fail_while is not None:
            command += ["--fail-while", str(self.fail_while)]
        if self.data is not None:
            command += ["--data", str(self.data)]
        if self.needs is not None:
            command += ["--needs", self.needs]
        if self.ignore_terminate:
            command.append("--ignore-terminate")
        return (
            f"[program:{self.name}]\ncommand={_written(shlex.join(command))}\nautostart={str(self.autostart).lower()}\n"
            f"autorestart={self.autorestart}\nstartsecs={self.start_seconds}\nstartretries=1\n"
            f"stopwaitsecs={self.stop_seconds}\n"
        )

    async def answers(self) -> bool:
        """Whether this very service answers its health check."""
        return bool((await get_json(f"{self.url}/healthz"))["service"] == self.name)

    async def hang(self) -> None:
        """From now on it takes connections and answers nothing."""
        await self._tell("hang")

    async def tear(self) -> None:
        """It hangs while it writes its data: whoever starts it anew will find half of them."""
        await self._tell("tear")

    async def mend(self) -> None:
        """It has all its data again."""
        await self._tell("mend")

    async def crash(self) -> None:
        """It dies with an unexpected exit code before it can answer.

        Raises:
            ServerError: it answered, so it is still there.
        """
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(f"{self.url}/crash") as response:
                    raise ServerError(f"{self.name} was told to crash, and answered {response.status}.")
            except aiohttp.ClientError:
                return

    async def _tell(self, what: str) -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/{what}") as response:
            response.raise_for_status()


class Supervisord:
    """One supervisord that can be stopped, frozen and started again within a test."""

    def __init__(
        self,
        directory: Path,
        socket_path: Path,
        programs: Sequence[Program],
        username: str,
        password: str | None,
        started: StartHook,
    ) -> None:
        self.server = f"unix://{socket_path}"
        self.http_port = free_port()
        self.http_server = f"http://127.0.0.1:{self.http_port}"
        self.username = username
        self.log = directory / "supervisord.log"
        self._socket_path = socket_path
        self._identity = uuid.uuid4().hex
        self._configuration = directory / "supervisord.conf"
        self._programs = tuple(programs)
        self._password = password
        self._started = started
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self._configuration.touch(mode=0o600)  # it holds the password
        self._configuration.write_text(self._text(directory))

    async def start(self) -> None:
        """Start it, and wait until it and every service that should run answers.

        Raises:
            ServerError: they do not; with the end of its log.
        """
        command = [installed("supervisord"), "-n", "-c", str(self._configuration)]
        self._process = await asyncio.to_thread(start, command, self.log, started=self._started)
        try:
            await until(self._is_ours, "our supervisord answers")
            for program in self._programs:
                if program.autostart and program.fail_while is None:
                    await until(program.answers, f"{program.name} answers")
        except ServerError as error:
            raise ServerError(f"{error}\n{log_tail(self.log)}") from error

    async def stop(self) -> None:
        """Stop it with everything it runs; a second time does nothing."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGCONT)  # a frozen server would not receive the next one
        with suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
            # By itself it stops one group after the other, so the time that each stubborn service takes adds up.
            await asyncio.wait_for(self.call("stopAllProcesses", False), CALL_SECONDS)
        process.terminate()

        async def ended() -> bool:
            # supervisord checks signals and children once a second, or when somebody calls.
            with suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
                await self.call("getState")
            return process.poll() is not None

        try:
            await until(ended, "supervisord has stopped", within_seconds=STOP_WITHIN_SECONDS)
        finally:
            await asyncio.to_thread(stop, process)

    def freeze(self) -> None:
        """It keeps its sockets and answers nothing, until it is thawed or stopped."""
        self._own().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was frozen."""
        self._own().send_signal(signal.SIGCONT)

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call ``supervisor.<method>`` with supervisor's own client."""
        return await asyncio.to_thread(self._call, method, arguments)

    async def state(self, address: str) -> str:
        """Name of a process's state: RUNNING, FATAL ..."""
        return str((await self.call("getProcessInfo", address))["statename"])

    async def pid(self, address: str) -> int:
        """The process's id on this machine; 0 when none is running."""
        return int((await self.call("getProcessInfo", address))["pid"])

    async def until_state(self, address: str, *states: str) -> str:
        """Wait until the process is in one of the states; which."""

        async def reached() -> str | None:
            state = await self.state(address)
            return state if state in states else None

        return str(await until(reached, f"{address} is {' or '.join(states)}"))

    async def _is_ours(self) -> bool:
        process = self._own()
        if process.poll() is not None:
            raise ServerError(f"supervisord ended with code {process.returncode} while starting")
        return bool(await self.call("getIdentification") == self._identity)

    def _own(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServerError("This supervisord has not been started.")
        return self._process

    def _call(self, method: str, arguments: tuple[Any, ...]) -> Any:
        user, password = (self.username, self._password) if self._password is not None else (None, None)
        transport = SupervisorTransport(user, password, self.server)
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def _text(self, directory: Path) -> str:
        credentials = f"username={self.username}\npassword={self._password}\n" if self._password is not None else ""
        groups: dict[str, list[str]] = {}
        for program in self._programs:
            if program.group is not None:
                groups.setdefault(program.group, []).append(program.name)
        return "\n".join(
            (
                f"[unix_http_server]\nfile={_written(self._socket_path)}\nchmod=0700\n{credentials}",
                f"[inet_http_server]\nport=127.0.0.1:{self.http_port}\n{credentials}",
                f"[supervisord]\nnodaemon=true\nlogfile={_written(directory / 'supervisord-own.log')}\n"
                f"pidfile={_written(directory / 'supervisord.pid')}\nchildlogdir={_written(directory)}\n"
                f"identifier={self._identity}\n",
                "[rpcinterface:supervisor]\n"
                "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
                *(program.section() for program in self._programs),
                *(f"[group:{name}]\nprograms={','.join(members)}\n" for name, members in groups.items()),
            )
        )


@asynccontextmanager
async def running_supervisord(
    directory: Path,
    *programs: Program,
    username: str = "operator",
    password: str | None = None,
    started: StartHook = tell_nobody,
) -> AsyncIterator[Supervisord]:
    """A supervisord that runs ``programs``; reachable at ``server`` (UNIX socket) and ``http_server``.

    With a ``password`` both ask for it, together with the ``username``.

    Raises:
        ServerError: it, or a program that should run, did not come up.
    """
    with _socket_path(directory) as socket_path:
        supervisord = Supervisord(directory, socket_path, programs, username, password, started)
        try:
            await supervisord.start()
            yield supervisord
        finally:
            await supervisord.stop()


@contextmanager
def _socket_path(directory: Path) -> Iterator[Path]:
    """In ``directory``, or where the path would be too long for a UNIX socket, in a short-lived one."""
    wanted = directory / "supervisord.sock"
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_PATH_BYTES:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="supervisord-") as short:
        yield Path(short) / "supervisord.sock"


def _written(value: object) -> str:
    """As supervisord's configuration wants it: a percent sign would begin an expansion."""
    return str(value).replace("%", "%%")
