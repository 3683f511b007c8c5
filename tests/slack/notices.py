"""Notices for every situation a card can show, with the words that the response layer really writes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.policy.decision import Verdict
from bot.policy.evidence import Finding
from bot.policy.levels import Level
from bot.response.model.actions import ActionState, Result
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import (
    AskedGroupLine,
    Button,
    CardNotice,
    EvidenceLine,
    Link,
)
from bot.response.model.plan_cards import PlanCard, PlanNote

OPENED = datetime(2026, 11, 23, 3, 2, 11, tzinfo=UTC)
ALICE, BOB, CAROL = "U01ALICE", "U02BOB", "U03CAROL"
SUBJECT = "act_5b1f0c9d2e"

PLAN = PlanCard(
    summary="Restart checkout on supervisor",
    short="Restart checkout",
    touches="1 of 4 instances, 3 of 4 stay healthy.",
    steps=("Stop checkout and wait until it has ended", "Start checkout", "Wait until it answers"),
    blast_radius="1 target, 25 % of the fleet",
    rollback="partly. Start the process again with the settings noted before.",
)
NOTHING_TO_UNDO = PLAN.model_copy(
    update={
        "rollback": "nothing to undo. What the processes held in memory is gone.",
        "touches": "The only instance. What the processes held in memory is gone.",
    }
)
IT_HELPED = (
    "It has helped, so the problem may come back.\n"
    "If somebody or a newer action has changed the target since, you are asked first. It must be done within 5m.\n"
    "Rollback: partly. Start the process again with the settings noted before."
)
MOVED_ON = (
    "This overwrites what was changed since; the thread says what that is. It must be done within 5m.\n"
    "Rollback: partly. Start the process again with the settings noted before."
)
EVIDENCE = (
    EvidenceLine(name="still_down", finding=Finding.SUPPORTS, detail="value 1"),
    EvidenceLine(name="error_rate", finding=Finding.CONTRADICTS, detail="nothing matches the query"),
    EvidenceLine(name="database_up", finding=Finding.UNKNOWN, detail="Prometheus did not answer within 5 s"),
)
LINKS = (
    Link(label="Dashboard", url="https://grafana.example/d/checkout?from=now-1h&to=now", from_policy=True),
    Link(label="Runbook", url="https://docs.example/runbooks/checkout"),
)


def card(**changes: object) -> CardNotice:
    """The plain question "restart checkout?", with changes."""
    fields: dict[str, object] = {
        "incident": "INC-7",
        "incident_state": IncidentState.OPEN,
        "service": "checkout",
        "severity": "critical",
        "alert_name": "ServiceDown",
        "summary": "checkout has not answered for 3 minutes",
        "alerts_firing": 2,
        "opened_at": OPENED,
        "runbook": "restart-checkout",
        "verdict": Verdict.ASK,
        "level": Level.L1,
        "headline": "Confidence is 0.67, below the floor of 0.80: 1 of 3 findings contradicts the alert.",
        "action_state": ActionState.WAITING,
        "plan": PLAN,
        "evidence": EVIDENCE,
        "links": LINKS,
        "approvers": (ALICE, BOB),
        "approvals_needed": 1,
        "due_at": OPENED + timedelta(minutes=30),
        "answer_within": "30 min",
        "if_nobody_answers": "nothing happens, and checkout stays as it is.",
        "buttons": (Button.APPROVE, Button.STOP, Button.TAKE, Button.OVERRIDE, Button.PAUSE, Button.WHY),
        "subject": SUBJECT,
        "revision": 3,
    }
    return CardNotice.model_validate(fields | changes)


def bounded(**changes: object) -> CardNotice:
    """The same fix, announced under L3."""
    fields: dict[str, object] = {
        "verdict": Verdict.ACT_UNLESS_STOPPED,
        "level": Level.L3,
        "headline": "All rules passed at L3 (bounded).",
        "sure": "87 % sure: the evidence supports it; it worked in 12 of 12 cases, 3 of them on staging.",
        "evidence": EVIDENCE[:1],
        "buttons": (Button.STOP, Button.OVERRIDE, Button.PAUSE, Button.TAKE, Button.WHY),
    }
    return card(**(fields | changes))


def after(state: ActionState, outcome: str = "", **changes: object) -> CardNotice:
    """The card once a decision has been made."""
    fields: dict[str, object] = {
        "action_state": state,
        "outcome": outcome,
        "approved_by": (ALICE,),
        "due_at": None,
        "if_nobody_answers": "",
        "buttons": (Button.WHY,),
    }
    return card(**(fields | changes))


_PEOPLE_NEXT = (Button.OVERRIDE, Button.TAKE, Button.WHY)
_NO_PLAN: dict[str, object] = {
    "action_state": None,
    "plan": None,
    "due_at": None,
    "if_nobody_answers": "",
    "approvers": (),
    "subject": "inc_77aa01",
    "buttons": (Button.OVERRIDE, Button.PAUSE, Button.TAKE, Button.WHY),
}

CARDS: dict[str, CardNotice] = {
    "asking": card(),
    "asking_for_want_of_a_licence": card(
        headline="restart-checkout may act at most at L1 instead of L3.",
        sure="Too few cases to know: it worked in 2 of 2 cases, all on staging; the evidence supports it.",
        evidence=EVIDENCE[:1],
    ),
    "partly_approved": card(
        approvals_needed=2,
        approved_by=(ALICE,),
        approvers=(ALICE, BOB, CAROL),
        headline="The plan touches customer data integrity, so two people must agree.",
    ),
    "announcing": bounded(
        action_state=ActionState.ANNOUNCING,
        due_at=OPENED + timedelta(seconds=30),
        if_nobody_answers="It runs 30s after this message unless someone stops it.",
    ),
    "veto_window": bounded(
        action_state=ActionState.VETO_WINDOW,
        due_at=OPENED + timedelta(seconds=33),
        if_nobody_answers="It runs, and this card will say how it went.",
    ),
    "held": card(
        verdict=Verdict.HOLD,
        action_state=ActionState.HELD,
        headline="Automation is paused here: U03CAROL paused service checkout until 2026-11-23 06:00 UTC "
        "(release in progress).",
        names=(CAROL,),
        due_at=None,
        if_nobody_answers="Nothing is done while automation is paused here.",
        buttons=_PEOPLE_NEXT,
    ),
    "observing": card(
        **_NO_PLAN,
        verdict=Verdict.OBSERVE,
        level=Level.L0,
        runbook=None,
        headline="No runbook matches this alert.",
        evidence=(),
    ),
    "refused": card(
        **(_NO_PLAN | {"plan": PLAN.model_copy(update={"blast_radius": "14 targets"})}),
        verdict=Verdict.REFUSE,
        headline="The plan reaches 14 targets; at most 10 may be approved.",
    ),
    "approved": after(ActionState.APPROVED, buttons=(Button.STOP, Button.WHY)),
    "approved_by_two": after(ActionState.APPROVED, approved_by=(ALICE, CAROL), buttons=(Button.STOP, Button.WHY)),
    "approved_by_silence": bounded(
        action_state=ActionState.APPROVED,
        due_at=None,
        if_nobody_answers="",
        buttons=(Button.STOP, Button.WHY),
    ),
    "running": after(ActionState.RUNNING, buttons=(Button.STOP, Button.WHY)),
    "verifying": after(ActionState.VERIFYING, "Restarted checkout (pid 4711 to 4802)."),
    "succeeded": after(
        ActionState.SUCCEEDED,
        "checkout answers again; healthy twice in a row.",
        buttons=(Button.ROLL_BACK, Button.REVIEW, Button.WHY),
        review_by=BOB,
        review_due_at=OPENED + timedelta(days=5),
        if_rolled_back=IT_HELPED,
    ),
    "rolled_back": after(
        ActionState.ROLLED_BACK, "Put back as it was before; checkout still does not answer.", buttons=_PEOPLE_NEXT
    ),
    "failed": after(ActionState.FAILED, "Supervisor refused the connection: check its socket.", buttons=_PEOPLE_NEXT),
    "stopped": after(
        ActionState.STOPPED,
        "Stopped before anything was changed.",
        approved_by=(),
        decided_by=(BOB,),
        buttons=_PEOPLE_NEXT,
    ),
    "overridden": after(ActionState.OVERRIDDEN, "Overridden: known deploy", decided_by=(ALICE,), buttons=_PEOPLE_NEXT),
    "expired": after(
        ActionState.EXPIRED,
        "Nobody answered in time; sre-oncall was asked. Nothing was done. The incident stays open.",
        approved_by=(),
        buttons=_PEOPLE_NEXT,
    ),
    "lapsed": after(
        ActionState.LAPSED, "Nothing was run: it had 10m to start. The incident stays open.", buttons=_PEOPLE_NEXT
    ),
    "superseded": after(ActionState.SUPERSEDED, "A newer decision took its place.", approved_by=()),
    "taken": after(
        ActionState.STOPPED,
        "The open question is withdrawn.",
        incident_state=IncidentState.TAKEN,
        taken_by=CAROL,
        buttons=(Button.OVERRIDE, Button.WHY),
    ),
    "resolved": after(
        ActionState.SUCCEEDED,
        "checkout answers again; healthy twice in a row.",
        incident_state=IncidentState.RESOLVED,
        resolved_at=OPENED + timedelta(minutes=6),
        alerts_firing=0,
        buttons=(Button.ROLL_BACK, Button.WHY),
        if_rolled_back=IT_HELPED,
    ),
}

_NIGHT = datetime(2026, 11, 23, 6, tzinfo=UTC)
ON_CALL = AskedGroupLine(group="sre-oncall", at=OPENED)
ON_CALL_ASLEEP = AskedGroupLine(group="sre-oncall", at=OPENED, quiet_until=_NIGHT)
CARDS |= {
    "asked_at_the_cause": card(
        headline="The cause may be elsewhere. INC-3 stands open on what this may depend on: database. "
        "A person is asked, at INC-3.",
        asked_at="INC-3",
        approvers=(),
        due_at=None,
        if_nobody_answers="It waits for INC-3.",
    ),
    "asking_for_others": card(cause_of="INC-8, INC-9 and 2 more"),
    "asking_as_requested": card(requested_by=ALICE, approvers=(BOB,)),
    "resolved_by_people": CARDS["resolved"].model_copy(
        update={"action_state": None, "plan": None, "runbook": None, "taken_by": CAROL, "buttons": (Button.WHY,)}
    ),
    "asking_a_group": card(asked=(ON_CALL,), if_nobody_answers="leads will be asked as well."),
    "handed_over": card(
        asked=(ON_CALL, AskedGroupLine(group="leads", at=OPENED + timedelta(minutes=30))),
        approvers=(ALICE, BOB, CAROL),
        due_at=OPENED + timedelta(minutes=60),
    ),
    "handed_over_while_they_sleep": card(
        asked=(ON_CALL_ASLEEP, AskedGroupLine(group="leads", at=OPENED)), approvers=(CAROL,)
    ),
    "everybody_asleep": card(asked=(ON_CALL_ASLEEP,), approvers=()),
    "an_approval_that_can_be_withdrawn": card(
        approvals_needed=2,
        approved_by=(ALICE,),
        asked=(ON_CALL,),
        buttons=(Button.APPROVE, Button.WITHDRAW, Button.OVERRIDE, Button.PAUSE, Button.TAKE, Button.WHY),
    ),
    "expired_after_a_hand_over": after(
        ActionState.EXPIRED,
        "Only 1 of 2 approved in time; sre-oncall and leads were asked. Nothing was done. The incident stays open.",
        approved_by=(ALICE,),
        buttons=_PEOPLE_NEXT,
    ),
}

_CALLED: dict[str, object] = {
    "untaken": True,
    "called": (ALICE, BOB),
    "asked": (ON_CALL,),
    "due_at": OPENED + timedelta(minutes=30),
    "if_nobody_answers": "leads will be called as well.",
}
CARDS |= {
    "calling": CARDS["observing"].model_copy(update=_CALLED),
    "calling_the_last": CARDS["refused"].model_copy(
        update=_CALLED
        | {
            "called": (CAROL,),
            "asked": (ON_CALL_ASLEEP, AskedGroupLine(group="leads", at=OPENED)),
            "due_at": None,
            "if_nobody_answers": "Nobody else is left to call; all are reminded every 10m while it fires.",
        }
    ),
    "calling_after_a_failure": CARDS["failed"].model_copy(update=_CALLED),
    "held_and_called": CARDS["held"].model_copy(
        update=_CALLED
        | {"if_nobody_answers": "leads will be called as well. Nothing is done while automation is paused here."}
    ),
}

CARDS |= {
    "asking_with_nothing_to_undo": card(plan=NOTHING_TO_UNDO),
    "succeeded_with_nothing_to_undo": after(
        ActionState.SUCCEEDED,
        "checkout answers again; healthy twice in a row.",
        plan=NOTHING_TO_UNDO,
        buttons=(Button.REVIEW, Button.WHY),
    ),
    "failed_with_nothing_to_undo": after(
        ActionState.FAILED,
        "Not healthy after 120 s: nothing matches the query. "
        "Rollback: nothing to undo. What the processes held in memory is gone.",
        plan=NOTHING_TO_UNDO,
        buttons=(Button.OVERRIDE, Button.TAKE, Button.REVIEW, Button.WHY),
    ),
    "rollback_that_would_overwrite": after(
        ActionState.FAILED,
        "Not rolled back, to overwrite nothing: somebody has changed checkout since. "
        "A person who rolls back now overwrites that.",
        buttons=(Button.ROLL_BACK, Button.OVERRIDE, Button.TAKE, Button.REVIEW, Button.WHY),
        if_rolled_back=MOVED_ON,
    ),
    "asking_while_others_fire": card(unmatched=("DiskFull", "CertificateExpiresSoon"), alerts_firing=12, truncated=3),
    "observing_many": card(
        **_NO_PLAN,
        verdict=Verdict.OBSERVE,
        level=Level.L0,
        runbook=None,
        headline="No runbook matches this alert: people must handle it.",
        evidence=(),
        alerts_firing=3,
        unmatched=("ServiceDown", "DiskFull"),
    ),
}

NODE = PLAN.model_copy(
    update={
        "summary": "Move the 12 pods of node-1 elsewhere",
        "short": "Drain node-1",
        "touches": "13 of 40 pods; 2 of 3 instances of checkout stay healthy.",
        "steps": ("Cordon node-1", "Evict its 12 pods, one after the other", "Wait until each runs elsewhere"),
        "blast_radius": "13 targets",
        "rollback": "partly. Uncordon node-1; pods that have moved stay where they are.",
        "notes": (
            PlanNote(label="Caution", text="A rollout of checkout has been under way for 10 min.", warns=True),
            PlanNote(label="Stays healthy", text="2 of 3; 1 is down already"),
            PlanNote(label="Expect", text="12 pods moved"),
            PlanNote(label="Ends by itself", text="after 1h"),
        ),
    }
)
ON_NODE: dict[str, Any] = {
    "plan": NODE,
    "runbook": "drain-node",
    "alert_name": "DiskFailing",
    "summary": "the disk of node-1 is failing",
}
HALF_DONE = (
    "It was ended half-way; what was touched until then is restored.\n"
    "If somebody or a newer action has changed the target since, you are asked first. It must be done within 5m.\n"
    "Rollback: partly. Uncordon node-1; pods that have moved stay where they are."
)
CARDS |= {
    "asking_with_what_is_to_be_known": card(**ON_NODE, headline="A rollout of checkout has been under way for 10 min."),
    "executing": after(
        ActionState.EXECUTING,
        **ON_NODE,
        progress="Evict checkout-3 (3 of 12), 3 done so far",
        buttons=(Button.STOP, Button.WHY),
    ),
    "stopping": after(
        ActionState.EXECUTING,
        **ON_NODE,
        progress="Evict checkout-3 (3 of 12), 3 done so far",
        halted="Stopped by U02BOB",
        names=(BOB,),
    ),
    "rolling_back": after(
        ActionState.ROLLING_BACK,
        "Not healthy after 120 s: nothing matches the query.",
        **ON_NODE,
        progress="Uncordon node-1",
        buttons=(Button.STOP, Button.WHY),
    ),
    "interrupted": after(
        ActionState.FAILED,
        "Stopped by U02BOB, after 4 steps. It is not healthy: 9 pods are still on node-1. Nothing was rolled back.",
        **ON_NODE,
        result=Result.INTERRUPTED,
        progress="Done: all 4 steps that began, at last “Evict checkout-3 (3 of 12)”",
        names=(BOB,),
        buttons=(Button.ROLL_BACK, Button.GO_ON, Button.OVERRIDE, Button.TAKE, Button.REVIEW, Button.WHY),
        if_rolled_back=HALF_DONE,
    ),
    "interrupted_rollback": after(
        ActionState.FAILED,
        "Stopped by U02BOB, after 1 step. It is not healthy: 2 of 4 instances answer.",
        result=Result.INTERRUPTED,
        progress="Done: 0 of the 1 step that began. Not done: “Start checkout” (how far is unknown)",
        names=(BOB,),
        buttons=(Button.ROLL_BACK, Button.OVERRIDE, Button.TAKE, Button.REVIEW, Button.WHY),
        if_rolled_back="The last attempt did not restore it; it is tried again.\n" + IT_HELPED.partition("\n")[2],
    ),
}
