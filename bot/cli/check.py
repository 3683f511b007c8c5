"""``watchkeeper check``: what is wrong with a policy file."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.check_forms import Form, rendered_as
from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.policy_file import PolicyFileError, read_policy_text

if TYPE_CHECKING:
    from bot.policy.file.document import Policy
    from bot.policy.file.problems import Trouble

UNUSABLE = "It cannot be used."
ONLY_QUERIES = "Correct it: `run` starts with it, but asks people wherever Prometheus refuses such a query."


def check(
    policy: Annotated[Path, typer.Argument(help="The policy file.", readable=False)] = Path("policy.yml"),
    form: Annotated[Form, typer.Option("--format", help="For people, programs, or GitHub's checks.")] = Form.TEXT,
    here: Annotated[bool, typer.Option("--here", help="Also whether this machine has what it names.")] = False,
) -> None:
    """Read a policy file and say everything that is wrong with it, or will surprise.

    Every error comes with line, column and remedy. A query that is not PromQL is one. Warnings point at what is
    allowed but probably not meant, such as a runbook that can never match or an approver group of one. Exit code 0:
    usable; 1: errors; 2: cannot be read.
    `--format json` and `--format github` are for CI: the one for programs, the other marks the lines of a pull request.
    `--here`, on the machine that runs Watchkeeper, also refuses what `run` refuses only there: a credential of a
    backend or of the second channel that is not where the policy says.

    [bold]Examples[/bold]

    watchkeeper check
    watchkeeper check --format github deploy/policy.yml
    """
    from bot.policy.file.loading import check_policy
    from bot.policy.file.problems import render
    from bot.policy.file.queries import and_queries
    from remediations.catalogue import parameter_models
    from remediations.plugins import CatalogueError
    from remediations.policy_check import policy_troubles

    systems = _troubles_here if here else policy_troubles
    try:
        text = read_policy_text(policy)
    except PolicyFileError as error:
        fail(str(error))
    try:
        models = parameter_models()
        found = check_policy(text, parameter_models=models, systems=and_queries(systems), now=datetime.now(UTC))
    except CatalogueError as error:
        fail(f"No policy can be checked: {error}")
    if form is not Form.TEXT:
        out.print(rendered_as(form, found, str(policy)), markup=False)
        raise typer.Exit(EXIT_PROBLEM if found.errors else 0)
    if found.problems:
        out.print(render(found.problems, filename=str(policy), text=text), markup=False)
    errors, warnings = len(found.errors), len(found.warnings)
    if errors:
        usable = check_policy(text, parameter_models=models, systems=systems).policy is not None
        fail(
            f"\n{policy}: {errors} error(s), {warnings} warning(s). {ONLY_QUERIES if usable else UNUSABLE}",
            EXIT_PROBLEM,
        )
    runbooks = len(found.policy.runbooks) if found.policy else 0
    out.print(f"{policy}: good, with {runbooks} runbook(s) and {warnings} warning(s).", style="green", markup=False)


def _troubles_here(policy: "Policy") -> "Iterator[Trouble]":
    """Whatever keeps `run` from starting with it on this machine, as far as that is told without connecting."""
    from bot.policy.file.problems import Trouble
    from bot.remediation import PermanentError
    from bot.second_channel.routes import build_routes
    from remediations.backends.credentials import read_secret
    from remediations.policy_check import credential_troubles, policy_troubles

    yield from policy_troubles(policy)
    yield from credential_troubles(policy)
    try:
        build_routes(policy, lambda name, file: read_secret(environment_variable=name, file=file), dedup_prefix="")
    except PermanentError as error:
        told, _, remedy = str(error).rstrip(".").partition(": ")
        yield Trouble(("second_channel",), told, remedy)
