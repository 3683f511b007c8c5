"""What a person's ``key=value`` means to a runbook: it fills the place an alert would fill, or changes what is written.

Must not know: who asks, or how they said it.
"""

from collections.abc import Mapping
from typing import Any

from bot.policy.file.document import Runbook
from bot.policy.file.templates import names_in, substitute
from bot.policy.situation import AlertFacts
from bot.remediation import Parameters

SERVICE = "service"
"""Always understood: what the request is about."""
_LABELS = "alert.labels."
_BY_NAME = {"alert.service": SERVICE, "alert.severity": "severity"}


def fillable(runbook: Runbook) -> frozenset[str]:
    """Keys that fill a reference of the runbook: in its parameters, its evidence or how it is verified."""
    return frozenset(filter(None, map(as_key, _names(runbook, runbook.parameters))))


def changes(model: type[Parameters], runbook: Runbook, given: Mapping[str, str]) -> dict[str, str]:
    """The given values that stand in for what the runbook's ``with`` says, and differ from it."""
    fills = fillable(runbook)
    return {
        key: value
        for key, value in given.items()
        if key in model.model_fields and key not in fills and str(runbook.parameters.get(key)) != value
    }


def unfilled(model: type[Parameters], runbook: Runbook, alert: AlertFacts, given: Mapping[str, str]) -> tuple[str, ...]:
    """References of the runbook for which neither the alert nor the person has a value, in order.

    Raises:
        TemplateError: the policy refers to something that no alert could fill.
    """
    names = _names(runbook, _unchanged(runbook, changes(model, runbook, given)))
    return tuple(sorted(name for name in names if not _has(alert, name)))


def filled(model: type[Parameters], runbook: Runbook, alert: AlertFacts, given: Mapping[str, str]) -> Parameters:
    """The remediation's parameters for this alert, with what a person changed.

    Raises:
        ValueError: a reference cannot be filled, or the remediation does not take the values.
    """
    changed = changes(model, runbook, given)
    return model.model_validate(substitute(_unchanged(runbook, changed), alert) | changed)


def as_key(name: str) -> str:
    """How a person writes a reference: ``alert.labels.instance`` -> ``instance``; empty when only an alert has it."""
    return name.removeprefix(_LABELS) if name.startswith(_LABELS) else _BY_NAME.get(name, "")


def _has(alert: AlertFacts, name: str) -> bool:
    place, _, key = name.removeprefix("alert.").partition(".")
    value = getattr(alert, place)
    return bool(value.get(key) if key else value)


def _unchanged(runbook: Runbook, changed: Mapping[str, str]) -> dict[str, Any]:
    return {key: value for key, value in runbook.parameters.items() if key not in changed}


def _names(runbook: Runbook, parameters: Mapping[str, Any]) -> frozenset[str]:
    return names_in([dict(parameters), runbook.evidence, runbook.verify.healthy or ""])
