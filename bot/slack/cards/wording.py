"""What a card says in each situation, for someone woken at three in the morning: short, concrete, calm.

Every emoji has a word beside it. Must not know: blocks, limits of Slack.
"""

from collections.abc import Collection, Sequence

from bot.policy.evidence import Finding
from bot.policy.levels import Level
from bot.response.model.notices import AskedGroupLine, BundleNotice, CardNotice, EvidenceLine
from bot.response.model.plan_cards import PlanNote
from bot.slack.cards.situations import OPEN, UNASSIGNED, Shown, shown_words
from bot.slack.limits import HEADER_TEXT
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    Plain,
    bold,
    code,
    concat,
    escape,
    lines,
    listed,
    marked,
    mention,
    naming,
    plain,
    spaced,
    when,
    words,
)

PEOPLE_SHOWN = 6
TROUBLE_WORDS, VERB_WORDS = 14, 8
"""Of a header."""
GROUPS_SHOWN = 5
_SEVERITIES = {
    "critical": ("🔴", "Critical"),
    "page": ("🔴", "Page"),
    "error": ("🟠", "Error"),
    "high": ("🟠", "High"),
    "warning": ("🟡", "Warning"),
    "medium": ("🟡", "Medium"),
    "low": ("🔵", "Low"),
    "info": ("🔵", "Info"),
}
_LEVELS = {
    Level.L0: "L0 manual: people act",
    Level.L1: "L1 assisted: asks first",
    Level.L2: "L2 conditional: acts when every condition holds",
    Level.L3: "L3 bounded: announces, then acts",
}
_FINDINGS = {
    Finding.SUPPORTS: "Confirmed",
    Finding.CONTRADICTS: "Not so",
    Finding.UNKNOWN: "Not known",
}
"""What a finding says of the alert; without an emoji, as a confirmed outage is no good news."""


def people(ids: Sequence[str]) -> Mrkdwn:
    """Mentions, as many as stay readable."""
    shown = [mention(one) for one in ids[:PEOPLE_SHOWN]]
    if len(ids) > PEOPLE_SHOWN:
        shown.append(words(f"{len(ids) - PEOPLE_SHOWN} more"))
    return listed(shown)


def who_may_answer(card: CardNotice | BundleNotice) -> Mrkdwn:
    """Whom to call, by mention, and the groups whose members it is for: they count as they are when they answer."""
    needed = f" ({card.approvals_needed} needed)" if card.approvals_needed > 1 else ""
    called = concat(people(card.approvers), words(needed)) if card.approvers else EMPTY
    groups = listed([code(one.group, 60) for one in card.asked[:GROUPS_SHOWN]], "or") if card.asked else EMPTY
    if not groups:
        return called
    either = "or whoever" if called else "whoever"
    return lines([called, concat(words(f"{either} is in "), groups, words(" when they answer"))])


def asked(card: CardNotice | BundleNotice) -> Mrkdwn:
    """The groups that the question went to: asked now, before, or left to sleep. Empty when all are asked at once."""
    quiet = [one for one in card.asked if one.quiet_until is not None]
    awake = [one for one in card.asked if one.quiet_until is None]
    if not quiet and len({one.at for one in awake}) <= 1:
        return EMPTY
    latest = max((one.at for one in awake), default=None)
    now = [_group(one) for one in awake if one.at == latest]
    before = [_group(one) for one in awake if one.at != latest]
    sleeping = [_quiet(one) for one in quiet]
    return lines(
        [
            spaced(bold(words("Asked now:")), listed(now[-GROUPS_SHOWN:])) if now else EMPTY,
            spaced(bold(words("Asked before:")), listed(before[-GROUPS_SHOWN:])) if before else EMPTY,
            spaced(bold(words("Quiet hours, not called:")), listed(sleeping[:GROUPS_SHOWN])) if sleeping else EMPTY,
        ]
    )


def few(text: str, count: int) -> str:
    """The first words of a text, with an ellipsis where some were left out."""
    found = text.split(maxsplit=count)
    return text if len(found) <= count else f"{' '.join(found[:count])}…"


