"""``watchkeeper pause`` and ``resume``, as ``/watch pause`` and ``resume`` in Slack."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.inputs import pause_file, storage_settings

if TYPE_CHECKING:
    from bot.policy.situation import Pause, Scope

SCOPE_HELP = "everything, service:NAME, runbook:NAME or target:NAME."


def pause(
    words: Annotated[
        list[str] | None, typer.Argument(help=f"{SCOPE_HELP} As in Slack, for how long and why may follow.")
    ] = None,
    lasting: Annotated[
        str | None, typer.Option("--for", help="How long: 30m, 2h, 1d. Without it: until somebody resumes.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; stands on every card and in the record.")] = "",
    anyway: Annotated[bool, typer.Option("--anyway", help="Pause the name although nobody knows it.")] = False,
) -> None:
    """Keep automation from acting, without Slack and without a network.

    Writes to the database that DATABASE_URL names, on the record with your user name (needs WATCHKEEPER_AUDIT_KEY).
    A running Watchkeeper obeys at once: whatever has not begun is held. Alerts still come in, and cards show the plan.
    The policy is not needed; where it can be read and neither it, nor a stored alert, nor a backend knows the name,
    nothing is paused, you are told what is near, and `--anyway` pauses it.

    Where even the database is away, create the pause file: while WATCHKEEPER_PAUSE_FILE (default: watchkeeper.pause
    beside a SQLite database, else in the working directory) exists, everything is paused. Its text is the reason.

    [bold]Examples[/bold]

    watchkeeper pause
    watchkeeper pause service:checkout --for 2h --reason "bad release"
    """
    from bot.cli import offline_pauses
    from bot.cli.offline import OfflineError, operator
    from bot.policy.file.fields import duration_text
    from bot.response.interventions.pauses import SHORTENED, clipped
    from handlers.slack.pause_words import EVERYTHING, WordsError, read_duration, read_pause

    try:
        wanted = read_pause(words or ())
        time = wanted.lasting if lasting is None else read_duration(lasting)
    except WordsError as error:
        fail(str(error))
    if lasting is not None and wanted.lasting is not None:
        fail("How long it lasts is said twice. Say it once: `watchkeeper pause everything --for 2h`.")
    why = " ".join(filter(None, (wanted.reason, reason)))
    url, key = storage_settings()
    try:
        against = None
        if not (anyway and wanted.scope is not None):
            against = asyncio.run(offline_pauses.doubted(url, key, pause_file(), wanted.scope, wanted.name))
        if against is not None:
            fail(_as_command(against.text, anyway=wanted.scope is not None))
        scope = wanted.scope or EVERYTHING
        active = asyncio.run(offline_pauses.pause(url, key, pause_file(), scope, time, why))
    except (OfflineError, OSError) as error:
        _fail_with_a_way_out(error)
    end = "until somebody resumes it" if time is None else f"for {duration_text(time)}"
    out.print(f"Paused: {scope}, {end}. On the record as {operator()}.", style="green", markup=False)
    if clipped(why) != why:
        out.print(SHORTENED)
    _say_what_is_paused(active)


def resume(scope: Annotated[str, typer.Argument(help=SCOPE_HELP)] = "everything") -> None:
    """Let automation act again, where `pause` (here or in Slack) has stopped it.

    Ends the pauses of exactly this scope, on the record with your user name. What they held is assessed anew within
    seconds. A pause file is ended by removing it.

    [bold]Examples[/bold]

    watchkeeper resume
    watchkeeper resume service:checkout
    """
    from bot.cli import offline_pauses
    from bot.cli.offline import OfflineError, operator

    url, key = storage_settings()
    try:
        done = asyncio.run(offline_pauses.resume(url, key, pause_file(), _scope(scope)))
    except (OfflineError, OSError) as error:
        _fail_with_a_way_out(error)
    if done.ended:
        out.print(f"Resumed: {_scope(scope)}. On the record as {operator()}.", style="green", markup=False)
    _say_what_is_paused(done.active)
    if not done.ended:
        fail(f"{_scope(scope)} was not paused, so nothing was changed.", EXIT_PROBLEM)


def _scope(text: str) -> "Scope":
    from handlers.slack.pause_words import WordsError, read_scope

    try:
        scope = read_scope(text)
    except WordsError as error:
        fail(str(error))
    if scope is None:
        fail(f"{text!r} is not a scope. It is one of: {SCOPE_HELP}")
    return scope


def _as_command(text: str, *, anyway: bool) -> str:
    """The same in the words of the command line."""
    text = text.replace("`/watch pause", "`watchkeeper pause")
    return f"{text} Add --anyway to pause it all the same." if anyway else text


def _fail_with_a_way_out(error: Exception) -> NoReturn:
    fail(f"{error} Creating the file {pause_file()} pauses everything without any database.", EXIT_PROBLEM)


def _say_what_is_paused(active: "Sequence[Pause]") -> None:
    for one in active:
        end = "until somebody resumes it" if one.until is None else f"until {one.until:%Y-%m-%d %H:%M} UTC"
        out.print(f"Paused now: {one.scope}, by {one.by}, {end}. {one.reason}", markup=False)
