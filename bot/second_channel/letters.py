"""A notice as plain text for somebody woken at three in the morning, who has nothing but this message.

Text from outside stands on lines of its own, on one line each, and its links are made unclickable: the only links that
can be followed are ours.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.policy.decision import Verdict
from bot.response.model.actions import ActionState
from bot.response.model.incidents import Incident, IncidentState
from bot.response.model.notices import BundleNotice, CardNotice, ThreadNotice, Told
from bot.response.model.state_words import StateWords, question_words, state_words
from bot.second_channel.telling import Kind

WIDTH_CHARACTERS = 76
SUBJECT_MAX_CHARACTERS = 180
LINE_MAX_CHARACTERS = 600
LINKS_LABEL_END = ":"
STEPS_SHOWN = 8
NOTES_SHOWN = 8
LINES_SHOWN = 12
_SEVERITIES = {"critical": "Critical", "page": "Page", "error": "Error", "high": "High", "warning": "Warning"}
ENCODED_WORD_BROKEN = "=[?]"
"""What stands for the beginning of an encoded word, which a mail program would decode in a header."""
_BEFORE_A_PATH = re.compile(r"(?<=\w)\.(?=[^\W\d_][\w-]+(?::\d+)?[/?#])")
"""The last dot of a host name that is followed by a path."""
IN_SLACK_ONLY = "It can be given in Slack only, once Slack answers again."
_HOST = (
    "On the machine itself, `watchkeeper pause` holds everything, and so does the pause file; neither needs Slack or a "
    "network."
)


@dataclass(frozen=True, slots=True)
class OfferedLink:
    """A link of ours."""

    label: str
    """What it does, in words: "Stop it"."""
    address: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one recipient, ready to be sent by any route."""

    key: str
    """Unguessable, and the same when it has to be sent again."""
    kind: Kind
    incident: str
    """``INC-7``."""
    service: str
    alert_name: str
    severity: str
    title: str
    """One line: what is asked or what has happened."""
    text: str
    """The whole message, as plain text."""
    links: tuple[OfferedLink, ...]
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Offered:
    """The links a letter offers, and until when they work."""

    links: tuple[OfferedLink, ...]
    until: datetime


def write(
    kind: Kind, key: str, incident: Incident, notice: Told | None, offered: Offered | None, now: datetime
) -> Letter:
    """The letter for one notice; ``notice`` is None for the word that the incident is over."""
    match notice:
        case CardNotice():
            title, said = _card_title(notice), [*_card(kind, notice)]
        case BundleNotice():
            title, said = _bundle_title(notice), [*_bundle(notice)]
        case ThreadNotice():
            title, said = one_line(notice.title, 120), [*_entry(notice)]
        case _:
            over = state_words(IncidentState.RESOLVED)
            title, said = over.label, [over.sentence]
    many = isinstance(notice, BundleNotice)
    service = "several services" if many else incident.service or "no service"
    where = one_line(f"{_severity(incident.severity)} on {service}", 90)
    heading = one_line(f"[{incident.name}] {where}: {title}", SUBJECT_MAX_CHARACTERS)
    paragraphs = [
        "Slack does not take our messages, so Watchkeeper tells you here.",
        *([] if many else [_about(incident)]),
        *said,
        *_offers(offered),
        _ending(kind, incident.name),
    ]
    links = offered.links if offered else ()
    return Letter(
        key=key,
        kind=kind,
        incident=incident.name,
        service=one_line(incident.service, 90),
        alert_name=one_line(incident.alert_name, 120),
        severity=incident.severity.lower(),
        title=heading,
        text="\n\n".join(map(_wrapped, paragraphs)) + "\n",
        links=links,
        written_at=now,
    )


def _about(incident: Incident) -> str:
    return (
        f"{incident.name}: {one_line(incident.alert_name, 120)} on {one_line(incident.service or 'no service', 90)}, "
        f"{_severity(incident.severity).lower()}, since {moment(incident.opened_at)}"
    )


