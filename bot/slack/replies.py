"""What ``/watch`` answers, and the polite no: pure functions from facts to messages only one person sees.

Must not know: how the facts were gathered.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import Block

from bot.policy.decision import RuleResult
from bot.policy.file.fields import elapsed_text
from bot.policy.situation import Change, Pause
from bot.response.interventions.explanations import Explanation
from bot.response.model.actions import ActionState, Result
from bot.response.model.incidents import Incident, IncidentState, incident_name
from bot.response.model.notices import CardNotice
from bot.response.model.state_words import state_words
from bot.response.notices.progress import Doing
from bot.slack import explaining, layout, listings
from bot.slack.cards.incident import render_card
from bot.slack.cards.wording import severity_words
from bot.slack.layout import Message
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    bold,
    code,
    concat,
    dotted,
    escape,
    lines,
    link,
    mention,
    spaced,
    web_address,
    when,
    words,
)

INCIDENTS_SHOWN = 15
PAUSES_SHOWN = 8
CHANGES_SHOWN = 4
DOING_SHOWN = 8
PROBLEMS_SHOWN = 8
OBJECTIONS_SHOWN = 6
COMMAND = "/watch"


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """Which process answers, and its transport to Slack."""

    replica: str
    """Its name among those that share the database."""
    transport: str
    """In words: Socket Mode, HTTP, or both."""
    connected_since: datetime | None
    """The present Socket Mode connection; None without one."""
    seconds_since_sign: float | None
    """Since the last sign from Slack, pongs included; None before the first time."""
    rebuilds: int
    """How often the connection had to be built anew because it was not well."""


@dataclass(frozen=True, slots=True)
class World:
    """How the world stands, whatever is with Watchkeeper itself."""

    incidents_open: int = 0
    oldest: datetime | None = None
    """When the oldest of them was opened."""
    untaken: int = 0
    """Incidents that a person must check, and that nobody has taken."""
    questions: int = 0
    """Questions that wait for an answer."""
    nobody_woken: bool = False
    """Somebody is waited for, and everybody who was asked or called is in quiet hours."""


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """How things stand."""

    problems: tuple[str, ...]
    """What is not well with Watchkeeper itself, in words; empty when nothing is."""
    pauses: tuple[Pause, ...]
    world: World
    under_way: int
    reviews_open: int
    policy_digest: str
    now: datetime
    process: ProcessFacts | None = None
    doing: Sequence[Doing] = ()
    """What is carried out or rolled back at this moment; oldest first."""
    changes: Sequence[Change] = ()
    """What others are changing, or will."""


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident in a list; ``permalink`` leads to its thread."""

    incident: Incident
    action_state: ActionState | None
    permalink: str = ""
    result: Result | None = None
    progress: str = ""
    """How far its action is, in words without a full stop."""


def status(facts: StatusFacts) -> Message:
    """``/watch status``."""
    problems = own_health(facts.problems)
    asleep, title = nobody_woken(facts.world), world(facts.world, facts.now)
    counts = _counts(facts)
    outside = [bold(asleep) if asleep else EMPTY, bold(title), words(counts)]
    # What it says of the world is worth less while it is not well itself: that comes first then.
    blocks: list[Block] = [layout.section(lines([*problems, *outside] if facts.problems else [*outside, *problems]))]
    if facts.doing:
        blocks.append(layout.section(lines([bold(words("⚙️ Under way")), *map(_doing, facts.doing[:DOING_SHOWN])])))
    if facts.pauses:
        shown = [_pause(one) for one in facts.pauses[:PAUSES_SHOWN]]
        blocks.append(layout.section(lines([bold(words("⏸️ Paused")), *shown])))
    else:
        blocks.append(layout.section(words("▶️ Nothing is paused.")))
    if facts.changes:
        hidden = len(facts.changes) - CHANGES_SHOWN
        more = words(f"… and {hidden} more") if hidden > 0 else EMPTY
        others = [*map(change, facts.changes[:CHANGES_SHOWN]), more]
        blocks.append(layout.section(lines([bold(words("🚧 Others are at work")), *others])))
    blocks.append(layout.context(concat(words("policy "), code(facts.policy_digest[:12])), when(facts.now)))
    if facts.process is not None:
        blocks.append(layout.context(*_process(facts.process)))
    said = [*problems[:1], asleep, title] if facts.problems else [asleep, title, problems[0]]
    return _message(spaced(*(concat(one, words(".")) for one in said if one), words(counts)), blocks)


