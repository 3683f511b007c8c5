"""The way to one systemd: its manager's D-Bus interface, over the bus that the policy names.

It knows units, their states, and how to start, stop and restart one. It must not know plans or why something is
restarted. Every call has a connection of its own, which costs a few milliseconds and leaves no state behind, and is a
coroutine on the event loop, with a limit and without a thread.

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
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar, Self

from dbus_fast import DBusError, DBusFastError, Message, MessageType
from dbus_fast.aio import MessageBus
from pydantic import model_validator

from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, RemediationError, TemporaryError
from remediations.backends.base import Backend, BackendSettings, UnknownTargetError

RETRY_AFTER_SECONDS = 5.0
REQUESTS_OF_A_CHANGE = 12
"""Connections, and requests over them, around the wait for one job."""
ADDRESS = re.compile(r"unix:path=/[^;,\s]+")
MANAGER = "org.freedesktop.systemd1.Manager"
NAME = "org.freedesktop.systemd1"
PATH = "/org/freedesktop/systemd1"
JOB_REMOVED = f"type='signal',sender='{NAME}',interface='{MANAGER}',member='JobRemoved',path='{PATH}'"

NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
SIGNALS: Mapping[str, int] = {"kill": signal.SIGKILL, "hang": signal.SIGSTOP}
"""Faults that are a signal to the unit's processes."""
PERMISSION = (
    "it does not let us: allow the Watchkeeper user the action org.freedesktop.systemd1.manage-units for this unit "
    "in a rule of polkit"
)
REMEDIES: dict[str, str] = {
    "org.freedesktop.DBus.Error.AccessDenied": PERMISSION,
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": PERMISSION,
    "org.freedesktop.DBus.Error.InvalidArgs": "a unit is named in full, with its ending, such as web.service",
    "org.freedesktop.systemd1.BadUnitSetting": "its unit file is wrong; read `systemctl status`",
    "org.freedesktop.systemd1.JobTypeNotApplicable": "units of this kind cannot do that",
    "org.freedesktop.systemd1.LoadFailed": "its unit file cannot be loaded; read `systemctl status`",
    NO_SUCH_UNIT: "it knows no such unit; check the name, or run `systemctl daemon-reload`",
    "org.freedesktop.systemd1.OnlyByDependency": "its unit file forbids that (RefuseManualStart or RefuseManualStop)",
    "org.freedesktop.systemd1.UnitMasked": "somebody has masked it; `systemctl unmask` if it is to run again",
}
"""What a person can do about each refusal that trying again cannot mend."""
PASSING: dict[str, str] = {
    "org.freedesktop.DBus.Error.LimitsExceeded": "its bus is at a limit",
    "org.freedesktop.DBus.Error.NameHasNoOwner": "no systemd is on that bus at the moment",
    "org.freedesktop.DBus.Error.ServiceUnknown": "no systemd is on that bus at the moment",
    "org.freedesktop.systemd1.ShuttingDown": "the machine is shutting down",
    "org.freedesktop.systemd1.TransactionIsDestructive": "something else is being done with the unit",
    "org.freedesktop.systemd1.TransactionJobsConflicting": "something else is being done with its dependencies",
}
"""What each refusal that may pass means; with it, nothing has been done."""
ACTIVATION = "org.freedesktop.DBus.Error.Spawn."
"""How errors begin where the bus itself tried, in vain, to start a systemd that is not there."""
LOST = frozenset({"org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected"})
"""What the bus answers in place of a systemd that went away."""
OUTCOMES: dict[str, str] = {
    "canceled": "somebody cancelled it",
    "dependency": "a unit that it needs could not be started",
    "failed": "it failed",
    "skipped": "it does not apply in the unit's state",
    "timeout": "it took longer than the unit's own limit",
}
"""What a job that is not ``done`` came to, in words."""


