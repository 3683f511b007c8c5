"""The cause is elsewhere: six services behind a database that is down, ten hosts that a monitor was cut off from.

Repairing each of them by itself would repair nothing, and what is done to all at once is an outage of its own. So a
person is asked, at the incident that may be the cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.evidence import NOT_ASKED, Answer, highest
from bot.policy.file.document import Policy
from bot.policy.file.fields import duration_text
from bot.policy.levels import Level
from bot.policy.rules.case import Case, Ruling, escalates, passed
from bot.policy.rules.impact import HIGHEST_SLO_BURN, finite
from bot.policy.rules.services import Services
from bot.policy.situation import OpenIncident

SHOWN = 5
"""Incidents that a sentence names; it counts the rest."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Where the cause may be: the incident to ask at, where there is one, and why, as a sentence."""

    text: str
    incident: str = ""


def dependencies(policy: Policy, services: Services) -> frozenset[str]:
    """Everything that these services need, through any number of hops, without themselves.

    Where nobody knows the service it may be any: then everything that any service needs.
    """
    needed = {name: frozenset(entry.depends_on) for name, entry in policy.services.items()}
    found: set[str] = set()
    rest = [name for name in needed if services.may_be(name)]
    while rest:
        new = needed.get(rest.pop(), frozenset()) - found
        found |= new
        rest += new
    return frozenset(found) - services.names


def burn_queries_of_dependencies(policy: Policy, services: Services) -> Mapping[str, str]:
    """What to ask monitoring about each of them, by service: its error budget, where the policy says how."""
    needed = ((name, policy.services.get(name)) for name in sorted(dependencies(policy, services)))
    return {name: entry.slo_burn for name, entry in needed if entry is not None and entry.slo_burn}


def cause_elsewhere(case: Case) -> Cause | None:
    """The first of what speaks for a cause elsewhere; None when nothing does.

    ``Situation.open_incidents`` must be known.
    """
    open_incidents = case.situation.open_incidents or ()
    needed = dependencies(case.policy, case.services)
    others = sorted(
        (each for each in open_incidents if each.incident != case.situation.incident),
        key=_order,
    )
    behind = [each for each in others if needed and (each.service in needed or not each.service)]
    if behind:
        where = ", ".join(dict.fromkeys(each.service or "an unknown service" for each in behind[:SHOWN]))
        return Cause(f"{_named(behind)} stands open on what this may depend on: {where}.", behind[0].incident)
    failing = _failing(case.policy, case.services, case.situation.answers)
    began, wanted = _began(case, open_incidents), case.policy.common_cause
    similar = _similar(case, open_incidents, others, began)
    count = len(similar) + 1
    if count <= wanted.incidents:
        return failing
    own = OpenIncident(incident=case.situation.incident, service="", alert="", opened_at=began)
    first = min(similar[0], own, key=_order).incident
    if failing is not None:
        return Cause(failing.text, first)
    return Cause(
        f"{count} incidents of the same kind began within {duration_text(wanted.within)} of this one, "
        f"with {_named(similar)}; more than {wanted.incidents} are taken for one cause.",
        first,
    )


def common_cause(case: Case) -> Ruling:
    """Before an autonomous act: a dependency in trouble, or many similar incidents at once, is for a person."""
    known = case.situation.open_incidents
    cause = cause_elsewhere(case) if known is not None else Cause("What else is open was not read.")
    inputs = {
        "open_incidents": None if known is None else len(known),
        "dependencies": sorted(dependencies(case.policy, case.services)),
        "cause": None if cause is None else cause.incident,
    }
    if cause is None:
        return passed("Nothing speaks for a cause elsewhere.", inputs)
    if case.granted < Level.L2:
        return passed(f"{cause.text} {case.granted} asks in any case.", inputs)
    at = f" A person is asked, at {cause.incident}." if cause.incident else " A person is asked."
    return escalates(f"The cause may be elsewhere. {cause.text}{at}", inputs)


def _failing(policy: Policy, services: Services, answers: Mapping[str, Answer]) -> Cause | None:
    """A dependency that burns its error budget faster than people tolerate, or of which nobody can tell."""
    most = min(policy.escalate.slo_burn_above, HIGHEST_SLO_BURN)
    for name, query in burn_queries_of_dependencies(policy, services).items():
        burn = finite(highest(answers.get(query, NOT_ASKED)))
        if burn is None:
            return Cause(f"How {name} fares, which this service depends on, could not be measured.")
        if burn > most:
            return Cause(f"{name}, which this service depends on, burns its error budget at {burn:g} times its pace.")
    return None


def _similar(
    case: Case, open_incidents: Sequence[OpenIncident], others: Sequence[OpenIncident], began: datetime
) -> tuple[OpenIncident, ...]:
    """Others that are about an alert of the same name, and began at about the same time."""
    kinds = {alert.name for alert in case.alerts}
    kinds |= {each.alert for each in open_incidents if each.incident == case.situation.incident}
    within = case.policy.common_cause.within
    return tuple(each for each in others if each.alert in kinds and abs(each.opened_at - began) <= within)


def _began(case: Case, open_incidents: Sequence[OpenIncident]) -> datetime:
    """When this incident began; one that is not among the open ones begins now."""
    own = (each.opened_at for each in open_incidents if each.incident == case.situation.incident)
    return next(own, case.situation.now)


def _order(incident: OpenIncident) -> tuple[datetime, int, str]:
    """The oldest first; of those that were opened at once, the one with the lowest number."""
    return incident.opened_at, len(incident.incident), incident.incident


def _named(incidents: Sequence[OpenIncident]) -> str:
    more = f" and {len(incidents) - SHOWN} more" if len(incidents) > SHOWN else ""
    return ", ".join(each.incident for each in incidents[:SHOWN]) + more
