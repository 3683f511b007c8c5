"""Runs the gates of one runbook, one after the other, in a child process, and tells what is seen as it is seen.

Whatever happens to the child, or to whoever waits, the twin is mended in the end. Nothing here writes to production's
database: what comes back is evidence, for others to judge.
"""

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bot.gates.missions import Fault, FaultKind, Kind, Mission, Setup, remembered
from bot.gates.report import LINES, Ended, Ending, GateReport, Mended, Noted, Report, Run
from bot.gates.twin import GateError, twin_of
from bot.gates.worker import LINE_BYTES_MAX
from bot.policy.file.document import Policy
from bot.policy.plan import Exactness
from bot.policy.situation import Gate
from bot.response.ports.context import utc_now

LEAVES_WITHIN_SECONDS = 90.0
"""How long the child may take to break a run off and to mend."""
PATIENCE_OF_CHAOS = 2.0
CHAOS_SECONDS_MIN = 3.0
"""Verification in the chaos test waits so many times as long as the repair took, and at least so long."""
CALL_FAULTS = (FaultKind.UNREACHABLE, FaultKind.REFUSED, FaultKind.SILENT, FaultKind.LOST)
KILLS = (FaultKind.KILLED_BEFORE, FaultKind.KILLED_AFTER)
LOG = "worker.log"


@dataclass(frozen=True, slots=True)
class Progress:
    """What people who watch see."""

    gate: Gate
    text: str
    passed: bool | None = None
    """Of a run, or of the gate, that is over; None while it goes on."""
    ends_gate: bool = False


Tell = Callable[[Progress], None]


class _DiedError(Exception):
    """The child ended in the middle of a mission, with this code."""

    def __init__(self, code: int | None, why: str) -> None:
        super().__init__(f"The process of the run ended with {code}{why}.")
        self.killed = code == -signal.SIGKILL


