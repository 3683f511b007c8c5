"""The present code reads what landed versions have decided with all it rests on, and would not permit more today."""

import json
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.policy.decide import decide
from bot.policy.file.loading import load_policy
from bot.policy.situation import SCHEMA, Situation
from bot.policy.stored import AlteredError, seal_of
from bot.response.model.records import ClaimJudgement, StoredDecision
from storage.tables import CLAIM_JUDGEMENTS, DECISIONS
from storage.unit_of_work import UnitOfWork
from tests.policy.judging import strictness
from tests.upgrade.landed import those_that
from tests.upgrade.legacy import Legacy, agrees, said_again


async def test_every_decision_is_there_with_the_situation_it_rests_on(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("decisions"):
            found = await decided(work, row)
            assert agrees(found, row, "situation")
            assert_holds_what_stood_there(found.situation, legacy, row[legacy.version.stores.situation])


@those_that(lambda stores: stores.inputs)
async def test_every_judgement_at_a_claim_is_there_with_the_situation_it_rests_on(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        for row in legacy.stored("claim_judgements"):
            found = await claimed(work, row)
            assert agrees(found, row)
            assert_holds_what_stood_there(found.situation, legacy, row["text"])


def assert_holds_what_stood_there(situation: Situation, legacy: Legacy, text: str) -> None:
    """Whatever its shape was, it is in the present one, whole."""
    then = json.loads(text)
    assert then.get("schema_version", 1) == legacy.version.stores.schema
    assert situation.schema_version == SCHEMA
    if legacy.version.stores.schema == 1:
        assert_holds_conclusions(situation, then)
    else:
        assert said_again(situation.model_dump(mode="json"), then | {"schema_version": SCHEMA})


def assert_holds_conclusions(situation: Situation, then: dict[str, Any]) -> None:
    """Schema 1 had one alert, one runbook with its plan, and findings."""
    now = situation.model_dump(mode="json")
    for name in ("now", "incident", "history", "pauses"):
        assert said_again(now[name], then[name]), name
    assert said_again(now["alerts"], [then["alert"]])
    assert (situation.trigger.value, situation.requested_by) == (then["trigger"], then["requested_by"])
    assert situation.oversight.audited == then["oversight"]["audited"]
    assert situation.oversight.notification.value == then["oversight"]["notification"]
    found = {query: (answer.judged, answer.detail) for query, answer in situation.answers.items()}
    assert found == {piece["query"]: (piece["finding"], piece["detail"]) for piece in then["evidence"]}
    if then["runbook"] is None:
        assert situation.plans == {}
        return
    (planned,) = [planned for name, planned in now["plans"].items() if name == then["runbook"]]
    assert said_again(planned["plan"], then["plan"])
    assert planned["problem"] == then["plan_problem"]


async def test_every_situation_keeps_the_very_text_that_the_record_sealed(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        decisions = await work.session.execute(select(DECISIONS))
        kept = {(row.incident_id, row.revision): (row.text, row.seal) for row in decisions}
    for row in legacy.stored("decisions"):
        text, seal = row[legacy.version.stores.situation], sealed_by_the_record(legacy, row)
        assert kept[row["incident_id"], row["revision"]] == (text, seal)
        assert seal_of(text) == seal


@those_that(lambda stores: stores.inputs)
async def test_every_claim_keeps_the_very_text_that_the_record_sealed(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        kept = {row.id: (row.text, row.seal) for row in await work.session.execute(select(CLAIM_JUDGEMENTS))}
    for row in legacy.stored("claim_judgements"):
        assert kept[row["id"]] == (row["text"], sealed_by_the_record(legacy, row))
        assert seal_of(row["text"]) == row["seal"]


def sealed_by_the_record(legacy: Legacy, row: Any) -> str:
    """The seal of a situation, as the audit entry of its judgement says it."""
    (entry,) = [one for one in legacy.stored("audit_entries") if one["number"] == row["audit_entry"]]
    seal: str = json.loads(entry["body"])["situation_sha256"]
    return seal


async def test_a_situation_of_then_that_is_altered_afterwards_is_not_read(legacy: Legacy) -> None:
    (first, *_) = legacy.stored("decisions")
    this = (DECISIONS.c.incident_id == first["incident_id"]) & (DECISIONS.c.revision == first["revision"])
    altered = f"{first[legacy.version.stores.situation]} "
    async with legacy.database.begin() as work:
        await work.session.execute(update(DECISIONS).where(this).values(text=altered))
    async with legacy.database.read() as work:
        with pytest.raises(AlteredError, match="not what was sealed"):
            await work.decisions.at_revision(first["incident_id"], first["revision"])


@those_that(lambda stores: not stores.inputs)
async def test_what_a_situation_of_then_did_not_hold_permits_nothing_now(legacy: Legacy) -> None:
    """It was judged with budgets and a licence that are not rows: nobody can count them again."""
    text = legacy.version.policy(supervisor="unix:///run/supervisor.sock", mail="127.0.0.1:25")
    policy = load_policy(text, filename="policy.yml")
    async with legacy.database.read() as work:
        for row in legacy.stored("decisions"):
            found = await decided(work, row)
            assert found.situation.ledger is None
            assert not decide(found.situation, policy).verdict.autonomous
            assert await work.decisions.policy(row["policy_digest"]) is None, "it was not kept: it cannot be known"


@those_that(lambda stores: stores.inputs)
async def test_what_was_judged_is_judged_again_by_the_policy_of_then_and_no_more_is_permitted(legacy: Legacy) -> None:
    async with legacy.database.read() as work:
        judged: list[StoredDecision | ClaimJudgement] = [
            *[await decided(work, row) for row in legacy.stored("decisions")],
            *[await claimed(work, row) for row in legacy.stored("claim_judgements")],
        ]
        for then in judged:
            policy = await work.decisions.policy(then.decision.policy_digest)
            assert policy is not None, "a policy of then must be readable, or nobody can tell why it decided so"
            again = decide(then.situation, policy)
            assert (again.runbook, again.policy_digest) == (then.decision.runbook, then.decision.policy_digest)
            assert again.plan_digest == then.decision.plan_digest
            assert strictness(again) >= strictness(then.decision), again.headline


async def decided(work: UnitOfWork, row: Any) -> StoredDecision:
    """The decision of this row."""
    found = await work.decisions.at_revision(row["incident_id"], row["revision"])
    assert found is not None
    return found


async def claimed(work: UnitOfWork, row: Any) -> ClaimJudgement:
    """The judgement at a claim of this row."""
    (found,) = [
        one for one in await work.decisions.claims_of(row["action_id"]) if one.audit_entry == row["audit_entry"]
    ]
    return found
