"""Licence: the level a runbook has earned by evidence, and what it lost by doing harm.

All five gates, each passed with everything as it is now and not expired, earn up to L3; fewer earn L1 at most. Whatever
demotes caps that. There is no waiver.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.policy.decision import RuleResult, Verdict
from bot.policy.file.document import Policy, Runbook
from bot.policy.file.fields import elapsed_text
from bot.policy.levels import Level
from bot.policy.rules.case import Case, Licence, Ruling, forbids, passed
from bot.policy.rules.demotion import Cause, Due, unwritten
from bot.policy.rules.seal import void
from bot.policy.rules.services import Services
from bot.policy.situation import Evidenced, Gate, GatePass
from bot.policy.track_record import Seal

WITHOUT_ALL_GATES = Level.L1
"""The most a runbook may do that has not passed every gate."""
NEAR = timedelta(days=7)
"""Before its end, a gate is said to expire."""
NO_SERVICE = Services(frozenset(), known=True)
"""No entry of a service counts: what is asked is what the runbook may do wherever it applies."""


def licence_of(
    held: Evidenced,
    policy: Policy,
    name: str,
    seal: Seal,
    now: datetime,
    *,
    touched: Services = NO_SERVICE,
    changed: Sequence[str] = (),
) -> Licence:
    """Draw the licence of the runbook ``name`` from the rows.

    Args:
        held: what is on record about it.
        policy: which has the runbook.
        name: the runbook's.
        seal: what its gates would be passed with now.
        now: when it would act.
        touched: services whose entries must be as they were when the gates were passed.
        changed: parameters that a person wants otherwise than written, for which no licence was earned.
    """
    missing: dict[Gate, str] = {}
    for gate in Gate:
        rows = sorted((row for row in held.gates if row.gate is gate), key=lambda row: row.passed_at, reverse=True)
        problems = [_problem(row, held, policy, name, seal, now, touched) for row in rows]
        if all(problems):  # a row that counts is enough; where none does, the newest says why
            missing[gate] = problems[0] if problems else ""
    caps = [(demotion.level, demotion.reason) for demotion in held.demotions]
    caps += [(due.level, due.reason) for due in unwritten(held, now)]
    if changed:
        words = ", ".join(sorted(changed))
        caps.append((Level.L1, f"it earned its licence with the parameters as written, and a person changed {words}"))
    level, reason = min(caps, key=lambda cap: cap[0]) if caps else (None, "")
    return Licence(frozenset(Gate) - missing.keys(), level, reason, missing)


def expirations(held: Evidenced, policy: Policy, name: str, seal: Seal, now: datetime) -> tuple[Due, ...]:
    """The gates for whose age alone the runbook ``name`` has lost what it had earned; none where another is lacking."""
    found = []
    for gate in Gate:
        rows = [row for row in held.gates if row.gate is gate and not void(row, held.seals, seal, NO_SERVICE)]
        signed = [row for row in rows if not _unsigned(row, policy.runbooks[name])]
        if not signed:
            return ()
        newest = max(signed, key=lambda row: lasts_until(row, policy))
        until = lasts_until(newest, policy)
        if until <= now:
            key = f"{Cause.EXPIRED}:{gate}:{newest.passed_at.isoformat()}"
            found.append(Due(Cause.EXPIRED, key, f"the {gate.in_words} expired at {until:%Y-%m-%d %H:%M} UTC"))
    return tuple(found)


def missing_gates(licence: Licence) -> tuple[Gate, ...]:
    """The gates that do not count, in the order they are usually run."""
    return tuple(gate for gate in Gate if gate not in licence.gates)


def why_missing(licence: Licence) -> str:
    """Why gates do not count, in words: "the chaos test expired 3 days ago". Empty where all do.

    Those with the same problem are named together, and those that were never passed come last.
    """
    by_problem: dict[str, list[Gate]] = {}
    for gate in missing_gates(licence):
        by_problem.setdefault(licence.missing.get(gate, ""), []).append(gate)
    never = by_problem.pop("", [])
    said = [f"{_subject(gates)} {_verb(problem, len(gates))}" for problem, gates in by_problem.items()]
    return "; ".join((*said, *([f"not passed yet: {', '.join(gate.in_words for gate in never)}"] if never else [])))


def earned(licence: Licence) -> Level:
    """All five gates earn up to L3, fewer at most L1; a demotion caps either."""
    by_gates = WITHOUT_ALL_GATES if missing_gates(licence) else Level.L3
    return by_gates if licence.demoted_to is None else min(by_gates, licence.demoted_to)


def lasts_until(row: GatePass, policy: Policy) -> datetime:
    """When the gate stops counting: as it was said then, or sooner where the policy has become stricter since.

    Of a row of an older release nothing was ever said but that.
    """
    if not row.seal:
        return row.until
    expire = policy.gates.expire
    period = expire.rollback_verification if row.gate is Gate.ROLLBACK_VERIFICATION else expire.others
    return min(row.until, row.passed_at + period)


def expiring(held: Evidenced, policy: Policy, name: str, seal: Seal, now: datetime) -> str:
    """Which gates soon stop counting, in words: "the chaos test expires in 6 days". Empty while none does.

    Where a gate does not count as it is, that is what there is to say, see ``why_missing``.
    """
    ends = {
        gate: max(
            (
                lasts_until(row, policy)
                for row in held.gates
                if row.gate is gate and not _problem(row, held, policy, name, seal, now, NO_SERVICE)
            ),
            default=None,
        )
        for gate in Gate
    }
    lasting = {gate: end for gate, end in ends.items() if end is not None}
    if len(lasting) < len(Gate):
        return ""
    together: dict[str, list[Gate]] = {}
    for gate, end in sorted(lasting.items(), key=lambda each: each[1]):
        if end - now <= NEAR:
            together.setdefault(elapsed_text(end - now), []).append(gate)
    said = [
        f"{_subject(gates)} {'expire' if 1 < len(gates) < len(Gate) else 'expires'} in {left}"
        for left, gates in together.items()
    ]
    return "; ".join(said)


def licence(case: Case) -> Ruling:
    """Objects when the licence takes away autonomy that the policy would give."""
    held = case.licence
    level, written = earned(held), min(case.runbook.level, case.policy.levels.highest)
    inputs = {
        "earned": str(level),
        "missing_gates": [gate.value for gate in missing_gates(held)],
        "demoted_to": str(held.demoted_to) if held.demoted_to is not None else None,
    }
    if level >= written:
        return passed(f"{case.name} has earned {level}; its entry in the policy asks for {written}.", inputs)
    if held.demoted_to is not None and held.demoted_to <= level:
        why = f"it was demoted to {held.demoted_to}" + (f" ({held.demotion_reason})" if held.demotion_reason else "")
    else:
        why = why_missing(held)
    text = f"{case.name} may act at most at {level} instead of {written}: {why}."
    if level is Level.L0:
        return forbids(Verdict.OBSERVE, text, inputs)
    if level is Level.L1:
        return Ruling(RuleResult.ESCALATES, text, inputs, Verdict.ASK)
    return passed(text, inputs)


def _problem(
    row: GatePass, held: Evidenced, policy: Policy, name: str, seal: Seal, now: datetime, touched: Services
) -> str:
    """Why a row does not count, as a predicate; empty where it does."""
    changed = _void(void(row, held.seals, seal, touched))
    return changed or _expired(row, policy, now) or _unsigned(row, policy.runbooks[name])


def _void(changes: str) -> str:
    return f"is void: {changes}" if changes else ""


def _expired(row: GatePass, policy: Policy, now: datetime) -> str:
    until = lasts_until(row, policy)
    return f"expired {elapsed_text(now - until)} ago" if until <= now else ""


def _unsigned(row: GatePass, runbook: Runbook) -> str:
    """Why a sign-off is none. Whether its person was in a group that may is asked when it is given."""
    if row.gate is not Gate.HUMAN_SIGN_OFF or not row.seal:
        return ""
    if not runbook.authors:
        return "is void: the runbook does not say who wrote it"
    if not row.by:
        return "is void: it does not say who gave it"
    return "is void: whoever gave it has written the runbook" if row.by in runbook.authors else ""


def _subject(gates: Sequence[Gate]) -> str:
    if len(gates) == len(Gate):
        return "every gate"
    *others, last = [f"the {gate.in_words}" for gate in gates]
    return f"{', '.join(others)} and {last}" if others else last


def _verb(problem: str, gates: int) -> str:
    """The problem of one gate as it is said of several; every one of them is still one."""
    return f"are {problem.removeprefix('is ')}" if problem.startswith("is ") and 1 < gates < len(Gate) else problem
