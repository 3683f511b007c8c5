"""An incident in a few lines of plain text, for a terminal."""

from collections.abc import Iterator

from bot.policy.file.fields import elapsed_text
from bot.reports.incident_facts import IncidentFacts
from bot.reports.markdown import plain
from bot.reports.phases import phases
from bot.response.model.state_words import state_words

TEXT_SHOWN = 300


def incident_summary(facts: IncidentFacts) -> str:
    """What happened, how far it is, how long each phase took, and which audit entries tell of it."""
    return "\n".join(_lines(facts))


def _lines(facts: IncidentFacts) -> Iterator[str]:
    incident = facts.incident
    where = f"{incident.alert_name} on {incident.service or 'an unnamed service'} ({incident.severity})"
    yield f"{incident.name}: {plain(where, TEXT_SHOWN)}. {state_words(incident.state).label}."
    for phase in phases(facts):
        after = "" if phase.took is None else f" (+{elapsed_text(phase.took)})"
        yield f"  {phase.at:%Y-%m-%d %H:%M:%S} UTC  {phase.name}{after}"
    for question in facts.questions:
        action = question.action
        if action is not None:
            what, outcome = plain(action.plan.summary.rstrip("."), TEXT_SHOWN), plain(action.outcome, TEXT_SHOWN)
            yield f"{state_words(action.state, action.result).label}: {what}. {outcome}".rstrip()
    for question in facts.questions:
        review = question.review
        if review is not None and review.done_at is None:
            whose = f" by {review.assigned_to}" if review.assigned_to else ""
            yield f"To be reviewed{whose} until {review.due_at:%Y-%m-%d %H:%M} UTC."
    if facts.entries:
        first, last = facts.entries[0].number, facts.entries[-1].number
        yield f"Audit entries {first} to {last}, of which {len(facts.entries)} are about it."
    yield f"The whole story: watchkeeper incident {incident.name} --report"
