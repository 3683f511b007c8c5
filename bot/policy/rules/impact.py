"""What customers feel, and what the alerts of an incident mark: read from every firing alert, never from one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.policy.evidence import NOT_ASKED, Answer, highest
from bot.policy.file.document import Policy, Severity
from bot.policy.rules.services import Services
from bot.policy.situation import AlertFacts

HIGHEST_SLO_BURN = 2.0
"""The most lenient error-budget burn rate any policy can tolerate."""
NO_WORDS = frozenset({"", "0", "no", "n", "false", "f", "off", "none"})
"""The only values of a mark that mean no; whatever else somebody writes is a mark."""
BILLING, DATA_INTEGRITY, SECURITY_SEVERITY = "billing", "data_integrity", "security_severity"
"""Labels by which an alert marks what is at stake."""
_SEVERITIES = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Impact:
    """What is at stake. None means unknown, which never permits and always escalates where it is asked."""

    slo_burn: float | None = None
    """Highest error-budget burn rate of the services; 1.0 spends exactly the budget."""
    slo_measured: bool = False
    """True when the policy names a burn query for one of them, so that None means "could not be evaluated"."""
    billing: bool = False
    data_integrity: bool = False
    security_severity: str | None = None
    """The worst that any alert says; None when none is about security; what nobody knows counts as high."""


def burn_queries(policy: Policy, services: Services) -> tuple[str, ...]:
    """The error-budget queries of these services, each once; of every service where nobody knows which it is."""
    queries = (entry.slo_burn for name, entry in policy.services.items() if services.may_be(name))
    return tuple(dict.fromkeys(query for query in queries if query))


def impact_of(
    policy: Policy, alerts: Sequence[AlertFacts], services: Services, answers: Mapping[str, Answer]
) -> Impact:
    """Draw the impact from labels and from what monitoring answered."""
    queries = burn_queries(policy, services)
    burns = [highest(answers.get(query, NOT_ASKED)) for query in queries]
    known = [burn for burn in burns if burn is not None]
    stated = [a.labels[SECURITY_SEVERITY] for a in alerts if SECURITY_SEVERITY in a.labels]
    return Impact(
        slo_burn=max(known) if known and len(known) == len(burns) else None,
        slo_measured=bool(queries),
        billing=any(is_marked(alert, BILLING) for alert in alerts),
        data_integrity=any(is_marked(alert, DATA_INTEGRITY) for alert in alerts),
        security_severity=max(stated, key=_how_bad, default=None),
    )


def is_marked(alert: AlertFacts, label: str) -> bool:
    """Whether the alert carries this mark: every value does that is not clearly a no."""
    return alert.labels.get(label, "").strip().lower() not in NO_WORDS


def security_severity(stated: str) -> Severity:
    """The severity that is meant; a word nobody knows counts as high."""
    try:
        return Severity(stated.strip().lower())
    except ValueError:
        return Severity.HIGH


def _how_bad(stated: str) -> tuple[int, str]:
    return _SEVERITIES.index(security_severity(stated)), stated


def finite(burn: float | None) -> float | None:
    """The burn rate, where it is a number that can be compared."""
    return burn if burn is not None and math.isfinite(burn) else None
