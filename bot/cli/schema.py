"""``watchkeeper schema``: the form of the policy file, for editors."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.console import fail, out


def schema(
    file: Annotated[Path | None, typer.Argument(help="Where to write it; by default it is printed.")] = None,
) -> None:
    """Write the JSON Schema of the policy file, with which an editor completes and checks while you type.

    Put this line at the top of the policy, and an editor that knows YAML finds it beside the policy:
    `# yaml-language-server: $schema=policy.schema.json`. What hangs together only `watchkeeper check` knows.

    [bold]Examples[/bold]

    watchkeeper schema policy.schema.json
    """
    import json

    from bot.policy.file.schema import policy_schema

    text = json.dumps(policy_schema(), indent=2) + "\n"
    if file is None:
        out.print(text, end="", markup=False)
        return
    try:
        file.write_text(text)
    except OSError as error:
        fail(f"{str(file)!r} cannot be written: {error.strerror}. Name another file, or make room.")
    out.print(f"{file}: the form of the policy file.", style="green", markup=False)
