"""What every plan must be before the policy judges it, checked in one place: whoever wrote its remediation.

What is the matter with a plan is said to people in our words; no plan is mended, but for what only we can know of it:
the version of its remediation, and the effects that the policy declares.
"""

import math
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from bot.policy.file.document import Runbook
from bot.policy.file.protected import Protected
from bot.policy.plan import Effect, Plan, Target
from bot.remediation import PermanentError, Remediation

ANY_EFFECT = frozenset(Effect) - {Effect.UNKNOWN}
"""What a plan may do of which neither its remediation nor the policy can say what it does."""


class UnusablePlanError(PermanentError):
    """A remediation made a plan that cannot be relied on: a mistake of its author."""


def checked(plan: Plan, remediation: Remediation, runbook: Runbook, protected: Protected) -> Plan:
    """The plan as it is judged and sealed.

    Raises:
        PermanentError: it touches what the policy protects.
        UnusablePlanError: it is not what a plan must be.
    """
    refuse_protected(plan.targets, protected)
    name = remediation.name
    if plan.remediation != name:
        raise UnusablePlanError(f"{name} made a plan that names another remediation, {plan.remediation!r}.")
    keys = [target.key for target in plan.targets]
    if len(set(keys)) < len(keys) or not all(key.strip() for key in keys):
        raise UnusablePlanError(f"{name} made a plan whose targets cannot be told apart: {', '.join(map(repr, keys))}.")
    effects = _effects(plan, remediation, runbook)
    if plan.targets and not effects:
        raise UnusablePlanError(f"{name} made a plan that does not say what it does: its effects are empty.")
    whole = plan.model_copy(update={"version": remediation.version, "effects": effects})
    _refuse_unstable(whole, name)
    return whole


def refuse_protected(targets: Iterable[Target], protected: Protected) -> None:
    """Nothing is ever done to what the policy protects.

    Raises:
        PermanentError: one of the targets is protected; the text names it and the pattern.
    """
    for target in targets:
        pattern = protected.target((target.key, target.label))
        if pattern:
            raise PermanentError(
                f"{target.label} is protected: the policy says under protected.targets that nothing is ever done to "
                f"{pattern}"
            )


def _effects(plan: Plan, remediation: Remediation, runbook: Runbook) -> frozenset[Effect]:
    """What the plan says, with what the policy declares; any at all where nobody can say."""
    declared = frozenset(runbook.effects or ())
    if remediation.effects is None:
        return plan.effects | (declared or ANY_EFFECT) if plan.targets else plan.effects
    beyond = plan.effects - remediation.effects
    if beyond:
        raise UnusablePlanError(
            f"{remediation.name} made a plan that does more than it declares: {', '.join(sorted(beyond))}."
        )
    return plan.effects | declared if plan.effects else plan.effects


def _refuse_unstable(plan: Plan, name: str) -> None:
    """A plan is stored and compared by its digest: it must come back from the database as what it was."""
    values = {
        "parameters": plan.parameters,
        "forecasts": plan.forecasts,
        **{f"state of {target.key}": target.state for target in plan.targets},
        **{f"becomes of {target.key}": target.becomes for target in plan.targets},
    }
    for where, value in values.items():
        if found := _not_json(value):
            raise UnusablePlanError(f"{name} made a plan that cannot be stored: {where} holds {found}.")
    try:
        again = Plan.model_validate_json(plan.model_dump_json())
        same = again == plan and again.digest == plan.digest
    except (ValidationError, ValueError):
        same = False
    if not same:
        raise UnusablePlanError(f"{name} made a plan that is not the same when it is read from the database.")


def _not_json(value: Any) -> str:
    """What in ``value`` is no JSON, in words; empty when all of it is."""
    if value is None or isinstance(value, bool | int):
        return ""
    if isinstance(value, str):
        return "" if _is_text(value) else "a text that is no valid Unicode"
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"the number {value}"
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a key that is no text"
        return next(filter(None, map(_not_json, [*value, *value.values()])), "")
    if isinstance(value, list):
        return next(filter(None, map(_not_json, value)), "")
    return f"a {type(value).__name__}"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
