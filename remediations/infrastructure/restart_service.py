"""Restart the processes of a service: the oldest fix, for a service that hangs or crashed.

What counts as "the same state" between planning and acting (``Target.state``, sealed by the plan's digest):

- ``running`` *with its pid*. Another pid means that somebody or something has restarted it since: what the approver
  saw is gone, so the plan must not survive it. A process that came up by itself is no longer "down" either.
- ``down`` for STARTING, BACKOFF, EXITED and FATAL alike. A crash-looping process runs through these by itself every
  few seconds; that is the very trouble to be repaired, so it must not make every plan stale.

STOPPED is neither: supervisord only says so when a person (or an earlier action) has stopped the process, or when it
was never meant to start. It is never restarted from here.

A process that lives longer than supervisord's ``startsecs`` before it crashes again shows as ``running`` with changing
pids, and its plan does go stale. That is on purpose: supervisord itself calls it started. Raise ``startsecs``.
"""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from pydantic import Field

from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Rollback, Target
from bot.remediation import (
    Health,
    Parameters,
    PermanentError,
    RemediationError,
    Report,
    Snapshot,
    TemporaryError,
)
from remediations.backends.base import Backends
from remediations.backends.supervisor import Process, ProcessState, Supervisor

DOWN = frozenset({ProcessState.STARTING, ProcessState.BACKOFF, ProcessState.EXITED, ProcessState.FATAL})
NAMES_IN_A_SENTENCE = 3


class RestartServiceParameters(Parameters):
    """The policy's ``with`` for ``restart_service``."""

    backend: str = "supervisor"
    """Name of the supervisor backend."""
    service: str = Field(min_length=1, max_length=255)
    """``process``, ``group:process``, ``group:*``, or a group's name for all its processes."""


