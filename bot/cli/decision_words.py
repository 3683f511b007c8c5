"""A decision that nobody made, in words: what it would be, why, and what it rests on that is not known here."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bot.cli.decision_forms import (
    SENTENCES,
    Foretold,
    Outcome,
    PlanTold,
    QueryTold,
    RuleTold,
    Standing,
)
from bot.composition.stand_ins import RESTS_ON, Source
from bot.policy.approval import next_groups
from bot.policy.decide import NOT_JUDGED
from bot.policy.decision import Decision, Reason, RuleResult
from bot.policy.evidence import NOT_ASKED, Answer
from bot.policy.file.document import Policy, Runbook
from bot.policy.file.fields import duration_text
from bot.policy.file.templates import TemplateError, substitute
from bot.policy.levels import Level
from bot.policy.percent import percent
from bot.policy.rules.matching import Matched, worst_severity
from bot.policy.situation import AlertFacts, Planned, Situation
from bot.response.assessment.assess import prepared_verification
from bot.response.model.incidents import Incident
from bot.response.notices.card import headline_of
from bot.response.notices.plan_words import plan_card
from bot.response.notices.recipients import Members, ask_first, asked_groups, why_quiet

SAMPLES_SHOWN = 3
NAMED = 10
"""Runbooks that a sentence names; it counts the others."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One incident's decision, with all that it was made from."""

    title: str
    policy: Policy
    situation: Situation
    decision: Decision
    matched: Matched
    members: Members
    unknown: Collection[Source]
    incident: Incident | None
    is_busy: bool
    """Whether an action of the incident is being carried out."""
    is_known: bool
    """Whether all of these alerts fire in the incident already."""
    open_conditions: tuple[str, ...]

    @property
    def runbook(self) -> Runbook | None:
        """The entry that applies."""
        return self.policy.runbooks.get(self.decision.runbook or "")

    @property
    def alert(self) -> AlertFacts:
        """The one that fills the runbook."""
        return self.situation.alerts[self.decision.alert]

    @property
    def rests_on(self) -> tuple[Source, ...]:
        """What is not known and counts: where there is nothing to judge, nothing of it does."""
        if self.decision.plan_digest is None:
            return ()
        return tuple(source for source in Source if source in self.unknown)

    @property
    def granted(self) -> Level:
        """The highest level that the policy leaves it."""
        written = self.runbook.level if self.runbook is not None else Level.L0
        return min(written, self.policy.levels.highest)


def muted_told(title: str, incident: Incident | None, alerts: Sequence[AlertFacts], reasons: Sequence[str]) -> Foretold:
    """Every alert is muted."""
    return Foretold(
        title=title,
        outcome=Outcome.NOTHING,
        headline=f"Muted by the policy: {'; '.join(reasons)}.",
        incident=incident.name if incident is not None else "",
        alerts=_named(alerts),
    )


def taken_told(title: str, incident: Incident, alerts: Sequence[AlertFacts]) -> Foretold:
    """Somebody has taken the incident over that these would join."""
    by = incident.taken_by or "somebody"
    return Foretold(
        title=title,
        outcome=Outcome.NOTHING,
        headline=f"{by} has taken {incident.name} over: nobody else is asked, and nothing acts by itself.",
        incident=incident.name,
        alerts=_named(alerts),
    )


def told(judged: Judged) -> Foretold:
    """What the decision comes to, and nothing that a stand-in has made up."""
    decision, verdict = judged.decision, judged.decision.verdict
    outcome = Outcome(verdict.value)
    at_best: Outcome | None = None
    if judged.rests_on:
        at_best = outcome
        outcome = Outcome.ASK if verdict.autonomous else outcome
    return Foretold(
        title=judged.title,
        outcome=outcome,
        headline=_headline(judged),
        at_best=at_best,
        rests_on=tuple(source.value for source in judged.rests_on),
        incident=judged.incident.name if judged.incident is not None else "",
        alerts=_named(judged.situation.alerts),
        runbook=decision.runbook,
        notes=tuple(_notes(judged)),
        rules=tuple(_rule(judged, reason) for reason in decision.reasons),
        queries=tuple(_queries(judged)),
        verified_by=tuple(_verified_by(judged)),
        plan=_plan(judged),
        people=tuple(_people(judged, outcome)),
    )


