"""What a card says in each situation, for someone woken at three in the morning: short, concrete, calm.

Every emoji has a word beside it. Must not know: blocks, limits of Slack.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.policy.decision import Verdict
from bot.policy.evidence import Finding
from bot.policy.levels import Level
from bot.response.model.notices import AskedGroupLine, BundleNotice, CardNotice, EvidenceLine, PlanNote
from bot.slack.cards.situations import Shown, shown_words
from bot.slack.limits import HEADER_TEXT
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    Plain,
    bold,
    clock,
    code,
    concat,
    escape,
    lines,
    listed,
    mention,
    naming,
    plain,
    spaced,
    utc,
    when,
    words,
)
from bot.slack.tones import icon

PEOPLE_SHOWN = 6
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
    Finding.SUPPORTS: ("✅", "holds"),
    Finding.CONTRADICTS: ("❌", "does not hold"),
    Finding.UNKNOWN: ("❔", "is not known"),
}


@dataclass(frozen=True, slots=True)
class Lead:
    """The first thing people read under the header."""

    icon: Mrkdwn
    title: Mrkdwn
    """One short sentence: how things stand."""
    reason: Mrkdwn = EMPTY
    """Why, or what came of it."""
    silence: Mrkdwn = EMPTY
    """What happens if nobody does anything, and when."""
    until: Mrkdwn = EMPTY
    """What is asked and until when, or what came of it, for the fallback text, where Slack's dates are not shown."""


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
    return lines([called, concat(words("whoever is in "), groups, words(" when they answer"))])


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
            EMPTY if awake else words("Nobody is called at this hour."),
        ]
    )


def severity_words(severity: str) -> Mrkdwn:
    """The severity with its colour and its word; a word we do not know is shown as it came."""
    icon, word = _SEVERITIES.get(severity.lower(), ("⚪", severity or "Unknown"))
    return spaced(words(icon), escape(word, 37))


def level(card: CardNotice) -> Mrkdwn:
    """The level in force, in words."""
    return words(_LEVELS[card.level])


def sure(sentence: str) -> Mrkdwn:
    """How sure we are: the number, or why there is none, and after it what it comes from."""
    how, _, because = sentence.partition(":")
    return spaced(bold(escape(f"{how}:", 60)), escape(because.strip(), 400)) if because else escape(sentence, 400)


def evidence(line: EvidenceLine) -> Mrkdwn:
    """One finding in words: what was asked, whether it is so, and what was found."""
    mark, holds = _FINDINGS[line.finding]
    detail = escape(f": {line.detail}", 160) if line.detail else EMPTY
    return concat(words(f"{mark} "), code(line.name, 60), words(f" {holds}"), detail)


def question(at: Shown, card: CardNotice) -> Plain:
    """The header: a question while something is open, a fact afterwards."""
    trouble = f"{_short(card.alert_name, 50)} on {_short(card.service, 45)}"
    plan = _short(card.plan.summary.rstrip(". "), 110) if card.plan else trouble
    return plain(shown_words(at).headed(plan=plan, trouble=trouble), HEADER_TEXT)


def lead(at: Shown, card: CardNotice, known: Collection[str]) -> Lead:  # noqa: PLR0911, PLR0912 one case a situation
    """How things stand, why, and what silence means: the words of the state, with names and times where they count."""
    said = shown_words(at)
    mark, sentence = icon(said.tone), words(said.sentence)
    why = concat(bold(words("Why:")), words(" "), naming(card.headline, known, 400))
    outcome = naming(card.outcome, known, 400) if card.outcome else EMPTY
    approved = _who_approved(card)
    match at:
        case Shown.ASKING:
            return Lead(mark, sentence, why, *deadline(card, known))
        case Shown.PARTLY_APPROVED:
            have, need = len(card.approved_by), card.approvals_needed
            title = concat(
                words(f"{have} of {need} approved: "),
                people(card.approved_by),
                words(". Someone else must approve too."),
            )
            return Lead(mark, title, why, *deadline(card, known))
        case Shown.ANNOUNCING:
            silence = naming(card.if_nobody_answers, known, 200) if card.if_nobody_answers else EMPTY
            return Lead(mark, sentence, why, silence, silence)
        case Shown.VETO_WINDOW:
            return Lead(mark, sentence, why, *_veto(card, known))
        case Shown.HELD:
            if card.untaken:
                return Lead(mark, sentence, why, *_unless_taken(card, known))
            silence = naming(card.if_nobody_answers or "Nothing is done.", known, 200)
            return Lead(mark, sentence, why, silence, silence)
        case Shown.OBSERVING | Shown.REFUSED:
            return Lead(mark, sentence, why, *_unless_taken(card, known))
        case Shown.APPROVED:
            return Lead(mark, approved or words(f"{said.label}."), words("It starts in a moment."))
        case Shown.RUNNING:
            return Lead(mark, sentence, approved)
        case Shown.EXECUTING | Shown.ROLLING_BACK:
            stopping = words(f"{said.label}, but no further step begins.") if card.halted else EMPTY
            why = naming(f"{card.halted}.", known, 300) if card.halted else outcome
            return Lead(mark, stopping or sentence, lines([_progress(card), spaced(why, approved)]), until=outcome)
        case Shown.INTERRUPTED:
            said_so = lines([outcome, _progress(card), approved])
            return Lead(mark, sentence, said_so, _unless_taken(card, known)[0], outcome)
        case Shown.STOPPED:
            title = concat(words(said.label), _by(card), words(". It will not run."))
            return Lead(mark, title, outcome, until=outcome)
        case Shown.OVERRIDDEN:
            return Lead(mark, _by_name(said.sentence, card.decided_by), outcome, until=outcome)
        case Shown.TAKEN:
            return Lead(mark, _by_name(said.sentence, (card.taken_by,) if card.taken_by else ()), outcome)
        case Shown.EXPIRED | Shown.SUPERSEDED | Shown.RESOLVED:
            return Lead(mark, sentence, outcome, _unless_taken(card, known)[0], outcome)
        case _:
            return Lead(mark, sentence, spaced(outcome, approved), _unless_taken(card, known)[0], outcome)


