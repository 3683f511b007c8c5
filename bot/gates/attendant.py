"""Runs the gates of runbooks that stand for a higher level, in the running bot: each in a child of its own.

Rows say what is to be run. Of all replicas one holds the lease of a row, keeps it while the child works, and shows on
the card what is seen. Whoever finds the row of a dead process says so: the child of that one has mended staging as it
went, and the next run mends first. A shutdown breaks off what runs, and waits until staging is mended.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from functools import partial

from bot.gates.conductor import Conductor, Progress
from bot.gates.evidence import in_words
from bot.gates.keeping import keep
from bot.gates.missions import Setup
from bot.gates.report import Report
from bot.gates.twin import GateError
from bot.gates.unsigned import ask_for_sign_offs
from bot.policy.file.document import Policy
from bot.policy.rules.promotion import prospect
from bot.policy.rules.seal import digest_of_seal
from bot.policy.situation import Gate
from bot.policy.track_record import Seal
from bot.response.assessment.votes import Roster
from bot.response.interventions.candidacies import who_may_decide
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.candidacies import Candidacy, CandidacyEvent, Findings
from bot.response.model.notices import ThreadLine, Tone
from bot.response.notices.candidacy_card import report_candidacy, show, tell, waits_for_sign_off
from bot.response.ports.context import Context
from bot.response.ports.seals import seal_now
from bot.response.ports.work import Work

POLL_SECONDS = 1.0
LEASE = timedelta(seconds=120)
HOLD_SECONDS = 20.0
"""How often the lease is kept, at least."""
UNSIGNED_SECONDS = 15.0
"""How often gates are sought that were run elsewhere."""
SHOW_SECONDS = 1.0
"""The card is brought up to date no more often."""
AT_ONCE_MAX = 2
"""Runs of this process; the others wait."""
ENDED_BEFORE = (
    "The process that ran them has ended in the middle. Its child mends staging as it goes, and the next run mends it "
    "before anything else."
)
STOPPED = "Watchkeeper was stopped in the middle"

log = logging.getLogger(__name__)


class Board:
    """What has been seen in one run, and what of it is still to be told."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._seen = {one.gate: one for one in findings.gates}
        self._runs: dict[Gate, int] = {}
        self.ended: list[Gate] = []
        """Gates that are over and not told yet."""
        self.changed = asyncio.Event()
        self.over = asyncio.Event()
        """Nothing more will come."""

    def note(self, progress: Progress) -> None:
        """Something was seen."""
        gate = progress.gate
        if progress.passed is not None and not progress.ends_gate:
            self._runs[gate] = self._runs.get(gate, 0) + 1
        done = self._runs.get(gate, 0)
        text = f"{done} run{'' if done == 1 else 's'} so far; {progress.text}" if done > 1 else progress.text
        if progress.ends_gate:
            text = progress.text
            self.ended.append(gate)
        over = progress.passed if progress.ends_gate else None
        self._seen[gate] = self._seen[gate].model_copy(update={"begun": True, "passed": over, "text": text})
        self.changed.set()

    def conclude(self, report: Report) -> None:
        """What was seen of each gate, as it is kept."""
        for each in report.gates:
            update = {"begun": bool(each.runs), "passed": each.passed, "text": in_words(each)}
            self._seen[each.gate] = self._seen[each.gate].model_copy(update=update)

    @property
    def findings(self) -> Findings:
        """As they are now."""
        return self._findings.model_copy(update={"gates": tuple(self._seen.values())})

    def line(self, gate: Gate) -> ThreadLine:
        """What the thread says of a gate that is over."""
        seen = self._seen[gate]
        name = gate.in_words.capitalize()
        if seen.passed:
            return ThreadLine(title=f"{name} passed", lines=(seen.text,), tone=Tone.GOOD)
        return ThreadLine(title=f"{name} not passed", lines=(seen.text,), tone=Tone.BAD)


