"""What the level in force lets happen, once nothing else objects."""

from bot.policy import conditions as cel
from bot.policy.decision import RuleResult, Verdict
from bot.policy.levels import Level
from bot.policy.plan import Exactness
from bot.policy.rules.case import Case, Ruling, escalates, forbids, passed
from bot.policy.rules.impact import finite


def keeps_veto_window(case: Case) -> bool:
    """Whether it is announced and may be stopped before it acts.

    A runbook written for L3 keeps its veto window when a cap brings it down to L2: losing trust must never make it
    act sooner. A runbook written for L2 has none.
    """
    return case.runbook.level is Level.L3 and case.granted >= Level.L2


def conditions(case: Case) -> Ruling:
    """Before any autonomous act every condition must hold now, for every alert that is as bad as the one acted on.

    One that cannot be evaluated does not hold.
    """
    written = case.runbook.conditions
    if case.granted < Level.L2:
        return passed(f"Conditions are judged before autonomous acts; {case.granted} asks.", {"written": list(written)})
    if not written:
        return passed("The runbook sets no condition.", {})
    burn = finite(case.impact.slo_burn)
    answers: dict[str, cel.Answer] = {}
    for alert in case.alerts:
        variables = cel.condition_variables(case.situation, alert, case.plan, case.confidence, burn)
        for text in written:
            if text not in answers or answers[text].holds is True:
                answers[text] = cel.evaluate(text, variables, cel.FOR_CONDITIONS)
    inputs = {text: answer.text for text, answer in answers.items()}
    failing = [f"{text} ({answer.text})" for text, answer in answers.items() if answer.holds is not True]
    if failing:
        return escalates(f"Not every condition for acting alone holds: {'; '.join(failing)}.", inputs)
    return passed("Every condition for acting alone holds.", inputs)


def veto_window(case: Case) -> Ruling:
    """A window of zero is for plans with an exact rollback and exactly one target."""
    seconds = case.policy.veto_window_of(case.name).total_seconds()
    exactness = case.plan.rollback.exactness
    count = max(case.plan.blast_radius.targets, len(case.plan.targets))
    inputs = {"veto_window_seconds": seconds, "way_back": exactness.value, "targets": count}  # as it is stored
    if not keeps_veto_window(case):
        return passed("No veto window is needed at this level.", inputs)
    if seconds > 0:
        return passed(f"People have {seconds:g} s to stop it before it starts.", inputs)
    if exactness is Exactness.EXACT and count == 1:
        return passed("It may start at once: the rollback is exact and there is one target.", inputs)
    return escalates(
        f"A veto window of 0 s needs an exact rollback and one target; rollback: {exactness.words}, targets: {count}.",
        inputs,
    )


def level(case: Case, *, held: bool) -> Ruling:
    """The level in force is the least of policy, licence and controls; it always has a verdict."""
    allowed = case.granted
    inputs = {
        "runbook": str(case.runbook.level),
        "highest": str(case.policy.levels.highest),
        "granted": str(allowed),
        "in_force": str(in_force(case, held=held)),
    }
    if allowed is Level.L0:
        return forbids(Verdict.OBSERVE, "L0, manual: people act, Watchkeeper observes and informs.", inputs)
    if allowed is Level.L1:
        return escalates("L1, assisted: Watchkeeper proposes, a person approves.", inputs)
    if keeps_veto_window(case):
        seconds = case.policy.veto_window_of(case.name).total_seconds()
        text = f"{allowed}, {allowed.title}: it acts in {seconds:g} s unless somebody stops it."
        return Ruling(RuleResult.PASSED, text, inputs, Verdict.ACT_UNLESS_STOPPED)
    return Ruling(RuleResult.PASSED, "L2, conditional: every condition holds, so it acts now.", inputs, Verdict.ACT)


def in_force(case: Case, *, held: bool) -> Level:
    """The level in force: while something is paused here, people act by hand."""
    return Level.L0 if held else case.granted
