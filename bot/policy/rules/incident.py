"""The whole incident: what its other alerts, its people and its own past say about acting on it alone."""

from bot.policy.conditions import FOR_ALERTS, alert_variables, evaluate
from bot.policy.file.templates import values_in
from bot.policy.rules.case import Case, Ruling, escalates, passed
from bot.policy.rules.matching import facts_for
from bot.policy.situation import RefusalKind

_SAID = {
    RefusalKind.STOPPED: "stopped automation",
    RefusalKind.OVERRIDDEN: "overrode automation",
    RefusalKind.TAKEN: "took over",
}

SHOWN = 5
"""Of what other alerts ask for: the card names so many, and counts the rest."""


def alerts(case: Case) -> Ruling:
    """Everything that fires counts: what no entry covers, or two entries claim, is for a person."""
    matched, firing = case.matched, case.situation.alerts
    names = [firing[place].name for place in matched.unmatched]
    inputs = {
        "firing": len(firing),
        "unmatched": names,
        "rivals": list(matched.rivals),
        "doubtful": list(matched.doubtful),
        "muted": list(matched.muted),
    }
    fillings = _fillings(case)
    if fillings:
        this, *others = fillings
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        return escalates(
            f"Alerts of this incident ask the same runbook for different things: this plan is for {this}, "
            f"not for {'; '.join(others[:SHOWN])}{more}. What it leaves out is considered when it has ended.",
            inputs | {"fillings": fillings},
        )
    if case.situation.request is not None:
        return passed("A person chose the runbook.", inputs)
    if matched.worse_unmatched:
        worse = ", ".join(dict.fromkeys(firing[place].name for place in matched.worse_unmatched))
        return escalates(f"No runbook covers a worse alert of this incident: {worse}.", inputs)
    if matched.rivals:
        return escalates(
            f"Alerts as bad as this one are for other runbooks: {', '.join(matched.rivals)}. A person must choose.",
            inputs,
        )
    if matched.doubtful:
        return escalates(
            f"Whether these runbooks are for it could not be evaluated: {', '.join(matched.doubtful)}. "
            "A person must choose.",
            inputs,
        )
    if names:
        return passed(f"Also firing, without a runbook: {', '.join(dict.fromkeys(names))}.", inputs)
    return passed("Every alert of this incident is covered.", inputs)


def memory(case: Case) -> Ruling:
    """Once a person has said no, nothing acts by itself for this incident until a person asks for it.

    What came after what is told by commits: a request names the refusals that it came after.
    """
    refusals, request = case.situation.memory.refusals, case.situation.request
    inputs = {"refusals": [f"{refusal.kind} by {refusal.by}" for refusal in refusals]}
    if not refusals:
        return passed("Nobody has said no to automation in this incident.", inputs)
    standing = [refusal for refusal in refusals if request is None or refusal.key not in request.after]
    if not standing:
        return passed("A person asked for this after automation was refused here.", inputs)
    return escalates(f"Somebody {_SAID[standing[-1].kind]} in this incident, so nothing acts by itself here.", inputs)


def again(case: Case) -> Ruling:
    """A second act on the same targets in one incident is a person's decision."""
    keys = {target.key for target in case.plan.targets}
    labels = {target.key: target.label for target in case.plan.targets}
    before = sorted({key for acted in case.situation.memory.acted for key in acted.targets if key in keys})
    inputs = {"acted_on": before}
    if before:
        touched = ", ".join(labels[key] for key in before)
        return escalates(f"Something was already done to {touched} in this incident.", inputs)
    return passed("Nothing has been done to these targets in this incident yet.", inputs)


def request(case: Case) -> Ruling:
    """What a person asks for acts by itself only where the runbook's ``when`` holds for it."""
    asked = case.situation.request
    if asked is None:
        return passed("Nobody asked for this.", {})
    answers = [evaluate(case.runbook.when, alert_variables(alert), FOR_ALERTS) for alert in case.alerts]
    inputs = {"requested_by": asked.by, "when": ", ".join(dict.fromkeys(answer.text for answer in answers))}
    if all(answer.holds is True for answer in answers):
        return passed(f"{case.name} applies to what was asked for.", inputs)
    return escalates(f"{case.name} was asked for, but its `when` does not hold here, so a person must agree.", inputs)


def _fillings(case: Case) -> list[str]:
    """What each alert for this runbook would have it act on, ask about or verify, where they differ.

    Each once, in words, that of the plan first; empty where all would have the same.
    """
    runbook, request, matched = case.runbook, case.situation.request, case.matched
    waiting = {"with": runbook.parameters, "evidence": runbook.evidence, "healthy": runbook.verify.healthy or ""}
    places = dict.fromkeys((matched.alert, *matched.fillers))
    filled = [values_in(waiting, facts_for(case.situation.alerts[place], request)) for place in places]
    differ = [name for name in filled[0] if len({values[name] for values in filled}) > 1]
    words = (", ".join(f"{_short(name)}={values[name] or '?'}" for name in differ) for values in filled)
    return list(dict.fromkeys(words)) if differ else []


def _short(name: str) -> str:
    return name.removeprefix("alert.").removeprefix("labels.")
