"""Stories of a storm: thousands of alerts at once, and people must still see each trouble once, in order, soon."""

import asyncio
import sqlite3
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from bot.slack.pacing import Paces
from tests.scenarios.small_stage import SmallStage, firing, small_stage
from tests.scenarios.stage import INCIDENTS

ALERTS = 5_000
SERVICES = 100
"""Three hundred take three times as long and show nothing else; change it to see them."""
ROOM_MEGABYTES = 150
QUICK = Paces(post_interval_seconds=0.002, post_burst=50, update_interval_seconds=0.002, update_burst=50)


async def test_five_thousand_alerts_of_one_service_are_one_incident_with_one_card(tmp_path: Path) -> None:
    storm = [firing("checkout", f"f{number}") for number in range(ALERTS)]
    async with small_stage(tmp_path, relaxed_limits=True) as here:
        await here.service.crash()
        answer = await here.post(*storm)
        assert answer == {"accepted": ALERTS, "duplicates": 0, "incidents": ["INC-1"]}
        await here.card_of("INC-1", "'action_id': 'approve'")
        before = resident_megabytes()
        for _ in range(3):
            answer = await here.post(*storm)
            assert answer == {"accepted": 0, "duplicates": ALERTS, "incidents": ["INC-1"]}
        assert resident_megabytes() - before < ROOM_MEGABYTES, "what is known already takes no room"

        await here.workspace.person("alice").click(here.cards("INC-1")[0], "approve")
        await here.thread_of("INC-1", "Done and verified")
        assert len(here.cards("INC-1")) == 1
        assert (await here.kinds()).count("decision.made") == 1


async def test_an_answer_comes_only_after_the_commit(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True) as here:
        path = here.settings.database_url.removeprefix("sqlite+aiosqlite:///")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # nobody can commit now
        posting = asyncio.create_task(here.post(firing("checkout", "f1")))
        try:
            with_answer, _ = await asyncio.wait([posting], timeout=0.5)
            assert not with_answer, "it was answered, but cannot have been stored"
            assert await healthy(here), "waiting for the database keeps nobody else waiting"
        finally:
            other.execute("ROLLBACK")
        assert (await posting)["incidents"] == ["INC-1"]
        [count] = other.execute("SELECT count(*) FROM alerts").fetchone()
        other.close()
        assert count == 1


@pytest.mark.timeout(240)
async def test_a_hundred_services_in_trouble_lose_nothing_and_each_is_told_once(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, paces=QUICK) as here:
        answer = await here.post(*(firing(f"service-{number}", f"f{number}") for number in range(SERVICES)))
        assert answer["accepted"] == SERVICES
        assert len(answer["incidents"]) == SERVICES
        while told(here) < SERVICES:  # asking at every change would be a storm of our own
            await asyncio.sleep(1)
        roots = here.workspace.messages(INCIDENTS)
        assert {message.text.rpartition("(")[2].rstrip(")") for message in roots} == set(answer["incidents"])
        assert len(roots) == SERVICES
        assert max(outbox_ids(here).values()) == 1, "each is told once"


async def test_cards_come_no_faster_than_slack_takes_them(tmp_path: Path) -> None:
    async with small_stage(tmp_path) as here:  # with Slack's own limits, and our own pace
        await here.post(*(firing(f"service-{number}", f"f{number}") for number in range(20)))
        await here.workspace.until(lambda: len(here.workspace.messages(INCIDENTS)) >= 8)
        assert [call for call in here.workspace.calls if call.error] == []
        assert await healthy(here)


def told(here: SmallStage) -> int:
    """How many cards have at least their first entry in the thread."""
    return sum(bool(here.replies(card)) for card in here.workspace.messages(INCIDENTS))


def outbox_ids(here: SmallStage) -> Counter[int]:
    """How often each of our notices stands in the channel or its threads."""
    roots = here.workspace.messages(INCIDENTS)
    posted = [*roots, *(reply for root in roots for reply in here.replies(root))]
    return Counter(message.metadata["event_payload"]["outbox_id"] for message in posted if message.metadata)


def resident_megabytes() -> float:
    """What this process holds in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError("/proc/self/status has no VmRSS")


async def healthy(here: SmallStage) -> bool:
    """Whether it answers that it is alive."""
    async with aiohttp.ClientSession() as session, session.get(f"{here.bot_url}/healthz") as response:
        return response.status == 200