def _counts(facts: StatusFacts) -> str:
    """What else there is, in numbers; what is not there goes without saying."""
    counted = ((facts.under_way, "under way"), (facts.reviews_open, "to review"))
    return " · ".join(f"{number} {what}" for number, what in counted if number) or "Nothing is under way"


def nobody_woken(seen: World) -> Mrkdwn:
    """That nobody knows yet, where that is so; empty otherwise."""
    return words("🌙 Nobody has been woken: everybody who was asked is in quiet hours") if seen.nobody_woken else EMPTY


def world(seen: World, now: datetime | None = None) -> Mrkdwn:
    """How the world stands in one line: "9 incidents open, 5 taken by nobody, the oldest for 40 min; 1 question waits".

    Without ``now`` the oldest is told by its time, which stays true for as long as the line is shown.
    """
    if not seen.incidents_open:
        return words("🟢 No incident is open")
    many = f"{seen.incidents_open} incident{'' if seen.incidents_open == 1 else 's'} open"
    untaken = f", {seen.untaken} taken by nobody" if seen.untaken else ""
    waits = "question waits" if seen.questions == 1 else "questions wait"
    questions = f"; {seen.questions} {waits} for an answer" if seen.questions else ""
    calm = "" if seen.untaken or seen.questions else "; nobody is waited for"
    mark = "🔴" if seen.untaken or seen.questions else "🟡"
    return concat(words(f"{mark} {many}{untaken}"), _oldest(seen, now), words(f"{questions}{calm}"))


def _oldest(seen: World, now: datetime | None) -> Mrkdwn:
    if seen.oldest is None:
        return EMPTY
    which = ", the oldest" if seen.incidents_open > 1 else "," if seen.untaken else ""
    if now is None:
        return concat(words(f"{which} since "), when(seen.oldest))
    return words(f"{which} for {elapsed_text(now - seen.oldest)}")


def own_health(problems: Sequence[str], shown: int = PROBLEMS_SHOWN) -> list[Mrkdwn]:
    """How Watchkeeper itself is, which says nothing about the world: one line, and one more for each trouble."""
    if not problems:
        return [words("⚙️ Watchkeeper itself is working")]
    troubles = [spaced(words("⚠️"), escape(problem, 250)) for problem in problems[:shown]]
    return [words("⚠️ Watchkeeper itself has trouble"), *troubles]


def incidents(listed: Sequence[IncidentLine], total: int) -> Message:
    """``/watch incidents``: the newest of ``total``."""
    if not listed:
        return _message(words("🟢 No incident is open."))
    shown = [incident(line) for line in listed[:INCIDENTS_SHOWN]]
    hidden = total - len(shown)
    title = words(f"{total} open incident{'' if total == 1 else 's'}")
    more = [layout.context(words(f"… and {hidden} more"))] if hidden else []
    return _message(title, [layout.section(bold(title)), *map(layout.section, shown), *more])


def show(card: CardNotice, known_people: Collection[str] = ()) -> Message:
    """``/watch show INC-7``: the card without its buttons, which belong to the thread."""
    drawn = render_card(card.model_copy(update={"buttons": ()}), 0, known_people)
    return Message(drawn.text, drawn.blocks)


