"""One connection to the systemd on a D-Bus, with an end in time to everything and its errors in words for people.

A connection costs a few milliseconds and leaves no state behind. It is a coroutine on the event loop, without a thread.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from bot.connecting import why
from bot.remediation import PermanentError, RemediationError, TemporaryError
from remediations.backends.base import UnknownTargetError

RETRY_AFTER_SECONDS = 5.0
MANAGER = "org.freedesktop.systemd1.Manager"
NAME = "org.freedesktop.systemd1"
PATH = "/org/freedesktop/systemd1"
NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
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


class Connection:
    """To one systemd."""

    def __init__(self, bus: MessageBus, gone: asyncio.Future[None], systemd: str, seconds: float) -> None:
        """``systemd``: its name in errors; ``seconds``: for one request."""
        self.bus = bus
        self.gone = gone
        """Done when the connection has ended, however it did."""
        self._systemd, self._seconds = systemd, seconds

    async def ask(self, method: str, signature: str, body: list[Any], *, changes: bool = False) -> Any:
        """Call a method of the manager; otherwise as ``call``."""
        request = Message(destination=NAME, path=PATH, interface=MANAGER, member=method, signature=signature, body=body)
        subject = f"{method}({body[0]})" if body and isinstance(body[0], str) else method
        return await self.call(request, subject, changes=changes)

    async def call(self, request: Message, subject: str, *, changes: bool = False) -> Any:
        """The first value of the answer, or None where it has none.

        Raises:
            TemporaryError: nothing has been changed.
            PermanentError: refused, or with ``changes`` the outcome is unknown.
        """
        try:
            async with asyncio.timeout(self._seconds):
                answer = await self.bus.call(request)
        except TimeoutError as error:
            what = f"{self._systemd} did not answer {subject} within {self._seconds:g} s"
            raise lost(what, changes=changes) from error
        except Exception as error:  # whatever the library makes of what came
            what = f"{self._systemd} broke off while answering {subject} ({type(error).__name__})"
            raise lost(what, changes=changes) from error
        if answer is None:  # closed without an error
            raise lost(f"{self._systemd} broke off while answering {subject}", changes=changes)
        if answer.message_type is MessageType.ERROR:
            raise refused(self._systemd, answer.error_name or "an unnamed error", subject, changes=changes)
        return answer.body[0] if answer.body else None


@asynccontextmanager
async def connected(address: str, systemd: str, seconds: float) -> AsyncIterator[Connection]:
    """A connection over the bus at ``address``; each request over it has ``seconds``.

    Raises:
        TemporaryError, PermanentError: there is none.
    """
    bus = MessageBus(bus_address=address)
    try:
        async with asyncio.timeout(seconds):
            await bus.connect()
    except PermissionError as error:
        raise PermanentError(
            f"{systemd} may not be used by us (permission denied): let the Watchkeeper user reach the bus's socket."
        ) from error
    except (OSError, EOFError) as error:  # a time-out is an OSError
        raise TemporaryError(
            f"{systemd} cannot be reached ({why(error)}): start D-Bus there, or correct `bus` of the backend.",
            retry_after=RETRY_AFTER_SECONDS,
        ) from error
    except Exception as error:  # whatever the library makes of what came
        raise PermanentError(
            f"{systemd} does not let us in ({type(error).__name__}): check `bus` of the backend, and that the "
            "Watchkeeper user may use that bus."
        ) from error
    gone: asyncio.Future[None] = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
    gone.add_done_callback(_forget)
    try:
        yield Connection(bus, gone, systemd, seconds)
    finally:
        bus.disconnect()
        await asyncio.wait({gone}, timeout=seconds)


def lost(what: str, *, changes: bool) -> RemediationError:
    """The error for an answer that did not come: of a change nobody knows whether it took effect."""
    if changes:
        return PermanentError(f"{what}; whether it took effect is unknown. Check with `systemctl status`.")
    return TemporaryError(f"{what}.", retry_after=RETRY_AFTER_SECONDS)


def refused(systemd: str, name: str, subject: str, *, changes: bool) -> RemediationError:
    """The error for one that D-Bus or systemd gave, by its name there."""
    if name in LOST:
        return lost(f"{systemd} broke off while answering {subject}", changes=changes)
    if name.startswith(ACTIVATION):
        name = "org.freedesktop.DBus.Error.NameHasNoOwner"
    if name in PASSING:
        return TemporaryError(f"{systemd} refused {subject}: {PASSING[name]}.", retry_after=RETRY_AFTER_SECONDS)
    remedy = REMEDIES.get(name, "read its journal with `journalctl -b`")
    kind = UnknownTargetError if name == NO_SUCH_UNIT else PermanentError
    return kind(f"{systemd} refused {subject} ({name.rpartition('.')[2]}): {remedy}.")


def _forget(gone: asyncio.Future[None]) -> None:
    """Take note of how a connection ended, which whoever waited for an answer has been told."""
    if not gone.cancelled():
        gone.exception()