@dataclass(slots=True)
class Conductor:
    """Use it as a context: leaving it ends the child, and mends what that could not."""

    setup: Setup
    tell: Tell
    mended: bool = False
    """Set when it was left, and nothing that was broken is still so."""
    _folder: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="watchkeeper-gates-")
    )
    _child: asyncio.subprocess.Process | None = None
    _runs: int = 0
    _unmended: Mission | None = None
    """Of this one it is not known that it has mended what it broke."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._dismiss()
            if self._unmended is not None and (problem := await self._mended(self._unmended)):
                raise GateError(problem)
            await self._dismiss()
            self.mended = True
        finally:
            await asyncio.to_thread(self._folder.cleanup)

    async def run(self) -> Report:
        """Every gate that needs no person; after one that fails, those behind it are not run.

        Raises:
            GateError: the runbook's `staging` does not say enough.
        """
        policy = Policy.model_validate(self.setup.policy)
        twin_of(policy, self.setup.runbook)
        began, reports = utc_now(), list[GateReport]()
        reports.append(await self._gate(Gate.STAGING_DRY_RUN, [(Kind.DRY_RUN, "plan, rehearse and look", None)]))
        reports.append(
            await self._gate_after(reports, Gate.FAILURE_SIMULATION, [(Kind.SIMULATE, "the declared fault", None)])
        )
        simulated = reports[-1].runs[-1] if reports[-1].passed else None
        reports.append(await self._gate_after(reports, Gate.CHAOS_TEST, _chaos(simulated), simulated))
        reports.append(await self._gate_after(reports, Gate.ROLLBACK_VERIFICATION, _undone(simulated), simulated))
        return Report(
            runbook=self.setup.runbook,
            digest=policy.runbooks[self.setup.runbook].digest,
            policy_digest=policy.digest,
            began=began,
            ended=utc_now(),
            gates=tuple(reports),
        )

    async def _gate_after(
        self, before: Sequence[GateReport], gate: Gate, todo: Sequence["Todo"], simulated: Run | None = None
    ) -> GateReport:
        failed = next((each for each in before if not each.passed), None)
        if failed is None:
            return await self._gate(gate, todo, simulated)
        problem = f"Not run, as the {failed.gate.in_words} has not passed."
        self.tell(Progress(gate, problem, passed=False, ends_gate=True))
        return GateReport(gate=gate, passed=False, problem=problem)

    async def _gate(self, gate: Gate, todo: Sequence["Todo"], simulated: Run | None = None) -> GateReport:
        runs: list[Run] = []
        for kind, name, fault in todo:
            self._runs += 1
            mission = Mission(
                kind=kind,
                gate=gate,
                name=name,
                folder=Path(self._folder.name) / f"run-{self._runs}",
                alert=simulated.alert if simulated else None,
                fault=fault,
                verify_within_seconds=_patience(simulated) if kind is Kind.DISTURB else None,
            )
            self.tell(Progress(gate, name))
            run = await self.carry_out(mission)
            runs.append(run)
            self.tell(Progress(gate, run.problem or name, passed=run.passed))
            if not run.passed:
                break
        nothing = "" if runs else "There is nothing to try it on."
        problem = next((run.problem for run in runs if not run.passed), nothing)
        self.tell(Progress(gate, problem or _in_short(runs), passed=not problem, ends_gate=True))
        return GateReport(gate=gate, passed=not problem, problem=problem, runs=tuple(runs))

    async def carry_out(self, mission: Mission) -> Run:
        """One run, in a second process where the first was to die; one that dies unasked has not passed."""
        began = utc_now()
        may_die = mission.fault is not None and mission.fault.kind.kills
        for may in (may_die, False):
            try:
                return await self._asked(mission)
            except _DiedError as error:
                self._child = None
                if may and error.killed:
                    self.tell(Progress(mission.gate, "Its process is dead; another goes on from what it has stored."))
                    continue
                problem = f"{error} {await self._mended(mission)}".strip()
                return Run(
                    gate=mission.gate,
                    name=mission.name,
                    passed=False,
                    problem=problem,
                    began=began,
                    ended=utc_now(),
                )
        raise AssertionError("a run that may not die returns")

    async def _asked(self, mission: Mission) -> Run:
        self._unmended = mission
        async for line in self._lines(mission):
            match line:
                case Noted():
                    self.tell(Progress(mission.gate, line.text))
                case Ended():
                    self._unmended = mission if line.run.left_broken else None
                    return line.run
        raise await self._death()

    async def _mended(self, mission: Mission) -> str:
        """Mend what a dead child has broken; why that failed, in words."""
        memory = remembered(mission.folder)
        if memory is None or not memory.target:
            self._unmended = None
            return ""
        try:
            async for line in self._lines(mission.model_copy(update={"kind": Kind.MEND, "fault": None})):
                match line:
                    case Noted():
                        self.tell(Progress(mission.gate, line.text))
                    case Mended():
                        self._unmended = mission if line.problem else None
                        return line.problem
        except OSError as error:
            return f"{memory.target!r} may still be broken ({error}). Mend it by hand."
        return f"{memory.target!r} may still be broken. Mend it by hand."

    async def _lines(self, mission: Mission) -> AsyncIterator[Noted | Ended | Mended]:
        child = self._child or await self._hire()
        if child.stdin is None or child.stdout is None:
            raise OSError("the child has no pipes")
        try:
            child.stdin.write(mission.model_dump_json().encode() + b"\n")
            await child.stdin.drain()
        except ConnectionError:
            return
        while line := await child.stdout.readline():
            yield LINES.validate_json(line)

    async def _hire(self) -> asyncio.subprocess.Process:
        """Start a child. It is no member of our terminal's group, so that an interruption reaches it through us."""
        with (Path(self._folder.name) / LOG).open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot.gates.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=LINE_BYTES_MAX,
                start_new_session=True,
            )
        if self._child.stdin is None:
            raise OSError("the child has no pipes")
        self._child.stdin.write(self.setup.model_dump_json().encode() + b"\n")
        return self._child

    async def _death(self) -> _DiedError:
        code = await self._child.wait() if self._child is not None else None
        log = Path(self._folder.name) / LOG
        last = "".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:])
        why = f": {last}" if code and code > 0 else ""  # who was killed has said nothing about it
        return _DiedError(code, why)

    async def _dismiss(self) -> None:
        """Let the child go: it breaks its run off, mends, and ends; if it does not, it is killed."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.stdin is not None:
            child.stdin.close()
        try:
            async with asyncio.timeout(LEAVES_WITHIN_SECONDS):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()


Todo = tuple[Kind, str, Fault | None]


def _chaos(simulated: Run | None) -> list[Todo]:
    """Each call that the repair made within its steps, and each of its steps."""
    if simulated is None:
        return []
    calls = [Fault(kind=kind, call=call) for call in simulated.calls for kind in CALL_FAULTS]
    steps = range(1, len(simulated.steps) + 1)
    if not calls:  # its port is no port of ours; then the step itself is disturbed
        calls = [Fault(kind=kind, step=step) for step in steps for kind in CALL_FAULTS]
    kills = [Fault(kind=kind, step=step) for step in steps for kind in KILLS]
    return [(Kind.DISTURB, fault.words, fault) for fault in (*calls, *kills)]


def _undone(simulated: Run | None) -> list[Todo]:
    plan = simulated.plan if simulated is not None else None
    if plan is None or plan.rollback.exactness is Exactness.NONE:
        return []
    if plan.rollback.exactness is Exactness.NOTHING_TO_UNDO:
        return [(Kind.REPEAT, "again, where nothing is broken", None), (Kind.REPEAT, "and once more", None)]
    return [(Kind.ROLL_BACK, "carry out, and roll back", None)]


def _patience(simulated: Run | None) -> float | None:
    repair = simulated.seconds.get("repair") if simulated is not None else None
    return None if repair is None else float(round(max(CHAOS_SECONDS_MIN, PATIENCE_OF_CHAOS * repair)))


def _in_short(runs: Sequence[Run]) -> str:
    if all(run.ending is Ending.NOTHING_RUN for run in runs):
        return "nothing was changed"
    ends = [run.ending.value for run in runs if run.ending is not None]
    counted = ", ".join(f"{ends.count(end)} {end}" for end in dict.fromkeys(ends))
    return f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}: {counted}" if counted else f"{len(runs)} run(s)"
