"""The post-incident document, exactly: of an incident that was acted on, rolled back, and overridden."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.decision import Decision, Reason, RuleResult, Verdict
from bot.policy.evidence import Evidence, Finding
from bot.policy.levels import Level
from bot.remediation import Step
from bot.reports.incident_facts import Carried, IncidentFacts, Question
from bot.reports.incident_report import incident_report, report_name
from bot.reports.incident_summary import incident_summary
from bot.reports.phases import phases
from bot.reports.timeline import told
from bot.response.model.actions import Action, ActionState, Result
from bot.response.model.audit_kinds import AuditKind as Kind
from bot.response.model.incidents import AlertStatus, Incident, IncidentState
from bot.response.model.records import AuditEntry, Ballot, ClaimJudgement, Occasion, Review, Vote
from tests.fixtures.incidents import NOW, action, alert, decision

ALICE, BOB, CAROL = "U01ALICE", "U02BOB", "U03CAROL"
GOLDEN = Path(__file__).parent / "golden"
SEAL = "9f" * 32


def after(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


INCIDENT = Incident(
    id=7,
    handle="h7",
    group_key="g",
    service="checkout",
    alert_name="ServiceDown",
    severity="critical",
    state=IncidentState.RESOLVED,
    revision=2,
    opened_at=NOW,
    resolved_at=after(900),
    taken_by=CAROL,
    channel="C01INC",
    thread_ts="1.1",
)
ASKED = Decision(
    verdict=Verdict.ASK,
    level=Level.L1,
    reasons=(
        Reason(rule="controls", result=RuleResult.PASSED, text="Nothing is paused here."),
        Reason(rule="confidence", result=RuleResult.ESCALATES, text="Confidence is 0.67, below the floor of 0.80."),
    ),
    decisive="confidence",
    headline="Confidence is 0.67, below the floor of 0.80.",
    confidence=0.67,
    policy_digest="5d41402abc4b2a76b9719d911017c592",
    runbook="restart-checkout",
    evidence=(
        Evidence(name="still_down", query="up{service='checkout'} == 0", finding=Finding.SUPPORTS, detail="value 1"),
        Evidence(name="errors", query="errors | rate", finding=Finding.UNKNOWN, detail="time-out after 5 s"),
    ),
)
FIRST = action(
    7,
    "a1",
    ActionState.ROLLED_BACK,
    created_at=after(4),
    decided_at=after(64),
    decided_by=(ALICE,),
    begun_at=after(70),
    finished_at=after(200),
    result=Result.ROLLED_BACK,
    rollbacks=1,
    outcome="It did not help, so it was started again as it was.",
)
SECOND = action(
    7,
    "a2",
    ActionState.OVERRIDDEN,
    revision=2,
    created_at=after(210),
    decided_at=after(300),
    decided_by=(CAROL,),
    finished_at=after(300),
    outcome="Overridden: the database is down",
)
BEFORE = {"judgement": "lucky", "text": "Nothing.", "by": BOB, "at": after(210).isoformat(), "occasion": "acted"}


def entry(number: int, kind: str, seconds: float, actor: str = "watchkeeper", /, **body: Any) -> AuditEntry:
    return AuditEntry(number, after(seconds), actor, kind, 7, body)


ENTRIES = (
    entry(40, Kind.INCIDENT_OPENED, 0, "alertmanager", alert_name="ServiceDown", service="checkout"),
    entry(41, Kind.DECISION_MADE, 4, runbook="restart-checkout", verdict="ask", level="L1", headline=ASKED.headline),
    entry(44, Kind.ACTION_REMINDED, 40, action="a1", people=[ALICE, BOB], due_at="later"),
    entry(45, Kind.ACTION_VOTE, 64, ALICE, action="a1", ballot="approve", opened_evidence=True),
    entry(46, Kind.ACTION_STEP_BEGUN, 70, action="a1", of="execute", number=1, words="Stop checkout", target="t"),
    entry(47, Kind.ACTION_STEP_ENDED, 72, action="a1", of="execute", number=1, words="Stop checkout", problem=""),
    entry(48, Kind.ACTION_ROLLED_BACK, 200, action="a1", runbook="restart-checkout", text=FIRST.outcome),
    entry(50, Kind.ACTION_OVERRIDDEN, 300, CAROL, choice="by_hand", reason="the *database* is down"),
    entry(51, "something.newer", 400, word="x"),
    entry(52, Kind.ACTION_REVIEWED, 800, CAROL, action="a2", judgement="harmful", text="Ask the database first."),
)
FACTS = IncidentFacts(
    incident=INCIDENT,
    alerts=(replace(alert(status=AlertStatus.RESOLVED, starts_at=after(-30)), received_at=NOW),),
    questions=(
        Question(
            revision=1,
            decided=replace(decision(7), decision=ASKED, audit_entry=41, at=after(4)),
            action=FIRST,
            votes=(Vote(ALICE, Ballot.APPROVE, after(64), opened_evidence=True),),
            claim=ClaimJudgement("a1", decision(7).situation, ASKED, 46, after(69)),
            carried=(
                Carried(
                    False, (Step(words="Stop checkout", ended=True), Step(words="Start it", problem="no answer")), ""
                ),
                Carried(True, (Step(words="Start it as it was", ended=True),), "It is as it was."),
            ),
            review=Review(
                "a1", after(5 * 86400), None, None, None, Occasion.ROLLED_BACK, assigned_to=ALICE, earlier=(BEFORE,)
            ),
        ),
        Question(
            revision=2,
            decided=None,
            action=SECOND,
            review=Review(
                "a2",
                after(86400),
                after(800),
                CAROL,
                {
                    "judgement": "harmful",
                    "surprising": True,
                    "surprise": "It wanted to restart <all>",
                    "text": "Ask the database first.",
                },
                Occasion.OVERRIDDEN,
                assigned_to=CAROL,
            ),
        ),
    ),
    earlier_questions=0,
    entries=ENTRIES,
    seal=SEAL,
    written_at=after(3600),
)


def test_the_document_is_written_exactly_as_agreed(request: pytest.FixtureRequest) -> None:
    written = incident_report(FACTS, {ALICE: "Alice Doe"})
    path = GOLDEN / "incident.md"
    if request.config.getoption("--rewrite-golden"):
        path.write_text(written, encoding="utf-8")
    assert written == path.read_text(encoding="utf-8")


def test_the_same_facts_give_the_same_document_under_its_name() -> None:
    assert incident_report(FACTS) == incident_report(FACTS)
    assert report_name(FACTS) == "INC-7.md"


def test_an_incident_of_which_nothing_is_known_yet_has_a_document_too() -> None:
    new = replace(INCIDENT, state=IncidentState.OPEN, resolved_at=None, taken_by=None, service="")
    facts = replace(FACTS, incident=new, alerts=(), questions=(), entries=(), seal="")
    written = incident_report(facts)
    assert "on an unnamed service" in written
    assert "Nothing was decided." in written
    assert "No entry of the audit chain is about this incident." in written
    assert "for 60 min by now" in written


@pytest.mark.parametrize("state", [ActionState.FAILED, ActionState.EXPIRED, ActionState.HELD, None])
def test_what_is_open_and_nobody_has_taken_never_reads_as_if_nothing_were_left_to_do(state: ActionState | None) -> None:
    new = replace(INCIDENT, state=IncidentState.OPEN, resolved_at=None, taken_by=None)
    acts = [] if state is None else [Question(revision=1, decided=None, action=action(7, "a1", state))]
    facts = replace(FACTS, incident=new, questions=tuple(acts))
    assert "**Left to do:** it is open, nothing is under way, and nobody has taken it" in incident_report(facts)
    assert "Waiting for a person" in incident_summary(facts).splitlines()[0]
    taken = replace(facts, incident=replace(new, state=IncidentState.TAKEN, taken_by=BOB))
    assert "nobody has taken it" not in incident_report(taken)


def test_no_parameter_snapshot_or_detail_of_a_remediation_gets_into_it() -> None:
    secret = FIRST.plan.model_copy(update={"parameters": {"token": "hunter2"}})
    step = Step(words="Stop it", ended=True, details={"password": "hunter2"})
    first = replace(FACTS.questions[0], action=replace(FIRST, plan=secret), carried=(Carried(False, (step,), ""),))
    told = replace(ENTRIES[0], kind=Kind.ACTION_EXECUTED, body={"summary": "Done.", "details": {"key": "hunter2"}})
    assert "hunter2" not in incident_report(replace(FACTS, questions=(first,), entries=(told,)))


@pytest.mark.parametrize("evil", ["</details><script>x</script>", "[a](https://evil.example)", "| a | b |", "# x", "`"])
def test_outside_text_means_nothing_to_markdown(evil: str) -> None:
    entries = (replace(ENTRIES[7], body={"choice": evil, "reason": evil}), replace(ENTRIES[0], kind=evil))
    evidence = ASKED.evidence[0].model_copy(update={"name": evil, "detail": evil, "query": evil})
    decided = ASKED.model_copy(update={"headline": evil, "evidence": (evidence,)})
    stored = replace(decision(7), decision=decided)
    outcome = replace(FIRST, outcome=evil, plan=FIRST.plan.model_copy(update={"summary": evil, "steps": (evil,)}))
    question = replace(FACTS.questions[0], decided=stored, action=outcome)
    written = incident_report(
        replace(FACTS, incident=replace(INCIDENT, service=evil), questions=(question,), entries=entries), {ALICE: evil}
    )
    headings = [line for line in written.splitlines() if line.startswith("#")]
    assert [line.split(" ")[0] for line in headings] == ["#", "##", "##", "##", "###", "##", "##", "##", "##"]
    for line in written.splitlines():
        outside_code = "".join(line.split("`")[::2]).replace("\\<", "").replace("\\]", "")
        assert "<script" not in outside_code
        assert "](http" not in outside_code


def test_every_kind_of_entry_has_words() -> None:
    for kind in Kind:
        said = told(AuditEntry(1, NOW, "watchkeeper", kind, 7, {}), str)
        assert kind.value not in said
        assert said


def test_the_short_story_says_how_far_it_is_and_where_the_document_is() -> None:
    said = incident_summary(FACTS)
    assert said.splitlines()[0] == "INC-7: ServiceDown on checkout (critical). Resolved."
    assert "2026-11-23 12:01:10 UTC  Acted (question 1) (+6 s)" in said
    assert "To be reviewed by U01ALICE until 2026-11-28 12:00 UTC." in said
    assert said.endswith("The whole story: watchkeeper incident INC-7 --report")


def test_phases_add_up() -> None:
    found = phases(FACTS)
    assert [one.name for one in found] == [
        "Began, as the monitor says",
        "Detected",
        "Asked (question 1)",
        "Answered (question 1)",
        "Acted (question 1)",
        "Rolled back (question 1)",
        "Asked (question 2)",
        "Overridden (question 2)",
        "Resolved",
    ]
    assert sum((one.took or timedelta() for one in found), timedelta()) == found[-1].at - found[0].at


def test_what_was_never_begun_was_neither_acted_nor_verified() -> None:
    waiting: Action = action(7, "a3", ActionState.WAITING)
    facts = replace(FACTS, questions=(Question(1, None, waiting),), alerts=())
    assert [one.name for one in phases(facts)] == ["Detected", "Asked", "Resolved"]
