"""The command ``watchkeeper``: which commands there are. What each does is in the module of its name.

Every command waits until this is imported, so what takes long to import is imported by the command that needs it.
"""

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from bot.cli.audit import audit
from bot.cli.change import change
from bot.cli.check import check
from bot.cli.confidence import confidence
from bot.cli.console import EXIT_PROBLEM, out
from bot.cli.decide import decide
from bot.cli.demo import demo
from bot.cli.doctor import doctor
from bot.cli.incident import incident
from bot.cli.pauses import pause, resume
from bot.cli.run import run
from bot.cli.runbooks import runbooks
from bot.cli.schema import schema
from bot.cli.validate import validate
from bot.logs import begin_log, keep_files_private
from bot.settings import remember_secrets

log = logging.getLogger(__name__)


def _say_version(wanted: bool) -> None:
    if wanted:
        out.print(f"watchkeeper {version('watchkeeper')}", markup=False)
        raise typer.Exit


app = typer.Typer(
    name="watchkeeper",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def watchkeeper(
    _version: Annotated[
        bool, typer.Option("--version", help="Say which release this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Bounded autonomy for production operations: acts under a written policy, calls a human when in doubt."""


for command in (run, demo, check, doctor, schema, decide, validate, runbooks, incident, confidence, pause, resume):
    app.command()(command)
app.add_typer(audit, name="audit")
app.add_typer(change, name="change")


def main() -> None:
    """Entry point of the console script. Whatever a command or a library says in passing has the form of the log."""
    keep_files_private()
    begin_log(least=logging.WARNING)
    remember_secrets()
    try:
        app()
    except Exception:  # Typer would print it as it is, and a secret may be in it
        log.critical("ended by an error that nobody expected", exc_info=True)
        sys.exit(EXIT_PROBLEM)
