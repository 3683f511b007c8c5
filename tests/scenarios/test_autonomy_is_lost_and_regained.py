"""The whole way on a real supervisord: tried, signed off, acts alone, does harm, is demoted, reviewed and promoted."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.local.workspace import Message
from tests.fixtures.servers import until
from tests.scenarios.small_stage import firing, posted
from tests.scenarios.stage import INCIDENTS, in_order, said
from tests.scenarios.twins import RUNBOOK, TwinStage, twin_stage

WATCHED_SECONDS = 3
APPROVED = 5
"""So many repairs that went well support its promotion by what this policy asks, after one that did harm."""


def less_patient(document: dict[str, Any]) -> None:
    document["defaults"] |= {"watch_after": f"{WATCHED_SECONDS}s"}
    document["services"]["storefront"] = {"tier": 1, "depends_on": ["checkout"]}
    document["escalate"] = {"cases_below": 1}
    document["promotion"] = {"cases": 5, "lower_bound": 0.5}


@pytest.mark.timeout(600)
async def test_a_runbook_rises_by_gates_falls_by_harm_and_rises_again_by_its_record(tmp_path: Path) -> None:
    async with twin_stage(tmp_path, change=less_patient) as here:
        alice, bob, carol = (here.workspace.person(name) for name in ("alice", "bob", "carol"))
        await alice.slash("/watch", f"promote {RUNBOOK}")
        assert (await carol.click(await root_with(here, "sign_off", timeout=300), "sign_off")).acked
        await told(here, "Signed off: restart-checkout may act at L3 from now on")

        await here.service.crash()
        await root_with(here, "'action_id': 'stop'")
        await told(here, "Verifying: ")
        await posted(here.bot_url, firing("storefront", "storefront-1"))
        await told(here, "It may have made things worse")
        await told(here, "Demoted: restart-checkout asks first from now on")
        assert await here.service.answers()

        done = await root_with(here, "'action_id': 'review'")
        await carol.click(done, "review")
        await here.workspace.until(lambda: here.workspace.open_views("carol"))
        words = {"judgement": "harmful", "surprising": "no", "reason": "The storefront must be told first."}
        assert (await carol.submit(here.workspace.open_views("carol")[-1], words)).acked
        await told(here, "Reviewed: it was harmful")
        await bob.slash("/watch", f"resume runbook:{RUNBOOK}")

        for number in range(APPROVED):
            await asyncio.sleep(WATCHED_SECONDS)  # what comes sooner would be taken for harm by the last one
            verified = count(here, "Done and verified")
            await here.service.crash()
            question = await root_with(here, "'action_id': 'approve'", timeout=60)
            assert "restart-checkout" in said(question), f"question {number}"
            assert (await bob.click(question, "approve")).acked

            async def once_more(before: int = verified) -> bool:
                return count(here, "Done and verified") > before

            await until(once_more, "it is verified", within_seconds=60)

        proposed = await root_with(here, "'action_id': 'promote'", timeout=60)
        assert "it did harm" in said(proposed)
        assert (await carol.click(proposed, "promote")).acked
        await told(here, "Promoted: restart-checkout may act at L3 from now on")
        kinds = [kind for kind, _ in await here.record()]
        assert in_order(
            kinds,
            *("gates.passed", "licence.signed_off", "action.succeeded", "automation.paused", "licence.demoted"),
            *("action.reviewed", "automation.resumed", "licence.proposed", "licence.promoted"),
        )


async def root_with(here: TwinStage, words: str, *, timeout: float = 60) -> Message:
    """The newest message of the channel, not of a thread, that has these words, or this button."""

    def found() -> Message | None:
        roots = [one for one in here.workspace.messages(INCIDENTS) if one.thread_ts in (None, one.ts)]
        return next((one for one in reversed(roots) if words in said(one)), None)

    message = await here.workspace.until(found, timeout=timeout)
    assert isinstance(message, Message)
    return message


async def told(here: TwinStage, words: str) -> None:
    """Somewhere in the channel or its threads."""
    await here.workspace.until(lambda: count(here, words), timeout=60)


def count(here: TwinStage, words: str) -> int:
    """How many messages have these words, in the channel and its threads."""
    return sum(words in said(one) for one in here.workspace.state.in_channel(INCIDENTS).values())
