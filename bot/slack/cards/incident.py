"""The incident's root message, from the notice that says what is so.

Must not know: the policy, the database, who is online. Same notice, same card.
"""

from collections.abc import Collection, Sequence

from slack_sdk.models.blocks import Block

from bot.response.model.incidents import IncidentState
from bot.response.model.notices import CardNotice, Link
from bot.slack import layout
from bot.slack.cards import leads, wording
from bot.slack.cards.buttons import button_rows
from bot.slack.cards.situations import ANNOUNCED, NOTHING_RAN, OPEN, QUESTIONS, STARTING, UNASSIGNED, Shown, shown
from bot.slack.layout import Message
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    Plain,
    bold,
    capital,
    code,
    concat,
    dotted,
    escape,
    lines,
    link,
    listed,
    naming,
    plain,
    quotation,
    spaced,
    units,
    web_address,
    when,
    with_host,
    words,
)

STEPS_SHOWN = 6
NOTES_SHOWN = 8
EVIDENCE_SHOWN = 5
UNMATCHED_SHOWN = 8
LINKS_SHOWN = 5
SUMMARY_CHARACTERS = 400
LINKS_CHARACTERS = 2200


def render_card(card: CardNotice, outbox_id: int, known_people: Collection[str] = ()) -> Message:
    """The card as a message. ``known_people``: user ids that we have resolved, so that they may become mentions."""
    at = shown(card)
    known = set(card.names) & set(known_people)
    said, header = leads.lead(at, card, known), wording.question(at, card)
    asked = _asked(at, card, known)
    parts: list[Block | None] = [
        layout.header(header),
        layout.section(said.shown),
        *button_rows(
            card.buttons, card.subject, card.revision, at=at, plan=card.plan, if_rolled_back=card.if_rolled_back
        ),
        layout.section(spaced(bold(words("In full:")), said.whole)) if said.whole else None,
        _alert_says(card, header),
        layout.section(asked) if asked else None,
        _without_a_runbook(card),
        _evidence(card) if at in OPEN | UNASSIGNED else None,
        _steps(card) if at in OPEN | STARTING else None,
        _notes(card, said) if at in OPEN | STARTING | UNASSIGNED else None,
        layout.fields(_facts(at, card)),
        layout.context(_links(card.links)) if card.links else None,
        layout.context(_review(card)) if card.review_due_at else None,
        layout.context(_footer(card)),
    ]
    return Message(
        text=leads.fallback(at, card, said),
        blocks=layout.built([part for part in parts if part is not None]),
        metadata=layout.notice_metadata(outbox_id),
    )


def _facts(at: Shown, card: CardNotice) -> Sequence[Mrkdwn]:
    """What the lines above have not said: what is hit, how hard and how far, the rollback, and what we may do."""
    said = at in OPEN | UNASSIGNED
    facts = [] if said else [("Service", code(card.service, 80)), ("Severity", wording.severity_words(card.severity))]
    if card.plan is not None and at not in NOTHING_RAN:
        facts += [
            ("Blast radius", escape(card.plan.blast_radius, 150)),
            ("Undo", escape(capital(card.plan.rollback), 250)),
        ]
    if at in OPEN | STARTING | UNASSIGNED:
        facts.append(("Level", wording.level(card)))
    return [lines([bold(words(name)), value]) for name, value in facts]


def _calls(at: Shown, card: CardNotice) -> bool:
    """Whether people are called to check it."""
    return card.untaken and (at not in OPEN or at is Shown.HELD)


def _without_a_runbook(card: CardNotice) -> Block | None:
    """Firing alerts that nothing proposed here is for; where there is only the one that the card is about, it says so.

    A person must check them whatever becomes of the question.
    """
    if not card.unmatched or card.incident_state is IncidentState.RESOLVED:
        return None
    if card.runbook is None and len(card.unmatched) == 1:
        return None
    title = "Also firing, without a runbook:" if card.runbook else "Firing, without a runbook:"
    names = [code(name, 80) for name in card.unmatched[:UNMATCHED_SHOWN]]
    hidden = len(card.unmatched) - UNMATCHED_SHOWN
    more = [words(f"{hidden} more")] if hidden > 0 else []
    return layout.section(spaced(bold(words(title)), listed([*names, *more])))


