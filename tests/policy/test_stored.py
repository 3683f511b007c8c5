"""What other releases stored is read: the older lifted, the newer as far as it is known, the altered not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.policy.confidence.cases import CASES_COUNT_FOR
from bot.policy.decide import PlanMissingError, decide
from bot.policy.decision import Decision, RuleResult, Verdict
from bot.policy.evidence import Answer, Finding
from bot.policy.file.canonical import digest_of
from bot.policy.file.document import Policy
from bot.policy.file.loading import load_policy
from bot.policy.levels import Level
from bot.policy.plan import Effect, Exactness
from bot.policy.situation import (
    SCHEMA,
    Acted,
    Demotion,
    Gate,
    Memory,
    Notification,
    Planned,
    RefusalKind,
    ScopeKind,
    Situation,
    Trigger,
)
from bot.policy.stored import AlteredError, lifted, read_decision, read_policy, read_situation, seal_of, sealed
from bot.policy.track_record import Ending, Judged
from tests.policy.calm import (
    ALICE,
    BOB,
    NOW,
    QUERY,
    RUNBOOK,
    asked_for,
    calm_alert,
    calm_plan,
    calm_policy,
    calm_situation,
    entries,
    past_case,
    pause,
    refusal,
    sealed_evidenced,
)

SCHEMA_1 = Path(__file__).parent / "stored" / "schema-1"
"""Written by a release that stored schema 1, situation and decision of one row each."""
EXAMPLE = Path(__file__).parents[2] / "docs" / "policy.example.yml"
NAMES = sorted(path.stem for path in SCHEMA_1.glob("*.json"))


def row(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The situation and the decision of a row as schema 1 stored them."""
    document = json.loads((SCHEMA_1 / f"{name}.json").read_text())
    return document["situation"], document["decision"]


def read_row(name: str) -> tuple[Situation, Decision]:
    situation, decision = row(name)
    return read_situation(json.dumps(situation)), read_decision(decision, situation)


def eventful() -> Situation:
    """A situation with something in every field, none of which keeps it from acting alone."""
    policy = eventful_policy()
    sealed_ones = sealed_evidenced(policy).model_copy(
        update={
            "demotions": (Demotion(level=Level.L2, reason="a review is overdue", at=NOW, cause="overdue:a9"),),
            "lifted": ("harmed:a8",),
            "cases": (
                past_case(9),
                past_case(8, Ending.HARMED, judged=Judged.HELPFUL, review_due=NOW, at=NOW - CASES_COUNT_FOR * 2),
            ),
        }
    )
    return calm_situation(
        policy,
        alerts=(calm_alert(), calm_alert(fingerprint="f2", name="Slow")),
        request=asked_for(parameters={"region": "eu"}, after=(refusal(RefusalKind.TAKEN).key,)),
        ledger=entries(2),
        memory=Memory(
            refusals=(refusal(RefusalKind.TAKEN),),
            acted=(Acted(action_id="a0", runbook=RUNBOOK, targets=("supervisor:db",), at=NOW),),
        ),
        pauses=(pause(ScopeKind.SERVICE, "orders"),),
        evidenced={RUNBOOK: sealed_ones},
    )


def eventful_policy() -> Policy:
    return calm_policy({"authors": [BOB]})


# Sealed


def test_what_is_read_back_is_what_was_sealed_and_is_decided_alike() -> None:
    situation, policy = eventful(), eventful_policy()
    text, seal = sealed(situation)
    again = read_situation(text, seal)
    assert again == situation
    assert sealed(again) == (text, seal)
    assert decide(again, policy) == decide(situation, policy)
    assert json.loads(text)["schema_version"] == SCHEMA == 2


def test_the_same_facts_have_the_same_text_whatever_order_sets_were_made_in() -> None:
    effects = (Effect.RESTART, Effect.CAPACITY, Effect.TRAFFIC, Effect.DISK)
    texts = {
        sealed(calm_situation(plan=calm_plan(effects=frozenset(order))))[0] for order in (effects, reversed(effects))
    }
    assert len(texts) == 1


