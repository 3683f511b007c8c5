"""Escalation: what calls a person although the plan itself is in order.

The policy may tighten these thresholds. Where it says something laxer than the rule itself, the rule wins.
"""

from bot.policy.confidence import LOWEST_FLOOR
from bot.policy.file.document import Severity
from bot.policy.levels import Level
from bot.policy.percent import percent
from bot.policy.plan import Effect
from bot.policy.rules.case import Case, Ruling, escalates, passed
from bot.policy.rules.impact import HIGHEST_SLO_BURN, finite, security_severity

HIGHEST_SECURITY_SEVERITY = Severity.HIGH
"""The most lenient severity at which any policy can call people."""
_SEVERITIES = tuple(Severity)


def confidence(case: Case) -> Ruling:
    """Below the floor a person must judge whether the alert means what the runbook assumes."""
    floor = max(case.policy.escalate.confidence_below, LOWEST_FLOOR)
    score = case.confidence.score
    inputs = {
        "confidence": score,
        "floor": floor,
        "recent_failures": case.confidence.recent_failures,
        "parts": {part.name: round(part.factor, 4) for part in case.confidence.parts},
        "lower_bound": case.confidence.lower,
    }
    because = f"{percent(score)}: {case.confidence.text}"
    if score < floor:
        return escalates(f"Confidence is below {percent(floor)}, at {because}.", inputs)
    return passed(f"Confidence is {because}.", inputs)


def cases(case: Case) -> Ruling:
    """Before any autonomous act there must be cases enough to know; runs of the gates count, as often as they ran."""
    needed, known = case.policy.escalate.cases_below, case.cases
    inputs = {
        "needed": needed,
        "production": None if known is None else known.production,
        "staging": None if known is None else known.staging,
    }
    if case.granted < Level.L2:
        return passed(f"Cases are counted before autonomous acts; {case.granted} asks.", inputs)
    if known is None:
        return escalates(f"How often {case.name} has worked before could not be read.", inputs)
    if known.count < needed:
        counted = f"{known.text}; the policy wants {needed} cases"
        return escalates(f"Too few cases to know whether {case.name} works: {counted}.", inputs)
    return passed(f"There are cases enough to know: {known.text}; the policy wants {needed}.", inputs)


def cautions(case: Case) -> Ruling:
    """What the remediation itself has seen that speaks against doing it without a person."""
    said = [caution.strip() for caution in case.plan.cautions]
    inputs = {"cautions": said}
    if said:
        return escalates(" ".join(caution if caution.endswith(".") else f"{caution}." for caution in said), inputs)
    return passed("Nothing was seen there that speaks against it.", inputs)


def billing(case: Case) -> Ruling:
    """Anything that touches billing is a person's decision."""
    inputs = {"impact": case.impact.billing, "plan": Effect.BILLING in case.plan.effects}
    if any(inputs.values()):
        return escalates("Billing is affected.", inputs)
    return passed("Billing is not affected.", inputs)


def data_integrity(case: Case) -> Ruling:
    """Anything that touches the integrity of data is a person's decision."""
    inputs = {
        "impact": case.impact.data_integrity,
        "plan": Effect.DATA_INTEGRITY in case.plan.effects,
    }
    if any(inputs.values()):
        return escalates("The integrity of data is involved.", inputs)
    return passed("The integrity of data is not involved.", inputs)


def slo_burn(case: Case) -> Ruling:
    """Customers feeling more than the SLA allows, or nobody being able to tell, calls a person."""
    most = min(case.policy.escalate.slo_burn_above, HIGHEST_SLO_BURN)
    burn = finite(case.impact.slo_burn)
    inputs = {"slo_burn": burn, "slo_burn_above": most, "measured": case.impact.slo_measured}
    if burn is None and (case.impact.slo_measured or case.impact.slo_burn is not None):
        return escalates("Customer impact could not be measured: the error-budget burn rate is unknown.", inputs)
    if burn is None:
        return passed("No error-budget burn rate is defined for this service.", inputs)
    if burn > most:
        return escalates(
            f"Customers feel it: the error budget burns at {burn:g} times its pace, above {most:g}.", inputs
        )
    return passed(f"The error budget burns at {burn:g} times its pace, not above {most:g}.", inputs)


def security(case: Case) -> Ruling:
    """High security severity calls a person; a severity we do not know counts as high."""
    stated = case.impact.security_severity
    threshold = min(case.policy.escalate.security_severity, HIGHEST_SECURITY_SEVERITY, key=_SEVERITIES.index)
    inputs = {"security_severity": stated, "threshold": threshold.value}
    if stated is None:
        return passed("The alert is not about security.", inputs)
    severity = security_severity(stated)
    if _SEVERITIES.index(severity) >= _SEVERITIES.index(threshold):
        return escalates(f"Security severity is {severity}: from {threshold} up a person decides.", inputs)
    return passed(f"Security severity is {severity}, below {threshold}.", inputs)
