"""Longer answers to ``/watch``: the runbooks, what is to be reviewed, the record, and a rehearsal.

Pure functions from facts to messages that one person sees. Must not know: how the facts were gathered.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate

from slack_sdk.models.blocks import Block

from bot.policy.decision import RuleResult
from bot.policy.situation import Planned
from bot.response.interventions.candidacies import Stand
from bot.response.interventions.requests import Rehearsal
from bot.response.interventions.reviews import DueReview
from bot.response.interventions.runbook_levels import RunbookLevel
from bot.response.model.actions import Action
from bot.response.model.notices import Tone
from bot.response.model.records import AuditEntry
from bot.response.model.state_words import state_words
from bot.response.notices.plan_words import plan_card
from bot.response.notices.progress import Doing
from bot.slack import explaining, layout
from bot.slack.cards.wording import people, plan_note
from bot.slack.layout import Message
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    bold,
    capital,
    code,
    concat,
    dotted,
    escape,
    lines,
    mention,
    spaced,
    units,
    when,
    words,
)
from bot.slack.tones import icon

RUNBOOKS_SHOWN = 20
RUNBOOKS_CHARACTERS = 9000
"""What a message has room for, its title aside; further runbooks are counted."""
REASONS_SHOWN = 8
REVIEWS_SHOWN = 15
ENTRIES_SHOWN = 20
STEPS_SHOWN = 6
NOTES_SHOWN = 8
OBJECTIONS_SHOWN = 6
LINES_PER_SECTION = 5
STANDINGS_PER_SECTION = 2
"""Each may say much."""


def runbooks(listed: Sequence[RunbookLevel], measured: str = "") -> Message:
    """``/watch runbooks``. ``measured``: whether confidence has meant what it said; empty where that is not known."""
    if not listed:
        return _message(words("The policy names no runbook yet, so every alert is for people."))
    title = words(f"{len(listed)} runbook{'' if len(listed) == 1 else 's'}")
    stand = [standing(one) for one in listed]
    room = list(accumulate(map(units, stand[:RUNBOOKS_SHOWN])))
    shown = bisect_right(room, RUNBOOKS_CHARACTERS)
    told = [layout.context(spaced(words("📏"), escape(measured, 300)))] if measured else []
    return _message(title, [*_list(title, stand, shown, STANDINGS_PER_SECTION), *told])


def standing(one: RunbookLevel) -> Mrkdwn:
    """One runbook: the level in force, why it is not higher, what of its licence soon ends, and what it would do."""
    why = concat(words("not higher: "), escape(one.why_not_higher, 500)) if one.why_not_higher else EMPTY
    ends = spaced(words("⏳"), escape(one.expiring, 200)) if one.expiring else EMPTY
    shadow = spaced(words("👥"), escape(one.shadow, 200)) if one.shadow else EMPTY
    level = words(f"{one.in_force} {one.in_force.title}")
    return lines([dotted([code(one.runbook, 80), bold(level), escape(one.summary, 120)]), why, ends, shadow])


def stand(one: Stand) -> Message:
    """``/watch promote``: where the runbook stands, and what came of asking for its gates."""
    level = words(f"{one.stands.level} {one.stands.level.title}")
    title = dotted([code(one.runbook, 80), bold(level), words(f"the policy is written for {one.written}")])
    reasons = [concat(words("• "), escape(reason, 300)) for reason in one.stands.reasons[:REASONS_SHOWN]]
    blocks = [
        layout.section(lines([title, escape(one.summary, 200)])),
        layout.section(
            lines([bold(words("What keeps it there:")), *reasons]) if reasons else words("Nothing is left.")
        ),
        layout.section(escape(one.prospect, 400)),
        layout.section(spaced(icon(Tone.UNDER_WAY if one.begun else Tone.NEUTRAL), escape(one.answer, 600))),
    ]
    return _message(spaced(concat(code(one.runbook, 80), words(":")), escape(one.answer, 600)), blocks)


def reviews(due: Sequence[DueReview], person: str) -> Message:
    """``/watch review``; what this person is asked for comes first."""
    if not due:
        return _message(words("✅ Nothing is left to review."))
    listed = sorted(due, key=lambda one: person not in one.to)
    title = words(f"{len(due)} to review")
    hint = layout.context(words("Press “Review…” in the incident's thread, or on the Home tab."))
    return _message(title, [*_list(title, [review(one) for one in listed], REVIEWS_SHOWN), hint])


def review(one: DueReview) -> Mrkdwn:
    """One review: of what, by whom, until when."""
    late = bold(words("⏰ overdue since")) if one.overdue else words("until")
    return dotted(
        [
            bold(words(f"INC-{one.action.incident_id}")),
            planned(one.action),
            concat(words("for "), people(one.to)) if one.to else words("for anybody"),
            spaced(late, when(one.review.due_at)),
        ]
    )


def planned(action: Action) -> Mrkdwn:
    """What an action is about, as part of a line."""
    return escape(action.plan.summary.rstrip(". "), 150)


def doing(one: Doing) -> Mrkdwn:
    """How an action that is under way stands, and how far it is."""
    stands, far = state_words(one.action.state).within, one.progress.words
    return escape(f"{stands}: {far}" if far else stands, 200)


def record(entries: Sequence[AuditEntry], incident: str = "") -> Message:
    """``/watch audit``, newest first; of one incident where it is named."""
    of = f" of {incident}" if incident else ""
    if not entries:
        return _message(words(f"The record{of} is empty."))
    title = words(f"The latest entries of the record{of}")
    shown = _list(title, [_entry(entry) for entry in entries[:ENTRIES_SHOWN]], ENTRIES_SHOWN)
    hint = layout.context(words("Verify the whole of it with: watchkeeper audit verify"))
    return _message(title, [*shown, hint])


def looking(runbook: str) -> Message:
    """Said at once, because reading a live system takes its time."""
    return _message(spaced(words("👀 Looking at what"), code(runbook, 80), words("would do. Nothing is changed.")))


def rehearsal(seen: Rehearsal, runbook: str, known_people: Collection[str] = ()) -> Message:
    """``/watch rehearse``: the plan, the decision that would be made, and why."""
    decision = seen.decision
    plan = seen.situation.plans.get(runbook, Planned()).plan
    title = spaced(words("🎭 Rehearsal of"), code(runbook, 80), words("· nothing was changed"))
    blocks: list[Block] = [layout.section(bold(title))]
    if plan is not None:
        told = plan_card(plan)
        steps = [escape(f"{number}. {step}", 150) for number, step in enumerate(plan.steps[:STEPS_SHOWN], start=1)]
        blocks += [
            layout.section(lines([bold(escape(plan.summary, 200)), *steps])),
            layout.fields(
                [
                    lines([bold(words("Blast radius")), escape(told.blast_radius, 150)]),
                    lines([bold(words("Undo")), escape(capital(told.rollback), 250)]),
                ]
            ),
            *([layout.section(lines(map(plan_note, told.notes[:NOTES_SHOWN])))] if told.notes else []),
        ]
    blocks.append(layout.section(_possible(seen)))
    others = [person for person in seen.approvers if person != seen.situation.requested_by]
    asked = concat(words("Who would be asked: "), people(others)) if others else EMPTY
    blocks.append(
        layout.section(
            lines([bold(words("The decision would be:")), explaining.verdict(decision, known_people), asked])
        )
    )
    spoke = [
        one
        for one in explaining.in_order(decision)
        if one.result is not RuleResult.PASSED and one.rule != decision.decisive
    ]
    blocks += [layout.section(explaining.rule(decision, one, known_people)) for one in spoke[:OBJECTIONS_SHOWN]]
    return _message(concat(title, words(". "), explaining.headline(decision, known_people, 400)), blocks)


def _possible(seen: Rehearsal) -> Mrkdwn:
    if seen.possible is None:
        return spaced(bold(words("❌ There is no plan:")), escape(seen.finding or "no reason was given.", 500))
    title = "✅ It could be done now:" if seen.possible else "❌ It could not be done now:"
    return spaced(bold(words(title)), escape(seen.finding, 500))


def _entry(entry: AuditEntry) -> Mrkdwn:
    about = words(f"INC-{entry.incident_id}") if entry.incident_id is not None else EMPTY
    return dotted(
        [
            words(f"{entry.number}"),
            code(entry.kind, 60),
            about,
            concat(words("by "), mention(entry.actor)),
            when(entry.at),
        ]
    )


def _list(title: Mrkdwn, texts: Sequence[Mrkdwn], most: int, together: int = LINES_PER_SECTION) -> list[Block]:
    """A few lines a block: a section a line would be too many, one section too long."""
    shown = texts[:most]
    chunks = [shown[start : start + together] for start in range(0, len(shown), together)]
    more = [layout.context(words(f"… and {len(texts) - most} more"))] if len(texts) > most else []
    return [layout.section(bold(title)), *(layout.section(lines(chunk)) for chunk in chunks), *more]


def _message(text: Mrkdwn, blocks: Sequence[Block] = ()) -> Message:
    return Message(text, layout.built(blocks or [layout.section(text)]))
