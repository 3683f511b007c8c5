"""What would be decided, as it is told: for somebody who was asleep a minute ago, or for a program."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.redaction import redacted

INDENT = "  "


class DecisionForm(StrEnum):
    """How `watchkeeper decide` says it."""

    TEXT = "text"
    JSON = "json"


class Outcome(StrEnum):
    """What would come of an incident."""

    NOTHING = "nothing"
    ACT = "act"
    ACT_UNLESS_STOPPED = "act_unless_stopped"
    ASK = "ask"
    HOLD = "hold"
    OBSERVE = "observe"
    REFUSE = "refuse"


EXIT_CODES: Mapping[Outcome, int] = {
    Outcome.NOTHING: 0,
    Outcome.ACT: 10,
    Outcome.ACT_UNLESS_STOPPED: 11,
    Outcome.ASK: 12,
    Outcome.HOLD: 13,
    Outcome.OBSERVE: 14,
    Outcome.REFUSE: 15,
}
"""The higher, the more is left to people: of several incidents the highest counts."""
SENTENCES: Mapping[Outcome, str] = {
    Outcome.NOTHING: "nothing is done, and nobody is called",
    Outcome.ACT: "acts at once",
    Outcome.ACT_UNLESS_STOPPED: "acts unless somebody stops it",
    Outcome.ASK: "asks a person",
    Outcome.HOLD: "on hold, and people are called",
    Outcome.OBSERVE: "does nothing itself, and calls people",
    Outcome.REFUSE: "refuses, and calls people",
}


class Standing(StrEnum):
    """Where one rule stands."""

    OBJECTS = "objects"
    PASSED = "passed"
    UNKNOWN = "unknown"
    """It rests on what is not known here."""
    NOT_JUDGED = "not_judged"


MARKS: Mapping[Standing, str] = {
    Standing.OBJECTS: "!",
    Standing.PASSED: "+",
    Standing.UNKNOWN: "?",
    Standing.NOT_JUDGED: "-",
}


@dataclass(frozen=True, slots=True)
class RuleTold:
    """One rule of the decision, and what it reported."""

    rule: str
    title: str
    standing: Standing
    text: str


@dataclass(frozen=True, slots=True)
class QueryTold:
    """One question to monitoring."""

    about: str
    query: str
    finding: str = ""
    """``supports``, ``contradicts`` or ``unknown``; empty where it was not asked, or is no evidence."""
    answer: str = ""
    """In words; empty where it was not asked."""


@dataclass(frozen=True, slots=True)
class PlanTold:
    """The plan, or what one would be made from."""

    summary: str
    made: bool = False
    """Whether the systems were asked; else planning stopped before that."""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Foretold:
    """What would come of one incident."""

    title: str
    """Alert and service: ``ServiceDown on checkout``."""
    outcome: Outcome
    headline: str
    """Why, in one or two sentences."""
    at_best: Outcome | None = None
    """What it would be if everything that is not known turned out well; None where all that counts is known."""
    rests_on: tuple[str, ...] = ()
    """What is not known here and was not asked."""
    incident: str = ""
    """The open incident that its alerts would join, ``INC-7``; empty where they would open one, or nobody asked."""
    alerts: tuple[str, ...] = ()
    runbook: str | None = None
    notes: tuple[str, ...] = ()
    """What else is to be known, a sentence each."""
    rules: tuple[RuleTold, ...] = ()
    queries: tuple[QueryTold, ...] = ()
    verified_by: tuple[str, ...] = ()
    plan: PlanTold | None = None
    people: tuple[str, ...] = ()
    """Who would be asked or called at that hour, a sentence each."""

    @property
    def is_certain(self) -> bool:
        """Whether nothing that is not known here could change it."""
        return self.at_best is None


@dataclass(frozen=True, slots=True)
class Foretelling:
    """Everything about one body."""

    at: datetime
    policy: str
    source: str
    live: bool
    incidents: tuple[Foretold, ...] = ()
    rejected: tuple[str, ...] = ()
    """Why each alert that cannot be read is none."""
    ended: int = 0
    """Alerts that it says are over."""
    left_out: int = 0
    """Alerts that the monitor says it left out."""
    remarks: tuple[str, ...] = field(default=())
    """What could not be read, and why."""

    @property
    def exit_code(self) -> int:
        """That of the incident that leaves most to people; 0 where nothing fires."""
        return max((EXIT_CODES[each.outcome] for each in self.incidents), default=0)


def in_form(told: Foretelling, form: DecisionForm) -> str:
    """All of it, without what must stay secret."""
    return (
        _as_json(told) if form is DecisionForm.JSON else "\n".join(_printable(redacted(line)) for line in _lines(told))
    )


def _printable(line: str) -> str:
    """Text of an alert does to a terminal nothing but be read."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in " ".join(line.splitlines()))