class RestartService:
    """Stop what runs, start it, wait until it runs; one process after the other."""

    name: ClassVar[str] = "restart_service"
    title: ClassVar[str] = "Restart a service"
    parameters: ClassVar[type[Parameters]] = RestartServiceParameters
    effects: ClassVar[frozenset[Effect]] = frozenset({Effect.RESTART})

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    async def plan(self, parameters: Parameters, service: str, fleet: int | None) -> Plan:
        """Find the processes and say what would happen to them.

        Members of a group that are stopped on purpose are left out, and the plan says so; when nothing else is left
        it is refused.

        Raises:
            TemporaryError: supervisord cannot be reached, or a process is being stopped at this moment.
            PermanentError: as the backend; the name is ambiguous; everything found is stopped on purpose; or
                supervisord has lost track of a process.
        """
        wanted = RestartServiceParameters.model_validate(parameters)
        supervisor = self._backends.get(Supervisor, wanted.backend)
        found = _matching(wanted.service, await supervisor.processes())
        stopped = tuple(process.address for process in found if process.state is ProcessState.STOPPED)
        restarting = tuple(process for process in found if process.state is not ProcessState.STOPPED)
        if stopped and not restarting:
            raise PermanentError(
                f"{_listed(stopped)} on {supervisor} is stopped on purpose (by a person or an earlier action), so it "
                f"is not restarted. To bring it back: `supervisorctl start {stopped[0]}`."
            )
        for process in restarting:
            _refuse_unsettled(process, supervisor)
        return _plan(wanted, service, fleet, restarting=restarting, stopped=stopped)

    async def rehearse(self, plan: Plan) -> Report:
        """Connect to supervisord with our credentials, and find every target in the state it was planned in.

        supervisord has no finer rights: whoever may read may also stop and start.

        Raises:
            TemporaryError: supervisord cannot be reached.
            PermanentError: refused, or a target is gone or has changed.
        """
        supervisor = self._supervisor(plan)
        addresses = tuple(_address(target) for target in plan.targets)
        for target in plan.targets:
            await self._look_again(supervisor, target)
        return Report(
            summary=f"{supervisor} is reachable and would restart {_listed(addresses)}.",
            details={"processes": list(addresses)},
        )

    async def snapshot(self, plan: Plan) -> Snapshot:
        """Record the run state of every target.

        Raises:
            TemporaryError: supervisord cannot be reached.
            PermanentError: refused, or a target is gone.
        """
        supervisor = self._supervisor(plan)
        recorded = [await supervisor.process(_address(target)) for target in plan.targets]
        return Snapshot(
            state={
                "processes": {
                    process.address: {"state": process.state.name, "pid": process.pid} for process in recorded
                }
            }
        )

    async def execute(self, plan: Plan, snapshot: Snapshot) -> Report:
        """Restart the targets one after the other, so that the rest of a group goes on serving.

        Each is read again right before it is touched, because a long group restart leaves people time to step in.
        The first failure ends it; later targets stay untouched.

        Raises:
            TemporaryError: nothing has been changed yet.
            PermanentError: a process did not stop or start, has changed since planning, or supervisord was lost.
        """
        supervisor = self._supervisor(plan)
        restarted: dict[str, dict[str, int]] = {}
        for target in plan.targets:
            address = _address(target)
            stopped = False
            try:
                before = await self._look_again(supervisor, target)
                await supervisor.stop(address)
                stopped = True
                await supervisor.start(address)
                after = await supervisor.process(address)
            except RemediationError as error:
                if isinstance(error, TemporaryError) and not (stopped or restarted):
                    raise
                done = f"Restarted before that: {_listed(tuple(restarted))}." if restarted else "Nothing else was done."
                raise PermanentError(f"{error} {done}") from error
            restarted[address] = {"pid_before": before.pid, "pid_after": after.pid}
        return Report(summary=f"Restarted {_listed(tuple(restarted))}.", details={"restarted": restarted})

    async def health(self, plan: Plan) -> Health:
        """Whether every target runs, as supervisord sees it; a hung process looks healthy from here."""
        try:
            known = {process.address: process for process in await self._supervisor(plan).processes()}
        except RemediationError as error:
            return Health(healthy=None, summary=str(error))
        states = {
            address: known[address].state.name if address in known else "gone"
            for address in (_address(target) for target in plan.targets)
        }
        summary = ", ".join(f"{address} is {state}" for address, state in states.items()) or "There are no targets."
        unsettled = {ProcessState.STARTING.name, ProcessState.UNKNOWN.name}
        if any(state not in {ProcessState.RUNNING.name, *unsettled} for state in states.values()):
            return Health(healthy=False, summary=summary)
        if not states or unsettled & set(states.values()):
            return Health(healthy=None, summary=summary)
        return Health(healthy=True, summary=summary)

    async def roll_back(self, plan: Plan, snapshot: Snapshot) -> Report:
        """Start what ran and does not any more; what runs now is never stopped, whatever was recorded.

        A restart leaves nothing to undo, so plans offer no rollback. Those that an older release made still do, and
        one may follow an ``execute`` that stopped half-way. A failure with one process does not keep the others from
        being started.

        Raises:
            TemporaryError: nothing could be restored, and only because supervisord cannot be reached.
            PermanentError: some process could not be restored; the text names each.
        """
        supervisor = self._supervisor(plan)
        restored: dict[str, str] = {}
        problems: list[RemediationError] = []
        for address, recorded in snapshot.state.get("processes", {}).items():
            try:
                restored[address] = await _restore(supervisor, address, ProcessState[recorded["state"]])
            except RemediationError as error:
                problems.append(error)
        if problems and not restored and all(isinstance(problem, TemporaryError) for problem in problems):
            raise problems[0]
        if problems:
            done = f" Restored: {_listed(tuple(restored))}." if restored else ""
            raise PermanentError(" ".join(str(problem) for problem in problems) + done) from problems[0]
        started = tuple(address for address, what in restored.items() if what == "started")
        summary = f"Started {_listed(started)} again." if started else "Nothing had to be started; what runs goes on."
        return Report(summary=summary, details={"restored": restored})

    async def targets(self) -> Collection[str]:
        """Every process of every supervisor, as plans and people call it.

        Raises:
            TemporaryError: a supervisord cannot be reached.
            PermanentError: as the backend.
        """
        names: set[str] = set()
        for name, supervisor in self._backends.of_kind(Supervisor).items():
            for process in await supervisor.processes():
                names |= {f"{name}:{process.address}", _shown(process.address)}
        return names

    def _supervisor(self, plan: Plan) -> Supervisor:
        return self._backends.get(Supervisor, RestartServiceParameters.model_validate(plan.parameters).backend)

    async def _look_again(self, supervisor: Supervisor, target: Target) -> Process:
        process = await supervisor.process(_address(target))
        now = _run_state(process)
        if now != target.state:
            raise PermanentError(
                f"{process.address} on {supervisor} has changed since the plan was made (planned: "
                f"{_words(target.state)}; now: {_words(now)}), so it was left alone. Plan again."
            )
        return process


