"""``watchkeeper check``: what is wrong with a policy file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.check_forms import Form, rendered_as
from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.policy_file import PolicyFileError, read_policy_text


def check(
    policy: Annotated[Path, typer.Argument(help="The policy file.", readable=False)] = Path("policy.yml"),
    form: Annotated[Form, typer.Option("--format", help="For people, programs, or GitHub's checks.")] = Form.TEXT,
) -> None:
    """Read a policy file and say everything that is wrong with it, or will surprise.

    Every error comes with line, column and remedy. Warnings point at what is allowed but probably not meant, such as a
    runbook that can never match or an approver group of one. Exit code 0: usable; 1: errors; 2: cannot be read.
    `--format json` and `--format github` are for CI: the one for programs, the other marks the lines of a pull request.
    """
    from bot.policy.file.loading import check_policy
    from bot.policy.file.problems import render
    from remediations.catalogue import parameter_models
    from remediations.plugins import CatalogueError
    from remediations.policy_check import policy_troubles

    try:
        text = read_policy_text(policy)
    except PolicyFileError as error:
        fail(str(error))
    try:
        found = check_policy(text, parameter_models=parameter_models(), systems=policy_troubles, now=datetime.now(UTC))
    except CatalogueError as error:
        fail(f"No policy can be checked: {error}")
    if form is not Form.TEXT:
        out.print(rendered_as(form, found, str(policy)), markup=False)
        raise typer.Exit(EXIT_PROBLEM if found.errors else 0)
    if found.problems:
        out.print(render(found.problems, filename=str(policy), text=text), markup=False)
    errors, warnings = len(found.errors), len(found.warnings)
    if errors:
        fail(f"\n{policy}: {errors} error(s), {warnings} warning(s). It cannot be used.", EXIT_PROBLEM)
    runbooks = len(found.policy.runbooks) if found.policy else 0
    out.print(f"{policy}: good, with {runbooks} runbook(s) and {warnings} warning(s).", style="green", markup=False)
