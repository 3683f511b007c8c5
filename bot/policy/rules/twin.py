"""Twin: what a runbook's `staging` says about the system that stands in for production while its gates are run.

Its alerts are told by the labels in ``staging.alert``, and by these the twin differs from production. So an alert about
it is matched as production's would be: with the value that ``when`` wants, wherever it wants one of such a label.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice, product

from bot.policy.file.document import Policy, Runbook
from bot.policy.file.templates import names_in
from bot.policy.rules.matching import match
from bot.policy.situation import AlertFacts

ALERTNAME = "alertname"
"""What fires is never replaced: the trigger itself is tried."""
TRIED_MAX = 64
"""Combinations of values; a ``when`` that asks for more is refused like one that does not fit."""
_LITERAL = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_TEXT = re.compile(_LITERAL)


def is_about_twin(runbook: Runbook, labels: Mapping[str, str]) -> bool:
    """Whether an alert with these labels is about what stands in for production on staging."""
    told_by = _told_by(runbook)
    return bool(told_by) and all(labels.get(name) == value for name, value in told_by.items())


def not_to_be_run(policy: Policy, name: str) -> str:
    """Why the gates of the runbook ``name`` cannot be run as it stands, with the remedy; empty when they can."""
    runbook = policy.runbooks.get(name)
    if runbook is None:
        known = ", ".join(sorted(policy.runbooks)) or "none"
        return f"There is no runbook {name!r} in the policy. It has: {known}."
    staging = runbook.staging
    if staging is None:
        return f"{name!r} has no `staging`, so its gates cannot be run: say in `staging.with` what is there."
    parameters = {**runbook.parameters, **staging.parameters}
    if parameters == runbook.parameters:
        return f"As it stands, staging of {name!r} is production: `staging.with` changes nothing of `with`."
    if not staging.alert:
        return (
            f"{name!r} does not say which alerts are about staging: add `staging.alert` with the labels they have, "
            "such as {service: checkout-staging}."
        )
    if runbook.verify.http is not None and staging.verify is None:
        return (
            f"`verify.http` of {name!r} asks production, which says nothing about staging: add `staging.verify` with a "
            "URL there."
        )
    if waiting := sorted(names_in(parameters)):
        return f"On staging nothing may fill {', '.join(waiting)} of {name!r}: give it a fixed value in `staging.with`."
    return ""


def mismatch(policy: Policy, name: str, alert: AlertFacts) -> str:
    """Why production would not take the runbook ``name`` for such an alert, with the remedy; empty where it would.

    Mutes are left out: they may be what keeps staging quiet.
    """
    heard = policy.model_copy(update={"mute": ()})
    taken = match(heard, alert).runbook
    if taken == name or any(
        match(heard, each).runbook == name for each in _as_production(policy.runbooks[name], alert)
    ):
        return ""
    said = f"{taken!r} is taken" if taken else "no runbook is taken"
    labels = ", ".join(f"{label}={value!r}" for label, value in sorted(alert.labels.items()))
    return (
        f"for an alert {alert.name!r} with {labels} {said} instead of {name!r}: compare its `when` with what the "
        "monitor says of staging. Labels that only production has may stand in `when` as `alert.labels.x == 'value'` "
        "(or `in [...]`), and in `staging.alert` with what staging has instead"
    )


def also_about_twin(runbook: Runbook) -> str:
    """The ``when`` of the runbook, widened so that it holds for the twin's labels where it wants production's."""
    widened, told_by = runbook.when, _told_by(runbook)
    for label in told_by:
        if label != ALERTNAME:
            widened = _comparison(label).sub(partial(_or_twin, label=label, value=told_by[label]), widened)
    return widened


def _told_by(runbook: Runbook) -> Mapping[str, str]:
    return runbook.staging.alert if runbook.staging is not None else {}


def _as_production(runbook: Runbook, alert: AlertFacts) -> Iterator[AlertFacts]:
    """The alert with the values that ``when`` wants of labels by which the twin differs."""
    wanted = {label: values for label in _told_by(runbook) if (values := tuple(_wanted(runbook.when, label)))}
    for values in islice(product(*wanted.values()), TRIED_MAX):
        labels = dict(zip(wanted, values, strict=True))
        facts = {field: value for field, value in labels.items() if field in ("service", "severity")}
        yield alert.model_copy(update={"labels": alert.labels | labels, **facts})


def _wanted(when: str, label: str) -> Iterator[str]:
    """Values that ``when`` compares this label with."""
    if label == ALERTNAME:
        return
    for found in _comparison(label).finditer(when):
        yield from (_unquoted(text) for text in _TEXT.findall(found["values"]))


def _comparison(label: str) -> re.Pattern[str]:
    """``alert.service == 'checkout'`` or ``alert.labels.service in ['checkout']``, as ``when`` may have it."""
    name = re.escape(label)
    fields = [rf"alert\.labels\.{name}\b", rf"alert\.labels\[(?:'{name}'|\"{name}\")\]"]
    if label in ("service", "severity"):
        fields.append(rf"alert\.{name}\b")
    values = rf"(?P<values>{_LITERAL}|\[[^\]]*\])"
    return re.compile(rf"(?:{'|'.join(fields)})\s*(?:==|in)\s*{values}")


def _or_twin(comparison: re.Match[str], *, label: str, value: str) -> str:
    return f"({comparison[0]} || alert.labels[{json.dumps(label)}] == {json.dumps(value)})"


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])
