"""What a card says in each situation, for someone woken at three in the morning: short, concrete, calm.

Every emoji has a word beside it. Must not know: blocks, limits of Slack.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from bot.policy.decision import Verdict
from bot.policy.evidence import Finding
from bot.policy.levels import Level
from bot.response.model.actions import ActionState
from bot.response.model.notices import AskedGroupLine, BundleNotice, CardNotice, EvidenceLine
from bot.response.model.plan_cards import PlanNote
from bot.response.model.state_words import state_words
from bot.slack.cards.situations import ANNOUNCED, OPEN, QUESTIONS, UNASSIGNED, Shown, shown_words
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
    marked,
    mention,
    naming,
    plain,
    spaced,
    when,
    words,
)
from bot.slack.tones import icon

PEOPLE_SHOWN = 6
CAUTION_CHARACTERS = 120
"""Of a caution above the buttons; a longer one stands below them whole."""
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


@dataclass(frozen=True, slots=True)
class Lead:
    """What people read under the header, before they are offered a button."""

    icon: Mrkdwn = EMPTY
    title: Mrkdwn = EMPTY
    """One short sentence: how things stand; empty where the header says it."""
    asleep: Mrkdwn = EMPTY
    """That nobody has been woken, where that is so."""
    trouble: Mrkdwn = EMPTY
    """What fires, where, and since when."""
    touches: Mrkdwn = EMPTY
    """What the plan affects, and what is lost by it."""
    reason: Mrkdwn = EMPTY
    """Why, or what came of it, and who decided it."""
    caution: Mrkdwn = EMPTY
    """The first thing that speaks against it."""
    cause: Mrkdwn = EMPTY
    """Where people are asked instead, or for which others they are asked here."""
    silence: Mrkdwn = EMPTY
    """What happens if nobody does anything, and when."""
    until: Mrkdwn = EMPTY
    """What is asked and until when, or what came of it, for the fallback text."""


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
        ]
    )


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
    trouble = _short(card.summary.rstrip(". ") or f"{_short(card.alert_name, 50)} on {_short(card.service, 45)}", 80)
    verb = _short(card.plan.verb, 50) if card.plan else trouble
    headed = shown_words(at).headed(plan=verb, trouble=trouble)
    if at in OPEN:
        headed = f"{trouble}. {headed}"
    if at not in OPEN | UNASSIGNED and not card.untaken:
        return plain(headed, HEADER_TEXT)
    mark, grave = severity_of(card.severity)
    return marked(mark, f"{grave}: {headed}", HEADER_TEXT)


def lead(at: Shown, card: CardNotice, known: Collection[str]) -> Lead:
    """How things stand, why, and what silence means: the words of the state, with names and times where they count."""
    said = _standing(at, card, known)
    if at not in OPEN | UNASSIGNED:
        trouble = _trouble(card) if card.untaken else EMPTY
        return replace(said, asleep=_asleep(at, card), trouble=trouble, silence=_unless_taken(card, known)[0])
    touches = _touches(card) if at in QUESTIONS | ANNOUNCED else EMPTY
    return replace(
        said,
        asleep=_asleep(at, card),
        trouble=_trouble(card),
        touches=touches,
        caution=_caution(card),
        cause=_cause(card),
    )


def _standing(at: Shown, card: CardNotice, known: Collection[str]) -> Lead:  # noqa: PLR0911, PLR0912 one case a situation
    said = shown_words(at)
    mark, sentence = icon(said.tone), words(said.sentence)
    why = naming(card.headline, known, 400)
    outcome = naming(card.outcome, known, 400) if card.outcome else EMPTY
    approved = _who_approved(card)
    match at:
        case Shown.ASKING:
            silence, until = deadline(card, known)
            return Lead(reason=_asked_for(card), silence=silence, until=until)
        case Shown.PARTLY_APPROVED:
            have, need = len(card.approved_by), card.approvals_needed
            title = concat(
                words(f"{have} of {need} approved: "),
                people(card.approved_by),
                words(". Someone else must approve too."),
            )
            silence, until = deadline(card, known)
            return Lead(mark, title, reason=_asked_for(card), silence=silence, until=until)
        case Shown.ANNOUNCING:
            silence = naming(card.if_nobody_answers, known, 200) if card.if_nobody_answers else EMPTY
            return Lead(mark, sentence, silence=silence, until=silence)
        case Shown.VETO_WINDOW:
            return Lead(mark, _veto(card))
        case Shown.HELD if card.untaken:
            silence, until = _unless_taken(card, known)
            return Lead(mark, words(f"{said.label}."), reason=why, silence=silence, until=until)
        case Shown.HELD:
            silence = naming(card.if_nobody_answers or "Nothing is done.", known, 200)
            return Lead(mark, words(f"{said.label}."), reason=why, silence=silence, until=silence)
        case Shown.OBSERVING | Shown.REFUSED:
            silence, until = _unless_taken(card, known)
            return Lead(mark, sentence, reason=why, silence=silence, until=until)
        case Shown.APPROVED:
            return Lead(mark, approved or words(f"{said.label}."), reason=words("It starts in a moment."))
        case Shown.EXECUTING | Shown.ROLLING_BACK:
            stopping = words(f"{said.label}, but no further step begins.") if card.halted else EMPTY
            because = naming(f"{card.halted}.", known, 300) if card.halted else outcome
            reason = lines([_progress(card), spaced(because, approved)])
            return Lead(mark, stopping or sentence, reason=reason, until=outcome)
        case Shown.INTERRUPTED:
            return Lead(mark, sentence, reason=lines([outcome, _progress(card), approved]), until=outcome)
        case Shown.STOPPED:
            title = concat(words(said.label), _by(card), words(". It will not run."))
            return Lead(mark, title, reason=outcome, until=outcome)
        case Shown.OVERRIDDEN:
            return Lead(mark, _by_name(said.sentence, card.decided_by), reason=outcome, until=outcome)
        case Shown.TAKEN:
            title = _by_name(said.sentence, (card.taken_by,) if card.taken_by else ())
            return Lead(mark, title, reason=_what_was_done(card, known))
        case Shown.RESOLVED:
            return Lead(mark, sentence, reason=_what_was_done(card, known), until=outcome)
        case _:
            return Lead(mark, sentence, reason=spaced(outcome, approved), until=outcome)


def _asleep(at: Shown, card: CardNotice) -> Mrkdwn:
    """That nobody knows of it yet, where everybody who was asked or called is in quiet hours."""
    waits = at in QUESTIONS or card.untaken
    if not waits or not card.asked or any(one.quiet_until is None for one in card.asked):
        return EMPTY
    return bold(words("🌙 Nobody has been woken: everybody asked is in quiet hours."))


def _trouble(card: CardNotice) -> Mrkdwn:
    """What fires, where, and since when."""
    more = f", {card.alerts_firing} alerts" if card.alerts_firing > 1 else ""
    where = concat(code(card.alert_name, 60), words(" on "), code(card.service, 60))
    return concat(where, words(" fires since "), when(card.opened_at), words(f"{more}."))


def _touches(card: CardNotice) -> Mrkdwn:
    if card.plan is None or not card.plan.touches:
        return EMPTY
    return spaced(bold(words("Touches:")), escape(card.plan.touches, 160))


def _caution(card: CardNotice) -> Mrkdwn:
    first = next(iter(card.plan.notes if card.plan else ()), None)
    return plan_note(first, CAUTION_CHARACTERS) if first is not None and first.warns else EMPTY


def notes_below(card: CardNotice) -> Sequence[PlanNote]:
    """What else is to be known of the plan, but for the caution that stands above the buttons whole."""
    notes = card.plan.notes if card.plan else ()
    above = bool(notes) and notes[0].warns and len(notes[0].text) <= CAUTION_CHARACTERS
    return notes[1:] if above else notes


def _cause(card: CardNotice) -> Mrkdwn:
    if card.asked_at:
        where = concat(words("🔗 Asked at "), escape(card.asked_at, 40), words(":"))
        return spaced(bold(where), words("the cause may be there, so nobody is called here."))
    if card.cause_of:
        others = escape(f"{card.cause_of}.", 200)
        return spaced(bold(words("🔗 May be the cause of")), others, words("Nobody is called there."))
    return EMPTY


def _asked_for(card: CardNotice) -> Mrkdwn:
    """Who asked for it, and so does not count among those who approve."""
    if card.requested_by is None:
        return EMPTY
    return concat(words("Asked for by "), mention(card.requested_by), words(", so somebody else must approve."))


def _what_was_done(card: CardNotice, known: Collection[str]) -> Mrkdwn:
    """What came of the last action of the incident, and who decided it: it stays on the card for good."""
    if card.action_state is None:
        return concat(words("Taken by "), people((card.taken_by,)), words(".")) if card.taken_by else EMPTY
    said = state_words(card.action_state, card.result)
    what = escape(f"{card.plan.verb}: {said.within}.", 150) if card.plan else words(f"{said.label}.")
    outcome = naming(card.outcome, known, 300) if card.outcome and card.outcome != said.sentence else EMPTY
    return lines([spaced(what, _who_decided(card)), outcome])


def _who_decided(card: CardNotice) -> Mrkdwn:
    match card.action_state:
        case ActionState.STOPPED | ActionState.OVERRIDDEN:
            return concat(words("Decided by "), people(card.decided_by), words(".")) if card.decided_by else EMPTY
        case ActionState.EXPIRED | ActionState.SUPERSEDED | ActionState.WAITING | ActionState.HELD:
            return EMPTY
        case _:
            return _who_approved(card)


def fallback(at: Shown, card: CardNotice, said: Lead) -> Mrkdwn:
    """The card in one breath, for notifications and screen readers: the header, how it stands, until when."""
    asked, (mark, _) = question(at, card), severity_of(card.severity)
    end = EMPTY if asked.endswith("?") else words(".")
    grave = EMPTY if asked.startswith(mark) else concat(severity_words(card.severity), words(":"))
    heading = spaced(grave, words(asked))
    return spaced(concat(heading, end), said.title, said.until, escape(f"({card.incident})", 40))


def deadline(card: CardNotice | BundleNotice, known: Collection[str]) -> tuple[Mrkdwn, Mrkdwn]:
    """What silence means while a question is open; for the card, and for the fallback text."""
    consequence = naming(card.if_nobody_answers or "nothing happens.", known, 200)
    if card.due_at is None:
        return spaced(bold(words("If nobody answers:")), consequence), EMPTY
    within = words(f" ({card.answer_within})") if isinstance(card, CardNotice) and card.answer_within else EMPTY
    shown_until = concat(words("No answer by "), when(card.due_at), within, words(":"))
    return spaced(bold(shown_until), consequence), concat(words("Answer by "), when(card.due_at), words("."))


def _unless_taken(card: CardNotice, known: Collection[str]) -> tuple[Mrkdwn, Mrkdwn]:
    """What silence means while people are called; for the card, and for the fallback text."""
    if not card.untaken:
        return EMPTY, EMPTY
    consequence = naming(card.if_nobody_answers, known, 200)
    if card.due_at is None:
        return spaced(bold(words("If nobody takes it:")), consequence), EMPTY
    shown_until = concat(words("Not taken by "), when(card.due_at), words(":"))
    return spaced(bold(shown_until), consequence), concat(words("Take it by "), when(card.due_at), words("."))


def called(card: CardNotice | BundleNotice) -> Mrkdwn:
    """Who is called because a person must look, by mention, and of which groups they are."""
    groups = listed([code(one.group, 60) for one in card.asked[:GROUPS_SHOWN]]) if card.asked else EMPTY
    who = people(card.called) if card.called else words("nobody at this hour")
    return lines([who, concat(words("of "), groups)]) if groups else who


def _veto(card: CardNotice) -> Mrkdwn:
    """When an announced act starts."""
    if card.due_at is None:
        return words("Watchkeeper does this by itself unless someone stops it.")
    return concat(words("Runs by itself at "), clock(card.due_at), words(" unless somebody presses Stop."))


def _progress(card: CardNotice) -> Mrkdwn:
    """How far it is, or got; one line that each redraw replaces."""
    return bold(escape(f"{card.progress}.", 300)) if card.progress else EMPTY


def plan_note(note: PlanNote, limit: int = 250) -> Mrkdwn:
    """One thing more to know of a plan: what it is about, and what it says."""
    return spaced(words("⚠️") if note.warns else EMPTY, bold(escape(f"{note.label}:", 40)), escape(note.text, limit))


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
