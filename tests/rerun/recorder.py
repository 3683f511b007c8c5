"""Writes down what a run of pytest does, and reads it again.

Line by line, while it happens: when the process dies, what it had done until then is known, and what it was doing.
"""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

import pytest


class Outcome(StrEnum):
    """What became of a test, in pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    XFAILED = "xfailed"


def plain(nodeid: str) -> str:
    """A test's name as pytest gives it: in parallel, pytest-xdist appends ``@group`` to it."""
    at = nodeid.rfind("@")
    return nodeid[:at] if at > max(nodeid.rfind("]"), nodeid.find("::")) > 0 else nodeid


class Recorder:
    """A plugin of pytest that writes one JSON object a line to ``path``; under pytest-xdist, in the controller only."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._running: set[str] = set()

    def _write(self, **fact: Any) -> None:
        print(json.dumps(fact), file=self._file, flush=True)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without pytest-xdist: what is going to run."""
        self._write(planned=[item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """With pytest-xdist: what is going to run, from each worker."""
        self._write(planned=[plain(nodeid) for nodeid in ids])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that could not be read, or workers that disagree about what there is."""
        if report.failed:
            self._write(broken=report.nodeid or "the collection")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._running.add(plain(nodeid))
        self._write(begun=plain(nodeid))

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """A test has ended, whatever became of it."""
        self._running.discard(plain(nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase of a test has ended, or the worker that ran it has died."""
        name = plain(report.nodeid)
        outcome = Outcome.XFAILED if report.skipped and hasattr(report, "wasxfail") else Outcome(report.outcome)
        text = self._told(name, report) if report.failed else ""
        self._write(test=name, phase=report.when, outcome=outcome, text=text)

    def _told(self, name: str, report: pytest.TestReport) -> str:
        """All that pytest knows about a failure."""
        beside = ", ".join(sorted(self._running - {name})) or "nothing"
        head = f"{name}\nfailed at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC in {report.when}; beside it ran {beside}\n"
        captured = "".join(f"\n----- {title} -----\n{text}" for title, text in report.sections)
        return f"{head}\n{report.longreprtext}\n{captured}\n"


@dataclass(frozen=True, slots=True)
class Record:
    """What runs of pytest did, by the names of the tests."""

    planned: frozenset[str] = frozenset()
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    """Of every test that began."""
    failures: dict[str, str] = field(default_factory=dict)
    """All that is known about each test that failed."""
    broken: tuple[str, ...] = ()
    """What could not be collected."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """What a `Recorder` has written to ``path``."""
        facts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        phases: dict[str, dict[str, Outcome]] = {fact["begun"]: {} for fact in facts if "begun" in fact}
        texts: dict[str, str] = {}
        for fact in (each for each in facts if "test" in each):
            name = fact["test"]
            phases.setdefault(name, {})[fact["phase"]] = Outcome(fact["outcome"])
            texts[name] = texts.get(name, "") + fact["text"]
        outcomes = {name: _outcome(of_test) for name, of_test in phases.items()}
        failed = (name for name, outcome in outcomes.items() if outcome is Outcome.FAILED)
        return cls(
            planned=frozenset(name for fact in facts for name in fact.get("planned", ())),
            outcomes=outcomes,
            failures={name: texts.get(name) or f"{name}\nthe process died while it ran\n" for name in failed},
            broken=tuple(fact["broken"] for fact in facts if "broken" in fact),
        )


def _outcome(phases: dict[str, Outcome]) -> Outcome:
    """What became of a test, by its phases. Every test has a teardown, unless the process dies before."""
    if Outcome.FAILED in phases.values() or "teardown" not in phases:
        return Outcome.FAILED
    return phases.get("call", phases["setup"])
