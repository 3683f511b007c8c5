"""One card about many incidents of a storm: how many need somebody, which, and what approving all would run.

Must not know: the policy, the database. Same notice, same card.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from slack_sdk.models.blocks import Block

from bot.policy.decision import Verdict
from bot.response.model.actions import UNDER_WAY, ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import BundleLine, BundleNotice, Tone
from bot.response.model.state_words import state_words
from bot.slack import layout
from bot.slack.cards import wording
from bot.slack.cards.buttons import bundle_rows
from bot.slack.layout import Message
from bot.slack.limits import HEADER_TEXT
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
    listed,
    naming,
    plain,
    spaced,
    when,
    words,
)
from bot.slack.tones import icon

LINES_SHOWN = 10
LINES_PER_SECTION = 5
"""Slack allows 3,000 characters in one."""
HEADLINES_SHOWN = 3
SERVICE_CHARACTERS = 50


def render_bundle(bundle: BundleNotice, outbox_id: int, known_people: Collection[str] = ()) -> Message:
    """The card as a message. ``known_people``: user ids that we have resolved; none becomes a mention out of words."""
    waiting = sum(_waits(line) for line in bundle.lines)
    looking = sum(_needs_a_look(line) for line in bundle.lines)
    held = sum(_is_held(line) for line in bundle.lines)
    untaken = looking + held and bundle.called
    question = _question(bundle, waiting, looking, held)
    silence, until = wording.deadline(bundle, ()) if waiting else (_unless_taken(bundle, looking + held), EMPTY)
    because = escape(bundle.because) if bundle.lines else EMPTY
    parts: list[Block | None] = [
        layout.header(plain(question, HEADER_TEXT)),
        layout.section(lines([_lead(bundle, waiting, looking, held), because, silence])),
        *bundle_rows(bundle, waiting),
        *(map(layout.section, _listing(bundle)) if bundle.lines else ()),
        layout.section(_why(bundle, set(bundle.names) & set(known_people))) if bundle.headlines else None,
        layout.fields(_facts(bundle)) if waiting else None,
        layout.fields([lines([bold(words("Called")), wording.called(bundle)])]) if untaken else None,
        layout.context(_footer(bundle)),
    ]
    return Message(
        text=spaced(_heading(bundle, question), until, _standing(bundle), escape(f"({_range(bundle)})", 60)),
        blocks=layout.built([part for part in parts if part is not None]),
        metadata=layout.notice_metadata(outbox_id),
    )


def _unless_taken(bundle: BundleNotice, looking: int) -> Mrkdwn:
    """What silence means while people are called."""
    if not looking or not bundle.if_nobody_takes:
        return EMPTY
    return spaced(bold(words("If nobody takes them:")), naming(bundle.if_nobody_takes, (), 200))


def _question(bundle: BundleNotice, waiting: int, looking: int, held: int) -> str:
    summary = plain(bundle.summary.rstrip(". "), 90)
    if waiting > 1:
        return f"{waiting} questions at once: {summary}?"
    if waiting:
        return f"1 question of a storm is left: {summary}?"
    if looking:
        return (
            "1 incident of a storm: who takes it?" if looking == 1 else f"{looking} incidents at once: who takes them?"
        )
    burning = sum(map(_burns, bundle.lines))
    if burning:
        return f"Still not resolved: {burning} of {len(bundle.lines)} incidents. {summary}"
    return f"This storm is over: {summary}" if bundle.lines else f"No longer together: {summary}"


def _lead(bundle: BundleNotice, waiting: int, looking: int, held: int) -> Mrkdwn:
    if waiting:
        who = "a person" if bundle.approvals_needed == 1 else "more than one person"
        need = (
            f"Each needs approval from {who}. Approve all, or choose."
            if waiting > 1
            else f"It needs approval from {who}."
        )
        return spaced(icon(Tone.ASKING), bold(words(need)))
    if looking:
        said = state_words(Verdict.OBSERVE)
        return spaced(icon(said.tone), bold(words(said.sentence)))
    if held:
        said = state_words(ActionState.HELD)
        paused = f"{said.label} while automation is paused. They are asked again afterwards."
        return spaced(icon(said.tone), bold(words(paused)))
    return _when_nobody_is_asked(bundle)


def _when_nobody_is_asked(bundle: BundleNotice) -> Mrkdwn:
    """Good news only where all of it is over; until then, who is on it, or what goes on."""
    burning = [line for line in bundle.lines if _burns(line)]
    if not burning:
        over = "All of these are resolved." if bundle.lines else "Each of these has a card of its own now."
        return spaced(icon(Tone.GOOD if bundle.lines else Tone.NEUTRAL), bold(words(over)))
    taken = [line for line in burning if line.incident_state is IncidentState.TAKEN]
    under_way = sum(line.action_state in UNDER_WAY | {ActionState.APPROVED} for line in burning)
    if taken:
        people = wording.people(tuple(dict.fromkeys(line.taken_by for line in taken if line.taken_by)))
        what = f"{len(taken)} of {len(burning)}" if len(taken) < len(burning) else "it" if len(taken) == 1 else "them"
        who = concat(people or words("Somebody"), words(f" took {what}."))
        return spaced(icon(Tone.BY_A_PERSON), bold(who), words("Nothing acts by itself there."))
    if under_way:
        said = f"Nothing waits for an answer here: {under_way} of {len(burning)} under way."
        return spaced(icon(Tone.UNDER_WAY), bold(words(said)))
    return spaced(icon(Tone.LOOKING_ON), bold(words("Nothing waits for an answer here, and nobody has taken them.")))


def _listing(bundle: BundleNotice) -> Sequence[Mrkdwn]:
    hidden = len(bundle.lines) - LINES_SHOWN
    more = [words(f"… and {hidden} more, under “Choose…” and “Why?”")] if hidden > 0 else []
    said = [bold(_standing(bundle)), *map(_line, bundle.lines[:LINES_SHOWN]), *more]
    return [lines(said[start : start + LINES_PER_SECTION + 1]) for start in range(0, len(said), LINES_PER_SECTION + 1)]


def _line(line: BundleLine) -> Mrkdwn:
    tone, state = _state(line)
    what = (line.plan or line.alert_name).rstrip(". ")
    voted = concat(words("approved by "), wording.people(line.approved_by)) if line.approved_by else EMPTY
    where = EMPTY if line.service and line.service in what else code(line.service or "no service", SERVICE_CHARACTERS)
    named = spaced(icon(tone), bold(escape(line.incident, 20)))
    grave = escape(line.severity.capitalize() or "Unknown severity", 30)
    progress = escape(line.progress, 90) if line.progress else EMPTY
    return dotted([named, where, escape(what, 90), grave, words(state), progress, voted])


def _state(line: BundleLine) -> tuple[Tone, str]:
    """Its tone and words. Something under way comes first, then how the incident stands, then the question."""
    state, incident = line.action_state, state_words(line.incident_state)
    if state in UNDER_WAY | {ActionState.SUCCEEDED, ActionState.FAILED}:
        said = state_words(state, line.result) if state else incident
    elif state is ActionState.WAITING and line.incident_state is IncidentState.TAKEN:
        return incident.tone, f"{incident.within} and {state_words(state).within}"
    elif state is None or line.incident_state is not IncidentState.OPEN:
        said = incident
    else:
        said = state_words(state)
    return said.tone, said.within


def _standing(bundle: BundleNotice) -> Mrkdwn:
    """ "12 waiting for approval, 3 done and verified, 1 failed": how many stand how, in the order of the list."""
    counted = Counter(_state(line)[1] for line in bundle.lines)
    said = [f"{number} {state}" for state, number in counted.items()]
    return words(", ".join(said) or "All have cards of their own")


def _why(bundle: BundleNotice, names: Collection[str]) -> Mrkdwn:
    """``names``: ids that may become mentions; any other came with a text from outside and wakes nobody."""
    said = [naming(headline, names, 300) for headline in bundle.headlines[:HEADLINES_SHOWN]]
    hidden = len(bundle.headlines) - HEADLINES_SHOWN
    more = words(f"… and {hidden} more reasons, under “Why?”") if hidden > 0 else EMPTY
    return lines([bold(words("Why they are asked")), *said, more])


def _facts(bundle: BundleNotice) -> Sequence[Mrkdwn]:
    targets = "1 target in all" if bundle.targets == 1 else f"{bundle.targets} targets in all"
    back = escape(capital(bundle.rollback), 250) if bundle.rollback else words("Each by itself, in the thread")
    facts = [("Blast radius", words(targets)), ("Undo", back)]
    if bundle.asked_at:
        said = concat(words("At "), escape(bundle.asked_at, 40), words(": the cause may be there"))
        facts.append(("Asked", said))
    elif bundle.approvers or bundle.asked:
        facts.append(("Who may answer", wording.who_may_answer(bundle)))
    asked = wording.asked(bundle)
    if asked:
        facts.append(("Groups", asked))
    return [lines([bold(words(name)), value]) for name, value in facts]


def _heading(bundle: BundleNotice, question: str) -> Mrkdwn:
    severities = list(dict.fromkeys(line.severity for line in bundle.lines if _waits(line) or _needs_a_look(line)))
    named = (
        concat(listed([wording.severity_words(one) for one in severities[:3]]), words(": ")) if severities else EMPTY
    )
    return concat(named, escape(question), EMPTY if question.endswith("?") else words("."))


def _range(bundle: BundleNotice) -> str:
    names = [line.incident for line in bundle.lines]
    return f"{bundle.incident} and {len(names) - 1} more" if len(names) > 1 else bundle.incident


def _footer(bundle: BundleNotice) -> Mrkdwn:
    return dotted(
        [
            words(f"{len(bundle.lines)} incident{'' if len(bundle.lines) == 1 else 's'}") if bundle.lines else EMPTY,
            concat(words("runbook "), code(bundle.runbook, 80)) if bundle.runbook else words("no runbook"),
            concat(words("since "), when(bundle.opened_at)),
        ]
    )


def _burns(line: BundleLine) -> bool:
    return line.incident_state is not IncidentState.RESOLVED


def _waits(line: BundleLine) -> bool:
    return line.action_state is ActionState.WAITING and line.incident_state is not IncidentState.RESOLVED


def _needs_a_look(line: BundleLine) -> bool:
    return line.action_state is None and line.incident_state is IncidentState.OPEN


def _is_held(line: BundleLine) -> bool:
    return line.action_state is ActionState.HELD and line.incident_state is not IncidentState.RESOLVED