class UnitState(StrEnum):
    """systemd's active states, with its own words."""

    ACTIVE = "active"
    RELOADING = "reloading"
    REFRESHING = "refreshing"
    ACTIVATING = "activating"
    """On its way up, which includes waiting for the next automatic restart."""
    DEACTIVATING = "deactivating"
    MAINTENANCE = "maintenance"
    INACTIVE = "inactive"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "UnitState":
        return cls.UNKNOWN

    @property
    def meant_to_run(self) -> bool:
        """Whether systemd is running it or still trying to."""
        return self in {UnitState.ACTIVE, UnitState.RELOADING, UnitState.REFRESHING, UnitState.ACTIVATING}


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit as systemd sees it now."""

    name: str
    """The unit's own name, also when it was asked for by an alias."""
    load_state: str
    """``loaded``, ``masked``, ``error``, ``bad-setting``: whether systemd could read its file."""
    state: UnitState
    sub_state: str
    """The finer state, which differs by kind of unit: ``running``, ``auto-restart``, ``exited``, ``dead``."""
    main_pid: int
    """0 when there is none, and for units that are not services."""
    invocation: str
    """Another one after each start, and empty before the first."""
    result: str
    """How it ended last: ``success``, ``exit-code``, ``signal``, ``timeout``, ``oom-kill``. A start limit that was hit
    does not show where there was another failure before."""
    restarts: int = 0
    """How often systemd itself has started it again since a person last started it."""
    active_seconds: float = field(default=0.0, compare=False)
    """How long it had been up when it was looked at; 0 when it was not."""


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


