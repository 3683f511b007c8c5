"""What is worth waking people for when Slack is away, and what can wait for it."""

import pytest

from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import Button, DirectNotice, PointerNotice, Told, Tone
from bot.second_channel.telling import Kind, telling
from tests.fixtures.incidents import NOW
from tests.second_channel.letters import asking, outcome, storm

RESOLVED, TAKEN = IncidentState.RESOLVED, IncidentState.TAKEN
TO = ("U01ALICE",)


@pytest.mark.parametrize(
    ("notice", "kind"),
    [
        (asking(ActionState.ANNOUNCING), Kind.ANNOUNCEMENT),
        (asking(ActionState.VETO_WINDOW), Kind.ANNOUNCEMENT),
        (asking(ActionState.VETO_WINDOW, incident_state=TAKEN), Kind.ANNOUNCEMENT),
        (asking(ActionState.WAITING), Kind.QUESTION),
        (asking(None), Kind.QUESTION),
        (asking(ActionState.HELD), Kind.HELD),
        (asking(ActionState.STOPPED), Kind.ENDING),
        (asking(ActionState.OVERRIDDEN), Kind.ENDING),
        (asking(ActionState.EXPIRED), Kind.ENDING),
        (asking(ActionState.LAPSED), Kind.ENDING),
        (outcome(), Kind.OUTCOME),
        (outcome(title="Failed", to=TO, tone=Tone.BAD), Kind.CALL),
        (outcome(title="Rolled back", to=TO, tone=Tone.WARNING), Kind.CALL),
        (outcome(title="It may have made things worse", to=TO, tone=Tone.BAD, broadcast=False), Kind.CALL),
        (storm(), Kind.QUESTION),
        (storm(buttons=(Button.TAKE_THESE, Button.WHY_THESE)), Kind.QUESTION),
    ],
)
def test_what_people_must_see_is_told_as_what_it_is(notice: Told, kind: Kind) -> None:
    told = telling(notice)
    assert told is not None
    assert (told.kind, told.subject) == (kind, "a1")


@pytest.mark.parametrize(
    "notice",
    [
        storm(buttons=(Button.CHOOSE, Button.WHY_THESE)),
        asking(ActionState.WAITING, incident_state=TAKEN),
        asking(None, incident_state=TAKEN),
        asking(None, incident_state=RESOLVED),
        asking(ActionState.EXPIRED, incident_state=RESOLVED),
        *(asking(state) for state in (ActionState.APPROVED, ActionState.EXECUTING, ActionState.SUCCEEDED)),
        outcome(title="Asking for approval", broadcast=False),
        outcome(title="Still waiting for an answer", broadcast=False, to=TO, tone=Tone.WARNING),
        outcome(title="Review due", broadcast=False, to=TO, tone=Tone.NEUTRAL),
        DirectNotice(incident="INC-7", to="U01ALICE", title="Waits for your answer", at=NOW),
        PointerNotice(
            incident="INC-7",
            service="checkout",
            severity="critical",
            alert_name="ServiceDown",
            channel="C9",
            incident_state=IncidentState.OPEN,
            opened_at=NOW,
        ),
    ],
)
def test_what_slack_can_catch_up_with_waits_for_it(notice: Told) -> None:
    assert telling(notice) is None
