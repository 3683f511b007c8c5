"""The dialogs of a review: what a person thinks of an action, and whose review it is to be instead.

Built and read back here, so their ids stand in one place. ``callback_id`` is the word of the button that opens it;
``private_metadata`` is the button's value and nothing more. Must not know: who may do it, and what happens then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slack_sdk.models.blocks import Block

from bot.policy.track_record import Judged
from bot.response.interventions.reviews import Judgement
from bot.response.model.actions import Action
from bot.response.model.notices import Button
from bot.response.model.records import Occasion, Review
from bot.slack import layout
from bot.slack.limits import OPTION_TEXT
from bot.slack.modals import REASON, REASON_MAX_CHARACTERS, Values, View, selected, typed
from bot.slack.text import EMPTY, Mrkdwn, bold, concat, dotted, escape, lines, mention, plain, spaced, when, words

JUDGED, SURPRISING, SURPRISE, PERSON = "judgement", "surprising", "surprise", "person"
"""Each is both the block_id and the action_id of one input."""
YES, NO = "yes", "no"
EARLIER_SHOWN = 3
OPTIONS: Mapping[str, str] = {
    Judged.HELPFUL: "Helpful: it made things better",
    Judged.NEUTRAL: "Neutral: it made no difference",
    Judged.HARMFUL: "Harmful: it made things worse, or should not have run",
}
OPTIONS_OF_WHAT_DID_NOT_RUN: Mapping[str, str] = {
    Judged.HELPFUL: "Helpful: it would have made things better",
    Judged.NEUTRAL: "Neutral: it would have made no difference",
    Judged.HARMFUL: "Harmful: it was right to keep it from running",
}
JUDGED_WORDS: Mapping[Judged, str] = {
    Judged.HELPFUL: "helpful",
    Judged.NEUTRAL: "neutral",
    Judged.HARMFUL: "harmful",
}
_BECAUSE: Mapping[Occasion, str] = {
    Occasion.ACTED: "Asked because it was carried out",
    Occasion.OVERRIDDEN: "Asked because a person decided otherwise before it began",
    Occasion.ROLLED_BACK: "Asked because it was rolled back, or was to be",
}


@dataclass(frozen=True, slots=True)
class ReviewForm:
    """What a person filled in; what is missing or none of the options is empty."""

    judged: str
    surprising: str
    surprise: str
    text: str

    @property
    def judgement(self) -> Judgement:
        """The same as it is put on the record; only of a form without faults."""
        surprising = self.surprising == YES
        return Judgement(Judged(self.judged), surprising, self.text, self.surprise if surprising else "")


def review_modal(incident: str, action: Action, review: Review, value: str) -> View:
    """What a person thinks of an action, now that it is over."""
    did_not_run = review.occasion is Occasion.OVERRIDDEN
    offered = OPTIONS_OF_WHAT_DID_NOT_RUN if did_not_run else OPTIONS
    helped = "Would it have helped?" if did_not_run else "Was it helpful?"
    blocks: list[Block] = [
        layout.section(lines([bold(escape(action.plan.summary, 300)), escape(action.outcome, 500)])),
        layout.context(dotted([words(_BECAUSE[review.occasion]), _whose(review)])),
        *([layout.section(lines(map(_earlier, review.earlier[-EARLIER_SHOWN:])))] if review.earlier else []),
        layout.radio_input(
            JUDGED,
            JUDGED,
            plain(helped, 100),
            [layout.option(key, plain(text, OPTION_TEXT)) for key, text in offered.items()],
        ),
        layout.radio_input(
            SURPRISING,
            SURPRISING,
            plain("Was anything about it surprising?", 100),
            [layout.option(NO, plain("No", OPTION_TEXT)), layout.option(YES, plain("Yes", OPTION_TEXT))],
        ),
        layout.text_input(
            SURPRISE,
            SURPRISE,
            plain("What surprised you?", 100),
            plain("If anything did.", 200),
            max_length=REASON_MAX_CHARACTERS,
            optional=True,
        ),
        layout.text_input(
            REASON,
            REASON,
            plain("What should change?", 100),
            plain("And what you looked at. Goes into the record and the incident's thread.", 200),
            max_length=REASON_MAX_CHARACTERS,
        ),
    ]
    return layout.modal(
        Button.REVIEW,
        plain(f"Review {incident}", 24),
        blocks,
        private_metadata=value,
        submit=plain("Save the review", 24),
        close=plain("Cancel", 24),
    )


def _whose(review: Review) -> Mrkdwn:
    whose = concat(words("for "), mention(review.assigned_to)) if review.assigned_to else EMPTY
    return spaced(whose, words("until"), when(review.due_at))


def _earlier(said: Mapping[str, object]) -> Mrkdwn:
    """What was said before it was asked for anew."""
    judged, by = JUDGED_WORDS[Judged(str(said.get("judgement")))], said.get("by")
    who = mention(by) if isinstance(by, str) else words("somebody")
    return concat(words("Before, "), who, words(f" said {judged}: "), escape(str(said.get("text") or ""), 300))


def read_review(values: Values) -> ReviewForm:
    """What was filled in; missing parts are empty."""
    return ReviewForm(
        selected(values, JUDGED), selected(values, SURPRISING), typed(values, SURPRISE), typed(values, REASON)
    )


def review_faults(form: ReviewForm) -> dict[str, str]:
    """What is wrong with it, by ``block_id``, in words for the person."""
    faults = {} if form.text else {REASON: "Please say what should change, or that nothing should."}
    if form.judged not in OPTIONS:
        faults[JUDGED] = "Please choose one."
    if form.surprising not in (YES, NO):
        faults[SURPRISING] = "Please choose one."
    if form.surprising == YES and not form.surprise:
        faults[SURPRISE] = "Please say what surprised you."
    return faults


def hand_over_modal(incident: str, action: Action, review: Review, value: str) -> View:
    """Whose review it is to be instead."""
    return layout.modal(
        Button.HAND_OVER_REVIEW,
        plain(f"Review {incident}", 24),
        [
            layout.section(lines([bold(escape(action.plan.summary, 300)), _whose(review)])),
            layout.person_input(PERSON, PERSON, plain("Who reviews it instead?", 100)),
        ],
        private_metadata=value,
        submit=plain("Hand it over", 24),
        close=plain("Cancel", 24),
    )


def read_hand_over(values: Values) -> str:
    """Slack user id of whom was chosen; empty when nobody was."""
    person = values.get(PERSON, {}).get(PERSON, {}).get("selected_user")
    return person if isinstance(person, str) else ""


def hand_over_faults(person: str) -> dict[str, str]:
    """What is wrong with it, by ``block_id``, in words for the person."""
    return {} if person else {PERSON: "Please choose somebody."}
