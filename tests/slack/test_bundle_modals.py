"""The dialogs of a card about many incidents: as agreed, within limits, and read back as they were filled in."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.bundles import BundleView
from bot.response.model.actions import ActionState
from bot.response.model.bundle import MEMBERS_MAX, Bundle, Member
from bot.response.model.incidents import Incident, IncidentState
from bot.slack.bundle_modals import (
    ALONE,
    APPROVE,
    ChoiceForm,
    choice_faults,
    choose_modal,
    likely_scopes,
    read_choice,
    why_these_modal,
)
from bot.slack.limits import check_view
from tests.fixtures.incidents import NOW, action
from tests.slack.conftest import Golden
from tests.slack.notices import ALICE, BOB


def member(number: int, asked: ActionState | None = ActionState.WAITING, **changes: str) -> Member:
    facts: dict[str, object] = {
        "id": number,
        "handle": f"h{number}",
        "group_key": "",
        "service": f"checkout-{number}",
        "alert_name": "ServiceDown",
        "severity": "critical",
        "state": IncidentState.OPEN,
        "revision": 1,
        "opened_at": NOW,
        "resolved_at": None,
        "taken_by": None,
        "channel": "C01INC",
        "thread_ts": "1.1",
    }
    headline = changes.pop("headline", "L1, assisted: Watchkeeper proposes, a person approves.")
    incident = Incident(**(facts | changes))  # type: ignore[arg-type]  # facts by name
    return Member(incident, action(number, f"a{number}", asked) if asked else None, number, headline)


def shown(*members: Member, runbook: str = "restart-service") -> BundleView:
    bundle = Bundle(1, "bundle_77c2d4e1aa", runbook, 12, 14, NOW - timedelta(minutes=2))
    because = "More than 5 such incidents came within 5m: these share one card."
    headlines = tuple(dict.fromkeys(one.headline for one in members))
    return BundleView(bundle, "Restart a service that stopped answering", because, headlines, members)


STORM = shown(
    member(12),
    member(
        13,
        ActionState.HELD,
        headline="Automation is paused here: U02BOB paused service checkout-13 until somebody resumes.",
    ),
    member(14),
    member(15, None, headline="No runbook matches this alert."),
    member(16, ActionState.SUCCEEDED, state=IncidentState.RESOLVED),
)
VIEWS = {
    "modal_choose": choose_modal(STORM),
    "modal_choose_without_a_question": choose_modal(shown(member(15, None), runbook="")),
    "modal_why_these": why_these_modal(STORM, {ALICE, BOB}),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_modal_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    check_view(VIEWS[name])
    golden(name, VIEWS[name])


def test_what_waits_is_offered_first_and_what_is_resolved_not_at_all() -> None:
    options = VIEWS["modal_choose"]["blocks"][1]["element"]["options"]
    assert [one["value"] for one in options] == ["INC-12", "INC-14", "INC-13", "INC-15"]
    assert options[0]["text"]["text"] == "INC-12 checkout-12: Restart checkout"
    assert options[2]["text"]["text"].endswith("(on hold)")


def test_approving_is_offered_only_where_something_waits_for_it() -> None:
    deeds = [[one["value"] for one in VIEWS[name]["blocks"][2]["element"]["options"]] for name in list(VIEWS)[:2]]
    assert deeds == [[APPROVE, ALONE], [ALONE]]


def test_the_dialog_speaks_for_the_bundle_as_it_stood_when_it_was_opened() -> None:
    assert VIEWS["modal_choose"]["private_metadata"] == "bundle_77c2d4e1aa.14"


def test_a_choice_is_read_back() -> None:
    values: dict[str, dict[str, Any]] = {
        "chosen": {"chosen": {"selected_options": [{"value": "INC-12"}, {"value": "INC-14"}]}},
        "deed": {"deed": {"selected_option": {"value": APPROVE}}},
    }
    form = read_choice(values)
    assert form == ChoiceForm(("INC-12", "INC-14"), APPROVE)
    assert choice_faults(form) == {}
    assert read_choice({}) == ChoiceForm((), "")
    assert set(choice_faults(ChoiceForm((), "by hand"))) == {"chosen", "deed"}


def test_the_likeliest_pause_stands_first() -> None:
    scopes = likely_scopes(STORM)
    assert scopes[0] == Scope(kind=ScopeKind.RUNBOOK, name="restart-service")
    assert {one.kind for one in scopes[1:]} == {ScopeKind.SERVICE}
    assert likely_scopes(shown(member(15, None), runbook=""))[0].kind is ScopeKind.SERVICE


def test_as_many_as_may_share_a_card_fit_into_its_dialogs() -> None:
    long = "<&>" * 2000
    many = [member(number, service=long, headline=f"{number}{long}") for number in range(MEMBERS_MAX)]
    view = shown(*many)
    for drawn in (choose_modal(view), why_these_modal(view)):
        check_view(drawn)
    assert len(choose_modal(view)["blocks"][1]["element"]["options"]) == MEMBERS_MAX


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=200), st.text(max_size=300), st.text(max_size=60))
def test_any_text_gives_dialogs_that_slack_takes_and_no_markup_of_its_own(
    service: str, headline: str, runbook: str
) -> None:
    evil = f"<!channel>{headline}<https://evil|x>"
    view = shown(member(12, service=service, headline=evil), runbook=runbook)
    for drawn in (choose_modal(view), why_these_modal(view)):
        check_view(drawn)
        marked = [text["text"] for text in _texts(drawn) if text.get("type") == "mrkdwn"]
        assert "<" not in re.sub(r"&lt;", "", "".join(marked))


def _texts(part: object) -> list[dict[str, Any]]:
    found = []
    for one in json.loads(json.dumps([part], default=str)):
        if isinstance(one, dict):
            found += [one] if "text" in one and isinstance(one["text"], str) else []
            for value in one.values():
                found += _texts(value)
        elif isinstance(one, list):
            for each in one:
                found += _texts(each)
    return found
