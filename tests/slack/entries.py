"""Entries of threads for every situation, with the words that the response layer really writes."""

from datetime import timedelta

from bot.response.model.notices import (
    Button,
    CardNotice,
    ThreadNotice,
    Tone,
)
from tests.slack.notices import ALICE, BOB, CARDS, CAROL, HALF_DONE, IT_HELPED, OPENED, PLAN, SUBJECT

ENTRIES: dict[str, ThreadNotice] = {
    "entry_decided": ThreadNotice(
        incident="INC-7",
        title="Asking for approval",
        lines=(
            "Confidence is 0.67, below the floor of 0.80.",
            "Plan: Restart checkout on supervisor",
            "Rollback: partly. Start the process again with the settings noted before.",
            "Also firing, without a runbook: DiskFull.",
        ),
        tone=Tone.ASKING,
        audit=(41,),
        at=OPENED,
    ),
    "entry_succeeded_with_nothing_to_undo": ThreadNotice(
        incident="INC-7",
        title="Done and verified",
        lines=(
            "Restarted checkout. Healthy after 4 s.",
            "Rollback: nothing to undo. What the processes held in memory is gone.",
        ),
        tone=Tone.GOOD,
        buttons=(Button.REVIEW, Button.WHY),
        subject=SUBJECT,
        revision=3,
        broadcast=True,
        audit=(44, 45),
        at=OPENED,
    ),
    "entry_succeeded": ThreadNotice(
        incident="INC-7",
        title="Done and verified",
        lines=(
            "checkout answers again; healthy twice in a row.",
            "Rollback: partly. Start the process again with the settings noted before.",
        ),
        tone=Tone.GOOD,
        buttons=(Button.ROLL_BACK, Button.REVIEW),
        if_rolled_back=IT_HELPED,
        subject=SUBJECT,
        revision=3,
        broadcast=True,
        audit=(44, 45),
        at=OPENED + timedelta(minutes=5),
    ),
    "entry_calls_people": ThreadNotice(
        incident="INC-7",
        title="It may have made things worse",
        lines=("orders began to fail 20 s after the restart.", "Runbook restart-checkout is paused."),
        tone=Tone.BAD,
        to=(ALICE, BOB),
        audit=(46,),
        at=OPENED + timedelta(minutes=6),
    ),
    "entry_by_a_person": ThreadNotice(
        incident="INC-7",
        title="Stopped before anything was changed",
        by=BOB,
        lines=(PLAN.summary,),
        tone=Tone.BY_A_PERSON,
        buttons=(Button.SAY_WHY,),
        subject=SUBJECT,
        revision=3,
        audit=(43,),
        at=OPENED,
    ),
    "entry_lapsed": ThreadNotice(
        incident="INC-7",
        title="Approved but not started in time",
        lines=("Nothing was run: it had 10m to start. The incident stays open.",),
        tone=Tone.WARNING,
        buttons=(Button.WHY,),
        subject=SUBJECT,
        revision=3,
        audit=(44,),
        at=OPENED + timedelta(minutes=40),
    ),
}
ENTRIES |= {
    "entry_stopping": ThreadNotice(
        incident="INC-7",
        title="Stopping",
        by=BOB,
        lines=("No further step begins. What is done until then stays, and the thread will say how far it got.",),
        tone=Tone.WARNING,
        audit=(50,),
        at=OPENED + timedelta(minutes=4),
    ),
    "entry_interrupted": ThreadNotice(
        incident="INC-7",
        title="Ended half-way",
        lines=(
            "Stopped by U02BOB, after 4 steps. It is not healthy: 9 pods are still on node-1. Nothing was rolled back.",
            "Done: all 4 steps that began, at last “Evict checkout-3 (3 of 12)”.",
        ),
        names=(BOB,),
        tone=Tone.BAD,
        to=(ALICE, BOB),
        buttons=(Button.ROLL_BACK, Button.GO_ON, Button.REVIEW, Button.WHY),
        if_rolled_back=HALF_DONE,
        subject=SUBJECT,
        revision=3,
        broadcast=True,
        audit=(52,),
        at=OPENED + timedelta(minutes=5),
    ),
    "entry_reminded": ThreadNotice(
        incident="INC-7",
        title="Still waiting for an answer",
        lines=(PLAN.summary, "Until 2026-11-23 03:32 UTC. If nobody answers: leads will be asked as well."),
        tone=Tone.WARNING,
        to=(ALICE, BOB),
        audit=(47,),
        at=OPENED + timedelta(minutes=15),
    ),
    "entry_handed_over": ThreadNotice(
        incident="INC-7",
        title="Now asking leads as well",
        lines=(
            "In quiet hours, so not called: sre-oncall until 06:00 UTC.",
            PLAN.summary,
            "Until 2026-11-23 04:02 UTC. If nobody answers: Nothing is done. The question expires and the incident "
            "stays open.",
        ),
        tone=Tone.WARNING,
        to=(CAROL,),
        audit=(48,),
        at=OPENED + timedelta(minutes=30),
    ),
    "entry_withdrawn": ThreadNotice(
        incident="INC-7", title="Withdrew their approval", by=ALICE, lines=(PLAN.summary,), audit=(49,), at=OPENED
    ),
}
NOTICES: dict[str, CardNotice | ThreadNotice] = {**CARDS, **ENTRIES}
