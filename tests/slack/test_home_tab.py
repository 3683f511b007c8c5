"""The Home tab as it is drawn: exactly as agreed, and within limits whatever happens."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.file.document import Freeze
from bot.policy.levels import Level
from bot.policy.situation import Pause, Scope, ScopeKind
from bot.response.interventions.reviews import DueReview
from bot.response.interventions.runbook_levels import RunbookLevel
from bot.response.model.actions import ActionState
from bot.response.model.records import Review
from bot.response.notices.progress import Doing, Progress
from bot.slack.home_tab import HomeFacts, home_view
from bot.slack.limits import check_view
from bot.slack.replies import IncidentLine, World
from tests.fixtures import incidents as facts
from tests.slack.conftest import Golden
from tests.slack.facts import CHANGE, INCIDENT, PLAN
from tests.slack.notices import ALICE, BOB, CAROL, OPENED

HOUR = timedelta(hours=1)
ACTION = facts.action(7, "act_5b1f0c9d2e", plan=PLAN, due_at=OPENED + HOUR)
ENDED = replace(ACTION, state=ActionState.SUCCEEDED, finished_at=OPENED, due_at=None, decided_by=(BOB,))
CALM = HomeFacts(
    person=ALICE,
    problems=(),
    pauses=(),
    freezes=(),
    waiting=(),
    under_way=(),
    incidents=(),
    world=World(),
    ended=(),
    reviews=(),
    runbook_levels=(RunbookLevel("restart-checkout", "Restart checkout", Level.L3, Level.L3, ""),),
    permalinks={},
)
BUSY = replace(
    CALM,
    problems=("not_in_channel: invite the app to the channel with /invite",),
    pauses=(
        Pause(
            pause_id="p1",
            scope=Scope(kind=ScopeKind.SERVICE, name="checkout"),
            by=CAROL,
            reason="bad release",
            since=OPENED,
            until=OPENED + 2 * HOUR,
        ),
    ),
    freezes=(Freeze.model_validate({"name": "release-week", "from": OPENED, "until": OPENED + timedelta(days=9)}),),
    waiting=(ACTION, replace(ACTION, id="act_77", incident_id=10, state=ActionState.VETO_WINDOW)),
    changes=tuple(
        CHANGE.model_copy(update={"what": f"deploy of {name} 4.2", "services": (name,), "targets": ()})
        for name in ("checkout", "orders", "search", "mail", "media")
    ),
    under_way=(
        Doing(
            replace(ACTION, id="act_88", incident_id=8, state=ActionState.EXECUTING),
            Progress("Stop checkout-2 (2 of 3), 1 done so far", can_be_halted=True),
        ),
        Doing(replace(ACTION, id="act_89", incident_id=9, state=ActionState.ROLLING_BACK), Progress()),
    ),
    incidents=(
        IncidentLine(replace(INCIDENT, id=10), ActionState.VETO_WINDOW),
        IncidentLine(replace(INCIDENT, id=9), ActionState.ROLLING_BACK),
        IncidentLine(
            replace(INCIDENT, id=8), ActionState.EXECUTING, progress="Stop checkout-2 (2 of 3), 1 done so far"
        ),
        IncidentLine(INCIDENT, ActionState.WAITING, "https://slack.example/archives/C01INC/p1"),
    ),
    world=World(incidents_open=4, oldest=OPENED, questions=1),
    may_resume=frozenset({"service checkout"}),
    ended=(
        replace(ENDED, incident_id=4),
        replace(ENDED, incident_id=6, state=ActionState.ROLLED_BACK),
        replace(ENDED, incident_id=5, state=ActionState.LAPSED),
    ),
    reviews=(
        DueReview(
            Review("act_5b1f0c9d2e", OPENED - HOUR, None, None, None),
            replace(ENDED, incident_id=4),
            (ALICE,),
            overdue=True,
        ),
        DueReview(Review("a2", OPENED + HOUR, None, None, None), replace(ENDED, incident_id=6), (BOB,), overdue=False),
    ),
    runbook_levels=(
        RunbookLevel(
            "restart-checkout",
            "Restart checkout",
            Level.L3,
            Level.L1,
            "the chaos test is void: the runbook changed (verify.within: 2m -> 121s)",
            shadow="In shadow it would have acted in 13 of 15 questions; people did the same in 11 of 12 (92 %).",
        ),
        RunbookLevel("drain-node", "Drain", Level.L3, Level.L3, "", expiring="the chaos test expires in 6 days"),
        RunbookLevel("restart-orders", "Restart orders", Level.L1, Level.L1, "the policy says L1"),
    ),
    permalinks={7: "https://slack.example/archives/C01INC/p1"},
)
CALLED = replace(
    CALM,
    incidents=(IncidentLine(replace(INCIDENT, revision=1), None, "https://slack.example/archives/C01INC/p1"),),
    world=World(incidents_open=9, oldest=OPENED, untaken=9),
    to_take=(replace(INCIDENT, revision=1),) * 9,
    permalinks={7: "https://slack.example/archives/C01INC/p1"},
)
ASLEEP = replace(
    CALM,
    world=World(1, OPENED, questions=1, nobody_woken=True),
    incidents=(IncidentLine(INCIDENT, ActionState.WAITING),),
)
VIEWS = {
    "home_calm": home_view(CALM),
    "home_busy": home_view(BUSY),
    "home_called": home_view(CALLED),
    "home_nobody_woken": home_view(ASLEEP),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_tab_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    golden(name, VIEWS[name])


@pytest.mark.parametrize("name", VIEWS)
def test_a_tab_is_within_slacks_limits(name: str) -> None:
    check_view(VIEWS[name])


def test_an_announced_act_can_be_stopped_and_a_question_answered_from_the_tab() -> None:
    rows = [block for block in VIEWS["home_busy"]["blocks"] if block["type"] == "actions"]
    assert [[button["action_id"] for button in row["elements"]] for row in rows] == [
        ["resume"],
        ["approve", "stop", "why"],
        ["stop", "why"],
        ["stop"],
        ["review", "hand_over_review"],
    ]


def test_the_same_facts_give_the_same_view() -> None:
    assert home_view(BUSY) == VIEWS["home_busy"]


@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=3000), count=st.integers(1, 60))
def test_whatever_is_said_and_however_much_it_stays_within_limits_and_is_no_markup(text: str, count: int) -> None:
    action = replace(ACTION, plan=PLAN.model_copy(update={"summary": text, "steps": (text,) * 9}))
    due = DueReview(Review("a", OPENED, None, None, None), action, (ALICE,), overdue=False)
    hostile = replace(
        BUSY,
        problems=(text,) * count,
        pauses=tuple(p.model_copy(update={"reason": text}) for p in BUSY.pauses) * count,
        waiting=[replace(action, id=f"a{n}") for n in range(count)],
        under_way=[Doing(replace(action, state=ActionState.EXECUTING), Progress(text, can_be_halted=True))] * count,
        incidents=[IncidentLine(replace(INCIDENT, alert_name=text, service=text), None)] * count,
        world=World(incidents_open=count),
        ended=[replace(ENDED, plan=action.plan)] * count,
        reviews=[replace(due, action=replace(action, id=f"a{n}")) for n in range(count)],
        runbook_levels=[RunbookLevel(text, text, Level.L3, Level.L0, text, text, text)] * count,
    )
    view = home_view(hostile)
    check_view(view)
    seen = json.dumps(view, ensure_ascii=False)
    assert "<!channel" not in seen
    assert "<!here" not in seen