def _headline(judged: Judged) -> str:
    decision = judged.decision
    if judged.rests_on and decision.verdict.autonomous:
        return "Nothing in the policy or in the alert speaks against acting."
    if judged.rests_on:
        return _rule(judged, decision.reason(decision.decisive)).text
    return headline_of(decision)


def _rule(judged: Judged, reason: Reason) -> RuleTold:
    def told(standing: Standing, text: str) -> RuleTold:
        return RuleTold(reason.rule, reason.title, standing, text)

    missing = [source for source in RESTS_ON.get(reason.rule, ()) if source in judged.unknown]
    if reason.text == NOT_JUDGED.text:
        return told(Standing.NOT_JUDGED, reason.text)
    if reason.result is not RuleResult.PASSED:
        return told(Standing.OBJECTS, _at_best(judged, reason) if missing else reason.text)
    if missing and reason.rule not in _known_all_the_same(judged):
        return told(Standing.UNKNOWN, _unknown(judged, reason, missing))
    return told(Standing.PASSED, reason.text)


def _at_best(judged: Judged, reason: Reason) -> str:
    """An objection that stays whatever is not known; of confidence, without the cases that stand in for real ones."""
    if reason.rule != "confidence":
        return reason.text
    parts = "; ".join(part.text for part in judged.decision.parts if part.name != "cases" and part.factor < 1)
    return f"Confidence is {percent(judged.decision.confidence or 0)} at best, below what the policy wants: {parts}."


def _unknown(judged: Judged, reason: Reason, missing: Sequence[Source]) -> str:
    rests = f"rests on {' and '.join(source.value for source in missing)}"
    if reason.rule == "plan":
        return "Planning stops here: no system was asked."
    if reason.rule == "level":
        return f"{judged.granted}, {judged.granted.title}, at most: {rests}."
    if reason.rule == "conditions" and judged.open_conditions:
        return f"{'; '.join(judged.open_conditions)}: {rests}."
    return f"{rests[0].upper()}{rests[1:]}."


def _known_all_the_same(judged: Judged) -> frozenset[str]:
    """Rules that have no objection, whatever is not known: the policy alone says so."""
    policy, runbook, known = judged.policy, judged.runbook, set[str]()
    if judged.granted < Level.L2:
        known |= {"cases", "conditions"}
    if not judged.open_conditions:
        known.add("conditions")
    if runbook is None or runbook.level is not Level.L3 or policy.veto_window_of(judged.decision.runbook or ""):
        known.add("veto_window")
    if not policy.budgets:
        known.add("budgets")
    return frozenset(known)


def _notes(judged: Judged) -> Iterator[str]:
    incident, matched, runbook = judged.incident, judged.matched, judged.runbook
    if incident is not None:
        yield f"Joins {incident.name}, which is open since {incident.opened_at:%Y-%m-%d %H:%M} UTC."
    if judged.is_known:
        yield "Each of these alerts is in it already: as long as nothing else is new, nobody is asked again."
    if judged.is_busy:
        yield "An action of it is being carried out: this is considered when that has ended."
    if runbook is not None:
        yield f"Runbook {judged.decision.runbook}: {judged.alert.name} fits `{' '.join(runbook.when.split())}`."
    elif judged.policy.runbooks:
        yield f"No `when` fits of these: {_listed(tuple(judged.policy.runbooks))}."
    for one in matched.undetermined:
        yield f"Could not be evaluated: {one.entry} ({one.text})."
    if runbook is not None and runbook.settle is not None and incident is None:
        yield f"It waits {duration_text(runbook.settle)} first: what ends by then is told to nobody."
    if judged.decision.unmatched and runbook is not None:
        yield f"Also firing, without a runbook: {', '.join(judged.decision.unmatched)}."
    if matched.others:
        yield f"Other runbooks that match: {', '.join(matched.others)}."
    if matched.muted:
        yield f"Muted by the policy: {'; '.join(matched.muted)}."
    if judged.decision.otherwise is not None and not judged.rests_on:
        yield f"Without that: {SENTENCES[Outcome(judged.decision.otherwise.value)]}."
    if judged.decision.shadow is not None:
        yield f"With its licence: {SENTENCES[Outcome(judged.decision.shadow.value)]}."


