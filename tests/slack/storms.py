"""Cards about many incidents, for every situation they can show."""

from datetime import timedelta

from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import (
    AskedGroupLine,
    BundleLine,
    BundleNotice,
    Button,
)
from tests.slack.notices import ALICE, BOB, ON_CALL, OPENED

_THESE = (Button.APPROVE_THESE, Button.CHOOSE, Button.TAKE_THESE, Button.PAUSE_THESE, Button.WHY_THESE)


def line(number: int, state: ActionState | None = ActionState.WAITING, **changes: object) -> BundleLine:
    """One incident of a storm: the service of that number does not answer."""
    fields: dict[str, object] = {
        "incident": f"INC-{number}",
        "service": f"checkout-{number}",
        "severity": "critical" if number % 3 else "warning",
        "alert_name": "ServiceDown",
        "incident_state": IncidentState.OPEN,
        "action_state": state,
        "plan": f"Restart checkout-{number} on supervisor" if state else "",
    }
    return BundleLine.model_validate(fields | changes)


def bundle(*lines: BundleLine, **changes: object) -> BundleNotice:
    """Many questions of one runbook on one card, with changes."""
    fields: dict[str, object] = {
        "incident": "INC-12",
        "runbook": "restart-service",
        "summary": "Restart a service that stopped answering",
        "because": "More than 5 such incidents came within 5m: these share one card.",
        "lines": lines,
        "headlines": (
            "L1, assisted: Watchkeeper proposes, a person approves.",
            "Confidence is 0.67, below the floor of 0.80: 1 of 3 findings contradicts the alert.",
        ),
        "targets": len(lines),
        "opened_at": OPENED,
        "approvers": (ALICE, BOB),
        "due_at": OPENED + timedelta(minutes=30),
        "if_nobody_answers": "nothing happens, and they stay as they are.",
        "buttons": _THESE,
        "subject": "bundle_77c2d4e1aa",
        "revision": 14,
    }
    return BundleNotice.model_validate(fields | changes)


_NOTHING_ASKED: dict[str, object] = {"due_at": None, "approvers": (), "targets": 0}
BUNDLES = {
    "bundle_asking": bundle(*sorted((line(number) for number in range(12, 29)), key=lambda one: one.severity)),
    "bundle_asking_with_nothing_to_undo": bundle(
        line(12), line(13), rollback="nothing to undo. What the processes held in memory is gone."
    ),
    "bundle_under_way": bundle(
        line(15),
        line(16),
        line(17, ActionState.FAILED),
        line(14, ActionState.EXECUTING),
        line(12, ActionState.SUCCEEDED),
        line(13, ActionState.SUCCEEDED, incident_state=IncidentState.RESOLVED),
        line(18, None, incident_state=IncidentState.RESOLVED),
        targets=2,
    ),
    "bundle_needs_two": bundle(
        line(12, approved_by=(ALICE,)), line(13, approved_by=(ALICE,)), line(14), approvals_needed=2
    ),
    "bundle_asking_a_group": bundle(
        line(12), line(13), asked=(ON_CALL, AskedGroupLine(group="leads", at=OPENED + timedelta(minutes=30)))
    ),
    "bundle_for_people": bundle(
        *(line(number, None, alert_name=f"Unheard{number}") for number in range(12, 16)),
        runbook=None,
        summary="No runbook covers these",
        headlines=("No runbook matches this alert.",),
        buttons=(Button.CHOOSE, Button.TAKE_THESE, Button.PAUSE_THESE, Button.WHY_THESE),
        **_NOTHING_ASKED
        | {"called": (ALICE,), "asked": (ON_CALL,), "if_nobody_takes": "leads will be called as well."},
    ),
    "bundle_held": bundle(
        *(line(number, ActionState.HELD) for number in (12, 13)),
        headlines=(),
        buttons=(Button.CHOOSE, Button.PAUSE_THESE, Button.WHY_THESE),
        **_NOTHING_ASKED,
    ),
    "bundle_one_left": bundle(
        line(14),
        line(12, incident_state=IncidentState.TAKEN),
        line(13, ActionState.EXPIRED),
        line(15, ActionState.LAPSED),
        targets=2,
    ),
    "bundle_last_question": bundle(
        line(14),
        line(12, ActionState.SUCCEEDED, incident_state=IncidentState.RESOLVED),
        line(13, ActionState.SUCCEEDED, incident_state=IncidentState.RESOLVED),
        targets=1,
    ),
    "bundle_all_running": bundle(
        *(line(number, ActionState.EXECUTING) for number in (12, 13, 14)),
        headlines=(),
        buttons=(Button.CHOOSE, Button.PAUSE_THESE, Button.WHY_THESE),
        **_NOTHING_ASKED,
    ),
    "bundle_at_the_cause": bundle(line(12), line(13), asked_at="INC-3", approvers=()),
    "bundle_taken": bundle(
        *(
            line(number, ActionState.OVERRIDDEN, incident_state=IncidentState.TAKEN, taken_by=BOB)
            for number in (12, 13, 14, 15)
        ),
        line(16, ActionState.SUCCEEDED, incident_state=IncidentState.RESOLVED),
        headlines=(),
        buttons=(Button.CHOOSE, Button.PAUSE_THESE, Button.WHY_THESE),
        **_NOTHING_ASKED,
    ),
    "bundle_over": bundle(
        *(line(number, ActionState.SUCCEEDED, incident_state=IncidentState.RESOLVED) for number in (12, 13, 14)),
        headlines=(),
        buttons=(Button.WHY_THESE,),
        **_NOTHING_ASKED,
    ),
    "bundle_all_alone": bundle(headlines=(), buttons=(Button.WHY_THESE,), **_NOTHING_ASKED),
}