def moment(at: datetime) -> str:
    """A time that is understood anywhere: ``2026-11-23 03:12:30 UTC``."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str, limit: int = LINE_MAX_CHARACTERS) -> str:
    """Text from anywhere as one harmless line: nothing hidden, nothing that a mail program would make a link of."""
    visible = "".join(one if one.isprintable() else " " for one in text)
    line = " ".join(visible.split()).replace("://", "[:]//").replace("www.", "www[.]").replace("@", "[at]")
    line = _BEFORE_A_PATH.sub("[.]", line).replace("=?", ENCODED_WORD_BROKEN)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _card_title(card: CardNotice) -> str:
    trouble = one_line(card.alert_name, 80)
    plan = one_line(card.plan.summary.rstrip(". "), 110) if card.plan else trouble
    return _words(card).headed(plan=plan, trouble=trouble)


def _words(card: CardNotice) -> StateWords:
    """The words of its question. Delivering an announcement opens the veto window: whoever reads it is in it."""
    delivered = {ActionState.ANNOUNCING: ActionState.VETO_WINDOW}
    state = card.action_state
    return question_words(delivered.get(state, state) if state else None, card.verdict, card.result)


def _card(kind: Kind, card: CardNotice) -> Iterator[str]:
    if card.summary:
        yield f"From the alert: {one_line(card.summary)}"
    sentence = _words(card).sentence
    yield _standing(kind, card, sentence)
    if card.plan is not None and kind is not Kind.ENDING:
        steps = [f"  {number}. {one_line(step, 200)}" for number, step in enumerate(card.plan.steps[:STEPS_SHOWN], 1)]
        notes = [f"{note.label}: {one_line(note.text, 200)}" for note in card.plan.notes[:NOTES_SHOWN]]
        radius, back = one_line(card.plan.blast_radius, 100), one_line(card.plan.rollback, 200)
        what = f"Plan: {one_line(card.plan.summary, 200)}"
        yield "\n".join([what, *steps, *notes, f"Blast radius: {radius}", f"Rollback: {back}"])
    if card.outcome and card.outcome != sentence:
        yield one_line(card.outcome)
    if kind is not Kind.ENDING:
        yield f"Why: {one_line(card.headline)}"
        yield from _silence(kind, card)


def _standing(kind: Kind, card: CardNotice, sentence: str) -> str:
    """How things stand; loud where somebody has to do something now."""
    said = sentence.upper() if kind in (Kind.ANNOUNCEMENT, Kind.QUESTION) else sentence
    return f"{said} {IN_SLACK_ONLY}" if card.action_state is ActionState.WAITING else said


def _silence(kind: Kind, card: CardNotice) -> Iterator[str]:
    consequence = one_line(card.if_nobody_answers, 200)
    if kind is Kind.ANNOUNCEMENT and card.due_at is not None and card.action_state is ActionState.VETO_WINDOW:
        yield f"It starts at {moment(card.due_at)} unless it is stopped before."
    elif kind is Kind.QUESTION and card.due_at is not None:
        answers = "takes it" if card.untaken else "answers"
        yield f"If nobody {answers} by {moment(card.due_at)}: {consequence or 'Nothing is done.'}"
    elif consequence:
        yield consequence


def _bundle_title(bundle: BundleNotice) -> str:
    waiting = sum(line.action_state is ActionState.WAITING for line in bundle.lines)
    summary = one_line(bundle.summary.rstrip(". "), 80)
    if not waiting:
        return f"{len(bundle.lines)} incidents: who takes them?"
    return f"{waiting} {'question' if waiting == 1 else 'questions'} at once: {summary}?"


def _bundle(bundle: BundleNotice) -> Iterator[str]:
    yield one_line(bundle.because)
    if bundle.due_at is not None:
        yield f"THESE NEED APPROVAL FROM A PERSON. {IN_SLACK_ONLY}"
    else:
        yield state_words(Verdict.OBSERVE).sentence.upper()
    shown = [
        f"  {line.incident} {one_line(line.service or 'no service', 60)}: {one_line(line.plan or line.alert_name, 120)}"
        for line in bundle.lines[:LINES_SHOWN]
    ]
    more = [f"  and {len(bundle.lines) - LINES_SHOWN} more"] if len(bundle.lines) > LINES_SHOWN else []
    yield "\n".join([*shown, *more])
    for headline in bundle.headlines[:LINES_SHOWN]:
        yield f"Why: {one_line(headline)}"
    if bundle.due_at is not None:
        consequence = one_line(bundle.if_nobody_answers, 200) or "Nothing is done."
        yield f"If nobody answers by {moment(bundle.due_at)}: {consequence}"


def _entry(entry: ThreadNotice) -> Iterator[str]:
    yield f"{one_line(entry.title, 200)} ({moment(entry.at)})"
    for line in entry.lines[:LINES_SHOWN]:
        if line.strip():
            yield one_line(line)
    if entry.to:
        yield "A PERSON MUST LOOK. You are called because Slack cannot call anybody now."


def _offers(offered: Offered | None) -> Iterator[str]:
    if offered is None or not offered.links:
        return
    yield "\n".join(f"{link.label}{LINKS_LABEL_END}\n{link.address}" for link in offered.links)
    yield (
        f"Each link works once, until {moment(offered.until)}, and first shows what it will do. Whoever has it can use "
        "it: do not pass this message on. Nothing can be approved with a link."
    )


def _ending(kind: Kind, incident: str) -> str:
    if kind in (Kind.OUTCOME, Kind.ENDING, Kind.OVER):
        return f"Once Slack answers again, the thread of {incident} tells the whole story, in order."
    return f"Once Slack answers again, the thread of {incident} tells the whole story, in order. {_HOST}"


def _severity(severity: str) -> str:
    return _SEVERITIES.get(severity.lower(), one_line(severity.capitalize(), 30) or "Unknown severity")


def _wrapped(paragraph: str) -> str:
    """Lines of a readable length; a link is never broken."""
    return "\n".join(
        textwrap.fill(
            line, WIDTH_CHARACTERS, break_long_words=False, break_on_hyphens=False, subsequent_indent=_indent(line)
        )
        for line in paragraph.split("\n")
    )


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip()))
