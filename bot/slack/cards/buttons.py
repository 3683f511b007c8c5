"""The buttons people meet: label, style and what is asked before they take effect.

``stop`` never asks before something has begun: it must be fast. The value is the subject and the card's revision,
nothing more.

Must not know: who may press what; that is checked when the press arrives.
"""

from collections.abc import Sequence

from slack_sdk.models.blocks import ActionsBlock, ButtonElement, ConfirmObject

from bot.response.model.notices import BundleNotice, Button, DirectNotice
from bot.response.model.plan_cards import PlanCard
from bot.slack import layout
from bot.slack.cards.situations import CHANGING, QUESTIONS, Shown
from bot.slack.limits import CONFIRM_TEXT
from bot.slack.text import Plain, Url, plain, plain_lines, units

_ANSWERS = (
    Button.SIGN_OFF,
    Button.PROMOTE,
    Button.NOT_YET,
    Button.APPROVE,
    Button.APPROVE_THESE,
    Button.STOP,
    Button.CHOOSE,
    Button.GO_ON,
    Button.ROLL_BACK,
    Button.TAKE,
    Button.TAKE_THESE,
    Button.SAY_WHY,
    Button.REVIEW,
)
"""What answers the question: the first row, in this order. ``open`` is a link and stands alone."""
_OTHERS = (
    Button.WITHDRAW,
    Button.OVERRIDE,
    Button.PAUSE,
    Button.PAUSE_THESE,
    Button.HAND_OVER_REVIEW,
    Button.WHY,
    Button.WHY_THESE,
)
"""Everything else: the second row."""
_LABELS = {
    Button.STOP: "Stop",
    Button.APPROVE: "Approve",
    Button.WITHDRAW: "Withdraw my approval",
    Button.OVERRIDE: "Override…",
    Button.ROLL_BACK: "Roll back",
    Button.GO_ON: "Go on",
    Button.SAY_WHY: "Say why…",
    Button.TAKE: "I'll take it",
    Button.REVIEW: "Review…",
    Button.HAND_OVER_REVIEW: "Hand over…",
    Button.PAUSE: "Pause…",
    Button.WHY: "Why?",
    Button.APPROVE_THESE: "Approve all",
    Button.CHOOSE: "Choose…",
    Button.TAKE_THESE: "I'll take them",
    Button.PAUSE_THESE: "Pause…",
    Button.WHY_THESE: "Why?",
    Button.SIGN_OFF: "Sign off",
    Button.PROMOTE: "Promote",
    Button.NOT_YET: "Not yet",
}
_PRIMARY = (
    Button.SIGN_OFF,
    Button.PROMOTE,
    Button.APPROVE,
    Button.APPROVE_THESE,
    Button.GO_ON,
    Button.REVIEW,
    Button.TAKE,
    Button.TAKE_THESE,
)
"""The first of these that is offered is the one primary button, unless Stop is what matters."""
_WHAT_STOPS = (
    "The step under way ends, and no further one begins. What is done stays done: nothing is rolled back by itself, "
    "and a person is called to decide."
)
LABEL_CHARACTERS = 36
"""Of a button: a row of three fits a phone."""
_DANGER = frozenset({Button.STOP, Button.ROLL_BACK})


def button_value(subject: str, revision: int) -> str:
    """What a button carries: ``<subject>.<revision>``."""
    return f"{subject}.{revision}"


def parse_button_value(value: str) -> tuple[str, int] | None:
    """(subject, revision), or None when the value is not one of ours."""
    subject, _, revision = value.rpartition(".")
    if not subject or not revision.isascii() or not revision.isdigit() or len(revision) > 15:
        return None
    return subject, int(revision)


def button_rows(
    offered: Sequence[Button],
    subject: str,
    revision: int,
    *,
    at: Shown | None = None,
    plan: PlanCard | None = None,
    if_rolled_back: str = "",
) -> list[ActionsBlock]:
    """The offered buttons in their fixed order: what answers, and below it everything else; rows without any left out.

    ``if_rolled_back``: what a rollback would do in this case, for whoever is about to confirm it.
    """
    return [layout.actions(row) for row in _drawn(offered, subject, revision, at, plan, if_rolled_back)]


def button_row(
    offered: Sequence[Button],
    subject: str,
    revision: int,
    *,
    at: Shown | None = None,
    plan: PlanCard | None = None,
) -> list[ActionsBlock]:
    """The same, in one row: for lists, where what each is about stands right above it."""
    rows = _drawn(offered, subject, revision, at, plan)
    return [layout.actions([button for row in rows for button in row])] if rows else []


def _drawn(
    offered: Sequence[Button],
    subject: str,
    revision: int,
    at: Shown | None,
    plan: PlanCard | None,
    if_rolled_back: str = "",
) -> list[list[ButtonElement]]:
    primary, asks = _primary(offered), at in QUESTIONS or Button.APPROVE in offered
    return [
        [
            _button(one, subject, revision, one is primary, asks, plan, _confirm(one, at, plan, if_rolled_back))
            for one in row
        ]
        for row in _rows(offered, primary)
    ]


def _rows(offered: Sequence[Button], primary: Button | None) -> list[list[Button]]:
    answers = sorted((one for one in _ANSWERS if one in offered), key=lambda one: one is not primary)
    return [row for row in (answers, [one for one in _OTHERS if one in offered]) if row]


def _primary(offered: Sequence[Button]) -> Button | None:
    """Where something runs unless it is stopped, Stop is what matters, and no other button stands out."""
    stops = Button.STOP in offered and Button.APPROVE not in offered
    return None if stops else next((one for one in _PRIMARY if one in offered), None)


