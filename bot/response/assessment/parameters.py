"""What a person's ``key=value`` means to a runbook: it fills the place an alert would fill, or changes an open field.

Every other field is fixed: only the policy sets it. Must not know: who asks, or how they said it.
"""

from collections.abc import Mapping
from typing import Any

from bot.policy.file.document import Runbook
from bot.policy.file.parameter_fields import check_bound, open_fields
from bot.policy.file.templates import has_reference, names_in, substitute
from bot.policy.situation import AlertFacts
from bot.remediation import Parameters

SERVICE = "service"
"""Always understood: what the request is about."""
_LABELS = "alert.labels."
_BY_NAME = {"alert.service": SERVICE, "alert.severity": "severity"}


class FixedError(ValueError):
    """A request would change a parameter that only the policy sets; the text says which, and the remedy."""


def fillable(runbook: Runbook) -> frozenset[str]:
    """Keys that fill a reference of the runbook: in its parameters, its evidence or how it is verified."""
    return frozenset(filter(None, map(as_key, _names(runbook, runbook.parameters))))


def taken(model: type[Parameters], runbook: Runbook) -> tuple[str, ...]:
    """Every key that a request may give, in order."""
    return tuple(sorted({SERVICE, *open_fields(model), *fillable(runbook)}))


def changes(model: type[Parameters], runbook: Runbook, given: Mapping[str, str]) -> dict[str, str]:
    """The given values of open fields that stand in for what the runbook's ``with`` says, and differ from it.

    ``service=`` says what the request is about, even where something else fills a field of that name.

    Raises:
        FixedError: a value differs from what the policy says of a field that is not open.
    """
    fills, may_change = fillable(runbook), open_fields(model)
    changed = {
        key: value
        for key, value in given.items()
        if key in model.model_fields and key not in fills and _written(model, runbook, key) != value
        if key != SERVICE or not has_reference(str(runbook.parameters.get(key, "")))
    }
    for key in changed:
        if key not in may_change:
            raise FixedError(_why_fixed(model, runbook, key))
    return changed


def unfilled(model: type[Parameters], runbook: Runbook, alert: AlertFacts, given: Mapping[str, str]) -> tuple[str, ...]:
    """References of the runbook for which neither the alert nor the person has a value, in order.

    Raises:
        TemplateError: the policy refers to something that no alert could fill.
        FixedError: as ``changes``.
    """
    names = _names(runbook, _unchanged(runbook, changes(model, runbook, given)))
    return tuple(sorted(name for name in names if not _has(alert, name)))


def filled(model: type[Parameters], runbook: Runbook, alert: AlertFacts, given: Mapping[str, str]) -> Parameters:
    """The remediation's parameters for this alert, with what a person changed; whole or not at all.

    Raises:
        ValueError: a reference cannot be filled, the remediation does not take the values, or a person changes what
            only the policy sets.
    """
    changed = changes(model, runbook, given)
    unchanged = _unchanged(runbook, changed)
    check_bound(model, unchanged)
    return model.model_validate(substitute(unchanged, alert) | changed)


def as_key(name: str) -> str:
    """How a person writes a reference: ``alert.labels.instance`` -> ``instance``; empty when only an alert has it."""
    return name.removeprefix(_LABELS) if name.startswith(_LABELS) else _BY_NAME.get(name, "")


def _written(model: type[Parameters], runbook: Runbook, key: str) -> str | None:
    """What the policy says of the field, as a person would write it; else what it is where nothing is said."""
    value = runbook.parameters.get(key, model.model_fields[key].get_default(call_default_factory=True))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _why_fixed(model: type[Parameters], runbook: Runbook, key: str) -> str:
    written = _written(model, runbook, key) or ""
    said = f" as “{written}”" if key in runbook.parameters and not has_reference(written) else ""
    may_change = sorted(open_fields(model))
    choice = (
        f"A request may change {', '.join(may_change)}." if may_change else "A request may change none of its fields."
    )
    return (
        f"“{key}” is fixed by the policy{said}, so a request cannot change it. {choice} "
        f"Leave {key}=… out, or have the policy changed."
    )


def _has(alert: AlertFacts, name: str) -> bool:
    place, _, key = name.removeprefix("alert.").partition(".")
    value = getattr(alert, place)
    return bool(value.get(key) if key else value)


def _unchanged(runbook: Runbook, changed: Mapping[str, str]) -> dict[str, Any]:
    return {key: value for key, value in runbook.parameters.items() if key not in changed}


def _names(runbook: Runbook, parameters: Mapping[str, Any]) -> frozenset[str]:
    return names_in([dict(parameters), runbook.evidence, runbook.verify.healthy or ""])
