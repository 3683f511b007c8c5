"""The buttons people meet: label, style and what is asked before they take effect.

``stop`` never asks before something has begun: it must be fast. The value is the subject and the card's revision,
nothing more.

Must not know: who may press what; that is checked when the press arrives.
"""

from collections.abc import Sequence

from slack_sdk.models.blocks import ActionsBlock, ButtonElement, ConfirmObject

from bot.response.model.notices import BundleNotice, Button, PlanCard
from bot.slack import layout
from bot.slack.cards.situations import CHANGING, Shown
from bot.slack.limits import CONFIRM_TEXT
from bot.slack.text import Plain, Url, plain, plain_lines, units

_ORDER = (
    Button.STOP,
    Button.SIGN_OFF,
    Button.PROMOTE,
    Button.NOT_YET,
    Button.APPROVE,
    Button.APPROVE_THESE,
    Button.CHOOSE,
    Button.WITHDRAW,
    Button.OVERRIDE,
    Button.GO_ON,
    Button.ROLL_BACK,
    Button.TAKE,
    Button.TAKE_THESE,
    Button.REVIEW,
    Button.HAND_OVER_REVIEW,
    Button.PAUSE,
    Button.PAUSE_THESE,
    Button.WHY,
    Button.WHY_THESE,
)
"""Stop stands first wherever it is offered, then the primary button. ``open`` is a link and stands alone."""
_LABELS = {
    Button.STOP: "Stop",
    Button.APPROVE: "Approve",
    Button.WITHDRAW: "Withdraw my approval",
    Button.OVERRIDE: "Override…",
    Button.ROLL_BACK: "Roll back",
    Button.GO_ON: "Go on",
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


def button_row(
    offered: Sequence[Button],
    subject: str,
    revision: int,
    *,
    at: Shown | None = None,
    plan: PlanCard | None = None,
    if_rolled_back: str = "",
) -> ActionsBlock | None:
    """The offered buttons in their fixed order; None when nothing is offered.

    ``if_rolled_back``: what a rollback would do in this case, for whoever is about to confirm it.
    """
    wanted = [button for button in _ORDER if button in offered]
    if not wanted:
        return None
    primary = None if Button.STOP in wanted else next((button for button in _PRIMARY if button in wanted), None)
    wanted.sort(key=lambda one: one is not primary)
    asked = {one: _confirm(one, at, plan, if_rolled_back) for one in wanted}
    return layout.actions([_button(one, subject, revision, one is primary, at, asked[one]) for one in wanted])


def bundle_row(bundle: BundleNotice, waiting: int) -> ActionsBlock | None:
    """The buttons of a card about many incidents, of which ``waiting`` can be approved; None when none is offered."""
    offered = [button for button in _ORDER if button in bundle.buttons]
    if not offered:
        return None
    primary = next((button for button in _PRIMARY if button in offered), None)
    offered.sort(key=lambda one: one is not primary)
    value = button_value(bundle.subject, bundle.revision)
    return layout.actions(
        [
            layout.button(
                one.value,
                plain(f"Approve all {waiting}" if one is Button.APPROVE_THESE else _LABELS[one], 75),
                value,
                style="primary" if one is primary else None,
                confirm=_confirm_these(bundle, waiting) if one is Button.APPROVE_THESE else None,
            )
            for one in offered
        ]
    )


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


def open_button(subject: str, address: Url) -> ActionsBlock:
    """The one button of a direct message: it leads to the card and changes nothing."""
    return layout.actions([layout.button(Button.OPEN.value, plain("Open", 75), button_value(subject, 0), url=address)])


def _button(
    button: Button, subject: str, revision: int, primary: bool, at: Shown | None, confirm: ConfirmObject | None
) -> ButtonElement:
    style = "danger" if button in _DANGER else "primary" if primary else None
    return layout.button(
        button.value,
        plain(_label(button, at), 75),
        button_value(subject, revision),
        style=style,
        confirm=confirm,
    )


def _label(button: Button, at: Shown | None) -> str:
    if button is Button.APPROVE and at is Shown.VETO_WINDOW:
        return "Run it now"
    if button is Button.APPROVE and at is Shown.HELD:
        return "Run it anyway"
    if button is Button.STOP and at in (Shown.ASKING, Shown.PARTLY_APPROVED):
        return "Don't run it"
    return _LABELS[button]


def _confirm(button: Button, at: Shown | None, plan: PlanCard | None, if_rolled_back: str) -> ConfirmObject | None:
    if button is Button.APPROVE:
        title = "Automation is paused. Run it anyway?" if at is Shown.HELD else "Run this?"
        return layout.confirm(
            plain(title, 100), _what_runs(plan), plain("Yes, run it", 30), plain("Not yet", 30), style="primary"
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
