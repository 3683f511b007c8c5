"""Pointers and direct messages, one of every kind that people can get."""

from datetime import timedelta

from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import (
    Button,
    DirectEndNotice,
    DirectNotice,
    PointerNotice,
)
from tests.slack.notices import ALICE, BOB, CAROL, OPENED, PLAN, SUBJECT

POINTERS: dict[str, PointerNotice] = {
    "pointer": PointerNotice(
        incident="INC-7",
        service="checkout",
        severity="critical",
        alert_name="ServiceDown",
        channel="C07OWN",
        incident_state=IncidentState.OPEN,
        opened_at=OPENED,
        action_state=ActionState.WAITING,
    )
}
POINTERS["pointer_succeeded"] = POINTERS["pointer"].model_copy(
    update={"action_state": ActionState.SUCCEEDED, "outcome": "checkout answers again; healthy twice in a row."}
)
POINTERS["pointer_failed"] = POINTERS["pointer"].model_copy(
    update={"action_state": ActionState.FAILED, "outcome": "Supervisor refused the connection: check its socket."}
)
POINTERS["pointer_resolved"] = POINTERS["pointer_succeeded"].model_copy(
    update={"incident_state": IncidentState.RESOLVED, "resolved_at": OPENED + timedelta(minutes=6)}
)
DIRECT: dict[str, DirectNotice] = {
    "direct_reminder": DirectNotice(
        incident="INC-7",
        service="checkout",
        severity="critical",
        to=ALICE,
        title="Still waiting for your answer: Restart checkout on supervisor",
        buttons=(Button.APPROVE, Button.STOP, Button.TAKE),
        plan=PLAN,
        subject=SUBJECT,
        revision=3,
        answer_by=OPENED + timedelta(minutes=30),
        if_nobody_answers="leads will be asked as well.",
        until=OPENED + timedelta(minutes=30),
        at=OPENED + timedelta(minutes=15),
    ),
    "direct_handed_over": DirectNotice(
        incident="INC-7",
        service="checkout",
        severity="critical",
        to=CAROL,
        title="Waits for your answer: Restart checkout on supervisor",
        lines=("Not enough answers from sre-oncall in time.",),
        buttons=(Button.APPROVE, Button.STOP, Button.TAKE),
        plan=PLAN,
        subject=SUBJECT,
        revision=3,
        answer_by=OPENED + timedelta(minutes=60),
        if_nobody_answers="nothing happens, and checkout stays as it is.",
        at=OPENED + timedelta(minutes=30),
    ),
    "direct_review": DirectNotice(
        incident="INC-7",
        service="checkout",
        severity="critical",
        to=BOB,
        title="Waits for your review: Restart checkout on supervisor",
        lines=("It was handed over to you.", "Press “Review…” on its card, or on the Home tab."),
        answer_by=OPENED + timedelta(days=5),
        if_nobody_answers="restart-checkout may act at L1 at most until it is reviewed.",
        at=OPENED + timedelta(minutes=6),
    ),
    "direct_call": DirectNotice(
        incident="INC-7",
        service="checkout",
        severity="critical",
        to=ALICE,
        title="Still waiting for a person: checkout has not answered for 3 minutes",
        buttons=(Button.TAKE,),
        to_take=True,
        subject="inc_77aa01",
        revision=3,
        answer_by=OPENED + timedelta(minutes=30),
        if_nobody_answers="leads will be called as well.",
        at=OPENED + timedelta(minutes=15),
    ),
}
_ENDED = DirectEndNotice(
    incident="INC-7",
    service="checkout",
    severity="critical",
    title="Restart checkout on supervisor",
    incident_state=IncidentState.OPEN,
    action_state=ActionState.APPROVED,
    by=(BOB,),
    of=41,
    channel="D01ALICE",
    ts="1763935200.000100",
    at=OPENED + timedelta(minutes=16),
)
DIRECT_ENDS: dict[str, DirectEndNotice] = {
    "direct_end_approved": _ENDED,
    "direct_end_taken": _ENDED.model_copy(
        update={"incident_state": IncidentState.TAKEN, "action_state": ActionState.WAITING}
    ),
    "direct_end_in_time": _ENDED.model_copy(update={"action_state": ActionState.EXPIRED, "by": ()}),
    "direct_end_newer": _ENDED.model_copy(update={"action_state": ActionState.WAITING, "newer": True, "by": ()}),
}