@pytest.mark.parametrize(("old", "new"), [("critical", "warning"), ('"INC-7"', '"INC-8"'), ("{", "{ ")])
def test_a_text_that_was_changed_in_any_way_is_not_read(old: str, new: str) -> None:
    text, seal = sealed(eventful())
    altered = text.replace(old, new, 1)
    assert altered != text
    with pytest.raises(AlteredError, match=r"not what was sealed.*watchkeeper audit verify"):
        read_situation(altered, seal)


def test_the_seal_of_a_text_is_its_sha256() -> None:
    assert seal_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


# Policies


def test_a_policy_is_kept_whole_and_is_the_same_when_it_is_read() -> None:
    for policy in (calm_policy(), load_policy(EXAMPLE.read_text(), filename=EXAMPLE.name)):
        again = read_policy(json.dumps(policy.as_written()), policy.digest)
        assert again == policy
        assert again.digest == policy.digest
        assert {name: entry.digest for name, entry in again.runbooks.items()} == {
            name: entry.digest for name, entry in policy.runbooks.items()
        }


def test_what_this_release_has_added_is_kept_where_it_says_something_and_else_changes_no_digest() -> None:
    calm = calm_policy()
    document = calm.as_written()
    assert "protected" not in document
    name, runbook = next(iter(document["runbooks"].items()))
    told = calm.model_validate(
        document
        | {"protected": {"networks": ["10.0.0.0/8"]}}
        | {"services": {"checkout": {"leave_healthy": {"count": 2}}}}
        | {"runbooks": {name: runbook | {"effects": ["restart"], "verify": {"within": "1m", "own": True}}}}
    )
    again = read_policy(json.dumps(told.as_written()), told.digest)
    assert again == told
    assert again.digest != calm.digest
    assert again.services["checkout"].leave_healthy == told.services["checkout"].leave_healthy
    assert again.runbooks[name].verify.own


def test_a_policy_that_is_not_the_one_that_decided_is_not_read() -> None:
    policy = calm_policy()
    document = policy.as_written()
    document["budgets"] = []
    with pytest.raises(AlteredError, match=r"not the one that decided.*watchkeeper audit verify"):
        read_policy(json.dumps(document), policy.digest)


def test_a_policy_with_a_bound_that_only_a_newer_release_knows_is_not_guessed_at() -> None:
    document = calm_policy().as_written()
    document["never_on_fridays"] = True
    assert read_policy(json.dumps(document), digest_of(document)) is None


# Older


def test_there_are_rows_of_the_older_shape_to_read() -> None:
    assert NAMES == ["acts_unless_stopped", "asked_for", "demoted", "no_plan", "no_runbook", "paused"]


@pytest.mark.parametrize("name", NAMES)
def test_a_row_of_schema_1_is_read_with_its_seal_and_stays_as_it_is(name: str) -> None:
    document, stored = row(name)
    text = json.dumps(document)
    before = json.dumps(stored)
    situation, decision = read_situation(text, seal_of(text)), read_decision(stored, document)
    assert (situation.schema_version, situation.alerts[0].name) == (SCHEMA, document["alert"]["name"])
    assert decision.verdict.value == stored["verdict"]
    assert decision.headline == stored["headline"]
    assert decision.runbook == document["runbook"]
    assert [reason.rule for reason in decision.reasons] == [reason["rule"] for reason in stored["reasons"]]
    assert json.dumps(stored) == before
    assert read_situation(*sealed(situation)) == situation


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_schema_1_concluded_acts_by_itself_when_it_is_judged_again(name: str) -> None:
    """The ledger and the gates were not kept as rows, and what is not known never permits."""
    situation, _ = read_row(name)
    decision = decide(situation, calm_policy())
    assert not decision.verdict.autonomous
    assert situation.ledger is None