def why(explanation: Explanation, known_people: Collection[str] = ()) -> Message:
    """``/watch why INC-7``: the verdict and what stood in the way; the whole is behind the card's "Why?"."""
    decision = explanation.stored.decision
    spoke = [one for one in explaining.in_order(decision) if one.result is not RuleResult.PASSED]
    passed = sum(one.result is RuleResult.PASSED for one in decision.reasons)
    name, in_shadow = explanation.incident.name, explaining.shadow(explanation)
    blocks: list[Block] = [
        layout.section(
            lines(
                [
                    bold(escape(f"{name}: {explanation.incident.alert_name}", 150)),
                    explaining.verdict(decision, known_people),
                ]
            )
        ),
        *([layout.context(in_shadow)] if in_shadow else []),
        *(layout.section(explaining.rule(decision, one, known_people)) for one in spoke[:OBJECTIONS_SHOWN]),
        layout.context(
            words(f"{passed} other rule{'' if passed == 1 else 's'} passed · every input is behind “Why?” on the card"),
            concat(words("audit entry "), words(str(explanation.stored.audit_entry))),
        ),
    ]
    return _message(spaced(escape(f"{name}:", 40), explaining.headline(decision, known_people, 400)), blocks)


def mistake(problem: str, remedy: str = "") -> Message:
    """Something was not understood: what, and how to say it right; help is named where no command is already."""
    see = EMPTY if COMMAND in problem else concat(words("See "), code(f"{COMMAND} help"), words("."))
    hint = escape(remedy, 300) if remedy else see
    return _message(spaced(words("🤔"), escape(problem, 400), hint))


def _message(text: Mrkdwn, blocks: Sequence[Block] = ()) -> Message:
    return Message(text, layout.built(blocks or [layout.section(text)]))


def _process(process: ProcessFacts) -> list[Mrkdwn]:
    since, sign = process.connected_since, process.seconds_since_sign
    times = "once" if process.rebuilds == 1 else f"{process.rebuilds} times"
    return [
        concat(words("answered by "), code(process.replica, 80)),
        words(f"hears Slack through {process.transport}"),
        *([concat(words("connected since "), when(since))] if since else []),
        *([words(f"last sign {sign:.0f} s ago")] if sign is not None else [words("nothing heard yet")]),
        *([words(f"connection rebuilt {times}")] if process.rebuilds else []),
    ]


def _doing(one: Doing) -> Mrkdwn:
    name = bold(words(incident_name(one.action.incident_id)))
    return dotted([name, listings.planned(one.action), listings.doing(one)])


def _pause(pause: Pause) -> Mrkdwn:
    until = concat(words("until "), when(pause.until)) if pause.until else words("until somebody resumes it")
    return dotted(
        [bold(escape(str(pause.scope), 120)), until, concat(words("by "), mention(pause.by)), escape(pause.reason, 150)]
    )


def change(one: Change) -> Mrkdwn:
    """One line: what others change, what it touches, and until when it is left alone."""
    where = ", ".join((*one.services, *one.targets)) or "everything"
    times = concat(when(one.begins), words(" to "), when(one.until))
    return dotted([bold(escape(one.what, 120)), code(where, 120), times, concat(words("by "), escape(one.by, 60))])


def incident(line: IncidentLine) -> Mrkdwn:
    """One line: where it is handled, what it is, how it stands."""
    one = line.incident
    address = web_address(line.permalink)
    name = link(address, one.name) if address else escape(one.name, 40)
    standing = EMPTY
    if one.state is IncidentState.TAKEN and one.taken_by:
        standing = concat(words(f"{state_words(one.state).within} by "), mention(one.taken_by))
    elif line.action_state is None and one.state is IncidentState.OPEN and one.revision:
        standing = words(state_words(one.state).within)
    elif line.action_state is not None:
        stands = state_words(line.action_state, line.result).within
        standing = escape(f"{stands}: {line.progress}" if line.progress else stands, 150)
    return dotted(
        [
            bold(name),
            severity_words(one.severity),
            code(one.service, 60),
            escape(one.alert_name, 80),
            standing,
            concat(words("since "), when(one.opened_at)),
        ]
    )
