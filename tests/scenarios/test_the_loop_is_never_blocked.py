"""Nothing blocks the event loop: a whole response with every blocking call on the loop made an error."""

from pathlib import Path

from blockbuster import BlockBuster

from tests.scenarios.stage import stage

WATCHED = [
    "bot.app",
    "bot.composition",
    "bot.response",
    "bot.evidence",
    "bot.slack",
    "handlers",
    "remediations",
    "storage",
]
"""The product; the local world around it may wait for its files and processes."""


async def test_a_whole_response_runs_without_one_blocking_call(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        guard = BlockBuster(scanned_modules=WATCHED)
        guard.activate()  # starting may block: nobody waits yet
        try:
            await here.service.crash()
            card = await here.card("ServiceDown", "'action_id': 'approve'")
            await here.workspace.person("alice").click(card, "approve")
            await here.thread("Done and verified", "Resolved", timeout=60)
        finally:
            guard.deactivate()
