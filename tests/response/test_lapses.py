"""Approved, but too late to start: nothing runs, and people are told that it was approved and did not start."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.policy.decision import Verdict
from bot.policy.plan import Plan
from bot.remediation import About, Parameters
from bot.response.deadlines.sweep import sweep
from bot.response.model.actions import Action, ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import Button, CardNotice, ThreadNotice, Tone
from bot.response.notices.closing_summary import closing_summary
from bot.response.ports.context import Context
from storage.database import Database
from tests.fixtures import incidents as facts
from tests.fixtures.incidents import NOW
from tests.response.clicks import approve
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, Switch, world, written_policy

APPROVED_AT = NOW - timedelta(minutes=10)
APPROVED = facts.action(
    1, "a1", ActionState.APPROVED, runbook="flip", due_at=NOW, decided_at=APPROVED_AT, decided_by=(ALICE,)
)
UNSTOPPED = replace(APPROVED, verdict=Verdict.ACT_UNLESS_STOPPED, decided_by=())
OUTCOME = "Nothing was run: it had 10m to start. The incident stays open."


class Dawdling(Switch):
    """A switch about which the last check before acting takes a while."""

    meanwhile: Callable[[], None] | None = None

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        if self.meanwhile is not None:
            self.meanwhile()
        return await super().plan(parameters, about)


async def test_what_is_checked_for_too_long_after_its_approval_does_not_start(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, written_policy("L1"), now=clock, remediation=Dawdling) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        assert isinstance(here.switch, Dawdling)
        here.switch.meanwhile = lambda: clock.forward(minutes=11)
        assert (await approve(here, ALICE)).accepted
        lapsed = await here.until(ActionState.LAPSED)
        assert (lapsed.outcome, lapsed.decided_by) == (OUTCOME, (ALICE,))
        told = await here.until_thread("Approved but not started in time")
        assert told.lines == (OUTCOME,)
        card = await here.until_card(lambda card: card.action_state is ActionState.LAPSED)
        assert card.buttons == (Button.OVERRIDE, Button.TAKE, Button.WHY)
        assert here.switch.read()["flips"] == 0
        answer = await approve(here, ALICE)
        assert answer.text == "Nothing to approve any more: approved but not started in time. See the card."


@dataclass
class Told:
    """What a sweep at the end of ``execute_within`` left behind."""

    action: Action
    card: CardNotice
    entry: ThreadNotice
    audit: list[str]


async def lapsed(database: Database, action: Action = APPROVED) -> Told:
    context = context_at(database, NOW)
    async with database.begin() as work:
        incident_id = await facts.open_incident(work, revision=1)
        await work.decisions.add(facts.decision(incident_id))
        await work.actions.add(replace(action, incident_id=incident_id))
    assert await sweep(context_at(database, NOW - timedelta(seconds=1))) == 0
    assert await sweep(context) == 1
    assert await sweep(context) == 0
    notices = list[object]()
    async with database.begin() as work:
        found, audit = await work.actions.get("a1"), await work.audit.of_incident(incident_id)
        while due := await work.outbox.due(NOW):
            for outbox_id in due:
                item = await work.outbox.claim(outbox_id, by="test", now=NOW, until=NOW + timedelta(minutes=1))
                assert item is not None
                await work.outbox.delivered(outbox_id, channel="C01INC", ts=f"1700000000.{outbox_id:06}", now=NOW)
                notices.append(item.notice)
    card, entry = notices
    assert found is not None
    assert isinstance(card, CardNotice)
    assert isinstance(entry, ThreadNotice)
    return Told(found, card, entry, [one.kind for one in audit])


def context_at(database: Database, now: datetime) -> Context:
    return Context(
        database=database,
        policy=written_policy,
        catalogue={},
        evidence=None,  # type: ignore[arg-type]  # nothing is measured
        people=None,  # type: ignore[arg-type]  # nobody is asked
        now=lambda: now,
    )


async def test_what_has_not_started_when_its_time_is_over_lapses_and_says_so(database: Database) -> None:
    told = await lapsed(database)
    assert (told.action.state, told.action.outcome, told.action.due_at) == (ActionState.LAPSED, OUTCOME, None)
    assert told.audit == ["action.lapsed", "incident.called"]
    assert (told.card.action_state, told.card.outcome) == (ActionState.LAPSED, OUTCOME)
    assert (told.entry.title, told.entry.lines, told.entry.tone) == (
        "Approved but not started in time",
        (OUTCOME,),
        Tone.WARNING,
    )


async def test_the_closing_summary_says_who_had_approved_what_did_not_start(database: Database) -> None:
    await lapsed(database)
    lines = await summary(database)
    assert (
        f"Approved but not started in time: Restart checkout. Approved by {ALICE} at 2026-11-23 11:50 UTC. {OUTCOME}"
        in lines
    )
    assert "Watchkeeper did nothing by itself." not in lines


async def test_what_nobody_had_stopped_lapses_as_well(database: Database) -> None:
    await lapsed(database, UNSTOPPED)
    beginning = (
        "Approved but not started in time: Restart checkout. Announced, and nobody stopped it at 2026-11-23 11:50 UTC."
    )
    assert f"{beginning} {OUTCOME}" in await summary(database)


async def summary(database: Database) -> tuple[str, ...]:
    async with database.begin() as work:
        incident = await work.incidents.get(1)
        assert incident is not None
        assert incident.state is IncidentState.OPEN
        told = await closing_summary(work, context_at(database, NOW), incident, "checkout does not answer", NOW)
    return told.lines
