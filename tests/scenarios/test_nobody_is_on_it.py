"""Nine alerts that no runbook covers, told end to end: people are called, and nothing says that all is well."""

import asyncio
from pathlib import Path

from bot.local.workspace import Message
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import INCIDENTS, said

ON_CALL = "U01ALICE"


async def _until_untaken(stage: SmallStage, number: int) -> None:
    async with asyncio.timeout(40):
        while True:
            async with stage.rows() as work:
                if len(await work.calls.standing()) == number:
                    return
            await asyncio.sleep(0.1)


async def test_nine_alerts_without_a_runbook_call_people_and_status_says_so(tmp_path: Path) -> None:
    async with small_stage(tmp_path) as stage:
        for number in range(9):
            labels = {"alertname": f"Unheard{number}", "service": f"shop-{number}"}
            await stage.fire(f"shop-{number}", f"f{number}", labels=labels)
        first = await stage.card_of("INC-1", "A person must look", "If nobody takes it")
        assert f"<@{ON_CALL}>" in str(first.blocks)
        await _until_untaken(stage, 9)
        answer = await stage.slash("alice", "status", "9 incidents open, 9 taken by nobody")
        assert "Watchkeeper itself is working" in answer
        assert "All is well" not in answer


async def test_what_cannot_be_read_is_told_in_the_incidents_channel(tmp_path: Path) -> None:
    async with small_stage(tmp_path) as stage:
        answer = await stage.post({"status": "firing?", "labels": {"alertname": "Lost"}})
        assert answer["quarantined"] == 1

        def told() -> Message | None:
            found = [one for one in stage.workspace.messages(INCIDENTS) if "could not be read" in said(one)]
            return found[0] if found else None

        message = await stage.workspace.until(told, timeout=30)
        assert isinstance(message, Message)
        assert "send firing or resolved" in said(message)
        assert f"<@{ON_CALL}>" in str(message.blocks)
