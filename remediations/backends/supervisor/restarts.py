"""Restarting processes of one supervisord.

A running process is known by its pid: with another one, what the approver saw is gone. STARTING, BACKOFF, EXITED and
FATAL are all ``down``, because a crash-looping process runs through them by itself every few seconds; that is the very
trouble to be repaired, so it must not make every plan stale.

STOPPED is neither: supervisord only says so when a person (or an earlier action) has stopped the process, or when it
was never meant to start. It is never restarted from here.

A process that lives longer than supervisord's ``startsecs`` before it crashes again shows as running with changing
pids, and its plan does go stale. That is on purpose: supervisord itself calls it started. Raise ``startsecs``.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import JsonValue

from bot.remediation import Condition, PermanentError, TemporaryError
from remediations.backends.supervisor import Process, ProcessState, Supervisor
from remediations.infrastructure.restart_service import Found, Instance
from remediations.targets import listed

DOWN = frozenset({ProcessState.STARTING, ProcessState.BACKOFF, ProcessState.EXITED, ProcessState.FATAL})
CONDITIONS: Mapping[ProcessState, Condition] = {
    ProcessState.RUNNING: Condition.HEALTHY,
    ProcessState.STARTING: Condition.SETTLING,
    ProcessState.BACKOFF: Condition.SETTLING,  # until supervisord gives up and calls it FATAL
    ProcessState.STOPPING: Condition.SETTLING,
    ProcessState.STOPPED: Condition.UNHEALTHY,
    ProcessState.EXITED: Condition.UNHEALTHY,
    ProcessState.FATAL: Condition.UNHEALTHY,
    ProcessState.UNKNOWN: Condition.UNKNOWN,
}


class SupervisorRestarts:
    """Fulfils ``Restarts`` and ``StartsAgain``."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor

    def __str__(self) -> str:
        return str(self.supervisor)

    async def find(self, name: str) -> Found:
        """``process``, ``group:process``, ``group:*`` or a group; the whole service are the groups it is in."""
        known = await self.supervisor.processes()
        found = _matching(name, known)
        for process in found:
            self._refuse_unsettled(process)
        fellows = [each for each in known if each.group in {process.group for process in found}]
        running = sum(each.state is ProcessState.RUNNING for each in fellows)
        return Found(tuple(_instance(each) for each in found), healthy=running, total=len(fellows))

    async def read(self, address: str) -> Instance:
        """One process."""
        return _instance(await self.supervisor.process(address))

    async def restart(self, instance: Instance, idempotency_key: str) -> None:
        """Stop what runs, start it, and wait until it runs."""
        await self.supervisor.stop(instance.address)
        try:
            await self.supervisor.start(instance.address)
        except TemporaryError as error:
            raise PermanentError(f"{instance.label} was stopped, and then: {error}") from error

    async def every(self) -> Collection[Instance]:
        """Every process."""
        return [_instance(each) for each in await self.supervisor.processes()]

    async def start_again(self, address: str, recorded: Mapping[str, Any]) -> bool:
        """Start what ran; to stop again what did not would repair nothing."""
        before, now = ProcessState[recorded["state"]], (await self.supervisor.process(address)).state
        if not before.meant_to_run or now is before or now is ProcessState.RUNNING:
            return False
        # What was crash-looping before is only handed back to supervisord; waiting for it to run would fail.
        await self.supervisor.start(address, wait=before is ProcessState.RUNNING)
        return True

    def _refuse_unsettled(self, process: Process) -> None:
        if process.state is ProcessState.STOPPING:
            raise TemporaryError(f"{process.address} on {self} is being stopped at this moment.")
        if process.state is ProcessState.UNKNOWN:
            raise PermanentError(
                f"supervisord has lost track of {process.address} on {self} (state UNKNOWN): a person must check "
                "the machine and at supervisord's log."
            )


def _matching(name: str, processes: Collection[Process]) -> tuple[Process, ...]:
    """The smallest reading of the name that matches: the process supervisorctl means by it, the group, a lone process.

    The text may come from an alert label, so it is only ever compared and never sent to the server.
    """
    group, colon, member = name.partition(":")
    if colon:
        return tuple(process for process in processes if process.group == group and member in ("*", process.name))
    for reading in (
        tuple(process for process in processes if process.group == process.name == name),
        tuple(process for process in processes if process.group == name),
    ):
        if reading:
            return reading
    members = tuple(process for process in processes if process.name == name)
    if len(members) > 1:
        addresses = listed([process.address for process in members])
        raise PermanentError(
            f"{name!r} is the name of processes in several groups ({addresses}): write the one that is meant as "
            "group:name."
        )
    return members


def _instance(process: Process) -> Instance:
    stopped, running = process.state is ProcessState.STOPPED, process.state is ProcessState.RUNNING
    identity: dict[str, JsonValue] = {"pid": process.pid}
    return Instance(
        address=process.address,
        label=process.label,
        condition=CONDITIONS[process.state],
        seen=process.state.name,
        state={"run_state": "running", **identity}
        if running
        else {"run_state": "down" if process.state in DOWN else process.state.name.lower()},
        identity=identity,
        how=f"Stop {process.label} if it runs, start it, and wait until it runs.",
        takes=int(running),
        spared="stopped on purpose" if stopped else "",
        remedy=f"`supervisorctl start {process.address}`",
        intent="stopped" if stopped else "started",
    )
