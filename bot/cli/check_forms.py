"""What is wrong with a policy, for programs: as JSON, and as the commands by which GitHub's checks mark a line."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.policy.file.problems import Findings, Problem


class Form(StrEnum):
    """How `watchkeeper check` says it."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def rendered_as(form: Form, found: "Findings", filename: str) -> str:
    """All that was found, in a form for programs; ``form``: not TEXT."""
    if form is Form.GITHUB:
        return "\n".join(_command(problem, filename) for problem in found.problems)
    problems = [asdict(problem) for problem in found.problems]
    return json.dumps({"file": filename, "usable": found.policy is not None, "problems": problems}, indent=2)


def _command(problem: "Problem", filename: str) -> str:
    """A workflow command of GitHub Actions; a colon or a comma would end one of its properties."""
    told = {"file": filename, "line": problem.line, "col": problem.column, "title": problem.path or "policy"}
    properties = ",".join(
        f"{name}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}" for name, value in told.items()
    )
    text = f"{problem.message}\nremedy: {problem.remedy}"
    return f"::{problem.severity} {properties}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
