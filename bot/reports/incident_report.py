"""The post-incident document: what happened, why, who was asked, what was done, and what is left, in Markdown.

Pure: the same facts give the same text. Every time is UTC and says so; everything from outside is escaped; parameters,
snapshots and details of remediations stay out of it, as they are nobody's business in a document that is passed on.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from bot.policy.decision import Decision, Reason, RuleResult
from bot.policy.file.fields import elapsed_text
from bot.policy.track_record import Judged
from bot.reports.incident_facts import Carried, IncidentFacts, Question
from bot.reports.markdown import bullets, code, escape, table
from bot.reports.phases import phases
from bot.reports.timeline import Naming, timeline
from bot.response.model.actions import ENDED, SETTLED_BY_PEOPLE, Action, ActionState, By
from bot.response.model.audit_kinds import AuditKind as Kind
from bot.response.model.incidents import IncidentState
from bot.response.model.records import Ballot, Occasion, Review
from bot.response.model.state_words import state_words
from bot.response.notices.plan_words import blast_radius_text, plan_notes
from bot.response.notices.rollback_words import rollback_text
from bot.response.ports.context import WATCHKEEPER

BY_PEOPLE = frozenset(
    {
        Kind.ACTION_STOPPED,
        Kind.ACTION_STOP_EXPLAINED,
        Kind.ACTION_OVERRIDDEN,
        Kind.ACTION_BY_HAND,
        Kind.ACTION_HALT_ASKED,
        Kind.ACTION_ROLL_BACK_ASKED,
        Kind.INCIDENT_TAKEN,
        Kind.AUTOMATION_PAUSED,
        Kind.AUTOMATION_RESUMED,
    }
)
"""What people did against what was proposed or running."""
OCCASIONS: Mapping[Occasion, str] = {
    Occasion.ACTED: "it was carried out",
    Occasion.OVERRIDDEN: "a person decided otherwise before it began",
    Occasion.ROLLED_BACK: "it was rolled back, or was to be",
}
_FINDINGS = {"supports": "supports it", "contradicts": "speaks against it"}


def report_name(facts: IncidentFacts) -> str:
    """The name of its file."""
    return f"{facts.incident.name}.md"


def incident_report(facts: IncidentFacts, people: Mapping[str, str] | None = None) -> str:
    """The document. ``people``: names of persons by id, where they are known; the others are called by their id."""
    name = _naming(people or {})
    incident = facts.incident
    parts = [
        f"# {incident.name}: {escape(incident.alert_name)} on {escape(incident.service or 'an unnamed service')}",
        f"Written {_moment(facts.written_at)} from the record. All times are UTC.",
        "## In short",
        bullets(in_short(facts, name)),
        "## How long it took",
        _phases(facts),
        "## What was decided, and what was done",
        *_left_out(facts),
        *(_question(one, facts, name) for one in facts.questions),
        *(() if facts.questions else ("Nothing was decided.",)),
        "## Where people stepped in",
        _by_people(facts, name),
        "## Reviews",
        _reviews(facts, name),
        "## Timeline",
        timeline(facts.entries, name) if facts.entries else "Nothing is on record.",
        "## The record",
        _record(facts),
    ]
    return "\n\n".join(parts) + "\n"


def in_short(facts: IncidentFacts, name: Naming) -> Iterator[str]:
    """The whole story in a few lines."""
    incident = facts.incident
    ended, said = incident.resolved_at, state_words(incident.state)
    lasted = elapsed_text((ended or facts.written_at) - incident.opened_at)
    yield f"**What happened:** {_summary(facts) or escape(incident.alert_name)} (severity {escape(incident.severity)})"
    if ended is None:
        yield f"**When:** since {_moment(incident.opened_at)}, for {lasted} by now. {said.label}."
    else:
        yield f"**When:** from {_moment(incident.opened_at)} to {_moment(ended)}: {lasted}."
    acts = [(one, one.action) for one in facts.questions if one.action is not None]
    for question, action in acts:
        stands = state_words(action.state, action.result).label
        yield f"**{stands}:** {_sentence(action.plan.summary)} {_who(question, action, name)}"
    if not acts:
        yield "**What Watchkeeper did:** nothing by itself; nothing was proposed that people could approve."
    if incident.taken_by:
        yield f"**Taken over** by {name(incident.taken_by)}."
    yield f"**Left to do:** {'; '.join(_left_to_do(facts))}."


def _left_to_do(facts: IncidentFacts) -> Iterator[str]:
    """What waits for people: of an open incident it never reads as if nothing did."""
    last = facts.questions[-1].action if facts.questions else None
    if facts.incident.state is IncidentState.OPEN and (last is None or last.state in ENDED | {ActionState.HELD}):
        yield "it is open, nothing is under way, and nobody has taken it: a person must look"
    waiting = [one.review for one in facts.questions if one.review is not None and one.review.done_at is None]
    if waiting:
        until = min(review.due_at for review in waiting)
        yield f"{len(waiting)} {'review' if len(waiting) == 1 else 'reviews'}, until {_moment(until)}"
    else:
        yield "no review is open"


def _summary(facts: IncidentFacts) -> str:
    decided = next((one.decided for one in facts.questions if one.decided is not None), None)
    annotations = decided.alert.annotations if decided else {}
    return escape(annotations.get("summary") or annotations.get("description") or "")


def _who(question: Question, action: Action, name: Naming) -> str:
    approved = [vote.person for vote in question.votes if vote.ballot is Ballot.APPROVE]
    if action.state in SETTLED_BY_PEOPLE:
        return f"By {_listed(map(name, action.decided_by))}."
    if approved:
        return f"Approved by {_listed(map(name, approved))}."
    return "It acted by itself, within the policy." if action.begun_at else "Nobody decided."


def _phases(facts: IncidentFacts) -> str:
    rows = [
        (one.name, f"{one.at:%Y-%m-%d %H:%M:%S}", "" if one.took is None else f"{elapsed_text(one.took)} later")
        for one in phases(facts)
    ]
    return table(("Phase", "Time (UTC)", "After the one before"), rows)


def _left_out(facts: IncidentFacts) -> Iterator[str]:
    if facts.earlier_questions:
        yield f"{facts.earlier_questions} earlier decisions are left out here; the timeline has them."


def _question(question: Question, facts: IncidentFacts, name: Naming) -> str:
    decided, action = question.decided, question.action
    parts = [f"### Question {question.revision}: {_title(question)}"]
    if decided is None:
        parts.append("What it was decided on cannot be read: it was altered, or only a newer release can read it.")
    else:
        parts.append(bullets(_decision(decided.decision, decided.audit_entry, decided.at)))
        parts += ["Evidence:", bullets(_evidence(decided.decision))] if decided.decision.evidence else ["No evidence."]
    if question.claim is not None:
        again = question.claim.decision.headline
        parts.append(f"Judged again when it began, {_moment(question.claim.at)}: {escape(again)}")
    if action is None:
        problem = decided.planned.problem if decided is not None else ""
        return "\n\n".join(
            [*parts, f"Nothing could be run: {escape(problem)}" if problem else "Nothing was to be run."]
        )
    parts += ["Who was asked, and who answered:", bullets(_answers(question, action, facts, name))]
    parts += ["What it was about to do:", bullets(_plan(action))]
    parts += [_carried(one) for one in question.carried]
    outcome = escape(action.outcome) or "Nothing has come of it yet."
    parts.append(f"**{state_words(action.state, action.result).label}.** {outcome}")
    return "\n\n".join(parts)


def _title(question: Question) -> str:
    decision = question.decided.decision if question.decided else None
    runbook = question.action.runbook if question.action else (decision.runbook if decision else None)
    return code(runbook) if runbook else "no runbook applies"


def _decision(decision: Decision, entry: int, at: datetime) -> Iterator[str]:
    yield f"**{state_words(decision.verdict).label}**, {_moment(at)}, audit entry {entry}"
    yield f"Why: {escape(decision.headline)}"
    yield f"Level in force: {decision.level} {decision.level.title}"
    if decision.confidence is not None:
        yield f"Confidence: {decision.confidence:.2f}"
    against = [one for one in decision.reasons if one.result is not RuleResult.PASSED]
    yield from map(_rule, against)
    passed = len(decision.reasons) - len(against)
    yield f"{passed} of {len(decision.reasons)} rules had nothing against it"
    yield f"Under the policy {code(decision.policy_digest[:12])}"


def _rule(reason: Reason) -> str:
    verb = "forbids" if reason.result is RuleResult.FORBIDS else "wants a person"
    return f"{escape(reason.title)} {verb}: {escape(reason.text)}"


def _evidence(decision: Decision) -> Iterator[str]:
    for one in decision.evidence:
        found = _FINDINGS.get(one.finding.value, "cannot tell")
        detail = f": {escape(one.detail)}" if one.detail else ""
        yield f"{escape(one.name)} {found}{detail} ({code(one.query)})"


def _answers(question: Question, action: Action, facts: IncidentFacts, name: Naming) -> Iterator[str]:
    if action.requested_by:
        yield f"Requested by {name(action.requested_by)}"
    for group in action.asked:
        yield f"Asked {escape(group.group)}, {_moment(group.at)}: {_listed(map(name, group.people)) or 'nobody'}"
    for vote in question.votes:
        verb = "approved" if vote.ballot is Ballot.APPROVE else "stopped it"
        read = "after reading the evidence" if vote.opened_evidence else "without opening the evidence"
        yield f"Answered: {name(vote.person)} {verb}, {_moment(vote.at)}, {read}"
    if action.state in SETTLED_BY_PEOPLE and action.decided_at is not None:
        by = _listed(map(name, action.decided_by))
        yield f"{state_words(action.state).label} by {by}, {_moment(action.decided_at)}"
    elif not question.votes:
        yield "Nobody answered" if action.by is not By.ALONE or not action.begun_at else "Nobody needed to answer"
    reminded = [
        one for one in facts.entries if one.kind == Kind.ACTION_REMINDED and one.body.get("action") == action.id
    ]
    yield from (f"Reminded, {_moment(one.at)}" for one in reminded)


def _plan(action: Action) -> Iterator[str]:
    plan = action.plan
    yield escape(plan.summary)
    yield from (f"Step {number}: {escape(step)}" for number, step in enumerate(plan.steps, start=1))
    yield f"Blast radius: {blast_radius_text(plan)}: {_listed(code(target.label) for target in plan.targets)}"
    yield f"Rollback: {escape(rollback_text(plan))}"
    yield from (f"{escape(note.label)}: {escape(note.text)}" for note in plan_notes(plan))


def _carried(carried: Carried) -> str:
    title = "What the rollback did:" if carried.rollback else "What was done:"
    steps = [
        f"{escape(step.words)}: "
        + ("done" if step.ended else f"failed: {escape(step.problem)}" if step.problem else "nobody knows")
        for step in carried.steps
    ]
    return "\n\n".join([title, bullets([*steps, escape(carried.report)]) or "- No step of it began."])


def _by_people(facts: IncidentFacts, name: Naming) -> str:
    entries = [one for one in facts.entries if one.kind in BY_PEOPLE and one.actor != WATCHKEEPER]
    return timeline(entries, name) if entries else "Nobody did."


def _reviews(facts: IncidentFacts, name: Naming) -> str:
    reviews = [(one.review, one.action) for one in facts.questions if one.review is not None and one.action is not None]
    if not reviews:
        return "Nothing is to be reviewed: nothing was changed, and nobody decided otherwise."
    return "\n\n".join(
        f"{_sentence(action.plan.summary)}\n\n{bullets(_review(review, name))}" for review, action in reviews
    )


def _review(review: Review, name: Naming) -> Iterator[str]:
    yield f"Asked for because {OCCASIONS[review.occasion]}"
    for earlier in review.earlier:
        yield f"Said before that by {name(str(earlier.get('by')))}: {_verdict(earlier)}"
    if review.done_by is None or review.answers is None:
        whose = f"by {name(review.assigned_to)} " if review.assigned_to else ""
        yield f"**To be done** {whose}until {_moment(review.due_at)}"
        return
    at = f", {_moment(review.done_at)}" if review.done_at else ""
    yield f"By {name(review.done_by)}{at}: {_verdict(review.answers)}"


def _verdict(answers: Mapping[str, object]) -> str:
    judged = Judged(str(answers.get("judgement")))
    surprise = f" Surprising: {_sentence(str(answers['surprise']))}" if answers.get("surprise") else ""
    return f"**{judged}**.{surprise} What should change: {escape(str(answers.get('text') or ''))}"


def _record(facts: IncidentFacts) -> str:
    if not facts.entries:
        return "No entry of the audit chain is about this incident."
    numbers = [entry.number for entry in facts.entries]
    return (
        f"Audit entries {_ranges(numbers)}. The last of them, {numbers[-1]}, is sealed {code(facts.seal)}. "
        "`watchkeeper audit verify` proves the whole chain; this document is a copy and proves nothing by itself."
    )


def _ranges(numbers: Sequence[int]) -> str:
    """12, 13, 14, 17 -> ``12-14, 17``."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda one: one[1] - one[0])]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _naming(people: Mapping[str, str]) -> Naming:
    def name(person: str) -> str:
        if person == WATCHKEEPER:
            return "Watchkeeper"
        return f"{escape(people[person])} ({code(person)})" if people.get(person) else code(person)

    return name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _sentence(text: str) -> str:
    return f"{escape(text.rstrip('. '))}."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