def fallback(at: Shown, card: CardNotice, said: Lead) -> Mrkdwn:
    """The card in one breath, for notifications and screen readers: severity, service, what is asked, until when."""
    asked = question(at, card)
    heading = concat(severity_words(card.severity), words(" on "), escape(card.service, 60), words(": "), escape(asked))
    end = EMPTY if asked.endswith("?") else words(".")
    return spaced(concat(heading, end), said.title, said.until, escape(f"({card.incident})", 40))


def deadline(card: CardNotice | BundleNotice, known: Collection[str]) -> tuple[Mrkdwn, Mrkdwn]:
    """What silence means while a question is open; for the card, and for the fallback text."""
    consequence = naming(card.if_nobody_answers or "Nothing is done.", known, 200)
    if card.due_at is None:
        return spaced(bold(words("If nobody answers:")), consequence), EMPTY
    shown_until = concat(words("If nobody answers by "), when(card.due_at), words(":"))
    return spaced(bold(shown_until), consequence), concat(words("Answer by "), words(utc(card.due_at)), words("."))


def _unless_taken(card: CardNotice, known: Collection[str]) -> tuple[Mrkdwn, Mrkdwn]:
    """What silence means while people are called; for the card, and for the fallback text."""
    if not card.untaken:
        return EMPTY, EMPTY
    consequence = naming(card.if_nobody_answers, known, 200)
    if card.due_at is None:
        return spaced(bold(words("If nobody takes it:")), consequence), EMPTY
    shown_until = concat(words("If nobody takes it by "), when(card.due_at), words(":"))
    return spaced(bold(shown_until), consequence), concat(words("Take it by "), words(utc(card.due_at)), words("."))


def called(card: CardNotice | BundleNotice) -> Mrkdwn:
    """Who is called because a person must look, by mention, and of which groups they are."""
    groups = listed([code(one.group, 60) for one in card.asked[:GROUPS_SHOWN]]) if card.asked else EMPTY
    who = people(card.called) if card.called else words("nobody at this hour")
    return lines([who, concat(words("of "), groups)]) if groups else who


def _veto(card: CardNotice, known: Collection[str]) -> tuple[Mrkdwn, Mrkdwn]:
    """When an announced act starts; for the card, and for the fallback text."""
    consequence = naming(card.if_nobody_answers, known, 200) if card.if_nobody_answers else EMPTY
    if card.due_at is None:
        return consequence, consequence
    starts = concat(words("Press Stop before "), clock(card.due_at), words("."))
    return spaced(bold(starts), consequence), concat(words("Stop it before "), words(utc(card.due_at)), words("."))


def _progress(card: CardNotice) -> Mrkdwn:
    """How far it is, or got; one line that each redraw replaces."""
    return bold(escape(f"{card.progress}.", 300)) if card.progress else EMPTY


def plan_note(note: PlanNote) -> Mrkdwn:
    """One thing more to know of a plan: what it is about, and what it says."""
    return spaced(words("⚠️") if note.warns else EMPTY, bold(escape(f"{note.label}:", 40)), escape(note.text, 250))


def _by_name(sentence: str, who: Sequence[str]) -> Mrkdwn:
    """The sentence about a person, with their names where they are known."""
    return concat(people(who), words(sentence.removeprefix("A person"))) if who else words(sentence)


def _by(card: CardNotice) -> Mrkdwn:
    return concat(words(" by "), people(card.decided_by)) if card.decided_by else EMPTY


def _who_approved(card: CardNotice) -> Mrkdwn:
    if card.approved_by:
        return concat(words("Approved by "), people(card.approved_by), words("."))
    if card.verdict is Verdict.ACT_UNLESS_STOPPED:
        return words("Announced, and nobody stopped it.")
    if card.verdict is Verdict.ACT:
        return words("Within the policy: every condition held.")
    return EMPTY


def _group(one: AskedGroupLine) -> Mrkdwn:
    return concat(code(one.group, 60), words(" since "), when(one.at))


def _quiet(one: AskedGroupLine) -> Mrkdwn:
    return concat(code(one.group, 60), words(" until "), when(one.quiet_until)) if one.quiet_until else EMPTY


def _short(text: str, limit: int) -> str:
    return plain(text, limit)
