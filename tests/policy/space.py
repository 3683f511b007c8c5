"""The discrete space of a decision: how the table in ``matters`` is read, and how a point of it comes about.

The table says which rule objects to a value, and the verdict that it insists on. What is common to all is ``expected``:
the strictest verdict stands, among several rules the first in their order has the word, and where nothing objects the
level decides. Nothing here asks the code that is tested.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import chain, combinations, product
from typing import Any

from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.situation import (
    Evidenced,
    Gate,
    Situation,
)
from tests.policy.calm import (
    SUPPORTING,
    burning,
    calm_alert,
    calm_plan,
    calm_policy,
    calm_situation,
    evidenced,
)

HOLD, REFUSE, OBSERVE, ASK, UNLESS_STOPPED, ACT = (
    Verdict.HOLD,
    Verdict.REFUSE,
    Verdict.OBSERVE,
    Verdict.ASK,
    Verdict.ACT_UNLESS_STOPPED,
    Verdict.ACT,
)
STRICTEST_FIRST = (HOLD, REFUSE, OBSERVE, ASK, UNLESS_STOPPED, ACT)
IN_ORDER = (
    *("controls", "changes", "oversight", "targets", "blast_radius", "leave_healthy", "forbidden_effects"),
    *("cautions", "memory", "again", "alerts", "request", "confidence", "billing", "data_integrity", "slo_burn"),
    *("security", "budgets", "notification", "licence", "cases", "common_cause", "conditions", "veto_window", "level"),
)
"""Of several rules with the same verdict the first here has the word."""


LAID = ("plan", "runbook", "document", "others", "alert", "labels", "answers", "held")
CHANGES = "changes"


@dataclass(frozen=True, eq=False)
class Value:
    """One value of a matter: how it comes about, and what is said of it."""

    name: str
    objections: Mapping[str, Verdict] = field(default_factory=dict)
    """What each rule insists on that has something against it."""
    before_autonomy: bool = False
    """The objections count only where it would act by itself otherwise: from L2 up."""
    unless_asked: bool = False
    """The objections count only where no person has asked for this runbook."""
    unknown: bool = False
    """Somebody or something could not tell."""
    forbidden: bool = False
    refuses_forbidden: bool = False
    """What is forbidden is refused then, where people could agree otherwise."""
    at_once: bool = True
    """Whether it may start without a veto window, as far as this is concerned."""
    no_window: bool = False
    about: tuple[str, ...] = ()
    """What it says nothing about once another value has changed it."""
    caps: Level = Level.L3
    """The licence is good for no more than this."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """How it comes about: what is in ``LAID`` is laid over what others say of the same, everything else is a field of
    the situation."""

    def __str__(self) -> str:
        return self.name


def value(name: str, objections: Mapping[str, Verdict] | None = None, /, **options: Any) -> Value:
    """One that is brought about by whatever is no field of ``Value``."""
    flags = {
        each.name: options.pop(each.name) for each in fields(Value) if each.name in options and each.name != CHANGES
    }
    return replace(Value(name, objections or {}, changes=options), **flags)


Matters = Mapping[str, Sequence[Value]]
"""Every matter with its values, the calm one first."""


@dataclass(frozen=True)
class Standing:
    """How far the runbook may go, and what that rests on."""

    written: Level
    highest: Level = Level.L3
    gates: frozenset[Gate] = frozenset(Gate)
    demoted_to: Level | None = None

    def earned(self, values: Sequence[Value]) -> Level:
        """What the licence is good for."""
        by_gates = Level.L3 if self.gates == frozenset(Gate) else Level.L1
        caps = (value.caps for value in values)
        return min((by_gates, *caps, *([] if self.demoted_to is None else [self.demoted_to])))

    def granted(self, values: Sequence[Value]) -> Level:
        """The least of the three."""
        return min(self.written, self.highest, self.earned(values))


GRANTED = {
    "L0": Standing(Level.L0),
    "L1": Standing(Level.L1),
    "L2": Standing(Level.L2),
    "L2, demoted from L3": Standing(Level.L3, demoted_to=Level.L2),
    "L3": Standing(Level.L3),
}


def expected(standing: Standing, values: Sequence[Value]) -> tuple[Verdict, str]:
    """The verdict, and the rule that has the word."""
    said: dict[str, Verdict] = {}
    granted = standing.granted(values)
    asked = any("request" in value.changes for value in values)
    for value in values:
        if (value.before_autonomy and granted < Level.L2) or (value.unless_asked and asked):
            continue
        for rule, verdict in value.objections.items():
            said[rule] = min(verdict, said.get(rule, ACT), key=STRICTEST_FIRST.index)
    if "forbidden_effects" in said and any(value.refuses_forbidden for value in values):
        said["forbidden_effects"] = REFUSE
    earned, wanted = standing.earned(values), min(standing.written, standing.highest)
    if earned < wanted and earned < Level.L2:
        said["licence"] = {Level.L0: OBSERVE, Level.L1: ASK}[earned]
    announced = standing.written is Level.L3 and granted >= Level.L2
    if announced and any(value.no_window for value in values) and not all(value.at_once for value in values):
        said["veto_window"] = ASK
    alone = UNLESS_STOPPED if announced else ACT
    said["level"] = {Level.L0: OBSERVE, Level.L1: ASK}.get(granted, alone)
    strictest = min(said.values(), key=STRICTEST_FIRST.index)
    return strictest, next(rule for rule in IN_ORDER if said.get(rule) is strictest)


def together(values: Sequence[Value]) -> bool:
    """Whether all of them can be so at once: no two say the same thing differently."""
    told = [part for value in values for part in (*value.about, *_parts(value))]
    return len(told) == len(set(told))


def situation_of(standing: Standing, values: Sequence[Value]) -> tuple[Situation, Policy]:
    """The situation in which all of them are so, and the policy to judge it by."""
    laid: dict[str, dict[str, Any]] = {name: {} for name in LAID}
    fields_: dict[str, Any] = {}
    for name, change in chain.from_iterable(value.changes.items() for value in values):
        if name in LAID:
            laid[name].update(change)
        else:
            fields_[name] = change
    policy = _policy(
        _frozen({"level": str(standing.written), **laid["runbook"]}),
        _frozen({"levels": {"highest": str(standing.highest)}, **laid["document"]}),
        _frozen(laid["others"]),
    )
    first = calm_alert(**laid["alert"], labels={**calm_alert().labels, **laid["labels"]})
    fields_["alerts"] = (first, *fields_.pop("also", ()))
    return (
        calm_situation(
            policy,
            plan=calm_plan(**laid["plan"]),
            answers={**SUPPORTING, **burning("0.5"), **laid["answers"]},
            evidenced=_evidenced(policy, standing, laid["held"]),
            **fields_,
        ),
        policy,
    )


def singles(matters: Matters) -> Iterator[tuple[Value, ...]]:
    """Calm, and each value alone."""
    yield ()
    for values in matters.values():
        yield from ((value,) for value in values[1:])


def tuples_of(many: int, matters: Matters) -> Iterator[tuple[Value, ...]]:
    """So many values of different matters that are not calm and can be so at once, in every way."""
    for chosen in combinations(matters.values(), many):
        yield from filter(together, product(*(values[1:] for values in chosen)))


def representatives(matters: Matters) -> Matters:
    """The matters with one value for each thing that is said of it, and without those of which nothing is said."""
    return {
        matter: [
            values[0],
            *{_said(value): value for value in reversed(values[1:]) if _said(value) != SILENCE}.values(),
        ]
        for matter, values in matters.items()
    }


def kinds(matters: Matters) -> Matters:
    """The matters with one value for each kind of thing that is said, whichever rule says it."""
    seen = {_kind(Value(""))}
    chosen: dict[str, list[Value]] = {}
    for matter, values in matters.items():
        new = {_kind(value): value for value in reversed(values[1:]) if _kind(value) not in seen}
        seen |= new.keys()
        chosen[matter] = [values[0], *new.values()]
    return chosen


def _said(value: Value) -> Sequence[object]:
    """Everything that the design says of a value; two that are said the same of are alike."""
    return (repr(value.objections), *_kind(value))


def _kind(value: Value) -> Sequence[object]:
    told = (each.name for each in fields(Value) if each.name not in ("name", "objections", "unknown", "about", CHANGES))
    return (tuple(value.objections.values()), *(getattr(value, name) for name in told))


SILENCE = _said(Value(""))


def _parts(value: Value) -> Iterator[str]:
    """What it says something about: ``ledger``, ``plan.targets``."""
    for name, change in value.changes.items():
        yield from (f"{name}.{part}" for part in change) if name in LAID else (name,)


def _frozen(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, default=str)


@cache
def _policy(runbook: str, document: str, others: str) -> Policy:
    return calm_policy(json.loads(runbook), after=json.loads(others), **json.loads(document))


def _evidenced(policy: Policy, standing: Standing, held: Mapping[str, Any]) -> Mapping[str, Evidenced]:
    rows = evidenced(policy, standing.gates, demoted_to=standing.demoted_to)
    return {name: one.model_copy(update=held) for name, one in rows.items()}
