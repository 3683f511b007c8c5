"""Licence: the level a runbook has earned by evidence, and what it lost by doing harm."""

from collections.abc import Sequence
from datetime import datetime

from bot.policy.decision import RuleResult, Verdict
from bot.policy.levels import Level
from bot.policy.rules.case import Case, Licence, Ruling, forbids, passed
from bot.policy.situation import Evidenced, Gate

WITHOUT_ALL_GATES = Level.L1
"""The most a runbook may do that has not passed every gate."""


def licence_of(evidenced: Evidenced, digest: str, now: datetime, changed: Sequence[str] = ()) -> Licence:
    """Draw the licence from the rows: gates count while unexpired and made for this very version of the runbook.

    ``changed``: parameters that a person wants otherwise than written, for which no licence was earned.
    """
    gates = frozenset(row.gate for row in evidenced.gates if row.digest == digest and now < row.until)
    caps = [(demotion.level, demotion.reason) for demotion in evidenced.demotions]
    if changed:
        words = ", ".join(sorted(changed))
        caps.append((Level.L1, f"it earned its licence with the parameters as written, and a person changed {words}"))
    if not caps:
        return Licence(gates)
    level, reason = min(caps, key=lambda cap: cap[0])
    return Licence(gates, level, reason)


def missing_gates(licence: Licence) -> tuple[Gate, ...]:
    """The gates not passed, in the order they are usually run."""
    return tuple(gate for gate in Gate if gate not in licence.gates)


def earned(licence: Licence) -> Level:
    """All five gates earn up to L3, fewer at most L1; a demotion caps either."""
    by_gates = WITHOUT_ALL_GATES if missing_gates(licence) else Level.L3
    return by_gates if licence.demoted_to is None else min(by_gates, licence.demoted_to)


def licence(case: Case) -> Ruling:
    """Objects when the licence takes away autonomy that the policy would give."""
    held = case.licence
    level, written = earned(held), min(case.runbook.level, case.policy.levels.highest)
    missing = missing_gates(held)
    inputs = {
        "earned": str(level),
        "missing_gates": [gate.value for gate in missing],
        "demoted_to": str(held.demoted_to) if held.demoted_to is not None else None,
    }
    if level >= written:
        return passed(f"{case.name} has earned {level}; its entry in the policy asks for {written}.", inputs)
    if held.demoted_to is not None and held.demoted_to <= level:
        why = f"it was demoted to {held.demoted_to}" + (f" ({held.demotion_reason})" if held.demotion_reason else "")
    else:
        why = f"not passed yet: {', '.join(gate.in_words for gate in missing)}"
    text = f"{case.name} may act at most at {level} instead of {written}: {why}."
    if level is Level.L0:
        return forbids(Verdict.OBSERVE, text, inputs)
    if level is Level.L1:
        return Ruling(RuleResult.ESCALATES, text, inputs, Verdict.ASK)
    return passed(text, inputs)
