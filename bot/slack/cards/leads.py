"""What stands between a card's header and its buttons: how things stand, why, and what silence means.

At most ``WORDS_MAX`` words with the header, however long the texts from outside are: what does not fit stands below the
buttons. Must not know: blocks.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from bot.policy.decision import Verdict
from bot.response.model.actions import ActionState
from bot.response.model.notices import CardNotice
from bot.response.model.plan_cards import PlanNote
from bot.response.model.state_words import state_words
from bot.slack.cards.situations import ANNOUNCED, OPEN, QUESTIONS, UNASSIGNED, Shown, shown_words
from bot.slack.cards.wording import deadline, few, people, plan_note, question, severity_of, severity_words
from bot.slack.text import EMPTY, Mrkdwn, bold, clock, code, concat, escape, lines, mention, naming, spaced, when, words
from bot.slack.tones import icon

WORDS_MAX = 60
REASON_WORDS = (60, 30, 15, 8)
"""Of why, or of what came of it, the more of it the more room there is; what is cut stands whole below the buttons."""
CONSEQUENCE_WORDS = (16, 16, 10, 5)
"""The same of what silence means."""
NAME_WORDS = 4
CAUSE_WORDS = (30, 12, 6, 3)
"""Of the names of other incidents."""
CAUTION_CHARACTERS = 120
"""Of a caution above the buttons; a longer one stands below them whole."""
_WORD = re.compile(r"<!date\^[^>]*>|<[^>]*>|[^\s*`>·]+")


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
    whole: Mrkdwn = EMPTY
    """The reason, where it had to be cut."""

    @property
    def shown(self) -> Mrkdwn:
        """As it stands on the card."""
        title = spaced(self.icon, bold(self.title)) if self.title else EMPTY
        return lines(
            [
                self.asleep,
                title,
                self.trouble,
                self.touches,
                self.reason,
                self.caution,
                self.cause,
                self.silence,
            ]
        )


def lead(at: Shown, card: CardNotice, known: Collection[str]) -> Lead:
    """How things stand, why, and what silence means: the words of the state, with names and times where they count.

    As much as ``WORDS_MAX`` has room for; what is left out first is what stands below the buttons as well.
    """
    header = question(at, card)
    for tight, room in enumerate(REASON_WORDS):
        said = _with_room(at, card, known, tight, room)
        if count_words(header, said.shown) <= WORDS_MAX:
            break
    return said


def count_words(*texts: str) -> int:
    """How many words a reader reads: a date is two, a mention or a link one, and signs alone none."""
    found = [one for text in texts for one in _WORD.findall(text)]
    return sum(1 + one.startswith("<!date") for one in found if any(map(str.isalnum, one)))


def _with_room(at: Shown, card: CardNotice, known: Collection[str], tight: int, room: int) -> Lead:
    """``tight``: how often it was too much before; ``room``: words of the reason."""
    told = card.model_copy(
        update={
            "headline": few(card.headline, room),
            "outcome": few(card.outcome, room),
            "if_nobody_answers": few(card.if_nobody_answers, CONSEQUENCE_WORDS[tight]),
        }
    )
    said = _standing(at, told, known)
    if at in OPEN | UNASSIGNED:
        said = replace(
            said,
            trouble=_trouble(card, tight),
            touches=_touches(card) if at in QUESTIONS | ANNOUNCED and tight < 2 else EMPTY,
            caution=_caution(card) if not tight else EMPTY,
        )
    else:
        trouble = _trouble(card, tight) if card.untaken else EMPTY
        said = replace(said, trouble=trouble, silence=_unless_taken(told, known)[0])
    said = replace(said, cause=_cause(card, tight) if at is not Shown.RESOLVED else EMPTY)
    return replace(said, asleep=_asleep(at, card), whole=_cut(at, card, told, known))


def _cut(at: Shown, card: CardNotice, told: CardNotice, known: Collection[str]) -> Mrkdwn:
    """Whole, what was told in part; why a person is asked stands below the buttons anyway."""
    if told.outcome != card.outcome:
        return naming(card.outcome, known, 1500)
    says_why = at is Shown.HELD or at in UNASSIGNED
    return naming(card.headline, known, 1500) if says_why and told.headline != card.headline else EMPTY


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


def _trouble(card: CardNotice, tight: int) -> Mrkdwn:
    """What fires, where, and since when."""
    name, service = (few(text, NAME_WORDS) if tight else text for text in (card.alert_name, card.service))
    more = f", {card.alerts_firing} alerts" if card.alerts_firing > 1 else ""
    where = concat(code(name, 60), words(" on "), code(service, 60))
    return concat(where, words(", firing since "), when(card.opened_at), words(f"{more}."))


def _touches(card: CardNotice) -> Mrkdwn:
    if card.plan is None or not card.plan.touches:
        return EMPTY
    return spaced(bold(words("Touches:")), escape(card.plan.touches, 160))


def _caution(card: CardNotice) -> Mrkdwn:
    first = next(iter(card.plan.notes if card.plan else ()), None)
    return plan_note(first, CAUTION_CHARACTERS) if first is not None and first.warns else EMPTY


def notes_below(card: CardNotice, said: Lead) -> Sequence[PlanNote]:
    """What else is to be known of the plan, but for the caution that stands above the buttons whole."""
    notes = card.plan.notes if card.plan else ()
    return notes[1:] if said.caution and len(notes[0].text) <= CAUTION_CHARACTERS else notes


def _cause(card: CardNotice, tight: int) -> Mrkdwn:
    """Where people are asked instead, or for which others they are asked here."""
    if card.asked_at:
        where = concat(words("🔗 Asked at "), escape(card.asked_at, 40), words(":"))
        return spaced(bold(where), words("the cause may be there, so nobody is called here."))
    if card.cause_of:
        others = escape(f"{few(card.cause_of, CAUSE_WORDS[tight])}.", 200)
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
    what = escape(f"{few(card.plan.verb, NAME_WORDS)}: {said.within}.", 150) if card.plan else words(f"{said.label}.")
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
    grave = EMPTY if asked.startswith(mark) else severity_words(card.severity)  # it begins with what has come of it
    return spaced(concat(words(asked), end), said.title, said.until, grave, escape(f"({card.incident})", 40))


def _unless_taken(card: CardNotice, known: Collection[str]) -> tuple[Mrkdwn, Mrkdwn]:
    """What silence means while people are called; for the card, and for the fallback text."""
    if not card.untaken:
        return EMPTY, EMPTY
    consequence = naming(card.if_nobody_answers, known, 200)
    if card.due_at is None:
        return spaced(bold(words("If nobody takes it:")), consequence), EMPTY
    shown_until = concat(words("Not taken by "), when(card.due_at), words(":"))
    return spaced(bold(shown_until), consequence), concat(words("Take it by "), when(card.due_at), words("."))


def _veto(card: CardNotice) -> Mrkdwn:
    """When an announced act starts."""
    if card.due_at is None:
        return words("Watchkeeper does this by itself unless someone stops it.")
    return concat(words("Runs by itself at "), clock(card.due_at), words(" unless somebody presses Stop."))


def _progress(card: CardNotice) -> Mrkdwn:
    """How far it is, or got; one line that each redraw replaces."""
    return bold(escape(f"{card.progress}.", 300)) if card.progress else EMPTY


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
