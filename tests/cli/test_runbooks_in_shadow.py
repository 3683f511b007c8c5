"""``watchkeeper runbooks``, of a runbook that is written to act alone and has no licence to."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.policy.decision import Verdict
from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from storage.database import Database
from tests.cli.shell import Shell
from tests.cli.test_pauses import POLICY
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.incidents import action, decision, open_incident


async def approved(shell: Shell, shadow: Verdict) -> None:
    """A question that people let run, and what the runbook would have done with its licence."""
    database = Database(shell.url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            incident_id = await open_incident(work)
            asked = decision(incident_id)
            judged = asked.decision.model_copy(update={"shadow": shadow})
            await work.decisions.add(replace(asked, decision=judged))
            ended = utc_now() - timedelta(hours=1)
            done = action(incident_id, "a1", ActionState.SUCCEEDED, decided_by=("U02BOB",), finished_at=ended)
            await work.actions.add(done)
    finally:
        await database.close()


async def test_what_it_would_have_done_is_told_with_how_often_people_did_the_same(shell: Shell) -> None:
    policy = shell.folder / "policy.yml"
    await asyncio.to_thread(policy.write_text, POLICY.replace("level: L1", "level: L3"))
    code, said = await shell.run("runbooks")
    assert code == 0, said
    assert "In shadow; nothing has come up yet." in said
    await approved(shell, Verdict.ACT_UNLESS_STOPPED)
    code, said = await shell.run("runbooks")
    assert code == 0, said
    assert "In shadow it would have acted in 1 of 1 question; people did the same in 1 of 1 (100 %)." in said
    await asyncio.to_thread(policy.write_text, POLICY)
    code, said = await shell.run("runbooks")
    assert code == 0, said
    assert "In shadow" not in said, "it is written to ask"