def test_the_findings_of_schema_1_are_kept_as_they_were_judged() -> None:
    situation, stored = read_row("no_plan")
    (piece,) = stored.evidence
    assert (piece.finding, piece.detail) == (Finding.UNKNOWN, "no answer from Prometheus within 5 s")
    assert situation.answers == {QUERY: Answer(judged=piece.finding, detail=piece.detail)}
    assert situation.plans == {RUNBOOK: Planned(problem="connection refused")}
    again = decide(situation, calm_policy())
    assert (again.verdict, again.evidence[0].detail) == (Verdict.OBSERVE, piece.detail)


def test_a_plan_of_schema_1_keeps_its_digest() -> None:
    situation, stored = read_row("acts_unless_stopped")
    plan = situation.plans[RUNBOOK].plan
    assert plan is not None
    assert plan.digest == stored.plan_digest
    assert plan.rollback.exactness is Exactness.EXACT
    assert stored.services == {"checkout"}
    assert situation.history.actions[0].outcome == "succeeded"


def test_a_request_of_schema_1_is_a_request() -> None:
    situation, _ = read_row("asked_for")
    assert situation.request == asked_for(reason="it hangs", parameters={"region": "us"}, at=None)
    assert (situation.trigger, situation.requested_by) == (Trigger.PERSON, ALICE)
    assert situation.oversight.notification is Notification.ACCEPTED
    alone, _ = read_row("demoted")
    assert (alone.trigger, alone.requested_by) == (Trigger.ALERT, None)


def test_a_demotion_of_schema_1_still_caps() -> None:
    situation, _ = read_row("demoted")
    assert situation.evidenced[RUNBOOK].demotions == (
        Demotion(level=Level.L1, reason="it made things worse in INC-3", at=NOW),
    )
    assert "it made things worse in INC-3" in decide(situation, calm_policy()).reason("licence").text


def test_a_pause_of_schema_1_still_holds() -> None:
    situation, stored = read_row("paused")
    again = decide(situation, calm_policy())
    assert (again.verdict, again.headline) == (Verdict.HOLD, stored.headline)


def test_where_schema_1_matched_no_runbook_a_policy_that_has_one_cannot_tell() -> None:
    situation, stored = read_row("no_runbook")
    assert (situation.plans, stored.runbook, stored.services) == ({}, None, frozenset())
    assert decide(situation, calm_policy()).headline == stored.headline
    with pytest.raises(PlanMissingError):
        decide(situation, calm_policy({"when": "alert.name == 'Other'"}))


# Newer


MAPS = {"labels", "annotations", "parameters", "state", "plans", "answers", "evidenced", "seals", "parts"}
"""Objects whose keys are data."""


