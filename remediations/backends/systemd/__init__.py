"""The way to one systemd: its manager's D-Bus interface, over the bus that the policy names.

It knows units, their states, and how to start, stop and restart one. It must not know plans or why something is
restarted. Every call has a connection of its own (``bus``).

A change is a *job* of systemd: it is asked for and then waited for. Jobs never replace somebody else's: while another
one for the unit is queued that ours contradicts, ours is refused. Cancelling the wait cancels the job, so that nothing
goes on that nobody watches; a restart that is cancelled between its two halves leaves the unit stopped, for
verification to find. A job that outlives its time goes on, and the error says so.

What an error means is as for supervisor: ``TemporaryError`` is only raised while *nothing has been asked of systemd
yet*. A request to change something whose outcome is lost is a ``PermanentError``.
"""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, ClassVar, Self, TypeVar

from dbus_fast import Message, MessageType
from pydantic import TypeAdapter, ValidationError, model_validator

from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, RemediationError
from remediations.backends.base import Backend, BackendSettings, UnknownTargetError
from remediations.backends.systemd.bus import (
    MANAGER,
    NAME,
    NO_SUCH_UNIT,
    PATH,
    Connection,
    connected,
    lost,
    refused,
)
from remediations.backends.systemd.unit import Properties, Unit

ADDRESS = re.compile(r"unix:path=/[^;,\s]+")
JOB_REMOVED = f"type='signal',sender='{NAME}',interface='{MANAGER}',member='JobRemoved',path='{PATH}'"

REQUESTS_OF_A_CHANGE = 12
"""Connections, and requests over them, around the wait for one job."""
REQUESTS_OF_A_READING = 3
"""Time-outs that a reading of many units has altogether; each answer takes a millisecond."""
FIRST_UNIT = "init.scope"
"""What every systemd has in memory."""
SIGNALS: Mapping[str, int] = {"kill": signal.SIGKILL, "hang": signal.SIGSTOP}
"""Faults that are a signal to the unit's processes."""
OUTCOMES: dict[str, str] = {
    "canceled": "somebody cancelled it",
    "dependency": "a unit that it needs could not be started",
    "failed": "it failed",
    "skipped": "it does not apply in the unit's state",
    "timeout": "it took longer than the unit's own limit",
}
"""What a job that is not ``done`` came to, in words."""


Shape = TypeVar("Shape")
_PROPERTIES = TypeAdapter(Properties)
_ENTRIES = TypeAdapter(list[tuple[str, str, str, str, str, str, str, int, str, str]])
"""Of a list of units: name, description, load state, active state, sub state, followed by, path, and of its job."""


