"""A plan in words: what a person needs to know of it before it runs, and nothing they would have to look up."""

from datetime import timedelta

from pydantic import JsonValue

from bot.policy.file.fields import duration_text
from bot.policy.percent import percent
from bot.policy.plan import Exactness, Plan, Remaining
from bot.response.model.plan_cards import PlanCard, PlanNote
from bot.response.notices.rollback_words import rollback_text


def plan_card(plan: Plan) -> PlanCard:
    """The plan as cards, lists and confirmations show it."""
    return PlanCard(
        summary=plan.summary,
        steps=plan.steps,
        blast_radius=blast_radius_text(plan),
        rollback=rollback_text(plan),
        notes=plan_notes(plan),
        short=plan.short,
        touches=f"{_touched(plan)}. {_lost(plan)}".rstrip(),
    )


def _touched(plan: Plan) -> str:
    """ "The only instance", "1 of 4 instances, 3 of 4 stay healthy"; the blast radius where the system does not say."""
    remaining, targets = plan.remaining, len(plan.targets)
    if remaining is None or remaining.total == 0:
        return blast_radius_text(plan)
    if remaining.total == 1:
        return "The only instance"
    which = f"All {remaining.total}" if targets >= remaining.total else f"{targets} of {remaining.total}"
    return f"{which} instances, {remaining.left} of {remaining.total} stay healthy"


def _lost(plan: Plan) -> str:
    """What no rollback brings back, as the remediation says it."""
    final = plan.rollback.exactness in (Exactness.NOTHING_TO_UNDO, Exactness.NONE)
    return f"{plan.rollback.summary.strip().rstrip('.')}." if final and plan.rollback.summary.strip() else ""


def blast_radius_text(plan: Plan) -> str:
    """ "1 target, 25 % of the fleet"."""
    count = plan.blast_radius.targets
    noun = "target" if count == 1 else "targets"
    share = plan.blast_radius.share
    return f"{count} {noun}" + ("" if share is None else f", {percent(share)} of the fleet")


def plan_notes(plan: Plan) -> tuple[PlanNote, ...]:
    """What else is to be known: what speaks against it first, then what stays healthy, what to expect, when it ends."""
    said = [
        *(PlanNote(label="Caution", text=caution, warns=True) for caution in plan.cautions),
        *_note("Stays healthy", _stays(plan.remaining)),
        *_note("Expect", ", ".join(filter(None, (_expected(*one) for one in sorted(plan.forecasts.items()))))),
        *_note("Ends by itself", _ends(plan.ends_after_seconds)),
    ]
    return tuple(said)


def _note(label: str, text: str) -> tuple[PlanNote, ...]:
    return (PlanNote(label=label, text=text),) if text else ()


def _stays(remaining: Remaining | None) -> str:
    if remaining is None or remaining.total == 0:
        return ""
    down = max(0, remaining.total - remaining.healthy)
    already = f"; {down} {'is' if down == 1 else 'are'} down already" if down else ""
    return f"{remaining.left} of {remaining.total}{already}"


def _ends(seconds: float | None) -> str:
    return "" if seconds is None else f"after {duration_text(timedelta(seconds=seconds))}"


def _expected(name: str, value: JsonValue) -> str:
    """ "12 pods moved", "blocked until 04:00 UTC"; empty where there is nothing that a person could read."""
    if isinstance(value, bool):
        return name if value else f"not {name}"
    if isinstance(value, int):
        return f"{value:,} {name}"
    if isinstance(value, float):
        return f"{value:g} {name}"
    return f"{name} {value}" if isinstance(value, str) and value else ""