def fields_with_more(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return [fields_with_more(item) for item in value]
    if not isinstance(value, dict):
        return value
    if name in {"labels", "annotations", "parameters", "state", "becomes", "forecasts", "document"}:
        return value
    items = {key: fields_with_more(item, key) for key, item in value.items()}
    return items if name in MAPS else {"of_a_newer_release": {"deep": [1, None]}, **items}


def newer(**changes: Any) -> dict[str, Any]:
    """The eventful situation as the document of schema 3, with a field more wherever there may be one."""
    document: dict[str, Any] = json.loads(sealed(eventful())[0])
    return {**fields_with_more(document), "schema_version": 3, **changes}


def test_a_newer_release_may_add_fields_anywhere() -> None:
    text = json.dumps(newer())
    situation = read_situation(text, seal_of(text))
    assert situation.model_copy(update={"schema_version": SCHEMA}) == eventful()
    assert decide(situation, eventful_policy()) == decide(eventful(), eventful_policy())


def test_a_decision_of_a_newer_release_is_read_as_far_as_it_is_understood() -> None:
    decision = decide(eventful(), eventful_policy())
    document = fields_with_more(json.loads(decision.model_dump_json()))
    assert read_decision(document, {}).headline == decision.headline
    stranger = {**document, "verdict": "act_at_night", "level": 4}
    stranger["reasons"] = [{**stranger["reasons"][0], "result": "wonders"}]
    read = read_decision(stranger, {})
    assert (read.verdict, read.level, read.reasons[0].result) == (Verdict.OBSERVE, Level.L0, RuleResult.FORBIDS)


def changed(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The document with ``value`` at ``path``."""
    if not path:
        return value
    first, *rest = path
    copied: Any = list(document) if isinstance(document, list) else dict(document)
    copied[first] = changed(copied[first], tuple(rest), value)
    return copied


def at(situation: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        by_key = isinstance(part, int) or isinstance(situation, Mapping)
        situation = situation[part] if by_key else getattr(situation, str(part))
    return situation


PLAN: tuple[str | int, ...] = ("plans", RUNBOOK, "plan")
CAUTIOUS: Mapping[tuple[str | int, ...], tuple[Any, Any]] = {
    # where: what a newer release might have written, and what it means here
    (*PLAN, "effects"): (["restart", "move_the_moon"], frozenset({Effect.RESTART, Effect.UNKNOWN})),
    (*PLAN, "rollback", "exactness"): ("nearly", Exactness.NONE),
    ("pauses", 0, "scope", "kind"): ("galaxy", ScopeKind.EVERYTHING),
    ("answers", QUERY, "judged"): ("hints", Finding.UNKNOWN),
    ("oversight", "notification"): ("shouted", Notification.FAILED),
    ("evidenced", RUNBOOK, "demotions", 0, "level"): (7, Level.L0),
    ("evidenced", RUNBOOK, "cases", 0, "ending"): ("dreamt", Ending.UNKNOWN),
    ("evidenced", RUNBOOK, "cases", 1, "judged"): ("odd", Judged.HARMFUL),
}


def test_the_eventful_situation_acts_alone() -> None:
    assert decide(eventful(), eventful_policy()).verdict.autonomous


@pytest.mark.parametrize("path", CAUTIOUS, ids=lambda path: ".".join(map(str, path)))
def test_a_word_that_only_a_newer_release_knows_has_a_cautious_meaning(path: tuple[str | int, ...]) -> None:
    written, meaning = CAUTIOUS[path]
    stored = tuple("way_back" if part == "rollback" else part for part in path)
    text = json.dumps(changed(newer(), stored, written))
    situation = read_situation(text, seal_of(text))
    assert at(situation, path) == meaning
    assert not decide(situation, eventful_policy()).verdict.autonomous


def test_a_refusal_of_a_kind_that_only_a_newer_release_knows_is_a_refusal() -> None:
    document = changed(newer(), ("memory", "refusals", 0, "kind"), "frowned")
    situation = read_situation(json.dumps(changed(document, ("request", "at"), None)))
    assert situation.memory.refusals[0].kind is RefusalKind.STOPPED
    assert decide(situation, calm_policy()).decisive == "memory"


def test_a_gate_that_only_a_newer_release_knows_counts_for_nothing_and_spoils_nothing() -> None:
    policy = calm_policy()
    document = json.loads(sealed(calm_situation(policy))[0])
    rows = document["evidenced"][RUNBOOK]["gates"]
    stranger = {**rows[0], "gate": "trial_by_combat"}
    more = changed(document, ("evidenced", RUNBOOK, "gates"), [stranger, *rows])
    assert decide(read_situation(json.dumps(more)), policy).verdict.autonomous
    instead = changed(document, ("evidenced", RUNBOOK, "gates"), [stranger, *rows[1:]])
    read = read_situation(json.dumps(instead))
    assert {row.gate for row in read.evidenced[RUNBOOK].gates} == set(Gate) - {Gate.STAGING_DRY_RUN}
    assert decide(read, policy).level is Level.L1


def test_rows_of_gates_that_are_no_list_are_an_error() -> None:
    document = json.loads(sealed(calm_situation())[0])
    with pytest.raises(ValueError, match="gates"):
        read_situation(json.dumps(changed(document, ("evidenced", RUNBOOK, "gates"), 7)))


def test_what_is_lifted_already_is_left_alone() -> None:
    document = json.loads(sealed(eventful())[0])
    assert lifted(document) is document
    assert lifted({"schema_version": 3}) == {"schema_version": 3}