class SystemdSettings(BackendSettings):
    """``backends:`` entry of kind ``systemd``."""

    bus: str = "unix:path=/run/dbus/system_bus_socket"
    """D-Bus address of the bus that systemd is on, as its specification writes addresses."""
    timeout: Duration = timedelta(seconds=5)
    """For one request."""
    settle_within: Duration = timedelta(seconds=100)
    """How long a job may take. systemd's own limits are 90 s to stop and 90 s to start."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not ADDRESS.fullmatch(self.bus):
            raise ValueError("`bus` must look like unix:path=/run/dbus/system_bus_socket")
        if not (self.timeout > timedelta(0) and self.settle_within > timedelta(0)):
            raise ValueError("timeout and settle_within must be longer than 0s")
        return self


class Systemd(Backend):
    """One systemd."""

    kind: ClassVar[str] = "systemd"
    settings: ClassVar[type[BackendSettings]] = SystemdSettings
    faults: ClassVar[Mapping[str, str]] = {
        "kill": "its processes are killed",
        "stop": "it is stopped and stays so",
        "hang": "its processes are halted, and answer nobody",
    }

    def __init__(self, name: str, settings: SystemdSettings) -> None:
        super().__init__(name, settings)
        self._settings = settings

    def __str__(self) -> str:
        return f"systemd at {self._settings.bus} (backend {self.name!r})"

    @classmethod
    def names(cls, target: str) -> tuple[str, ...]:
        """The unit's name, that without its ending, and that of its template."""
        stem = target.rpartition(".")[0] or target
        return (target, stem, stem.partition("@")[0])

    @property
    def change_within(self) -> timedelta:
        """The longest that one change may take, with all that is asked around it."""
        return self._settings.settle_within + REQUESTS_OF_A_CHANGE * self._settings.timeout

    async def units(self, *patterns: str) -> tuple[Unit, ...]:
        """Every unit in systemd's memory whose name matches one of the patterns (``*.service``), sorted by name.

        Raises:
            TemporaryError: it cannot be reached, does not answer in time, or is shutting down.
            PermanentError: it refuses us, or no systemd answers there.
        """
        async with self._reading() as connection:
            found = await connection.ask("ListUnitsByPatterns", "asas", [[], list(patterns)])
            entries = self._as_expected(_ENTRIES, found, "ListUnitsByPatterns")
            listed = [await self._unit(connection, entry[0], entry[6]) for entry in entries]
        return tuple(sorted((unit for unit in listed if unit.load_state != "not-found"), key=lambda unit: unit.name))

    async def unit(self, name: str) -> Unit:
        """One unit by its name or an alias.

        Raises:
            TemporaryError: as ``units``.
            PermanentError: as ``units``, or systemd knows no unit of that name.
        """
        async with self._reading() as connection:
            unit = await self._unit(connection, name, await connection.ask("LoadUnit", "s", [name]))
        if unit.load_state == "not-found":
            raise refused(str(self), NO_SUCH_UNIT, f"LoadUnit({name})", changes=False)
        return unit

    async def start(self, name: str) -> None:
        """Start the unit and wait until it is up; one that is up already is left as it is.

        What is "up" is for the unit's file to say (``Type=``): for a simple service it is that its process exists.

        Raises:
            TemporaryError: nothing has been asked of systemd yet, or something else is being done with the unit.
            PermanentError: refused, failed while starting, not up within ``settle_within``, or systemd was lost.
        """
        await self._do("StartUnit", name)

    async def stop(self, name: str) -> None:
        """Stop the unit and wait until it is down; one that is down already is left as it is.

        Raises:
            TemporaryError: as ``start``.
            PermanentError: refused, not down within ``settle_within``, or systemd was lost on the way.
        """
        await self._do("StopUnit", name)

    async def restart(self, name: str) -> None:
        """Stop the unit and start it again, in one job; one that is down is started.

        Raises:
            TemporaryError: as ``start``.
            PermanentError: as ``start``.
        """
        await self._do("RestartUnit", name)

    async def reset_failed(self, name: str) -> None:
        """Forget that the unit failed and how often it was started, so that a start limit it has hit is over.

        A unit that systemd does not have in memory has nothing to be forgotten.

        Raises:
            TemporaryError: nothing has been asked of systemd yet.
            PermanentError: refused, or systemd was lost on the way.
        """
        async with self._connection() as connection:
            with suppress(UnknownTargetError):
                await connection.ask("ResetFailedUnit", "s", [name], changes=True)

    async def send(self, name: str, number: int) -> None:
        """Send a signal to every process of the unit.

        Raises:
            TemporaryError: nothing has been asked of systemd yet.
            PermanentError: refused, or systemd was lost on the way.
        """
        async with self._connection() as connection:
            await connection.ask("KillUnit", "ssi", [name, "all", number], changes=True)

    async def _reach(self) -> str:
        """Whether it lets us restart a unit is asked of polkit by systemd alone, and only when it is to be done."""
        await self.units(FIRST_UNIT)
        return ""

    async def _inject(self, fault: str, target: str) -> None:
        if fault == "stop":
            await self.stop(target)
            return
        await self.send(target, SIGNALS[fault])

    async def _mend(self, fault: str, target: str) -> None:
        if fault == "hang" and (await self.unit(target)).state.meant_to_run:
            await self.send(target, signal.SIGCONT)
        with suppress(UnknownTargetError):  # what was stopped may be out of its memory: then nothing is to be forgotten
            await self.reset_failed(target)
        await self.start(target)

    async def _do(self, method: str, name: str) -> None:
        """Ask for a job and wait for its end."""
        ended: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

        def hear(message: Message) -> None:
            if message.message_type is MessageType.SIGNAL and message.member == "JobRemoved":
                with suppress(ValueError):  # of another shape: nobody's job
                    _, job, _, result = message.body
                    ended.put_nowait((job, result))

        async with self._connection() as connection:
            connection.bus.add_message_handler(hear)
            await connection.call(_to_the_bus("AddMatch", JOB_REMOVED), "AddMatch")
            await connection.ask("Subscribe", "", [])
            job = await self._begun(connection, method, name)
            result = await self._end_of(connection, ended, job, method, name)
        if result != "done":
            raise PermanentError(await self._failure(method, name, result))

    async def _begun(self, connection: Connection, method: str, name: str) -> str:
        """Ask for a job; its path. Cancelled meanwhile, it is cancelled too."""
        asked = asyncio.ensure_future(connection.ask(method, "ss", [name, "fail"], changes=True))
        try:
            return str(await asyncio.shield(asked))
        except asyncio.CancelledError:
            with suppress(RemediationError):  # then there is none
                await self._cancel(connection, str(await asked))
            raise

    async def _end_of(
        self, connection: Connection, ended: "asyncio.Queue[tuple[str, str]]", job: str, method: str, name: str
    ) -> str:
        seconds = self._settings.settle_within.total_seconds()
        heard = asyncio.ensure_future(_result_of(job, ended))
        try:
            either: set[asyncio.Future[Any]] = {connection.gone, heard}
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if heard.done():
                return heard.result()
            if connection.gone.done():
                raise lost(f"{self} broke off before {method}({name}) ended", changes=True)
        except asyncio.CancelledError:
            await self._cancel(connection, job)
            raise
        finally:
            heard.cancel()
            await asyncio.gather(heard, return_exceptions=True)
        raise PermanentError(
            f"{method}({name}) on {self} did not end within {seconds:g} s and goes on there: check with "
            f"`systemctl status {name}`; if it only needs longer, raise `settle_within` of the backend."
        )

    async def _cancel(self, connection: Connection, job: str) -> None:
        """Cancel a job that nobody waits for any more. One that has ended is gone, which is as well."""
        request = Message(destination=NAME, path=job, interface="org.freedesktop.systemd1.Job", member="Cancel")
        with suppress(RemediationError):  # whoever has cancelled us is told of that, and of nothing else
            await connection.call(request, "Cancel", changes=True)

    async def _failure(self, method: str, name: str, result: str) -> str:
        what = f"{method}({name}) on {self} did not succeed: {OUTCOMES.get(result, f'its result is {result!r}')}"
        try:
            unit = await self.unit(name)
        except RemediationError as error:
            return f"{what}. Its state is unknown: {error}"
        return (
            f"{what}. It is {unit.state} ({unit.sub_state}, {unit.result or 'no result'}): read `systemctl status "
            f"{name}`; if it was only started too often, `systemctl reset-failed {name}` ends that."
        )

    async def _unit(self, connection: Connection, name: str, path: str) -> Unit:
        """Read all that systemd says about a unit; an empty interface stands for every one that the unit has."""
        request = Message(
            destination=NAME,
            path=path,
            interface="org.freedesktop.DBus.Properties",
            member="GetAll",
            signature="s",
            body=[""],
        )
        subject = f"GetAll({name})"
        answer = await connection.call(request, subject)
        values = (
            {key: getattr(value, "value", None) for key, value in answer.items()} if isinstance(answer, dict) else {}
        )
        return self._as_expected(_PROPERTIES, values, subject).unit

    def _as_expected(self, shape: TypeAdapter[Shape], answer: Any, subject: str) -> Shape:
        try:
            return shape.validate_python(answer)
        except ValidationError as error:
            raise PermanentError(
                f"{self} did not answer {subject} as a systemd does: check `bus` of the backend."
            ) from error

    def _connection(self) -> AbstractAsyncContextManager[Connection]:
        return connected(self._settings.bus, str(self), self._settings.timeout.total_seconds())

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        """A connection for several requests that change nothing, with an end to all of them together."""
        seconds = REQUESTS_OF_A_READING * self._settings.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds), self._connection() as connection:
                yield connection
        except TimeoutError as error:
            raise lost(f"{self} did not answer everything within {seconds:g} s", changes=False) from error


async def _result_of(job: str, ended: "asyncio.Queue[tuple[str, str]]") -> str:
    while True:
        path, result = await ended.get()
        if path == job:
            return result


def _to_the_bus(method: str, argument: str) -> Message:
    return Message(
        destination="org.freedesktop.DBus",
        path="/org/freedesktop/DBus",
        interface="org.freedesktop.DBus",
        member=method,
        signature="s",
        body=[argument],
    )
