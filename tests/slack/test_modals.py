import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.decide import decide
from bot.policy.decision import Reason, RuleResult, Verdict
from bot.policy.evidence import Evidence, Finding
from bot.policy.levels import Level
from bot.policy.shadow import Agreement
from bot.policy.situation import Demotion, Evidenced, Scope, ScopeKind
from bot.response.interventions.explanations import Choice
from bot.response.interventions.take_override import BY_HAND, NOTHING
from bot.slack import explaining
from bot.slack.limits import check_view
from bot.slack.modals import (
    CHOICE,
    DURATION,
    EVERYTHING,
    REASON,
    SCOPE,
    OverrideForm,
    PauseForm,
    override_faults,
    override_modal,
    pause_faults,
    pause_modal,
    read_override,
    read_pause,
    say_why_modal,
    why_modal,
)
from tests.policy.calm import NOW, RUNBOOK, burning, calm_alert, calm_policy, calm_situation
from tests.slack.conftest import Golden
from tests.slack.facts import DECISION, IN_SHADOW, INCIDENT, explanation
from tests.slack.notices import ALICE

CHOICES = (
    Choice("restart-checkout", "Restart a service that stopped answering", True),
    Choice("drain-checkout", "Take it out of the load balancer", False),
)
SERVICE = Scope(kind=ScopeKind.SERVICE, name="checkout")
TARGET = Scope(kind=ScopeKind.TARGET, name="supervisor:checkout")
AGREED = Agreement(questions=15, would_have_acted=13, compared=12, agreed=11)
SHADOWED = replace(explanation(IN_SHADOW, agreement=AGREED), incident=replace(INCIDENT, id=8))
"""Of another incident, so that nobody takes one dialog for the other."""
VALUE = "act_5b1f0c9d2e.3"
TROUBLED = {"billing": "affected", "data_integrity": "yes", "security_severity": "low"}
"""Labels by which an alert marks what is at stake."""
VIEWS = {
    "modal_why": why_modal(explanation(), VALUE, {ALICE}),
    "modal_why_in_shadow": why_modal(SHADOWED, VALUE, {ALICE}),
    "modal_say_why": say_why_modal("INC-7", VALUE),
    "modal_override": override_modal("INC-7", CHOICES, VALUE),
    "modal_pause": pause_modal((SERVICE, Scope(kind=ScopeKind.RUNBOOK, name="restart-checkout"), TARGET), VALUE),
    "modal_pause_everything": pause_modal(()),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_modal_is_drawn_exactly_as_agreed(name: str, golden: Golden) -> None:
    golden(name, VIEWS[name])


@pytest.mark.parametrize("name", VIEWS)
def test_a_modal_is_within_slacks_limits(name: str) -> None:
    check_view(VIEWS[name])


@pytest.mark.parametrize("name", VIEWS)
def test_a_modal_carries_the_buttons_value_and_nothing_more(name: str) -> None:
    assert VIEWS[name].get("private_metadata", "") in (VALUE, "")
    assert VIEWS[name]["callback_id"] in ("why", "override", "pause", "say_why")


def seen(view: dict[str, Any]) -> str:
    return json.dumps(view, ensure_ascii=False)


def test_why_begins_with_the_rule_that_settled_it() -> None:
    rules = [block["text"]["text"] for block in VIEWS["modal_why"]["blocks"] if block["type"] == "section"][1:4]
    assert "*Confidence* · this settled it" in rules[0]
    assert "*Action budgets*" in rules[1]
    assert "*Pauses and freezes*" in rules[2]


def test_why_says_what_it_would_have_done_with_a_licence_and_how_often_people_did_the_same() -> None:
    lead, shadow, title, parts = VIEWS["modal_why_in_shadow"]["blocks"][:4]
    assert "*82 % sure:* the evidence supports it; it worked in 3 of 3 cases" in lead["text"]["text"]
    assert shadow["elements"][0]["text"] == (
        "👥 With its licence it would have announced this, and done it unless somebody had stopped it. In shadow it "
        "would have acted in 13 of 15 questions; people did the same in 11 of 12 (92 %)."
    )
    assert title["text"]["text"] == "How sure we are"
    assert parts["text"]["text"].splitlines()[1:] == [
        "`0.92` it worked in 3 of 3 cases, 2 of them on staging, at least 75 % to be expected",
        "`0.82` is their product, the confidence",
    ]
    assert "With its licence" not in seen(VIEWS["modal_why"]), "it is not in shadow"


def test_what_would_not_have_acted_with_a_licence_either_says_so() -> None:
    for verdict, said in (
        (Verdict.ACT, "it would have acted at once."),
        (Verdict.ASK, "it would have asked all the same."),
        (Verdict.HOLD, "it would not have acted here either."),
    ):
        view = why_modal(explanation(IN_SHADOW.model_copy(update={"shadow": verdict})), VALUE)
        assert view["blocks"][1]["elements"][0]["text"] == f"👥 With its licence {said}"


def test_why_shows_what_a_rule_read() -> None:
    assert "`confidence: 0.67` `floor: 0.8`" in seen(VIEWS["modal_why"])


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"problem": "connection refused"},
        {"alerts": (calm_alert(labels=TROUBLED),), "answers": burning("9.0")},
        {"evidenced": {RUNBOOK: Evidenced(demotions=(Demotion(level=Level.L0, reason="an overdue review", at=NOW),))}},
    ],
)
def test_why_names_what_a_rule_read_in_words_and_not_as_it_is_stored(changed: dict[str, Any]) -> None:
    decision = decide(calm_situation(**changed), calm_policy())
    for reason in decision.reasons:
        shown = explaining.rule(decision, reason, known={ALICE})
        names = re.findall(r"`([^`:]*):", shown)
        assert reason.rule == "conditions" or not any("_" in name or "way back" in name for name in names), shown


