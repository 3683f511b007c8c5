"""What a report of the gates amounts to: words for people, rows for the licence, and cases for the record. Pure."""

from collections import Counter
from datetime import datetime

from bot.gates.report import Ending, GateReport, Report, Run
from bot.policy.file.document import Policy
from bot.policy.plan import Exactness
from bot.policy.situation import Gate, GatePass
from bot.policy.track_record import Ending as CaseEnding
from bot.policy.track_record import PastCase

NOTHING_UNDONE = frozenset({Exactness.NOTHING_TO_UNDO, Exactness.NONE})


def in_words(report: GateReport) -> str:
    """What was seen at one gate, in a sentence or two."""
    if not report.passed:
        return report.problem
    return {
        Gate.STAGING_DRY_RUN: _dry_run,
        Gate.FAILURE_SIMULATION: _simulated,
        Gate.CHAOS_TEST: _disturbed,
        Gate.ROLLBACK_VERIFICATION: _rolled_back,
    }[report.gate](report)


def passes(report: Report, policy: Policy, seal: str, now: datetime) -> tuple[GatePass, ...]:
    """The rows of the gates that have passed; ``seal``: digest of everything they were passed with."""
    expire = policy.gates.expire
    return tuple(
        GatePass(
            gate=gate.gate,
            digest=report.digest,
            passed_at=now,
            until=now + (expire.rollback_verification if gate.gate is Gate.ROLLBACK_VERIFICATION else expire.others),
            seal=seal,
        )
        for gate in report.gates
        if gate.passed
    )


def cases(report: Report, handle: str) -> tuple[PastCase, ...]:
    """The runs in which the plan met the declared fault and nothing else, and every other that failed; newest first.

    ``handle``: names the runs for good.
    """
    found = [
        PastCase(
            key=f"gates:{handle}:{number}",
            ending=CaseEnding.VERIFIED if run.passed else CaseEnding.FAILED,
            at=run.ended,
            digest=report.digest,
            staging=True,
            alert=run.alert.name if run.alert is not None else "",
        )
        for number, run in enumerate((run for gate in report.gates for run in gate.runs), start=1)
        if _was_carried_out(run) and (_met_the_fault_alone(run) or not run.passed)
    ]
    return tuple(reversed(found))


def _was_carried_out(run: Run) -> bool:
    return run.plan is not None and run.ending not in (None, Ending.NOTHING_RUN)


def _met_the_fault_alone(run: Run) -> bool:
    if run.gate is Gate.ROLLBACK_VERIFICATION:  # what has nothing to undo is repeated where nothing is broken
        return run.plan is not None and run.plan.rollback.exactness not in NOTHING_UNDONE
    return run.gate is Gate.FAILURE_SIMULATION


def _dry_run(report: GateReport) -> str:
    return next(reversed(report.runs[-1].seen), "Nothing was changed.")


def _simulated(report: GateReport) -> str:
    run = report.runs[-1]
    alert = run.alert.name if run.alert is not None else ""
    told = f"The monitor fired {alert} after {_seconds(run, 'firing')}; repaired and verified in "
    would = f" With a licence it would {run.would.rstrip('.')}." if run.would else ""
    return f"{told}{_seconds(run, 'repair')}.{would}"


def _disturbed(report: GateReport) -> str:
    ends = Counter(run.ending.value for run in report.runs if run.ending is not None)
    counted = ", ".join(f"{count} {ending}" for ending, count in ends.items())
    return f"Disturbed in {len(report.runs)} ways: {counted}; people were told of every end."


def _rolled_back(report: GateReport) -> str:
    run = report.runs[-1]
    if "rollback" in run.seconds:
        return f"Carried out and rolled back in {_seconds(run, 'rollback')}; outside was as before."
    times = len(report.runs)
    return f"There is nothing to undo; carried out {times} more times where nothing was broken, and it was harmless."


def _seconds(run: Run, what: str) -> str:
    return f"{run.seconds.get(what, 0.0):.1f} s"