def _alert_says(card: CardNotice, header: Plain) -> Block | None:
    """The alert's own words, where the header has not all of them."""
    if not card.summary or plain(card.summary.rstrip(". "), SUMMARY_CHARACTERS) in header:
        return None
    return layout.section(quotation(card.summary, SUMMARY_CHARACTERS))


def _asked(at: Shown, card: CardNotice, known: Collection[str]) -> Mrkdwn:
    """Why a person is asked, who may answer or is called, who is asked now and who was before; empty when nobody is."""
    if at not in OPEN and not _calls(at, card):
        return EMPTY
    why = naming(card.headline, known, 400)
    if _calls(at, card):
        who, named = "Called:", wording.called(card)
    else:
        who, named = "Who may stop it:" if at in ANNOUNCED else "Who may answer:", wording.who_may_answer(card)
    asks = at in QUESTIONS | ANNOUNCED
    return lines(
        [
            spaced(bold(words("Why it acts:" if at in ANNOUNCED else "Why you are asked:")), why) if asks else EMPTY,
            spaced(bold(words(who)), named) if named else EMPTY,
            wording.asked(card),
        ]
    )


def _steps(card: CardNotice) -> Block | None:
    if card.plan is None:
        return None
    steps = [escape(f"{number}. {step}", 150) for number, step in enumerate(card.plan.steps[:STEPS_SHOWN], start=1)]
    whole = spaced(bold(words("What runs:")), escape(card.plan.summary, 300))
    return layout.section(lines([whole, *steps, _more(len(card.plan.steps) - STEPS_SHOWN)]))


def _notes(card: CardNotice, said: leads.Lead) -> Block | None:
    """What else is to be known before it runs."""
    below = leads.notes_below(card, said)
    if not below:
        return None
    notes = [wording.plan_note(note) for note in below[:NOTES_SHOWN]]
    hidden = len(below) - NOTES_SHOWN
    return layout.section(lines([*notes, words(f"… and {hidden} more") if hidden > 0 else EMPTY]))


def _evidence(card: CardNotice) -> Block | None:
    """How sure we are, and what speaks for and against it."""
    sure = wording.sure(card.sure) if card.sure else EMPTY
    found = [wording.evidence(line) for line in card.evidence[:EVIDENCE_SHOWN]]
    if not found:
        return layout.section(sure) if sure else None
    hidden = _more(len(card.evidence) - EVIDENCE_SHOWN)
    return layout.section(lines([sure, bold(words("What monitoring says")), *found, hidden]))


def _links(offered: Sequence[Link]) -> Mrkdwn:
    """Links that we can vouch for the form of; of any other the words stay, without the address.

    Where a link leads that came with an alert is shown beside it.
    """
    shown_links, used = [], 0
    for one in offered[:LINKS_SHOWN]:
        address = web_address(one.url)
        if address is None:
            shown_links.append(escape(f"{one.label} (no usable link)", 80))
        elif used + units(address) > LINKS_CHARACTERS:
            shown_links.append(escape(f"{one.label} (link too long)", 80))
        else:
            used += units(address)
            shown_links.append(link(address, one.label if one.from_policy else with_host(one.label, address)))
    return dotted(shown_links)


def _more(hidden: int) -> Mrkdwn:
    return words(f"… and {hidden} more, under “Why?”") if hidden > 0 else EMPTY


def _review(card: CardNotice) -> Mrkdwn:
    """Whose review it is, and until when."""
    if card.review_due_at is None:
        return EMPTY
    whose = wording.people((card.review_by,) if card.review_by else ())
    return spaced(words("📝 To review:"), whose, words("until"), when(card.review_due_at))


def _footer(card: CardNotice) -> Mrkdwn:
    firing = f"{card.alerts_firing or 'no'} alert{'' if card.alerts_firing == 1 else 's'} firing"
    if card.truncated:
        firing += f", {card.truncated} of them left out by the monitor"
    return dotted(
        [
            bold(escape(card.incident, 40)),
            code(card.alert_name, 80),
            words(firing),
            concat(words("opened "), when(card.opened_at)),
            concat(words("ended "), when(card.resolved_at)) if card.resolved_at else EMPTY,
            concat(words("runbook "), code(card.runbook, 80)) if card.runbook else words("no runbook"),
        ]
    )
