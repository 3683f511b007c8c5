"""What a run of the gates has seen: the evidence, and the lines in which it comes out of the child process."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from bot.policy.plan import Facts, Moment, Plan
from bot.policy.situation import AlertFacts, Gate
from bot.remediation import Step


class Ending(StrEnum):
    """How what was run left the twin, and people."""

    HEALTHY = "healthy"
    ROLLED_BACK = "rolled back"
    INTERRUPTED = "interrupted"
    """It did not come to its end, or did not help, and people were called."""
    NOTHING_RUN = "nothing run"
    """Nothing was to be carried out."""


class Outside(Facts):
    """What a run acts on, as it is at one moment."""

    snapshot: dict[str, JsonValue] = Field(default_factory=dict)
    """By the remediation's own means."""
    survey: dict[str, JsonValue] | None = None
    """Everything on staging by the backend's means; None: a backend of its kind cannot tell."""


class Record(Facts):
    """The run's own audit record when it was over."""

    entries: int = 0
    head: str = ""
    """Seal of the last entry; empty where the run had no record."""
    whole: bool = True


class Run(Facts):
    """One run on the twin, and what was seen of it."""

    gate: Gate
    name: str
    """What was tried, in words: "the answer to restart is lost"."""
    passed: bool
    problem: str = ""
    """Why it did not pass, in words for people."""
    left_broken: str = ""
    """Why what it has broken could not be mended; empty: it is."""
    seen: tuple[str, ...] = ()
    """What was seen, in sentences, in order."""
    began: Moment
    ended: Moment
    alert: AlertFacts | None = None
    """What it was run for."""
    plan: Plan | None = None
    would: str = ""
    """What the policy would have decided with a licence, after "it would": what it comes to, and why."""
    ending: Ending | None = None
    steps: tuple[Step, ...] = ()
    calls: tuple[str, ...] = ()
    """Calls of the port that were made within steps, each once."""
    told: tuple[str, ...] = ()
    """Headings of what people would have been told, in order."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """How long what took: ``firing`` until the alert came, ``repair`` until it was verified, ``rollback``."""
    before: Outside | None = None
    after: Outside | None = None
    record: Record = Record()


class GateReport(Facts):
    """One gate, and every run of it."""

    gate: Gate
    passed: bool
    problem: str = ""
    """Why it did not pass; where it has runs, of the first that did not."""
    runs: tuple[Run, ...] = ()


class Report(Facts):
    """All gates that can be run without a person."""

    runbook: str
    digest: str
    """Of the runbook as the policy has it."""
    policy_digest: str
    began: Moment
    ended: Moment
    gates: tuple[GateReport, ...]

    @property
    def passed(self) -> bool:
        """Whether every one of them has."""
        return all(gate.passed for gate in self.gates)


class Noted(Facts):
    """Something that people who watch want to see now."""

    line: Literal["noted"] = "noted"
    text: str


class Ended(Facts):
    """A mission is over."""

    line: Literal["ended"] = "ended"
    run: Run


class Mended(Facts):
    """A mission to mend is over."""

    line: Literal["mended"] = "mended"
    problem: str = ""
    """Why the fault is still there; empty: it is not."""


Line = Annotated[Noted | Ended | Mended, Field(discriminator="line")]
LINES: TypeAdapter[Noted | Ended | Mended] = TypeAdapter(Line)
"""Reads a line of the child."""