def _queries(judged: Judged) -> Iterator[QueryTold]:
    asked = Source.MONITORING not in judged.unknown
    named = set[str]()
    for piece in judged.decision.evidence:
        named.add(piece.query)
        if asked:
            yield QueryTold(piece.name, piece.query, piece.finding.value, piece.detail)
        else:
            yield QueryTold(piece.name, piece.query)
    for query, answer in judged.situation.answers.items():
        if query not in named:
            whose = [name for name, entry in judged.policy.services.items() if entry.slo_burn == query]
            about = f"error budget of {', '.join(whose)}" if whose else "evidence"
            yield QueryTold(about, query, answer=_answered(answer) if asked else "")


def _answered(answer: Answer) -> str:
    if answer.error:
        return answer.error
    if not answer.samples:
        return "nothing matches the query"
    more = f" and {len(answer.samples) - SAMPLES_SHOWN} more" if len(answer.samples) > SAMPLES_SHOWN else ""
    return f"{', '.join(answer.samples[:SAMPLES_SHOWN])}{more}" or NOT_ASKED.error


def _verified_by(judged: Judged) -> Iterator[str]:
    runbook = judged.runbook
    if runbook is None or judged.decision.plan_digest is None:
        return
    query = prepared_verification(runbook, judged.alert)
    yield from filter(None, (query, runbook.verify.http))


def _plan(judged: Judged) -> PlanTold | None:
    runbook = judged.runbook
    if runbook is None:
        return None
    if Source.PLAN in judged.unknown:
        try:
            given = substitute(runbook.parameters, judged.alert)
        except TemplateError:
            return None
        written = ", ".join(f"{name}={value}" for name, value in given.items())
        return PlanTold(f"{runbook.remediation}{f' with {written}' if written else ''}")
    plan = judged.situation.plans.get(judged.decision.runbook or "", Planned()).plan
    if plan is None:
        return None
    card = plan_card(plan)
    lines = (
        *card.steps,
        f"Targets: {', '.join(target.label for target in plan.targets) or 'none'}",
        f"Blast radius: {card.blast_radius}",
        f"Rollback: {card.rollback}",
        *(f"{note.label}: {note.text}" for note in card.notes),
    )
    return PlanTold(card.summary, made=True, lines=lines)


def _people(judged: Judged, outcome: Outcome) -> Iterator[str]:
    if outcome in (Outcome.ACT, Outcome.ACT_UNLESS_STOPPED):
        return
    policy, now, name = judged.policy, judged.situation.now, judged.decision.runbook or ""
    heard = [judged.situation.alerts[place] for place in judged.matched.heard] or judged.situation.alerts
    severity = worst_severity(heard)
    asked = ask_first(policy, name, judged.members, severity, now, ())
    awake = [one.group for one in asked_groups(policy, asked, severity, now) if one.quiet_until is None]
    doing = "Asked" if outcome is Outcome.ASK else "Called"
    yield f"{doing}: {', '.join(awake)}." if awake else "Nobody may be called at this hour."
    yield from filter(None, (why_quiet(policy, asked, severity, now),))
    if outcome is Outcome.ASK and judged.decision.approvals_needed > 1:
        least = "At least " if Source.PLAN in judged.unknown else ""
        yield f"{least}{judged.decision.approvals_needed} people must approve."
    following = next_groups(policy, name, [one.group for one in asked])
    if following:
        within = duration_text(policy.approvals_of(name).approve_within)
        yield f"If nobody answers within {within}: {following[0]} as well."


def _named(alerts: Sequence[AlertFacts]) -> tuple[str, ...]:
    return tuple(f"{alert.name} ({alert.severity or 'no severity'})" for alert in alerts)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
