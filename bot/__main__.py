"""The command line. Each command teaches by its own ``--help``; none needs another to have been read first."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from bot.settings import SettingsError, read_pause_file, read_policy_path, read_settings, read_storage_settings

if TYPE_CHECKING:
    from bot.policy.file.document import Policy
    from bot.policy.situation import Pause, Scope

app = typer.Typer(
    name="watchkeeper",
    help="Bounded autonomy for production operations: acts under a written policy, calls a human when in doubt.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
audit_app = typer.Typer(help="The record of everything that people and Watchkeeper did.", no_args_is_help=True)
app.add_typer(audit_app, name="audit")
err = Console(stderr=True, highlight=False)
out = Console(highlight=False)

EXIT_PROBLEM = 1
EXIT_USAGE = 2


def fail(text: str, code: int = EXIT_USAGE) -> NoReturn:
    """Say what is wrong, and leave."""
    err.print(text, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def load_policy_file(path: Path) -> "Policy":
    """The policy at ``path``, or a clear end."""
    from bot.policy.file.loading import load_policy
    from bot.policy.file.problems import PolicyError
    from remediations.catalogue import PARAMETER_MODELS

    try:
        return load_policy(path.read_text(encoding="utf-8"), filename=str(path), parameter_models=PARAMETER_MODELS)
    except OSError as error:
        fail(
            f"The policy {str(path)!r} cannot be read: {error.strerror}. Set WATCHKEEPER_POLICY, or start from "
            "docs/policy.example.yml."
        )
    except PolicyError as error:
        fail(f"{error}\nThe policy cannot be used. `watchkeeper check {path}` shows this and the warnings too.")


@app.command()
def run() -> None:
    """Run Watchkeeper: listen for alerts, decide, ask and act, until stopped.

    Everything it is told comes from the environment: SLACK_BOT_TOKEN, SLACK_APP_TOKEN (Socket Mode) or
    SLACK_SIGNING_SECRET (HTTP mode), WATCHKEEPER_AUDIT_KEY, WATCHKEEPER_POLICY (default policy.yml), PROMETHEUS_URL,
    WATCHKEEPER_LISTEN (default 127.0.0.1:8080), WATCHKEEPER_ALERT_TOKEN, DATABASE_URL (default SQLite,
    watchkeeper.db). Each may be given as NAME_FILE, naming a file that holds the value.

    Point Alertmanager's webhook at http://ADDRESS/alerts/alertmanager with the token as bearer credential. Stop with
    Ctrl-C or SIGTERM: what is under way is finished or continues at the next start.
    """
    from bot.app import StartError, serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a sweep skipped on a busy machine is made up for
    for chatty in ("slack_bolt", "slack_sdk", "aiohttp.access", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        settings = read_settings()
    except SettingsError as error:
        fail(str(error))
    policy = load_policy_file(settings.policy_path)
    try:
        asyncio.run(serve(settings, policy))
    except StartError as error:
        fail(str(error), EXIT_PROBLEM)


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the workspace page; 0 picks a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    state: Annotated[Path, typer.Option(help="Folder for everything the demo keeps.")] = Path(".demo"),
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what an earlier demo left.")] = False,
    probe: Annotated[
        bool, typer.Option("--probe", help="Watch with the built-in probe even where Prometheus is installed.")
    ] = False,
) -> None:
    """See it work, without any account: a local workspace in the browser, and a real service that really fails.

    Opens one page. Break the service there (or wait 20 seconds), read the card, approve it, and watch the thread.
    Ctrl-C ends everything it started.
    """
    from bot.local.demo import run_demo

    raise typer.Exit(run_demo(state=state, port=port, open_browser=not no_browser, fresh=fresh, probe=probe))


@app.command()
def check(policy: Annotated[Path, typer.Argument(help="The policy file.")] = Path("policy.yml")) -> None:
    """Read a policy file and say everything that is wrong with it, or will surprise.

    Every error comes with line, column and remedy. Warnings point at what is allowed but probably not meant, such as a
    runbook that can never match or an approver group of one. Exit code 0: usable; 1: errors; 2: cannot be read.
    """
    from bot.policy.file.loading import check_policy
    from bot.policy.file.problems import render
    from remediations.catalogue import PARAMETER_MODELS

    try:
        text = policy.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{str(policy)!r} cannot be read: {error}. Name the policy file: `watchkeeper check policy.yml`.")
    found = check_policy(text, parameter_models=PARAMETER_MODELS, now=datetime.now(UTC))
    if found.problems:
        out.print(render(found.problems, filename=str(policy), text=text), markup=False, soft_wrap=True)
    errors = sum(problem.severity == "error" for problem in found.problems)
    warnings = len(found.problems) - errors
    if errors:
        fail(f"\n{policy}: {errors} error(s), {warnings} warning(s). It cannot be used.", EXIT_PROBLEM)
    runbooks = len(found.policy.runbooks) if found.policy else 0
    out.print(f"{policy}: good, with {runbooks} runbook(s) and {warnings} warning(s).", style="green", markup=False)


SCOPE_HELP = "everything, service:NAME, runbook:NAME or target:KEY."


@app.command()
def pause(
    scope: Annotated[str, typer.Argument(help=SCOPE_HELP)] = "everything",
    lasting: Annotated[
        str | None, typer.Option("--for", help="How long: 30m, 2h, 1d. Without it: until somebody resumes.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; stands on every card and in the record.")] = "",
) -> None:
    """Keep automation from acting, without Slack and without a network.

    Writes to the database that DATABASE_URL names, on the record with your user name (needs WATCHKEEPER_AUDIT_KEY).
    A running Watchkeeper obeys at once: whatever has not begun is held. Alerts still come in, and cards show the plan.
    The policy is not needed; where it can be read and does not know the name, the pause is on and you are warned.

    Where even the database is away, create the pause file: while WATCHKEEPER_PAUSE_FILE (default: watchkeeper.pause
    beside a SQLite database, else in the working directory) exists, everything is paused. Its text is the reason.
    """
    from bot.cli import pauses as brakes
    from bot.response.interventions.pauses import SHORTENED, clipped
    from handlers.slack.watch_words import WordsError, read_duration

    try:
        time = None if lasting is None else read_duration(lasting)
    except WordsError as error:
        fail(str(error))
    url, key = storage_settings()
    try:
        done = asyncio.run(brakes.pause(url, key, pause_file(), _scope(scope), time, reason))
    except brakes.BrakeError as error:
        fail(str(error), EXIT_PROBLEM)
    end = "until somebody resumes it" if lasting is None else f"for {lasting}"
    out.print(f"Paused: {_scope(scope)}, {end}. On the record as {brakes.operator()}.", style="green", markup=False)
    if clipped(reason) != reason:
        out.print(SHORTENED)
    _say_what_is_paused(done.active)
    _warn_of_a_name_nobody_knows(_scope(scope), done.open_services)


@app.command()
def resume(scope: Annotated[str, typer.Argument(help=SCOPE_HELP)] = "everything") -> None:
    """Let automation act again, where `pause` (here or in Slack) has stopped it.

    Ends the pauses of exactly this scope, on the record with your user name. What they held is assessed anew within
    seconds. A pause file is ended by removing it.
    """
    from bot.cli import pauses as brakes

    url, key = storage_settings()
    try:
        done = asyncio.run(brakes.resume(url, key, pause_file(), _scope(scope)))
    except brakes.BrakeError as error:
        fail(str(error), EXIT_PROBLEM)
    if done.ended:
        out.print(f"Resumed: {_scope(scope)}. On the record as {brakes.operator()}.", style="green", markup=False)
    _say_what_is_paused(done.active)
    if not done.ended:
        fail(f"{_scope(scope)} was not paused, so nothing was changed.", EXIT_PROBLEM)


def _scope(text: str) -> "Scope":
    from handlers.slack.watch_words import WordsError, read_scope

    try:
        scope = read_scope(text)
    except WordsError as error:
        fail(str(error))
    if scope is None:
        fail(f"{text!r} is not a scope. It is one of: {SCOPE_HELP}")
    return scope


def _say_what_is_paused(active: "Sequence[Pause]") -> None:
    for one in active:
        end = "until somebody resumes it" if one.until is None else f"until {one.until:%Y-%m-%d %H:%M} UTC"
        out.print(f"Paused now: {one.scope}, by {one.by}, {end}. {one.reason}", markup=False, soft_wrap=True)


def _warn_of_a_name_nobody_knows(scope: "Scope", open_services: frozenset[str]) -> None:
    """The pause is in force by now, so whatever is wrong with the policy only costs the warning."""
    from bot.cli import pauses as brakes
    from bot.policy.file.loading import load_policy
    from bot.policy.file.problems import PolicyError

    try:
        path = read_policy_path()
        policy = load_policy(path.read_text(encoding="utf-8"), filename=str(path))
    except (SettingsError, OSError, UnicodeDecodeError, PolicyError):
        return
    warning = brakes.doubt(scope, policy, open_services)
    if warning:
        err.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)


def pause_file() -> Path:
    """Where the pause file is expected, or a clear end."""
    try:
        return read_pause_file()
    except SettingsError as error:
        fail(str(error))


@audit_app.command("verify")
def audit_verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export to verify offline; without it, the database's own chain.")
    ] = None,
) -> None:
    """Prove that the record is whole: nothing changed, removed, reordered or cut off.

    Needs WATCHKEEPER_AUDIT_KEY, and DATABASE_URL unless a file is named. Exit code 0: whole; 1: broken, and the entries
    are named.
    """
    from bot.cli.audit import RecordError, verify_database, verify_file

    url, key = storage_settings()
    try:
        found = asyncio.run(verify_database(url, key)) if file is None else verify_file(file, key)
    except RecordError as error:
        fail(str(error))
    for problem in found.problems:
        err.print(problem.text, style="red", markup=False, soft_wrap=True)
    if not found.intact:
        fail(f"The record is broken: {found.problem_count} problem(s) in {found.entries} entries.", EXIT_PROBLEM)
    out.print(
        f"The record is whole: {found.entries} entries, unbroken from the first to number {found.head.number}.",
        style="green",
    )


@audit_app.command("export")
def audit_export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, standard output.")] = None,
) -> None:
    """Write the record as JSON lines, which `audit verify FILE` proves offline with the key alone."""
    from bot.cli.audit import RecordError, export

    url, key = storage_settings()
    try:
        if file is None:
            asyncio.run(export(url, key, sys.stdout))
            return
        with file.open("w", encoding="utf-8") as target:
            lines = asyncio.run(export(url, key, target))
    except (RecordError, OSError) as error:
        fail(str(error))
    out.print(f"{lines} lines written to {file}. Prove them with `watchkeeper audit verify {file}`.", markup=False)


def storage_settings() -> tuple[str, bytes]:
    """Database URL and audit key, or a clear end."""
    try:
        return read_storage_settings()
    except SettingsError as error:
        fail(str(error))


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
