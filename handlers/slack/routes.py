"""The one place that says what handles what: every button, modal, command, shortcut and event by its name.

The manifest and its test are tied to these tables.
"""

from collections.abc import Mapping

from bot.policy.approval import Intervention
from bot.response.interventions.approvals import approve, stop, withdraw
from bot.response.interventions.bundles import approve_these, take_these
from bot.response.interventions.candidacies import not_yet, promote, sign_off
from bot.response.interventions.go_on import go_on
from bot.response.interventions.take_override import roll_back, take
from bot.response.model.notices import Button
from handlers.slack.arrival import Kind
from handlers.slack.bundles import (
    chosen,
    draw_choice,
    draw_pause_these,
    draw_why_these,
    faults_of_choice,
    opening_for_many,
)
from handlers.slack.buttons import (
    doing,
    draw_hand_over,
    draw_override,
    draw_pause,
    draw_review,
    draw_say_why,
    draw_why,
    followed,
    opening,
)
from handlers.slack.commands import COMMAND, is_pause, paused_anyway, watch_command
from handlers.slack.home import mentioned, opened, resumed
from handlers.slack.inbox import Route, Routes, always
from handlers.slack.modals import (
    Faults,
    faults_of_hand_over,
    faults_of_override,
    faults_of_pause,
    faults_of_reason,
    faults_of_review,
    handed_over,
    no_faults,
    overridden,
    paused,
    reviewed,
    rolled_back,
    said_why,
)
from handlers.slack.people import membership_changed
from handlers.slack.shortcuts import pause_all, roll_this_back, why_this
from handlers.slack.workflow import end_in_vain, step_reached

ROUTES: Routes = {
    Kind.BUTTON: {
        Button.APPROVE: Route(doing(approve, counts_votes=True)),
        Button.WITHDRAW: Route(doing(withdraw), even_if_late=always),
        Button.STOP: Route(doing(stop), even_if_late=always),
        Button.TAKE: Route(doing(take), even_if_late=always),
        Button.ROLL_BACK: Route(doing(roll_back)),
        Button.GO_ON: Route(doing(go_on)),
        Button.WHY: Route(opening(draw_why)),
        Button.OVERRIDE: Route(opening(draw_override)),
        Button.PAUSE: Route(opening(draw_pause)),
        Button.SAY_WHY: Route(opening(draw_say_why)),
        Button.REVIEW: Route(opening(draw_review)),
        Button.HAND_OVER_REVIEW: Route(opening(draw_hand_over)),
        Button.APPROVE_THESE: Route(doing(approve_these, counts_votes=True)),
        Button.CHOOSE: Route(opening_for_many(draw_choice, Intervention.TAKE)),
        Button.TAKE_THESE: Route(doing(take_these), even_if_late=always),
        Button.PAUSE_THESE: Route(opening_for_many(draw_pause_these, Intervention.PAUSE)),
        Button.PAUSE_ANYWAY: Route(paused_anyway, even_if_late=always),
        Button.WHY_THESE: Route(opening_for_many(draw_why_these)),
        Button.SIGN_OFF: Route(doing(sign_off)),
        Button.PROMOTE: Route(doing(promote)),
        Button.NOT_YET: Route(doing(not_yet)),
        Button.RESUME: Route(resumed),
        Button.OPEN: Route(followed),
    },
    Kind.MODAL: {
        Button.OVERRIDE: Route(overridden),
        Button.PAUSE: Route(paused, even_if_late=always),
        Button.ROLL_BACK: Route(rolled_back),
        Button.SAY_WHY: Route(said_why),
        Button.REVIEW: Route(reviewed),
        Button.HAND_OVER_REVIEW: Route(handed_over),
        Button.CHOOSE: Route(chosen),
    },
    Kind.COMMAND: {COMMAND: Route(watch_command, even_if_late=is_pause)},
    Kind.SHORTCUT: {
        "why_this": Route(why_this),
        "roll_this_back": Route(roll_this_back),
        "pause_all": Route(pause_all),
    },
    Kind.EVENT: {
        "app_home_opened": Route(opened),
        "app_mention": Route(mentioned),
        "function_executed": Route(step_reached, even_if_late=always, tell=end_in_vain),
        "subteam_members_changed": Route(membership_changed, even_if_late=always),
    },
}

FORMS: Mapping[str, Faults] = {
    Button.OVERRIDE: faults_of_override,
    Button.PAUSE: faults_of_pause,
    Button.ROLL_BACK: no_faults,
    Button.SAY_WHY: faults_of_reason,
    Button.REVIEW: faults_of_review,
    Button.HAND_OVER_REVIEW: faults_of_hand_over,
    Button.CHOOSE: faults_of_choice,
}
"""What is wrong with a submitted modal, by ``block_id``; asked before it is acknowledged."""
