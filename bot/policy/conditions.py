"""Conditions in CEL: declared variables, type-checked at load, and never trusted beyond a real true.

The library underneath is ``cel-expr-python``. Its ``Value.value()`` of a failed evaluation is a non-empty, hence
truthy, error text: only a value of type BOOL counts here, everything else is *undetermined*. What undetermined means
is up to the caller, and is always the cautious answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

from bot.policy.confidence import Confidence
from bot.policy.plan import Plan
from bot.policy.situation import AlertFacts, Situation

_TEXT, _TEXTS = cel.Type.STRING, cel.Type.Map(cel.Type.STRING, cel.Type.STRING)
_OF_THE_ALERT = {
    "alert.name": _TEXT,
    "alert.severity": _TEXT,
    "alert.service": _TEXT,
    "alert.source": _TEXT,
    "alert.labels": _TEXTS,
    "alert.annotations": _TEXTS,
}
_OF_THE_MOMENT = {
    "hour": cel.Type.INT,
    "weekday": _TEXT,
    "trigger": _TEXT,
    "confidence": cel.Type.DOUBLE,
    "targets": cel.Type.INT,
    "share": cel.Type.DOUBLE,
    "slo_burn": cel.Type.DOUBLE,
    "recent_failures": cel.Type.INT,
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ERROR = re.compile(r"<input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")


class Vocabulary:
    """The variables an expression may use, and their types."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self.names = tuple(types)
        self.environment = cel.NewEnv(variables=dict(types))


FOR_ALERTS = Vocabulary(_OF_THE_ALERT)
"""``when`` of runbooks and mutes: the alert alone, so that an alert matches the same entry at any hour."""
FOR_CONDITIONS = Vocabulary(_OF_THE_ALERT | _OF_THE_MOMENT)
"""``conditions``: the alert and the moment."""


class ConditionError(ValueError):
    """An expression that cannot be used; ``line`` and ``column`` count from 1 within the expression."""

    def __init__(self, message: str, remedy: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{message} (line {line}, column {column}); {remedy}")
        self.message, self.remedy, self.line, self.column = message, remedy, line, column


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression evaluated to; ``holds`` None means undetermined, and ``text`` says why."""

    holds: bool | None
    text: str


@lru_cache(maxsize=1024)
def compiled(expression: str, vocabulary: Vocabulary) -> Any:
    """Compile and type-check.

    Raises:
        ConditionError: naming the column and the remedy.
    """
    try:
        program = vocabulary.environment.compile(expression)
    except (RuntimeError, TypeError) as error:
        raise _explained(expression, str(error), vocabulary)[0] from error
    if program.return_type() != cel.Type.BOOL:
        kind = str(program.return_type()).lower()
        raise ConditionError(
            f"the expression is of type {kind}, not bool",
            "compare it with something, such as alert.name == 'ServiceDown'",
        )
    return program


def errors_in(expression: str, vocabulary: Vocabulary) -> tuple[ConditionError, ...]:
    """Every error that ``compiled`` could raise for ``expression``, in order; of syntax errors only the first."""
    try:
        compiled(expression, vocabulary)
    except ConditionError as error:
        cause = error.__cause__
        return (error,) if cause is None else _explained(expression, str(cause), vocabulary)
    return ()


def evaluate(expression: str, variables: Mapping[str, Any], vocabulary: Vocabulary) -> Answer:
    """Evaluate; never raises, because a condition that fails must not stop a decision: it is undetermined."""
    try:
        result = compiled(expression, vocabulary).eval(data=variables)
        value = result.value()
    except (ConditionError, RuntimeError, TypeError) as error:
        return Answer(None, f"undetermined: {error}")
    if result.type() == cel.Type.BOOL and isinstance(value, bool):
        return Answer(value, "true" if value else "false")
    return Answer(None, f"undetermined: {value}")


def constant(expression: str, vocabulary: Vocabulary) -> bool | None:
    """The value of an expression that is the same for every alert; None when it depends on something."""
    return evaluate(expression, {}, vocabulary).holds


def alert_variables(alert: AlertFacts) -> dict[str, Any]:
    """The values of ``FOR_ALERTS``."""
    return {
        "alert.name": _encodable(alert.name),
        "alert.severity": _encodable(alert.severity),
        "alert.service": _encodable(alert.service),
        "alert.source": _encodable(alert.source),
        "alert.labels": {_encodable(name): _encodable(value) for name, value in alert.labels.items()},
        "alert.annotations": {_encodable(name): _encodable(value) for name, value in alert.annotations.items()},
    }


def condition_variables(
    situation: Situation, alert: AlertFacts, plan: Plan, confidence: Confidence, slo_burn: float | None
) -> dict[str, Any]:
    """The values of ``FOR_CONDITIONS``; what is unknown is left out, so that asking for it is undetermined."""
    now = situation.now.astimezone(UTC)
    known = {
        "hour": now.hour,
        "weekday": _WEEKDAYS[now.weekday()],
        "trigger": situation.trigger.value,
        "confidence": confidence.score,
        "targets": max(len(plan.targets), plan.blast_radius.targets),
        "share": plan.blast_radius.share,
        "slo_burn": slo_burn,
        "recent_failures": confidence.recent_failures,
    }
    return alert_variables(alert) | {name: value for name, value in known.items() if value is not None}


def _encodable(text: str) -> str:
    """Text that CEL reads as it is: JSON can smuggle in lone surrogates, which it rejects, and NUL, where it *ends*.

    Without this ``ServiceDown`` followed by NUL and anything else would equal ``'ServiceDown'``.
    """
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _explained(expression: str, error: str, vocabulary: Vocabulary) -> tuple[ConditionError, ...]:
    found = [(int(line), int(column), text) for line, column, text in _ERROR.findall(error)]
    if not found:
        return (ConditionError(f"not a CEL expression: {error.splitlines()[0]}", "write it more simply"),)
    if any("Syntax error" in text for _, _, text in found):
        found = found[:1]  # the others only follow from it
    return tuple(_one_explained(expression, *each, vocabulary) for each in found)


def _one_explained(expression: str, line: int, column: int, text: str, vocabulary: Vocabulary) -> ConditionError:
    undeclared = _UNDECLARED.match(text)
    if undeclared is not None:
        name = undeclared[1]
        # The library points at the last dot of a dotted name.
        start = expression.splitlines()[line - 1].rfind(name, 0, column - 1 + len(name))
        near = get_close_matches(name, vocabulary.names, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known here: {', '.join(vocabulary.names)}"
        return ConditionError(f"unknown name {name}", remedy, line=line, column=start + 1 if start >= 0 else column)
    if "'= '" in text or "'='" in text:
        return ConditionError("a single = is not CEL", "write == to compare", line=line, column=column)
    message = text.removesuffix(" [INVALID_ARGUMENT]").split(" expecting ")[0]
    if "no matching overload" in message:
        remedy = "compare like with like: texts in quotes, int as 6, double as 0.8 (also 1.0)"
        return ConditionError(message.replace("found ", ""), remedy, line=line, column=column)
    return ConditionError(message, "CEL combines with && || ! and compares with == != < >", line=line, column=column)
