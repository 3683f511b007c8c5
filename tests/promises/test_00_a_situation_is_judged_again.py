"""Point 0: a situation holds inputs, not conclusions, so that what was decided can be judged again from its row alone.

What is asserted of a row is read past all code of ours, out of the file that is left when everything is over.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from bot.policy.confidence import FLAPPING_WITHIN
from bot.policy.decide import PlanMissingError, decide
from bot.policy.decision import Verdict
from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.situation import SCHEMA, AlertFacts, Gate, RefusalKind
from bot.policy.stored import read_decision, read_policy, read_situation, seal_of
from bot.policy.track_record import Ending
from bot.response.interventions.explanations import Explanation, explain_incident
from bot.response.model.actions import ActionState
from bot.response.model.incidents import Alert, AlertStatus
from bot.slack.modals import why_modal
from storage.tables import DECISIONS
from tests.response.clicks import approve, stop
from tests.response.outside import Senses
from tests.response.world import ALICE, BOB, World, world, written_policy

LIGHT = "light == 0"
"""What the runbook asks monitoring."""
LONG_BEFORE = timedelta(minutes=5)
"""What began to fire so long before our act is no harm of it."""


def rows(folder: Path, query: str, *values: object) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(folder / "watch.db")) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()


def policy(level: str = "L1", **changes: Any) -> Policy:
    """One incident for each service, so that alerts of several names are judged together."""
    document = written_policy(level).model_dump(mode="json", by_alias=True)
    siren = {**document["runbooks"]["flip"], "when": "alert.name == 'Siren'", "summary": "Silence the siren"}
    return Policy.model_validate(
        {**document, "group_by": ["service"], "runbooks": document["runbooks"] | {"silence": siren}, **changes}
    )


def alert(name: str, fingerprint: str = "", *, severity: str = "critical", since: timedelta = timedelta()) -> Alert:
    now = datetime.now(UTC)
    labels = {"alertname": name, "service": "lamp", "severity": severity, "room": "attic"}
    facts = AlertFacts(
        source="alertmanager",
        fingerprint=fingerprint or name,
        name=name,
        severity=severity,
        service="lamp",
        labels=labels,
        annotations={"summary": f"{name} fires"},
        starts_at=now - since,
    )
    return Alert(facts, AlertStatus.FIRING, None, "", now)


async def explained(here: World, incident_id: int = 1) -> Explanation:
    async with here.database.begin() as work:
        explanation = await explain_incident(work, here.context, incident_id, ALICE)
    assert explanation is not None
    return explanation


async def test_what_was_decided_is_decided_again_from_the_row_and_the_policy_kept_beside_it(tmp_path: Path) -> None:
    async with world(tmp_path, policy("L2")) as here:
        await here.license()
        await here.intake.accept([alert("SwitchOff", "f1"), alert("SwitchOff", "f2", severity="warning")], [])
        await here.until(ActionState.SUCCEEDED)
        await here.intake.accept([alert("Siren", since=LONG_BEFORE)], [])
        await here.until(ActionState.WAITING)
    judged = rows(tmp_path, "SELECT text, seal, decision, policy_digest FROM decisions")
    judged += rows(tmp_path, "SELECT text, seal, decision, policy_digest FROM claim_judgements")
    assert len(judged) == 3
    for row in judged:
        (kept,) = rows(tmp_path, "SELECT document FROM policies WHERE digest = ?", row["policy_digest"])
        then = read_policy(kept["document"], row["policy_digest"])
        assert then is not None
        stored = read_decision(json.loads(row["decision"]), {})
        assert decide(read_situation(row["text"], row["seal"]), then) == stored


async def test_the_row_holds_what_was_known_and_nothing_that_was_concluded(tmp_path: Path) -> None:
    async with world(tmp_path, policy("L2")) as here:
        await here.license()
        await here.intake.accept([alert("SwitchOff", "f1"), alert("SwitchOff", "f2", severity="warning")], [])
        await here.until(ActionState.SUCCEEDED)
        digest = here.context.policy().runbooks["flip"].digest
        await here.intake.accept([alert("Siren", since=LONG_BEFORE)], [])
        await here.until(ActionState.WAITING)
    first, *_, last = rows(tmp_path, "SELECT text FROM decisions WHERE incident_id = 1 ORDER BY revision")
    document = json.loads(first["text"])
    assert document["schema_version"] == SCHEMA
    labels = {one["fingerprint"]: (one["labels"]["severity"], one["labels"]["room"]) for one in document["alerts"]}
    assert labels == {"f1": ("critical", "attic"), "f2": ("warning", "attic")}
    assert document["answers"][LIGHT]["samples"] == ["1"], "as the monitor wrote it"
    gates = document["evidenced"]["flip"]["gates"]
    assert {(gate["gate"], gate["digest"]) for gate in gates} == {(gate.value, digest) for gate in Gate}
    assert all(datetime.fromisoformat(gate["passed_at"]) < datetime.fromisoformat(gate["until"]) for gate in gates)
    assert document["ledger"] == []
    assert {"impact", "budgets", "licence", "confidence", "runbook"} & document.keys() == set()
    later = read_situation(last["text"])
    (acted,) = later.memory.acted
    assert (acted.runbook, acted.targets) == ("flip", ("switch:lamp",))
    assert later.ledger is not None
    assert [(entry.runbook, entry.services) for entry in later.ledger] == [("flip", ("lamp",))]
    assert later.evidenced["flip"].cases is not None
    assert [(case.alert, case.ending) for case in later.evidenced["flip"].cases] == [("SwitchOff", Ending.VERIFIED)]
    assert later.open_incidents is not None
    assert [(each.incident, each.service, each.alert) for each in later.open_incidents] == [
        ("INC-1", "lamp", "SwitchOff")
    ]
    assert later.answered_at is not None
    assert later.answered_at <= later.now
    fired = {alert.key: alert.starts_at for alert in later.alerts if later.now - alert.starts_at < FLAPPING_WITHIN}
    assert {each.alert: each.at for each in later.beginnings} == fired


async def test_what_people_refused_is_among_the_inputs(tmp_path: Path) -> None:
    async with world(tmp_path, policy()) as here:
        await here.intake.accept([alert("SwitchOff", severity="warning")], [])
        await here.until(ActionState.WAITING)
        assert (await stop(here, BOB)).accepted
        await here.intake.accept([alert("Siren")], [])
        await here.until(ActionState.WAITING)
    *_, last = rows(tmp_path, "SELECT text, seal FROM decisions ORDER BY revision")
    (refusal,) = read_situation(last["text"], last["seal"]).memory.refusals
    assert (refusal.kind, refusal.by) == (RefusalKind.STOPPED, BOB)


async def test_matching_is_part_of_it_and_a_replay_that_lacks_a_plan_cannot_know(tmp_path: Path) -> None:
    async with world(tmp_path, policy()) as here:
        await here.intake.accept([alert("SwitchOff"), alert("Siren", severity="warning")], [])
        await here.until(ActionState.WAITING)
        await here.idle()
    (row,) = rows(tmp_path, "SELECT text, seal FROM decisions")
    situation = read_situation(row["text"], row["seal"])
    assert decide(situation, policy()).runbook == "flip"
    muted = policy(mute=[{"when": "alert.name == 'SwitchOff'", "reason": "the lamp is being moved"}])
    with pytest.raises(PlanMissingError, match=r"cannot be known: .* no plan for the runbook 'silence'"):
        decide(situation, muted)
    harder = policy(mute=[{"when": "alert.severity == 'warning'", "reason": "people see it anyway"}])
    assert decide(situation, harder).runbook == "flip"


async def test_live_a_plan_that_is_missing_means_another_assessment(tmp_path: Path) -> None:
    class Interrupted(Senses):
        """While monitoring is asked for the first time, something worse begins to fire."""

        here: World
        joined = False

        async def ask(self, queries: Collection[str]) -> Mapping[str, Answer]:
            if not self.joined:
                self.joined = True
                await self.here.intake.accept([alert("Siren")], [])
            return await super().ask(queries)

    async with world(tmp_path, policy()) as here:
        senses = Interrupted()
        senses.here = here
        object.__setattr__(here.context, "evidence", senses)
        await here.intake.accept([alert("SwitchOff", severity="warning")], [])
        action = await here.until(ActionState.WAITING)
        await here.idle()
    assert action.runbook == "silence"
    (row,) = rows(tmp_path, "SELECT text, decision FROM decisions")
    assert {one["name"] for one in json.loads(row["text"])["alerts"]} == {"SwitchOff", "Siren"}
    assert list(json.loads(row["text"])["plans"]) == ["silence"]


async def test_a_situation_that_was_altered_lets_nothing_act_and_people_are_called(tmp_path: Path) -> None:
    async with world(tmp_path, policy()) as here:
        await here.intake.accept([alert("SwitchOff")], [])
        await here.until(ActionState.WAITING)
        (row,) = rows(tmp_path, "SELECT text FROM decisions")
        async with here.database.begin() as work:
            await work.session.execute(update(DECISIONS).values(text=row["text"].replace("attic", "cellar")))
        await approve(here, BOB)
        action = await here.until(ActionState.SUPERSEDED)
        assert "not what was sealed" in action.outcome
        assert here.switch.read()["flips"] == 0


async def test_a_flow_of_this_release_reads_what_a_newer_one_wrote(tmp_path: Path) -> None:
    async with world(tmp_path, policy()) as here:
        await here.intake.accept([alert("SwitchOff")], [])
        await here.until(ActionState.WAITING)
        (row,) = rows(tmp_path, "SELECT text, decision FROM decisions")
        newer = json.loads(row["text"]) | {"schema_version": SCHEMA + 1, "tides": [{"at": "noon"}]}
        newer["alerts"][0]["smell"] = "burnt"
        decision = json.loads(row["decision"]) | {"mood": "calm"}
        text = json.dumps(newer)
        async with here.database.begin() as work:
            await work.session.execute(update(DECISIONS).values(text=text, seal=seal_of(text), decision=decision))
        assert (await approve(here, BOB)).accepted
        await here.until(ActionState.SUCCEEDED)
    assert rows(tmp_path, "SELECT text FROM decisions")[0]["text"] == text, "and leaves it as it is"


async def test_the_judgement_at_the_claim_is_kept_and_explained_like_the_first(tmp_path: Path) -> None:
    first, then = policy(), policy(budgets=[{"scope": "all", "actions": 7, "per": "1h"}])
    async with world(tmp_path, first) as here:
        await here.intake.accept([alert("SwitchOff")], [])
        await here.until(ActionState.WAITING)
        await here.idle()
        assert (await explained(here)).claim is None
    async with world(tmp_path, then) as here:
        await approve(here, BOB)
        action = await here.until(ActionState.SUCCEEDED)
        explanation = await explained(here)
    claim = explanation.claim
    assert claim is not None
    assert (explanation.stored.policy_digest, claim.decision.policy_digest) == (first.digest, then.digest)
    assert claim.action_id == action.id
    assert decide(claim.situation, then) == claim.decision
    assert claim.decision.verdict is Verdict.ASK
    shown = str(why_modal(explanation, "value"))
    assert "Judged again when it began" in shown
    assert claim.decision.reason("budgets").text in shown
    assert then.digest[:12] in shown
    (entry,) = [one for one in explanation.audit if one.number == claim.audit_entry]
    (row,) = rows(tmp_path, "SELECT text, seal FROM claim_judgements")
    assert entry.kind == "action.claimed"
    assert entry.body["situation_sha256"] == row["seal"] == seal_of(row["text"])
    assert {one["digest"] for one in rows(tmp_path, "SELECT digest FROM policies")} == {first.digest, then.digest}


async def test_an_assessment_that_decides_nothing_new_leaves_a_small_row(tmp_path: Path) -> None:
    silent = policy(mute=[{"when": "alert.name == 'Draught'", "reason": "a window is open"}])
    async with world(tmp_path, silent) as here:
        await here.intake.accept([alert("Draught")], [])
        await here.idle()
        await here.intake.accept([alert("SwitchOff")], [])
        await here.until(ActionState.WAITING, incident_id=2)
        await here.intake.accept([alert("SwitchOff", "f2", severity="warning")], [])
        await here.until_thread("Also firing now")
        await here.idle()
    muted, *unchanged = rows(tmp_path, "SELECT * FROM assessments ORDER BY id")
    assert (muted["incident_id"], muted["result"]) == (1, "muted")
    assert "a window is open" in muted["detail"]
    assert {row["result"] for row in unchanged} == {"unchanged"}
    assert {row["policy_digest"] for row in (muted, *unchanged)} == {silent.digest}
    assert timedelta(0) < datetime.fromisoformat(unchanged[-1]["at"]) - datetime.fromisoformat(muted["at"])
    assert len(rows(tmp_path, "SELECT * FROM decisions")) == 1
