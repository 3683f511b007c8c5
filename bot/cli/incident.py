"""``watchkeeper incident``: one incident's short story, or its post-incident document."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.inputs import storage_settings


def incident(
    name: Annotated[str, typer.Argument(help="INC-7, or its number.")],
    report: Annotated[bool, typer.Option("--report", help="The whole post-incident document, in Markdown.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --report: the file to write; else standard output.")
    ] = None,
) -> None:
    """Tell what happened in an incident: a few lines, or with --report a document for the morning after.

    The document has the timeline, every decision with its reasons and evidence, who was asked and who answered, what
    was done with its rollback, the reviews, and the numbers of its audit entries. Reads the database that DATABASE_URL
    names; needs WATCHKEEPER_AUDIT_KEY, and neither Slack nor a network.

    [bold]Examples[/bold]

    watchkeeper incident INC-7
    watchkeeper incident INC-7 --report --output INC-7.md
    """
    from bot.cli.offline import OfflineError
    from bot.cli.offline_incidents import incident_facts
    from bot.reports.incident_report import incident_report
    from bot.reports.incident_summary import incident_summary
    from bot.response.model.incidents import incident_number

    number = incident_number(name)
    if number is None:
        fail(f"{name!r} is not an incident's name. Write it as INC-7.")
    if output is not None and not report:
        fail("--output is for the document. Add --report.")
    url, key = storage_settings()
    try:
        facts = asyncio.run(incident_facts(url, key, number))
    except OfflineError as error:
        fail(str(error))
    if facts is None:
        fail(f"There is no incident INC-{number} in this database.", EXIT_PROBLEM)
    if not report:
        out.print(incident_summary(facts), markup=False)
        return
    document = incident_report(facts)
    if output is None:
        typer.echo(document, nl=False)
        return
    try:
        output.write_text(document, encoding="utf-8")
    except OSError as error:
        fail(f"{str(output)!r} cannot be written: {error.strerror}. Name another file.")
    out.print(f"The document of {facts.incident.name} was written to {output}.", style="green", markup=False)
