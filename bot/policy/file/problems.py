"""What is wrong with a policy file, where, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.policy.file.document import Policy


class Weight(StrEnum):
    """Whether the policy can be used at all."""

    ERROR = "error"
    """It cannot: nothing starts with this file (but for a query that is not PromQL: ``queries``)."""
    WARNING = "warning"
    """It can, but it will surprise somebody."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One problem; lines and columns count from 1, ``path`` is dotted (``runbooks.restart-checkout.when``)."""

    line: int
    column: int
    path: str
    severity: Weight
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error in a policy that is well-formed, found by those who know the systems it names; the file gives the line.

    ``path`` are keys and indexes from the root: ``("backends", "supervisor", "server")``.
    """

    path: tuple[str | int, ...]
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything found in a policy file, by line; ``policy`` is None as long as there are errors."""

    policy: Policy | None
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Problems because of which the policy cannot be used."""
        return tuple(problem for problem in self.problems if problem.severity is Weight.ERROR)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Problems that the policy can be used with."""
        return tuple(problem for problem in self.problems if problem.severity is Weight.WARNING)


class PolicyError(ValueError):
    """A policy file that cannot be used; its text is the rendered list of every error."""

    def __init__(self, problems: tuple[Problem, ...], rendered: str) -> None:
        super().__init__(rendered)
        self.problems = problems


def render(problems: Iterable[Problem], *, filename: str, text: str) -> str:
    """For a terminal: ``file:line:column: error: message``, the remedy, and the line with a caret below."""
    lines = text.splitlines()
    return "\n".join(_rendered(problem, filename, lines) for problem in problems)


def _rendered(problem: Problem, filename: str, lines: list[str]) -> str:
    place = f"{filename}:{problem.line}:{problem.column}"
    told = [f"{place}: {problem.severity}: {problem.message}"]
    if 1 <= problem.line <= len(lines):
        line = lines[problem.line - 1]
        before = "".join("\t" if character == "\t" else " " for character in line[: problem.column - 1])
        told += [f"    {line}", f"    {before}^"]
    return "\n".join((*told, f"    remedy: {problem.remedy}"))
