"""The card of a runbook that stands for a higher level: how far its gates are, what was seen, and who may decide.

Must not know: the policy, the database. Same notice, same card.
"""

from collections.abc import Mapping

from bot.policy.situation import Gate
from bot.response.model.candidacies import CandidacyKind, CandidacyState, GateSeen
from bot.response.model.notices import CandidacyNotice, Tone
from bot.slack import layout
from bot.slack.cards.buttons import button_rows
from bot.slack.cards.wording import people
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
    plain,
    spaced,
    when,
    words,
)
from bot.slack.tones import icon

HEADER_CHARACTERS = 140
GATE_CHARACTERS = 400
LIFTS_SHOWN = 8
_STANDS: Mapping[CandidacyState, tuple[Tone, str]] = {
    CandidacyState.RUNNING: (Tone.UNDER_WAY, "The gates are being run on staging."),
    CandidacyState.WAITING: (Tone.ASKING, "Waits for a person."),
    CandidacyState.SIGNED_OFF: (Tone.GOOD, "Signed off."),
    CandidacyState.PROMOTED: (Tone.GOOD, "Promoted."),
    CandidacyState.DECLINED: (Tone.BY_A_PERSON, "Not yet."),
    CandidacyState.FAILED: (Tone.BAD, "Not passed."),
    CandidacyState.BROKEN_OFF: (Tone.WARNING, "Broken off."),
    CandidacyState.SUPERSEDED: (Tone.NEUTRAL, "Superseded by a newer one."),
}

_OPEN = frozenset({CandidacyState.RUNNING, CandidacyState.WAITING})


def render_candidacy(card: CandidacyNotice, outbox_id: int) -> Message:
    """The card as a message."""
    gates = card.of is CandidacyKind.GATES
    asked = f"Promote {card.runbook}?" if card.state is CandidacyState.WAITING else f"Promotion of {card.runbook}"
    title = f"Gates of {card.runbook}" if gates else asked
    tone, stands = _STANDS[card.state]
    found = escape(capital(card.findings.text), 400) if card.findings.text else EMPTY
    lead = spaced(icon(tone), bold(words(stands)), found)
    level = spaced(
        words("It may act at"), bold(words(f"{card.level}")), words(f"now; the policy is written for {card.written}.")
    )
    seen = [_gate(one, card.state in _OPEN) for one in card.findings.gates]
    lifts = [concat(words("• "), escape(reason, 200)) for reason in card.findings.lifts[:LIFTS_SHOWN]]
    blocks = [
        layout.header(plain(title, HEADER_CHARACTERS)),
        layout.section(lines([escape(card.summary, 200), lead])),
        *([layout.section(lines(seen))] if seen else []),
        *([layout.section(lines([words("What a promotion lifts:"), *lifts]))] if lifts else []),
        layout.section(lines([escape(card.findings.cases, 400) if card.findings.cases else EMPTY, level, _who(card)])),
    ]
    blocks += button_rows(card.buttons, card.subject, card.revision)
    blocks.append(layout.context(_footer(card)))
    return Message(
        text=spaced(
            escape(f"{title.rstrip('?')}:", HEADER_CHARACTERS),
            words(stands),
            escape(capital(card.findings.text), 300) if card.findings.text else EMPTY,
        ),
        blocks=layout.built(blocks),
        metadata=layout.notice_metadata(outbox_id),
    )


def _gate(seen: GateSeen, still_open: bool) -> Mrkdwn:
    tone = {True: Tone.GOOD, False: Tone.BAD, None: Tone.UNDER_WAY if seen.begun else Tone.NEUTRAL}[seen.passed]
    signing = seen.gate is Gate.HUMAN_SIGN_OFF
    if still_open:
        waits = "waits for a person" if signing else "comes later"
    else:
        waits = "not given" if signing else "not run"
    told = escape(seen.text, GATE_CHARACTERS) if seen.text else words(waits)
    return spaced(icon(tone), bold(concat(words(capital(seen.gate.in_words)), words(":"))), told)


def _who(card: CandidacyNotice) -> Mrkdwn:
    if card.state is not CandidacyState.WAITING:
        return EMPTY
    if not card.findings.signers:
        return words("Nobody can decide it: `gates.sign_off` of the policy names nobody who has not written it.")
    return spaced(words("Who may decide:"), people(card.findings.signers))


def _footer(card: CandidacyNotice) -> Mrkdwn:
    begun = concat(words("begun by "), mention(card.by)) if card.by else words("proposed by Watchkeeper")
    decided = concat(words("decided by "), mention(card.decided_by)) if card.decided_by else EMPTY
    ended = concat(words("ended "), when(card.ended)) if card.ended else EMPTY
    return dotted([code(card.runbook, 80), begun, when(card.began), decided, ended])