def bundle_rows(bundle: BundleNotice, waiting: int) -> list[ActionsBlock]:
    """The buttons of a card about many incidents, of which ``waiting`` can be approved."""
    primary, value = _primary(bundle.buttons), button_value(bundle.subject, bundle.revision)
    return [
        layout.actions(
            [
                layout.button(
                    one.value,
                    plain(_label_of_many(one, waiting), 75),
                    value,
                    style="primary" if one is primary else None,
                    confirm=_confirm_these(bundle, waiting) if one is Button.APPROVE_THESE else None,
                )
                for one in row
            ]
        )
        for row in _rows(bundle.buttons, primary)
    ]


def _confirm_these(bundle: BundleNotice, waiting: int) -> ConfirmObject:
    targets = "1 target" if bundle.targets == 1 else f"{bundle.targets} targets"
    what = f"{waiting} times: {plain(bundle.summary, 120)}"
    back = f"Rollback: {plain(bundle.rollback, 100)}" if bundle.rollback else "Each can be rolled back by itself."
    text = f"{what}\nBlast radius: {targets} in all\n{back}"
    return layout.confirm(
        plain(f"Run all {waiting}?", 100),
        plain_lines(text, CONFIRM_TEXT),
        plain(f"Yes, run all {waiting}", 30),
        plain("Not yet", 30),
        style="primary",
    )


def resume_row(scope: str, value: str) -> ActionsBlock:
    """Lets automation act again where it is paused, after it was asked once more. ``value``: the scope for programs."""
    asked = f"{scope[:1].upper()}{scope[1:]} is not paused any more, and what was held there is considered anew."
    confirm = layout.confirm(
        plain("Let automation act again?", 100),
        plain(asked, CONFIRM_TEXT),
        plain("Yes, resume", 30),
        plain("Not yet", 30),
    )
    label = plain(f"Resume {scope}", LABEL_CHARACTERS)
    return layout.actions([layout.button(Button.RESUME.value, label, value, confirm=confirm)])


def _label_of_many(button: Button, waiting: int) -> str:
    if button is not Button.APPROVE_THESE:
        return _LABELS[button]
    return f"Approve all {waiting}" if waiting != 1 else "Approve it"


def direct_rows(notice: DirectNotice, address: Url | None) -> list[ActionsBlock]:
    """The answers of a direct message, and the way to the card, which changes nothing; None while that is not known."""
    asks = None if notice.to_take else Shown.ASKING
    row = [
        button
        for drawn in _drawn(notice.buttons, notice.subject, notice.revision, asks, notice.plan)
        for button in drawn
    ]
    if address is not None:
        row.append(way_to_card(notice.incident, address))
    return [layout.actions(row)] if row else []


def way_to_card(incident: str, address: Url) -> ButtonElement:
    """A link to the card; pressing it changes nothing."""
    return layout.button(Button.OPEN.value, plain("Open", 75), button_value(incident, 0), url=address)


def _button(
    button: Button,
    subject: str,
    revision: int,
    primary: bool,
    asks: bool,
    plan: PlanCard | None,
    confirm: ConfirmObject | None,
) -> ButtonElement:
    style = "primary" if primary else "danger" if button in _DANGER and not asks else None
    return layout.button(
        button.value, _label(button, asks, plan), button_value(subject, revision), style=style, confirm=confirm
    )


def _label(button: Button, asks: bool, plan: PlanCard | None) -> Plain:
    """What it does, as a verb; whoever presses it needs to have read nothing else. ``asks``: nothing runs without."""
    if button is Button.APPROVE and plan is not None:
        return plain(plan.verb, LABEL_CHARACTERS)
    if button is Button.STOP and asks:
        return plain("Don't", LABEL_CHARACTERS)
    return plain(_LABELS[button], LABEL_CHARACTERS)


def _confirm(button: Button, at: Shown | None, plan: PlanCard | None, if_rolled_back: str) -> ConfirmObject | None:
    if button is Button.APPROVE:
        return layout.confirm(
            plain("Run this?", 100), _what_runs(plan), plain("Yes, run it", 30), plain("Not yet", 30), style="primary"
        )
    if button is Button.STOP and at in CHANGING:
        what = f"{plain(plan.summary, 90)}\n" if plan else ""
        return layout.confirm(
            plain("Stop it here?", 100),
            plain_lines(f"{what}{_WHAT_STOPS}", CONFIRM_TEXT),
            plain("Yes, stop", 30),
            plain("Let it go on", 30),
            style="danger",
        )
    if button is Button.ROLL_BACK:
        # Of notices that an older release has queued only the plan is known.
        undo = if_rolled_back or (f"Rollback: {plan.rollback}" if plan else "What was noted before it is restored.")
        return layout.confirm(
            plain("Roll it back?", 100),
            plain_lines(f"{plain(plan.summary, 90)}\n{undo}" if plan else undo, CONFIRM_TEXT),
            plain("Yes, roll back", 30),
            plain("Leave it", 30),
            style="danger",
        )
    return None


def _what_runs(plan: PlanCard | None) -> Plain:
    if plan is None:
        return plain("The plan shown on this card will run.", CONFIRM_TEXT)
    ending = f"\nBlast radius: {plain(plan.blast_radius, 60)}\nRollback: {plain(plan.rollback, 130)}"
    steps = [f"{number}. {plain(step, 60)}" for number, step in enumerate(plan.steps, start=1)]
    beginning = plain_lines("\n".join([plain(plan.summary, 90), *steps]), CONFIRM_TEXT - units(ending))
    return plain_lines(beginning + ending, CONFIRM_TEXT)