def severity_words(severity: str) -> Mrkdwn:
    """The severity with its colour and its word; a word we do not know is shown as it came."""
    mark, word = severity_of(severity)
    return spaced(words(mark), escape(word, 37))


def severity_of(severity: str) -> tuple[str, str]:
    """Its colour and its word; the word may be anybody's."""
    return _SEVERITIES.get(severity.lower(), ("⚪", severity[:37] or "Unknown"))


def level(card: CardNotice) -> Mrkdwn:
    """The level in force, in words."""
    return words(_LEVELS[card.level])


def sure(sentence: str) -> Mrkdwn:
    """How sure we are: the number, or why there is none, and after it what it comes from."""
    how, _, because = sentence.partition(":")
    return spaced(bold(escape(f"{how}:", 60)), escape(because.strip(), 400)) if because else escape(sentence, 400)


def evidence(line: EvidenceLine) -> Mrkdwn:
    """One finding in words: whether it is so, what was asked, and what was found."""
    detail = escape(f" ({line.detail})", 160) if line.detail else EMPTY
    name = escape(" ".join(line.name.split("_")), 60)  # a name of the policy, not a state of ours
    return concat(bold(words(f"{_FINDINGS[line.finding]}:")), words(" "), name, words(" ") if detail else EMPTY, detail)


def question(at: Shown, card: CardNotice) -> Plain:
    """The header: the problem, and what is asked or has come of it."""
    named = f"{_short(card.alert_name, 50)} on {_short(card.service, 45)}"
    trouble = few(_short(card.summary.rstrip(". ") or named, 80), TROUBLE_WORDS)
    verb = few(_short(card.plan.verb, 50), VERB_WORDS) if card.plan else trouble
    headed = shown_words(at).headed(plan=verb, trouble=trouble)
    if at in OPEN:
        headed = f"{trouble}. {headed}"
    if at not in OPEN | UNASSIGNED and not card.untaken:
        return plain(headed, HEADER_TEXT)
    mark, grave = severity_of(card.severity)
    if at not in OPEN | UNASSIGNED:  # it begins with what has come of it, and a colon: "Critical, failed: Restart web"
        return marked(mark, f"{grave}, {headed[:1].lower()}{headed[1:]}", HEADER_TEXT)
    return marked(mark, f"{grave}: {headed}", HEADER_TEXT)


def deadline(card: CardNotice | BundleNotice, known: Collection[str]) -> tuple[Mrkdwn, Mrkdwn]:
    """What silence means while a question is open; for the card, and for the fallback text."""
    consequence = naming(card.if_nobody_answers or "nothing happens.", known, 200)
    if card.due_at is None:
        return spaced(bold(words("If nobody answers:")), consequence), EMPTY
    within = words(f" ({card.answer_within})") if isinstance(card, CardNotice) and card.answer_within else EMPTY
    shown_until = concat(words("No answer by "), when(card.due_at), within, words(":"))
    return spaced(bold(shown_until), consequence), concat(words("Answer by "), when(card.due_at), words("."))


def called(card: CardNotice | BundleNotice) -> Mrkdwn:
    """Who is called because a person must look, by mention, and of which groups they are."""
    groups = listed([code(one.group, 60) for one in card.asked[:GROUPS_SHOWN]]) if card.asked else EMPTY
    who = people(card.called) if card.called else words("nobody at this hour")
    return lines([who, concat(words("of "), groups)]) if groups else who


def plan_note(note: PlanNote, limit: int = 250) -> Mrkdwn:
    """One thing more to know of a plan: what it is about, and what it says."""
    return spaced(words("⚠️") if note.warns else EMPTY, bold(escape(f"{note.label}:", 40)), escape(note.text, limit))


def _group(one: AskedGroupLine) -> Mrkdwn:
    return concat(code(one.group, 60), words(" since "), when(one.at))


def _quiet(one: AskedGroupLine) -> Mrkdwn:
    return concat(code(one.group, 60), words(" until "), when(one.quiet_until)) if one.quiet_until else EMPTY


def _short(text: str, limit: int) -> str:
    return plain(text, limit)
