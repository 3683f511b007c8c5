"""Restarting services of one systemd.

A unit that is up is known by its invocation, which is another one after each start. What failed, is on its way up or
waits for systemd's own next try is ``down``. So is one that systemd itself has just started again after a crash:
systemd calls a simple service active from its first moment on, so that a crash loop looks active again and again. Only
when it has lived for ``STEADY_SECONDS`` does such a one count as up.

``inactive`` is neither: a person (or an earlier action) has stopped the unit, or nobody ever meant it to run.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from bot.remediation import Condition, PermanentError, TemporaryError
from remediations.backends.base import UnknownTargetError
from remediations.backends.systemd import Systemd
from remediations.backends.systemd.unit import Unit, UnitState
from remediations.infrastructure.restart_service import Found, Instance

SERVICE = ".service"
NAME = re.compile(r"(?=.{1,240}$)[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?")
"""What a unit's name is made of."""
STEADY_SECONDS = 10.0
CONDITIONS: Mapping[UnitState, Condition] = {
    UnitState.ACTIVE: Condition.HEALTHY,
    UnitState.RELOADING: Condition.SETTLING,
    UnitState.REFRESHING: Condition.SETTLING,
    UnitState.ACTIVATING: Condition.SETTLING,
    UnitState.DEACTIVATING: Condition.SETTLING,
    UnitState.INACTIVE: Condition.UNHEALTHY,
    UnitState.MAINTENANCE: Condition.UNHEALTHY,
    UnitState.FAILED: Condition.UNHEALTHY,
    UnitState.UNKNOWN: Condition.UNKNOWN,
}
RUN_STATES: Mapping[UnitState, str] = {
    UnitState.ACTIVE: "running",
    UnitState.RELOADING: "running",
    UnitState.REFRESHING: "running",
    UnitState.ACTIVATING: "down",
    UnitState.FAILED: "down",
    UnitState.MAINTENANCE: "down",
}
"""What is in none of these is called by its own name."""


class SystemdRestarts:
    """Fulfils ``Restarts``."""

    def __init__(self, systemd: Systemd) -> None:
        self._systemd = systemd

    def __str__(self) -> str:
        return str(self._systemd)

    async def find(self, name: str) -> Found:
        """``web`` or ``web.service``, ``web@east``, ``web@*`` for every instance; all of a template are the service."""
        known = await self._systemd.units(f"*{SERVICE}")
        wanted = name.removesuffix(SERVICE)
        found = [unit for unit in known if _goes_by(unit, wanted)] or await self._asleep(wanted)
        for unit in found:
            self._refuse_unsettled(unit)
        services = {_service(unit) for unit in found}
        fellows = [unit for unit in known if _service(unit) in services]
        return Found(
            tuple(self._instance(unit) for unit in found),
            healthy=sum(_condition(unit) is Condition.HEALTHY for unit in fellows),
            total=len(fellows),
        )

    async def read(self, address: str) -> Instance:
        """One unit."""
        return self._instance(await self._systemd.unit(address))

    async def restart(self, instance: Instance, idempotency_key: str) -> None:
        """Restart it in one job, however often it was started before."""
        await self._systemd.reset_failed(instance.address)
        await self._systemd.restart(instance.address)

    async def every(self) -> Collection[Instance]:
        """Every service in systemd's memory."""
        return [self._instance(unit) for unit in await self._systemd.units(f"*{SERVICE}")]

    async def _asleep(self, name: str) -> Sequence[Unit]:
        """A service that systemd has on disk only, because it was stopped long ago."""
        try:
            return [await self._systemd.unit(f"{name}{SERVICE}")] if NAME.fullmatch(name) else []
        except UnknownTargetError:
            return []

    def _refuse_unsettled(self, unit: Unit) -> None:
        if unit.state is UnitState.DEACTIVATING:
            raise TemporaryError(f"{unit.name} on {self} is being stopped at this moment.")
        if unit.state is UnitState.UNKNOWN:
            raise PermanentError(f"{unit.name} on {self} is in a state that is not known here: a person must look.")

    def _instance(self, unit: Unit) -> Instance:
        run_state = "down" if _crashes(unit) else RUN_STATES.get(unit.state, unit.state.value)
        identity: dict[str, JsonValue] = {"invocation": unit.invocation}
        masked, stopped = unit.load_state == "masked", unit.state is UnitState.INACTIVE
        label = _stem(unit)
        return Instance(
            address=unit.name,
            label=label,
            condition=_condition(unit),
            seen=f"{unit.state} ({unit.sub_state})",
            state={"run_state": run_state} | (identity if run_state == "running" else {}),
            identity=identity,
            how=f"Restart {label} and wait until it is up.",
            takes=int(_condition(unit) is Condition.HEALTHY),
            spared="masked" if masked else "stopped on purpose" if stopped else "",
            remedy=f"`systemctl {'unmask' if masked else 'start'} {unit.name}`",
            intent="masked" if masked else "stopped" if stopped else "started",
            within=self._systemd.change_within,
        )


def _condition(unit: Unit) -> Condition:
    return Condition.SETTLING if _crashes(unit) else CONDITIONS[unit.state]


def _crashes(unit: Unit) -> bool:
    """Whether it is up, but only since systemd started it again a moment ago."""
    return unit.state is UnitState.ACTIVE and unit.restarts > 0 and unit.active_seconds < STEADY_SECONDS


def _stem(unit: Unit) -> str:
    """As people call it: ``web``, ``web@east``."""
    return unit.name.removesuffix(SERVICE)


def _goes_by(unit: Unit, name: str) -> bool:
    stem = _stem(unit)
    return name == stem or ("@" in stem and name == f"{_service(unit)}@*")


def _service(unit: Unit) -> str:
    """The template's name of its instances, and of what has no template its own."""
    return _stem(unit).partition("@")[0]
