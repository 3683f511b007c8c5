"""``watchkeeper validate``: the gates of a runbook, run on staging."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.inputs import gate_settings, load_policy_file, storage_settings
from bot.settings import database_is_named

if TYPE_CHECKING:
    from bot.gates.conductor import Progress
    from bot.gates.missions import Setup
    from bot.gates.report import Report
    from bot.policy.file.document import Policy

INTERRUPTED = 130


def validate(
    runbook: Annotated[str, typer.Argument(help="Name of the runbook in the policy.")],
    report: Annotated[Path | None, typer.Option(help="Where to write everything that was seen, as JSON.")] = None,
    fires_within: Annotated[
        float, typer.Option(min=1, help="Seconds that the monitor may take to notice a change.")
    ] = 600.0,
) -> None:
    """Run the gates of a runbook against its staging target, and say what was seen.

    Breaks staging as the runbook's `staging.inject` says, repairs it through the real flows in a process with a
    database of its own, disturbs the repair in every way, and mends staging in the end. What they have shown is
    stored in the database that DATABASE_URL names, on the record with your user name; the run itself touches nothing
    there. Where there is none, you are told that nothing was stored. The sign-off is a person's, in Slack. Reads
    WATCHKEEPER_POLICY, PROMETHEUS_URL, DATABASE_URL and WATCHKEEPER_AUDIT_KEY. Exit code 0: every gate passed; 1: one
    has not; 2: they cannot be run, or what they have shown cannot be stored.

    [bold]Examples[/bold]

    watchkeeper validate restart-checkout
    watchkeeper validate restart-checkout --report gates.json
    """
    from bot.gates.missions import Setup

    path, prometheus_url, key = gate_settings()
    policy = load_policy_file(path)
    record = _Record(policy, runbook)
    setup = Setup(
        runbook=runbook,
        policy=policy.model_dump(mode="json", by_alias=True),
        prometheus_url=prometheus_url,
        audit_key=key.decode(),
        fires_within_seconds=fires_within,
    )
    found = _run(setup)
    if report is not None:
        try:
            report.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            fail(f"{str(report)!r} cannot be written: {error.strerror}.")
    record.keep(found)
    if not found.passed:
        fail(f"{runbook}: not every gate has passed.", EXIT_PROBLEM)
    out.print(f"{runbook}: every gate that needs no person has passed.", style="green", markup=False)


class _Record:
    """Where what the gates have shown is stored, found before anything is broken; or that it is not stored."""

    def __init__(self, policy: "Policy", runbook: str) -> None:
        from bot.cli import offline_evidence
        from bot.cli.offline import OfflineError
        from bot.gates.twin import GateError, twin_of
        from remediations.plugins import CatalogueError

        self._policy, self._nowhere = policy, ""
        self._url, self._key = storage_settings()
        try:
            twin_of(policy, runbook)
            self._seal = offline_evidence.sealed(policy, runbook)
            asyncio.run(offline_evidence.look(self._url, self._key, runbook))
        except OfflineError as error:
            if database_is_named():
                fail(f"Nothing could be stored, so nothing was run. {error}")
            self._nowhere = str(error)
        except (GateError, CatalogueError) as error:
            fail(str(error))

    def keep(self, report: "Report") -> None:
        """Store it, and say so."""
        from bot.cli import offline_evidence
        from bot.cli.offline import OfflineError, operator

        if self._nowhere:
            out.print(f"Nothing was stored. {self._nowhere}", style="yellow", markup=False, soft_wrap=True)
            return
        try:
            asyncio.run(offline_evidence.store(self._url, self._key, self._policy, report, self._seal))
        except OfflineError as error:
            fail(f"What the gates have shown could not be stored. {error}")
        out.print(f"Stored as evidence. On the record as {operator()}.", markup=False)


def _run(setup: "Setup") -> "Report":
    from bot.composition.start_error import StartError
    from bot.gates.conductor import Conductor
    from bot.gates.twin import GateError

    conductor = Conductor(setup, _show)

    async def interruptible() -> "Report":
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with conductor:
            return await conductor.run()

    try:
        return asyncio.run(interruptible())
    except (GateError, StartError) as error:
        fail(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        left = "Staging is mended." if conductor.mended else "Look whether staging is still broken, or run it again."
        fail(f"Interrupted. {left}", INTERRUPTED)


def _show(progress: "Progress") -> None:
    name = progress.gate.in_words
    if progress.passed is None:
        out.print(f"{name}: {progress.text}", markup=False, soft_wrap=True)
        return
    word, style = ("passed", "green") if progress.passed else ("NOT PASSED", "red")
    if progress.ends_gate:
        out.print(f"{name}: {word}. {progress.text}", style=f"bold {style}", markup=False, soft_wrap=True)
    elif not progress.passed:
        out.print(f"{name}: {progress.text}", style=style, markup=False, soft_wrap=True)
