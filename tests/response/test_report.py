"""One event is told in one place: the record, the card, the thread, and the refusal of a person."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.policy.approval import Intervention
from bot.response.interventions.refusals import refused
from bot.response.model.actions import ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.notices import CardNotice, ThreadLine, ThreadNotice, Tone
from bot.response.model.records import AuditEntry
from bot.response.notices.report import report, tell
from tests.response.world import ALICE, DAVE, World, world, written_policy

LINE = ThreadLine(title="On it", lines=("Reason: it is mine",), tone=Tone.GOOD, to=(ALICE,))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """A question that waits, in a world whose Slack takes nothing more."""
    async with world(tmp_path, written_policy()) as here:
        await here.fire()
        await here.until(ActionState.WAITING)
        await here.until_thread("Asking for approval")
        here.slack_answers = False
        yield here
        here.slack_answers = True


async def newest(here: World) -> AuditEntry:
    async with here.database.read() as work:
        return (await work.audit.of_incident(1))[-1]


async def told(here: World) -> list[CardNotice | ThreadNotice]:
    """What waits for Slack, in the order in which it will be told."""
    here.delivered.clear()
    here.slack_answers = True
    await here.until_thread("On it")
    return [one for one in here.delivered if isinstance(one, CardNotice | ThreadNotice)]


async def test_an_event_is_recorded_then_shown_then_told_with_the_number_of_its_entry(here: World) -> None:
    async with here.database.begin() as work:
        number = await report(work, here.context, 1, AuditKind.INCIDENT_TAKEN, by=ALICE, body={}, line=LINE)
    entry = await newest(here)
    assert (entry.number, entry.kind, entry.actor, entry.body) == (number, "incident.taken", ALICE, {})
    card, line = await told(here)
    assert isinstance(card, CardNotice)
    assert isinstance(line, ThreadNotice)
    assert (line.incident, line.by, line.audit, line.at) == ("INC-1", ALICE, (number,), entry.at)
    assert ThreadLine.model_validate(line.model_dump(include=set(ThreadLine.model_fields))) == LINE


async def test_what_nobody_did_is_watchkeepers_and_the_card_stays_where_it_shows_nothing_of_it(here: World) -> None:
    async with here.database.begin() as work:
        body = {"action": "a1", "plan": "digest"}
        await report(work, here.context, 1, AuditKind.ACTION_CLAIMED, body=body, line=LINE, refresh=False)
    assert (await newest(here)).actor == "watchkeeper"
    (line,) = await told(here)
    assert isinstance(line, ThreadNotice)
    assert line.by is None


async def test_one_line_may_tell_of_several_entries(here: World) -> None:
    async with here.database.begin() as work:
        await tell(work, here.context, 1, LINE, entries=(7, 9), about="INC-1, INC-2")
    (line,) = await told(here)
    assert isinstance(line, ThreadNotice)
    assert (line.incident, line.audit) == ("INC-1, INC-2", (7, 9))


async def fail_after_a_report(here: World) -> None:
    async with here.database.begin() as work:
        await report(work, here.context, 1, AuditKind.INCIDENT_TAKEN, by=ALICE, body={}, line=LINE)
        raise ZeroDivisionError


async def test_nothing_is_told_of_what_did_not_happen_after_all(here: World) -> None:
    before = await newest(here)
    with pytest.raises(ZeroDivisionError):
        await fail_after_a_report(here)
    assert await newest(here) == before
    async with here.database.read() as work:
        assert await work.outbox.undelivered(1) == 0


async def test_a_refusal_is_an_answer_and_an_entry_and_changes_nothing_else(here: World) -> None:
    press, roster = await here.press(DAVE), await here.context.roster()
    async with here.database.begin() as work:
        answer = await refused(work, here.context, roster, Intervention.STOP, press.on(1), runbook="flip")
    assert answer is not None
    assert not answer.accepted
    entry = await newest(here)
    assert (entry.kind, entry.actor) == ("person.refused", DAVE)
    aimed_at = {"subject": press.subject, "revision": press.revision}
    assert entry.body == {"deed": "stop", **aimed_at, "reason": answer.text.partition(" Who may: ")[0]}
    async with here.database.read() as work:
        assert await work.outbox.undelivered(1) == 0


async def test_whom_the_policy_lets_do_it_is_not_refused_and_leaves_no_entry(here: World) -> None:
    before = await newest(here)
    press, roster = await here.press(ALICE), await here.context.roster()
    async with here.database.begin() as work:
        assert await refused(work, here.context, roster, Intervention.STOP, press.on(1), runbook="flip") is None
    assert await newest(here) == before