def _matching(service: str, processes: tuple[Process, ...]) -> tuple[Process, ...]:
    """The smallest reading of the name that matches: the process supervisorctl means by it, the group, a lone process.

    The text may come from an alert label, so it is only ever compared and never sent to the server.
    """
    group, colon, member = service.partition(":")
    if colon:
        return tuple(process for process in processes if process.group == group and member in ("*", process.name))
    for reading in (
        tuple(process for process in processes if process.group == process.name == service),
        tuple(process for process in processes if process.group == service),
    ):
        if reading:
            return reading
    members = tuple(process for process in processes if process.name == service)
    if len(members) > 1:
        addresses = ", ".join(process.address for process in members[:NAMES_IN_A_SENTENCE])
        raise PermanentError(
            f"{service!r} is the name of processes in several groups ({addresses}): write the one that is meant as "
            "group:name."
        )
    return members


def _refuse_unsettled(process: Process, supervisor: Supervisor) -> None:
    if process.state is ProcessState.STOPPING:
        raise TemporaryError(f"{process.address} on {supervisor} is being stopped at this moment.")
    if process.state is ProcessState.UNKNOWN:
        raise PermanentError(
            f"supervisord has lost track of {process.address} on {supervisor} (state UNKNOWN): a person must check "
            "the machine and at supervisord's log."
        )


def _plan(
    wanted: RestartServiceParameters,
    service: str,
    fleet: int | None,
    *,
    restarting: tuple[Process, ...],
    stopped: tuple[str, ...],
) -> Plan:
    addresses = tuple(process.address for process in restarting)
    spared = (f"Leave {_listed(stopped)} alone: stopped on purpose.",) if stopped else ()
    return Plan(
        remediation=RestartService.name,
        summary=f"Restart {_listed(addresses)} through {wanted.backend}."
        if addresses
        else f"Nothing to restart: {wanted.backend} knows no process or group called {wanted.service!r}.",
        parameters=wanted.model_dump(mode="json"),
        service=service,
        targets=tuple(
            Target(key=f"{wanted.backend}:{process.address}", label=_shown(process.address), state=_run_state(process))
            for process in restarting
        ),
        effects=RestartService.effects if restarting else frozenset(),
        blast_radius=BlastRadius(
            targets=len(restarting), share=min(1.0, len(restarting) / fleet) if fleet is not None else None
        ),
        rollback=Rollback(
            summary="What the processes held in memory is gone.",
            exactness=Exactness.NOTHING_TO_UNDO,
        ),
        steps=(
            *spared,
            *(f"Stop {_shown(address)} if it runs, start it, and wait until it runs." for address in addresses),
        ),
    )


async def _restore(supervisor: Supervisor, address: str, recorded: ProcessState) -> str:
    """Make ``address`` run if it ran; what was done, in a word. To stop it again would repair nothing."""
    now = (await supervisor.process(address)).state
    if not recorded.meant_to_run or now is recorded or now is ProcessState.RUNNING:
        return "unchanged"
    # A process that was crash-looping before is only handed back to supervisord; waiting for it to run would fail.
    await supervisor.start(address, wait=recorded is ProcessState.RUNNING)
    return "started"


def _run_state(process: Process) -> dict[str, Any]:
    """What must still hold when acting; see the module's docstring."""
    if process.state is ProcessState.RUNNING:
        return {"run_state": "running", "pid": process.pid}
    return {"run_state": "down" if process.state in DOWN else process.state.name.lower()}


def _words(state: Mapping[str, Any]) -> str:
    return f"{state['run_state']} as pid {state['pid']}" if "pid" in state else str(state["run_state"])


def _address(target: Target) -> str:
    """The target's ``group:name``: supervisor forbids colons in both, and the backend's own name comes first."""
    return ":".join(target.key.rsplit(":", 2)[1:])


def _listed(addresses: tuple[str, ...]) -> str:
    shown = ", ".join(_shown(address) for address in addresses[:NAMES_IN_A_SENTENCE])
    hidden = len(addresses) - NAMES_IN_A_SENTENCE
    return f"{shown} and {hidden} more" if hidden > 0 else shown or "nothing"


def _shown(address: str) -> str:
    """As supervisorctl shows it: a program that is its own group goes by its name alone."""
    group, _, name = address.partition(":")
    return name if group == name else address