def _as_json(told: Foretelling) -> str:
    document: dict[str, Any] = asdict(told)
    document["at"] = told.at.isoformat()
    document["exit_code"] = told.exit_code
    for each, incident in zip(document["incidents"], told.incidents, strict=True):
        each["certain"] = incident.is_certain
    return json.dumps(_without_secrets(document), indent=2)


def _without_secrets(value: Any) -> Any:
    """Each text for itself: what is taken out of one is never the form of the whole."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: _without_secrets(each) for key, each in value.items()}
    return [_without_secrets(each) for each in value] if isinstance(value, list | tuple) else value


def _lines(told: Foretelling) -> Iterator[str]:
    if not told.incidents:
        yield "Nothing fires in it: nothing would be done, and nobody called."
    elif len(told.incidents) > 1:
        yield f"{len(told.incidents)} incidents:"
        for each in told.incidents:
            yield f"{INDENT}{_verdict(each)}"
        yield ""
    for number, each in enumerate(told.incidents):
        if number:
            yield ""
        yield from _incident(each)
    if told.incidents:
        yield ""
    yield from _circumstances(told)


def _verdict(each: Foretold) -> str:
    return f"{each.title}: {said(each)}"


def said(each: Foretold) -> str:
    """The outcome as far as it is known: no more is promised than that."""
    return f"{SENTENCES[each.outcome]}{'' if each.is_certain else ', as far as is known here'}."


def _best(each: Foretold) -> str:
    if each.at_best in (None, each.outcome):
        return f"Not asked, and so not known: {', '.join(each.rests_on)}."
    objects = f"if nothing in {_together(each.rests_on)} speaks against it"
    return f"At best it {SENTENCES[each.at_best]}: {objects}. That was not asked."


def _together(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def _incident(each: Foretold) -> Iterator[str]:
    yield _verdict(each)
    yield f"{INDENT}{each.headline}"
    if each.rests_on:
        yield f"{INDENT}{_best(each)}"
    for note in each.notes:
        yield f"{INDENT}{note}"
    yield from _section("Who", each.people)
    yield from _section("Why (! objects, ? not known, + no objection)", tuple(_rules(each)))
    yield from _section("Asked of monitoring" if _asked(each) else "It would ask monitoring", tuple(_queries(each)))
    if each.plan is not None:
        yield from _section("Plan" if each.plan.made else "It would plan", (each.plan.summary, *each.plan.lines))
    yield from _section("It would be verified by", each.verified_by)


def _asked(each: Foretold) -> bool:
    return any(query.answer for query in each.queries)


def _section(title: str, lines: tuple[str, ...]) -> Iterator[str]:
    if lines:
        yield f"{INDENT}{title}"
        yield from (f"{INDENT}{INDENT}{line}" for line in lines)


def _rules(each: Foretold) -> Iterator[str]:
    width = max((len(rule.title) for rule in each.rules), default=0)
    not_judged = [rule for rule in each.rules if rule.standing is Standing.NOT_JUDGED]
    for rule in each.rules:
        if rule.standing is not Standing.NOT_JUDGED:
            yield f"{MARKS[rule.standing]} {rule.title:<{width}}  {rule.text}"
    if not_judged:
        yield f"{MARKS[Standing.NOT_JUDGED]} The other {len(not_judged)} rules judge a plan; there is none."


def _queries(each: Foretold) -> Iterator[str]:
    width = max((len(query.about) for query in each.queries), default=0)
    for query in each.queries:
        answer = ": ".join(filter(None, (query.finding, query.answer)))
        yield f"{query.about:<{width}}  {query.query}" + (f"  -> {answer}" if answer else "")


def _circumstances(told: Foretelling) -> Iterator[str]:
    how = "monitoring and the systems were asked, nothing was changed" if told.live else "nothing was asked"
    yield f"Judged for {told.at:%Y-%m-%d %H:%M} UTC by {told.policy}, as an alert of {told.source}; {how}."
    if told.ended:
        yield f"Over already: {_count(told.ended)}."
    if told.left_out:
        yield f"The monitor left {told.left_out} more out."
    for reason in told.rejected:
        yield f"Cannot be read, and would be set aside: {reason}"
    yield from told.remarks


def _count(alerts: int) -> str:
    return "1 alert" if alerts == 1 else f"{alerts} alerts"