class Attendant:
    """One per process; replicas share the rows by leases."""

    def __init__(
        self,
        context: Context,
        *,
        name: str,
        audit_key: bytes,
        prometheus_url: str | None,
        fires_within_seconds: float = 600.0,
    ) -> None:
        """Nothing is run before ``start``.

        Args:
            context: the running bot's; of it the child gets the policy alone.
            name: unique among replicas; the holder of our leases.
            audit_key: seals the record of each run, which is kept nowhere else.
            prometheus_url: the monitor that must notice the fault.
            fires_within_seconds: how long it may take to.
        """
        self.context, self._name = context, name
        self._audit_key, self._prometheus_url = audit_key, prometheus_url
        self._fires_within_seconds = fires_within_seconds
        self._closing = asyncio.Event()
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._attending: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take what is due, in the running loop."""
        self._attending = asyncio.create_task(self._attend(), name="attendant")

    async def close(self) -> None:
        """Break off what runs, and return when staging is mended, or cannot be."""
        self._closing.set()
        if self._attending is not None:
            await self._attending
        await asyncio.gather(*self._runs.values(), return_exceptions=True)

    async def _attend(self) -> None:
        clock, next_unsigned = asyncio.get_running_loop().time, 0.0
        while not self._closing.is_set():
            try:
                await self._take_due()
                if clock() >= next_unsigned:
                    next_unsigned = clock() + UNSIGNED_SECONDS
                    await ask_for_sign_offs(self.context)
            except Exception:  # the database may be away for a while; the rows stay
                log.exception("what gates are to be run could not be read; trying again in %s s", POLL_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), POLL_SECONDS)

    async def _take_due(self) -> None:
        now = self.context.now()
        async with self.context.database.read() as work:
            due = await work.candidacies.due(now)
        for candidacy in due:
            if len(self._runs) >= AT_ONCE_MAX or self._closing.is_set():
                return
            async with self.context.database.begin() as work:
                ours = await work.candidacies.claim(candidacy.id, by=self._name, now=now, until=now + LEASE)
                if ours is None:
                    continue
                if ours.tries > 1:
                    await self._broken_off(work, ours, ours.findings, ENDED_BEFORE)
                    continue
            task = asyncio.create_task(self._run(ours), name=f"gates of {ours.runbook}")
            self._runs[ours.id] = task
            task.add_done_callback(partial(self._put_down, ours.id))

    def _put_down(self, number: int, _task: asyncio.Task[None]) -> None:
        del self._runs[number]

    async def _run(self, candidacy: Candidacy) -> None:
        try:
            await self._attended(candidacy)
        except Exception:  # its lease runs out, and then whoever finds the row says that it was broken off
            log.exception("the gates of %s could not be run to their end", candidacy.runbook)

    async def _attended(self, candidacy: Candidacy) -> None:
        policy = self.context.policy()
        seal = seal_now(self.context.catalogue, policy, candidacy.runbook)
        board = Board(candidacy.findings)
        gates = asyncio.create_task(self._gates(policy, candidacy.runbook, board))
        showing = asyncio.create_task(self._show(candidacy, board))
        stopping = asyncio.create_task(self._closing.wait())
        await asyncio.wait({gates, showing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        ended, lost = gates.done(), showing.done() and not gates.done()
        gates.cancel()
        stopping.cancel()
        board.over.set()
        board.changed.set()
        await asyncio.gather(gates, showing, stopping, return_exceptions=True)
        if lost:
            log.warning("the lease of the gates of %s was lost; they were broken off", candidacy.runbook)
            return
        problem = None if gates.cancelled() else gates.exception()
        if problem is not None and not isinstance(problem, GateError):
            log.error("the gates of %s went wrong", candidacy.runbook, exc_info=problem)
        roster = await self.context.roster()
        async with self.context.database.begin() as work:
            for gate in board.ended:
                await tell(work, candidacy, board.line(gate), at=self.context.now())
            if not ended:
                left = str(problem) if problem is not None else "Staging is mended."
                await self._broken_off(work, candidacy, board.findings, f"{STOPPED}. {left}")
            elif problem is None:
                await self._concluded(work, candidacy, board, gates.result(), seal, roster)
            else:
                said = str(problem) if isinstance(problem, GateError) else f"They went wrong on my side: {problem}"
                await self._failed(work, candidacy, board.findings, said)

    async def _gates(self, policy: Policy, runbook: str, board: Board) -> Report:
        setup = Setup(
            runbook=runbook,
            policy=policy.model_dump(mode="json", by_alias=True),
            prometheus_url=self._prometheus_url,
            audit_key=self._audit_key.decode(),
            verify_interval_seconds=self.context.timing.verify_interval_seconds,
            fires_within_seconds=self._fires_within_seconds,
        )
        async with Conductor(setup, board.note) as conductor:
            return await conductor.run()

    async def _show(self, candidacy: Candidacy, board: Board) -> None:
        """Keep the lease, and the card up to date; returns when the lease is lost, or nothing more will come."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(board.changed.wait(), HOLD_SECONDS)
            changed = board.changed.is_set()
            board.changed.clear()
            if board.over.is_set():
                return
            try:
                if not await self._shown(candidacy, board, changed):
                    return
            except Exception:
                log.exception("how far the gates of %s are could not be stored", candidacy.runbook)
            with suppress(TimeoutError):
                await asyncio.wait_for(board.over.wait(), SHOW_SECONDS)

    async def _shown(self, candidacy: Candidacy, board: Board, changed: bool) -> bool:
        now, ended = self.context.now(), list(board.ended)
        async with self.context.database.begin() as work:
            if not await work.candidacies.hold(candidacy.id, by=self._name, until=now + LEASE):
                return False
            if changed:
                noted = await work.candidacies.note(candidacy.id, board.findings, by=self._name)
                if noted is not None:
                    await show(work, self.context, noted)
                for gate in ended:
                    await tell(work, candidacy, board.line(gate), at=now)
        if changed:
            del board.ended[: len(ended)]
        return True

    async def _concluded(
        self, work: Work, candidacy: Candidacy, board: Board, report: Report, seal: Seal, roster: Roster
    ) -> None:
        """Every gate has been tried: what was seen is stored, and people are asked, or told why not."""
        now, runbook, policy = self.context.now(), candidacy.runbook, self.context.policy()
        board.conclude(report)
        await keep(work, report, policy, seal, candidacy.handle, now)
        if not report.passed:
            problem = next(gate for gate in report.gates if not gate.passed)
            await self._failed(work, candidacy, board.findings, f"{problem.gate.in_words}: {problem.problem}")
            return
        digest = digest_of_seal(seal)
        found = prospect(await work.licences.of(runbook), report.digest, policy.promotion)
        signers = who_may_decide(policy, roster, runbook)
        findings = board.findings.model_copy(update={"seal": digest, "cases": found.text, "signers": signers})
        moved = await self._moved(work, candidacy, CandidacyEvent.SHOWN, findings)
        if moved is None:
            return
        took = (report.ended - report.began).total_seconds()
        line = ThreadLine(
            title=waits_for_sign_off(runbook),
            lines=("The evidence stands on the card; “Sign off” there answers for it.",),
            tone=Tone.ASKING,
            to=signers,
        )
        body = {"seal": digest, "gates": _said(findings), "seconds": round(took, 1)}
        await report_candidacy(work, self.context, moved, AuditKind.GATES_PASSED, body=body, line=line)

    async def _failed(self, work: Work, candidacy: Candidacy, findings: Findings, reason: str) -> None:
        told = findings.model_copy(update={"text": reason})
        moved = await self._moved(work, candidacy, CandidacyEvent.NOT_PASSED, told)
        if moved is not None:
            line = ThreadLine(title=f"The gates of {candidacy.runbook} have not passed", lines=(reason,), tone=Tone.BAD)
            body = {"gates": _said(findings), "reason": reason}
            await report_candidacy(work, self.context, moved, AuditKind.GATES_FAILED, body=body, line=line)

    async def _broken_off(self, work: Work, candidacy: Candidacy, findings: Findings, reason: str) -> None:
        told = findings.model_copy(update={"text": reason})
        moved = await self._moved(work, candidacy, CandidacyEvent.BREAK_OFF, told)
        if moved is not None:
            again = f"`/watch promote {candidacy.runbook}` runs them again."
            line = ThreadLine(
                title=f"The gates of {candidacy.runbook} were broken off", lines=(reason, again), tone=Tone.WARNING
            )
            body = {"reason": reason}
            await report_candidacy(work, self.context, moved, AuditKind.GATES_BROKEN_OFF, body=body, line=line)

    async def _moved(
        self, work: Work, candidacy: Candidacy, event: CandidacyEvent, findings: Findings
    ) -> Candidacy | None:
        now = self.context.now()
        return await work.candidacies.move(candidacy.id, event, findings=findings, now=now, holder=self._name)


def _said(findings: Findings) -> dict[str, str]:
    return {one.gate.value: one.text for one in findings.gates if one.passed is not None}