@pytest.mark.parametrize("rule", ["oversight", "veto_window"])
def test_why_calls_a_rollback_a_rollback(rule: str) -> None:
    decision = decide(calm_situation(), calm_policy())
    (reason,) = (one for one in decision.reasons if one.rule == rule)
    assert "`rollback: " in explaining.rule(decision, reason, known=())


def test_why_says_who_had_read_the_evidence_before_answering() -> None:
    assert "<@U01ALICE> approved, after reading the evidence" in seen(VIEWS["modal_why"])
    assert "<@U02BOB> stopped it, <!date" in seen(VIEWS["modal_why"])


def test_why_names_the_policy_and_the_record() -> None:
    assert "`5d41402abc4b`" in seen(VIEWS["modal_why"])
    assert "audit entry 41" in seen(VIEWS["modal_why"])
    assert "30 `decision.made`" in seen(VIEWS["modal_why"])


ANY = st.lists(
    st.sampled_from(["<!channel>", "<@U9>", "<https://evil|x>", "`", "&" * 50, "\u202e", "\n", "word "]), max_size=8
).map("".join)


@settings(deadline=None, max_examples=40)
@given(st.lists(ANY, min_size=1, max_size=25), ANY)
def test_any_reasons_and_evidence_make_a_modal_that_slack_takes(texts: list[str], long: str) -> None:
    reasons = tuple(
        Reason(rule=f"rule {n}", result=RuleResult.ESCALATES, text=text, inputs={text: long * 20, "n": [long] * 9})
        for n, text in enumerate(texts)
    )
    evidence = tuple(
        Evidence(name=text, query=long * 30, finding=Finding.UNKNOWN, detail=long) for text in [*texts, *texts]
    )
    view = why_modal(
        explanation(DECISION.model_copy(update={"reasons": reasons, "headline": long, "evidence": evidence})),
        VALUE,
    )
    check_view(view)
    assert set(re.findall(r"<[^>]", seen(view))) <= {"<@", "<!"}
    assert set(re.findall(r"<!(\w+)", seen(view))) <= {"date"}


def test_override_offers_other_runbooks_nothing_and_by_hand() -> None:
    (choice, _) = VIEWS["modal_override"]["blocks"]
    values = [option["value"] for option in choice["element"]["options"]]
    assert values == ["restart-checkout", "drain-checkout", BY_HAND, NOTHING]


def test_override_offers_at_most_what_slack_takes_and_says_where_the_rest_is() -> None:
    many = [Choice(f"runbook-{n}", "Do something " * 20, False) for n in range(30)]
    view = override_modal("INC-7", many, VALUE)
    check_view(view)
    assert "/watch run" in seen(view)


def filled(**selected: str) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        name: {name: {"value": text} if name == REASON else {"selected_option": {"value": text}}}
        for name, text in selected.items()
    }


def test_override_is_read_back() -> None:
    assert read_override(filled(choice="drain-checkout", reason=" known deploy ")) == OverrideForm(
        "drain-checkout", "known deploy"
    )


def test_a_reason_is_required_even_if_it_is_made_of_spaces() -> None:
    form = read_override(filled(choice=NOTHING, reason="   "))
    assert set(override_faults(form)) == {REASON}
    assert set(override_faults(read_override({}))) == {REASON, CHOICE}
    assert not override_faults(read_override(filled(choice=NOTHING, reason="deploying")))


def test_pause_proposes_the_service_for_an_hour() -> None:
    blocks = {block.get("block_id"): block for block in VIEWS["modal_pause"]["blocks"]}
    assert blocks[SCOPE]["element"]["initial_option"]["text"]["text"] == "Service checkout"
    assert blocks[DURATION]["element"]["initial_option"]["text"]["text"] == "for 1 hour"


def test_everything_that_pause_offers_is_read_back() -> None:
    blocks = {block.get("block_id"): block for block in VIEWS["modal_pause"]["blocks"]}
    forms = [
        read_pause(filled(scope=scope["value"], duration=duration["value"], reason="deploying"))
        for scope in blocks[SCOPE]["element"]["options"]
        for duration in blocks[DURATION]["element"]["options"]
    ]
    assert None not in forms
    assert forms[0] == PauseForm(SERVICE, timedelta(minutes=15), "deploying")
    assert forms[-1] == PauseForm(EVERYTHING, None, "deploying")
    assert TARGET in {form.scope for form in forms if form}
    assert not any(pause_faults(form) for form in forms)


@pytest.mark.parametrize("scope", ["", "everything", "service:", "galaxy:x", "everything:x"])
def test_a_scope_that_was_not_offered_is_refused(scope: str) -> None:
    form = read_pause(filled(scope=scope, duration="1h", reason="x"))
    assert form is None
    assert set(pause_faults(form)) == {SCOPE}


def test_a_duration_that_was_not_offered_is_refused() -> None:
    assert read_pause(filled(scope="everything:", duration="9000w", reason="x")) is None


def test_a_target_whose_name_is_too_long_for_slack_is_not_offered() -> None:
    view = pause_modal((Scope(kind=ScopeKind.TARGET, name="x" * 200), SERVICE))
    check_view(view)
    assert "xxx" not in seen(view)