@dataclass(frozen=True, slots=True)
class _Connection:
    bus: MessageBus
    gone: asyncio.Future[None]
    """Done when the connection has ended, however it did."""


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
        async with self._connected() as connection:
            found = await self._ask(connection, "ListUnitsByPatterns", "asas", [[], list(patterns)])
            listed = [await self._unit(connection, entry[0], entry[6]) for entry in found]
        return tuple(sorted((unit for unit in listed if unit.load_state != "not-found"), key=lambda unit: unit.name))

    async def unit(self, name: str) -> Unit:
        """One unit by its name or an alias.

        Raises:
            TemporaryError: as ``units``.
            PermanentError: as ``units``, or systemd knows no unit of that name.
        """
        async with self._connected() as connection:
            unit = await self._unit(connection, name, await self._ask(connection, "LoadUnit", "s", [name]))
        if unit.load_state == "not-found":
            raise self._of_error(NO_SUCH_UNIT, f"LoadUnit({name})", changes=False)
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

        Raises:
            TemporaryError: nothing has been asked of systemd yet.
            PermanentError: refused, or systemd was lost on the way.
        """
        async with self._connected() as connection:
            await self._ask(connection, "ResetFailedUnit", "s", [name], changes=True)

    async def send(self, name: str, number: int) -> None:
        """Send a signal to every process of the unit.

        Raises:
            TemporaryError: nothing has been asked of systemd yet.
            PermanentError: refused, or systemd was lost on the way.
        """
        async with self._connected() as connection:
            await self._ask(connection, "KillUnit", "ssi", [name, "all", number], changes=True)

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
                _, job, _, result = message.body
                ended.put_nowait((job, result))

        async with self._connected() as connection:
            connection.bus.add_message_handler(hear)
            await self._call(connection, _to_the_bus("AddMatch", JOB_REMOVED), "AddMatch")
            await self._ask(connection, "Subscribe", "", [])
            job = await self._ask(connection, method, "ss", [name, "fail"], changes=True)
            result = await self._end_of(connection, ended, job, method, name)
        if result != "done":
            raise PermanentError(await self._failure(method, name, result))

    async def _end_of(
        self, connection: _Connection, ended: "asyncio.Queue[tuple[str, str]]", job: str, method: str, name: str
    ) -> str:
        seconds = self._settings.settle_within.total_seconds()
        heard = asyncio.ensure_future(_result_of(job, ended))
        try:
            either: set[asyncio.Future[Any]] = {connection.gone, heard}
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if heard.done():
                return heard.result()
            if connection.gone.done():
                raise self._lost(f"{self} broke off before {method}({name}) ended", changes=True)
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

    async def _cancel(self, connection: _Connection, job: str) -> None:
        """Take a job back that nobody waits for any more. One that has ended is gone, which is as well."""
        request = Message(destination=NAME, path=job, interface="org.freedesktop.systemd1.Job", member="Cancel")
        with suppress(
            RemediationError
        ):  # whoever cancelled us hears that, and the bus that is lost loses the job's news
            await self._call(connection, request, "Cancel", changes=True)

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

    async def _unit(self, connection: _Connection, name: str, path: str) -> Unit:
        """Read all that systemd says about a unit; an empty interface stands for every one that the unit has."""
        request = Message(
            destination=NAME,
            path=path,
            interface="org.freedesktop.DBus.Properties",
            member="GetAll",
            signature="s",
            body=[""],
        )
        found = {key: value.value for key, value in (await self._call(connection, request, f"GetAll({name})")).items()}
        state = UnitState(found["ActiveState"])
        since = found["ActiveEnterTimestampMonotonic"] / 1_000_000 if state is UnitState.ACTIVE else 0.0
        return Unit(
            name=found["Id"],
            load_state=found["LoadState"],
            state=state,
            sub_state=found["SubState"],
            main_pid=found.get("MainPID", 0),
            invocation=bytes(found["InvocationID"]).hex(),
            result=found.get("Result", ""),
            restarts=found.get("NRestarts", 0),
            active_seconds=time.clock_gettime(time.CLOCK_MONOTONIC) - since if since else 0.0,
        )

    async def _ask(
        self, connection: _Connection, method: str, signature: str, body: list[Any], *, changes: bool = False
    ) -> Any:
        request = Message(destination=NAME, path=PATH, interface=MANAGER, member=method, signature=signature, body=body)
        subject = f"{method}({body[0]})" if body and isinstance(body[0], str) else method
        return await self._call(connection, request, subject, changes=changes)

    async def _call(self, connection: _Connection, request: Message, subject: str, *, changes: bool = False) -> Any:
        """The first value of the answer, or None where it has none."""
        seconds = self._settings.timeout.total_seconds()
        try:
            async with asyncio.timeout(seconds):
                answer = await connection.bus.call(request)
        except TimeoutError as error:
            raise self._lost(f"{self} did not answer {subject} within {seconds:g} s", changes=changes) from error
        except (OSError, EOFError, DBusFastError) as error:
            what = f"{self} broke off while answering {subject} ({type(error).__name__})"
            raise self._lost(what, changes=changes) from error
        if answer is None:  # closed without an error
            raise self._lost(f"{self} broke off while answering {subject}", changes=changes)
        if answer.message_type is MessageType.ERROR:
            raise self._of_error(answer.error_name or "an unnamed error", subject, changes=changes)
        return answer.body[0] if answer.body else None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Connection]:
        seconds = self._settings.timeout.total_seconds()
        bus = MessageBus(bus_address=self._settings.bus)
        try:
            async with asyncio.timeout(seconds):
                await bus.connect()
        except PermissionError as error:
            raise PermanentError(
                f"{self} may not be used by us (permission denied): let the Watchkeeper user reach the bus's socket."
            ) from error
        except (OSError, EOFError) as error:  # a time-out is an OSError
            reason = "no such socket" if isinstance(error, FileNotFoundError) else type(error).__name__
            raise TemporaryError(
                f"{self} cannot be reached ({reason}): is D-Bus running there, and is `bus` right?",
                retry_after=RETRY_AFTER_SECONDS,
            ) from error
        except (DBusError, DBusFastError) as error:
            raise PermanentError(
                f"{self} does not let us in ({type(error).__name__}): check `bus` of the backend, and that the "
                "Watchkeeper user may use that bus."
            ) from error
        gone: asyncio.Future[None] = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
        gone.add_done_callback(_forget)
        try:
            yield _Connection(bus, gone)
        finally:
            bus.disconnect()
            await asyncio.wait({gone}, timeout=seconds)

    def _lost(self, what: str, *, changes: bool) -> RemediationError:
        if changes:
            return PermanentError(f"{what}; whether it took effect is unknown. Check with `systemctl status`.")
        return TemporaryError(f"{what}.", retry_after=RETRY_AFTER_SECONDS)

    def _of_error(self, name: str, subject: str, *, changes: bool) -> RemediationError:
        if name in LOST:
            return self._lost(f"{self} broke off while answering {subject}", changes=changes)
        if name.startswith(ACTIVATION):
            name = "org.freedesktop.DBus.Error.NameHasNoOwner"
        if name in PASSING:
            return TemporaryError(f"{self} refused {subject}: {PASSING[name]}.", retry_after=RETRY_AFTER_SECONDS)
        remedy = REMEDIES.get(name, "read its journal with `journalctl -b`")
        kind = UnknownTargetError if name == NO_SUCH_UNIT else PermanentError
        return kind(f"{self} refused {subject} ({name.rpartition('.')[2]}): {remedy}.")


async def _result_of(job: str, ended: "asyncio.Queue[tuple[str, str]]") -> str:
    while True:
        path, result = await ended.get()
        if path == job:
            return result


def _forget(gone: asyncio.Future[None]) -> None:
    """Take note of how a connection ended, which whoever waited for an answer has been told."""
    if not gone.cancelled():
        gone.exception()


def _to_the_bus(method: str, argument: str) -> Message:
    return Message(
        destination="org.freedesktop.DBus",
        path="/org/freedesktop/DBus",
        interface="org.freedesktop.DBus",
        member=method,
        signature="s",
        body=[argument],
    )
