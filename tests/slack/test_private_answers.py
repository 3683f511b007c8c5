"""What one person alone is told after a command, a press or a form: exactly as agreed, in the words really said.

Answers in a sentence look alike whatever they say, so there is one of each kind: done, counted, refused and who may
instead, too late, out of date, not understood.
"""

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.policy.approval import Intervention, may
from bot.policy.levels import Level
from bot.policy.rules.standing import Cap, Standing
from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.candidacies import Stand
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Found, stale
from bot.response.interventions.known_names import KnownNames, doubt
from bot.slack import layout, listings, replies
from bot.slack.cards import render
from bot.slack.layout import Message
from bot.slack.limits import check_card, check_view
from bot.slack.pausing import doubted
from bot.slack.text import naming
from handlers.slack import commands, shortcuts
from handlers.slack.arrival import Arrived, Kind
from handlers.slack.modals import roll_back_modal
from handlers.slack.pause_words import WordsError
from handlers.slack.private import in_place
from handlers.slack.watch_words import understand
from tests.slack.conftest import Golden
from tests.slack.facts import INCIDENT
from tests.slack.notices import ALICE, BOB, CAROL, IT_HELPED, OPENED, SUBJECT
from tests.slack.short_notices import DIRECT
from tests.slack.test_asking_cards import ADDRESS

PEOPLE = {ALICE, BOB, CAROL}
SERVICES = KnownNames(of={ScopeKind.SERVICE: frozenset({"checkout", "orders"})})
NOT_YET = (Cap(Level.L1, "not passed yet: chaos test"), Cap(Level.L1, "nobody has signed it off yet"))
TYPO = Scope(kind=ScopeKind.SERVICE, name="chekout")


def said(text: str) -> Message:
    """A sentence, as ``Bridge.answer`` says it."""
    told = naming(text, PEOPLE, 2900)
    return Message(told, layout.built([layout.section(told)]))


def mistaken(typed: str) -> Message:
    """What somebody is told who typed this."""
    try:
        understand(typed)
    except WordsError as error:
        return replies.mistake(str(error))
    raise AssertionError(f"{typed} is understood")


def unsure() -> Message:
    """What somebody is told who pauses what nobody knows."""
    found = doubt(SERVICES, TYPO, TYPO.name)
    assert found is not None
    return doubted(found, timedelta(hours=2), "bad release", TYPO.name)


def answered(name: str, text: str) -> dict[str, Any]:
    """The direct message once its button was pressed."""
    asked = render(DIRECT["direct_reminder"], 41, card=ADDRESS)
    body = {"channel": {"id": "D01ALICE"}, "message": {"blocks": asked.blocks}}
    message = said(text)
    blocks = in_place(Arrived(Kind.BUTTON, name, "k", body, OPENED), message)
    return {"text": message.text, "blocks": blocks}


REFUSED = may(Intervention.APPROVE, CAROL, authorised={ALICE, BOB}).text
ANSWERS = {
    "answer_help": commands.help_message(),
    "answer_not_understood": mistaken("statsu"),
    "answer_which_incident": mistaken("why"),
    "answer_still_assessing": said(commands.NO_DECISION.text),
    "answer_pause_in_doubt": unsure(),
    "answer_paused": said(
        "Paused: service checkout, for 2h. 1 open action is held. Alerts still come in, and cards still show the plan."
    ),
    "answer_resumed": said("Resumed: service checkout. 1 held question is looked at again."),
    "answer_not_paused": said("Not paused: service orders. Paused now: service checkout."),
    "answer_asked_for": said(
        "Looking at restart-checkout: INC-9 is opened for it. Its card will show the plan and what happens next. "
        "Your own approval does not count for what you asked for."
    ),
    "answer_promote": listings.stand(
        Stand(
            "restart-checkout",
            "Restart checkout when it stopped answering",
            Level.L3,
            Standing(Level.L1, NOT_YET, Level.L1),
            "21 of 22 cases went well (2 on staging), so with 95 % certainty more than 78 % do: 80 % must be certain.",
            True,
            "Its gates are run on staging now; what is seen stands on the card in the incidents channel.",
        )
    ),
    "answer_document": said("The document of INC-7 is in its thread."),
    "answer_approved": said("Approved. It starts now; the thread will say how it goes."),
    "answer_counted": said("Your approval is counted. 1 more person must approve before it runs."),
    "answer_refused": said(f"{REFUSED} Who may: {ALICE}, {BOB}."),
    "answer_too_late": said("Nothing to approve any more: stopped. See the card."),
    "answer_resolved_already": said("INC-7 is resolved already."),
    "answer_out_of_date": said(stale(Found(INCIDENT, None, current=False)).text),
    "answer_unknown_button": said(UNKNOWN_SUBJECT.text),
    "answer_about_many": said(shortcuts.ABOUT_MANY.text),
    "answer_stopped": said("Stopped. Nothing was changed, and nothing will run by itself for this incident."),
    "answer_taken": said("INC-7 is yours. Nothing acts by itself here any more, and nobody else is called."),
    "answer_reviewed": said("Thank you. Your review of INC-7 is on the record."),
    "answer_no_dialog": said("That took longer than the three seconds Slack gives. Please try again."),
    "answer_rehearsal_given_up": replies.mistake(
        "The rehearsal of restart-checkout took longer than 60 s, so I gave it up.",
        "Nothing was changed. Is the system that it reads well?",
    ),
}
DIRECT_ANSWERS = {
    "direct_approved": answered("approve", "Approved. It starts now; the thread will say how it goes."),
    "direct_too_late": answered("approve", "Nothing to approve any more: stopped. See the card."),
}
ROLL_BACK = roll_back_modal("INC-7", SUBJECT, 3, "Restart checkout on supervisor", IT_HELPED)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    check_card(ANSWERS[name].blocks, ANSWERS[name].text)
    golden(name, {"text": ANSWERS[name].text, "blocks": ANSWERS[name].blocks})


@pytest.mark.parametrize("name", DIRECT_ANSWERS)
def test_a_direct_message_that_was_answered_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    golden(name, DIRECT_ANSWERS[name])
    assert [
        one["text"]["text"]
        for block in DIRECT_ANSWERS[name]["blocks"]
        for one in block.get("elements", ())
        if one["type"] == "button"
    ] == ["Open"]


def test_the_question_before_a_rollback_is_drawn_exactly_as_agreed(golden: Golden) -> None:
    check_view(ROLL_BACK)
    golden("modal_roll_back", ROLL_BACK)


def test_whoever_may_is_named_by_mention() -> None:
    assert f"<@{ALICE}>" in json.dumps(ANSWERS["answer_refused"].blocks)
