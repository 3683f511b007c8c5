"""``watchkeeper pause`` and ``resume``, as ``/watch pause`` and ``resume`` in Slack."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bot.cli.console import EXIT_PROBLEM, err, fail, out
from bot.cli.inputs import pause_file, storage_settings
from bot.settings import SettingsError, read_policy_path

if TYPE_CHECKING:
    from bot.policy.situation import Pause, Scope

SCOPE_HELP = "everything, service:NAME, runbook:NAME or target:KEY."


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
    from bot.cli import offline_pauses
    from bot.cli.offline import OfflineError
    from bot.response.interventions.pauses import SHORTENED, clipped
    from handlers.slack.watch_words import WordsError, read_duration

    try:
        time = None if lasting is None else read_duration(lasting)
    except WordsError as error:
        fail(str(error))
    url, key = storage_settings()
    try:
        done = asyncio.run(offline_pauses.pause(url, key, pause_file(), _scope(scope), time, reason))
    except (OfflineError, OSError) as error:
        _fail_with_a_way_out(error)
    end = "until somebody resumes it" if lasting is None else f"for {lasting}"
    out.print(
        f"Paused: {_scope(scope)}, {end}. On the record as {offline_pauses.operator()}.", style="green", markup=False
    )
    if clipped(reason) != reason:
        out.print(SHORTENED)
    _say_what_is_paused(done.active)
    _warn_of_a_name_nobody_knows(_scope(scope), done.open_services)


def resume(scope: Annotated[str, typer.Argument(help=SCOPE_HELP)] = "everything") -> None:
    """Let automation act again, where `pause` (here or in Slack) has stopped it.

    Ends the pauses of exactly this scope, on the record with your user name. What they held is looked at anew within
    seconds. A pause file is ended by removing it.
    """
    from bot.cli import offline_pauses
    from bot.cli.offline import OfflineError

    url, key = storage_settings()
    try:
        done = asyncio.run(offline_pauses.resume(url, key, pause_file(), _scope(scope)))
    except (OfflineError, OSError) as error:
        _fail_with_a_way_out(error)
    if done.ended:
        out.print(
            f"Resumed: {_scope(scope)}. On the record as {offline_pauses.operator()}.", style="green", markup=False
        )
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


def _fail_with_a_way_out(error: Exception) -> NoReturn:
    fail(f"{error} Creating the file {pause_file()} pauses everything without any database.", EXIT_PROBLEM)


def _say_what_is_paused(active: "Sequence[Pause]") -> None:
    for one in active:
        end = "until somebody resumes it" if one.until is None else f"until {one.until:%Y-%m-%d %H:%M} UTC"
        out.print(f"Paused now: {one.scope}, by {one.by}, {end}. {one.reason}", markup=False, soft_wrap=True)


def _warn_of_a_name_nobody_knows(scope: "Scope", open_services: frozenset[str]) -> None:
    """The brake is on by now, so whatever is wrong with the policy only costs the warning."""
    from bot.cli import offline_pauses
    from bot.policy.file.loading import load_policy
    from bot.policy.file.problems import PolicyError

    try:
        path = read_policy_path()
        policy = load_policy(path.read_text(encoding="utf-8"), filename=str(path))
    except (SettingsError, OSError, UnicodeDecodeError, PolicyError):
        return
    warning = offline_pauses.doubt(scope, policy, open_services)
    if warning:
        err.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)
