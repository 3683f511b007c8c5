"""``watchkeeper decide``: what would be done about an alert, and why, without doing it."""

import asyncio
import codecs
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.decision_forms import DecisionForm, Foretelling, in_form
from bot.cli.inputs import live_settings, load_policy_file, policy_path

if TYPE_CHECKING:
    from handlers.alerts.source import Parsed

STANDARD_INPUT = "-"
YEARS = range(1971, 9000)
AT_REMEDY = "Write a time with its zone, such as 2026-11-26T03:00Z or 2026-11-26T04:00+01:00."


def decide(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What the monitor sends, as it is; - is standard input.")],
    policy: Annotated[
        Path | None, typer.Option(help="The policy file; by default the one that WATCHKEEPER_POLICY names.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="The time to judge for, with its zone: 2026-11-26T03:00Z. By default it is now."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Ask monitoring and the systems, and read the database; change nothing.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(help="Which monitor sends it, such as alertmanager; else its form tells.")
    ] = None,
    form: Annotated[DecisionForm, typer.Option("--format", help="For people, or for programs.")] = DecisionForm.TEXT,
) -> None:
    """Say what would be done about an alert, and why. Nothing is done.

    FILE is the body of a monitor's webhook. Every incident that its alerts make
    is judged for itself, as a running Watchkeeper would, and told with its
    verdict first: who would be asked or called at that hour, what each rule
    says, what monitoring would be asked, and what would be planned.

    Without --live nothing outside is asked. What rests on the plan, monitoring
    or the database is then not known, and never counts as a reason to act; what
    it can become at best is told beside. With --live Prometheus is asked
    (PROMETHEUS_URL), the systems of the policy make the plan, and pauses, gates,
    budgets and open incidents are read from the database, where DATABASE_URL
    names one (needs WATCHKEEPER_AUDIT_KEY).

    [bold]Exit code[/bold] (of several incidents the highest: it leaves most to people)

     0  nothing done, nobody called: muted, over, or taken by somebody
    10  would act at once
    11  would act unless somebody stops it
    12  asks a person; also where acting rests on what is not known
    13  on hold: a pause, a freeze, a change under way; people are called
    14  only observes: no runbook, no plan, or L0; people are called
    15  refused; people are called
     1  a problem: something that is needed cannot be used
     2  the file, the policy or a setting cannot be used

    [bold]Examples[/bold]

    watchkeeper decide alert.json --at 2026-11-26T03:00Z
    watchkeeper decide - --live --format json < alert.json
    """
    from bot.cli.offline import OfflineError
    from bot.cli.offline_decisions import foretell
    from bot.cli.progress import waiting
    from remediations.plugins import CatalogueError

    now = _moment(at)
    asked, remarks = live_settings() if live else (None, ())
    rules_path = policy or policy_path()
    rules = load_policy_file(rules_path, with_queries=not live)  # live, Prometheus itself says what it makes of one
    sent_by, parsed = _parsed(file, _body(file), source, now)
    try:
        with waiting("Asking monitoring, the systems and the database"):  # each has an end of its own
            incidents = asyncio.run(foretell(rules, parsed.alerts, now, asked))
    except (OfflineError, CatalogueError) as error:
        fail(str(error), EXIT_PROBLEM)
    firing = {alert.facts.key for alert in parsed.alerts if alert.status == "firing"}
    found = Foretelling(
        at=now,
        policy=str(rules_path),
        source=sent_by,
        live=live,
        incidents=incidents,
        rejected=tuple(each.reason for each in parsed.rejected),
        ended=len({alert.facts.key for alert in parsed.alerts} - firing),
        left_out=parsed.truncated,
        remarks=remarks,
    )
    out.print(in_form(found, form), markup=False)
    raise typer.Exit(found.exit_code)


def _moment(at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            fail(f"--at is {at[:80]!r}, which says no zone, so nobody knows when that is. {AT_REMEDY}")
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        fail(f"--at is {at[:80]!r}, which is no time. {AT_REMEDY}")
    if moment.year not in YEARS:
        fail(f"--at is {at[:80]!r}, and nothing can be judged for that year. {AT_REMEDY}")
    return moment


def _body(file: str) -> bytes:
    from handlers.alerts.reading import BODY_MAX_BYTES

    try:
        if file == STANDARD_INPUT:
            body = sys.stdin.buffer.read(BODY_MAX_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                body = opened.read(BODY_MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        fail(f"{file!r} cannot be read: {why}. Name a file that holds what the monitor sends, or - for standard input.")
    if len(body) > BODY_MAX_BYTES:
        fail(f"{file!r} has more than {BODY_MAX_BYTES} bytes, so no monitor sends it. Name what one sends.")
    return body.removeprefix(codecs.BOM_UTF8)  # an editor has put it there, and no monitor


def _parsed(file: str, body: bytes, source: str | None, now: datetime) -> "tuple[str, Parsed]":
    from handlers.alerts import SOURCES
    from handlers.alerts.reading import read_with, recognised
    from handlers.alerts.source import ForeignWebhookError, WebhookError
    from handlers.bodies import BodyError

    known = ", ".join(sorted(SOURCES))
    if source is not None and source not in SOURCES:
        fail(f"--source is {source[:80]!r}, and no monitor of that name is known here. It is one of: {known}.")
    try:
        return (source, read_with(SOURCES[source], body, now)) if source is not None else recognised(body, now)
    except ForeignWebhookError as error:  # which has its own remedy
        fail(f"{file!r} cannot be used: {error}.")
    except (WebhookError, BodyError) as error:
        fail(f"{file!r} cannot be used: {error}. Give the body as the monitor sends it (--source: one of {known}).")
