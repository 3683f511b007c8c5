"""Stories of a storm: thousands of alerts at once, and people must still see each trouble once, in order, soon."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.slack.pacing import Paces
from storage.intake import Intake
from tests.fixtures.servers import Program
from tests.scenarios.small_stage import SmallStage, firing, small_stage
from tests.scenarios.stage import INCIDENTS, said

ALERTS = 5_000
SERVICES = 100
OWN_CARDS = 5
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


async def test_an_answer_comes_only_after_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard, accept = asyncio.Event(), Intake.accept

    async def accepting(*arguments: Any) -> Any:
        heard.set()
        return await accept(*arguments)

    monkeypatch.setattr(Intake, "accept", accepting)
    async with small_stage(tmp_path, relaxed_limits=True) as here:
        path = here.settings.database_url.removeprefix("sqlite+aiosqlite:///")
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # Nobody can commit afterwards. In a thread: whoever writes just now needs this loop to come to an end.
        await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
        posting = asyncio.create_task(here.post(firing("checkout", "f1")))
        try:
            await heard.wait()
            for _ in range(3):
                assert await healthy(here), "waiting for the database keeps nobody else waiting"
            assert not posting.done(), "it was answered before those who came later, but cannot have been stored"
        finally:
            other.execute("ROLLBACK")
        assert (await posting)["incidents"] == ["INC-1"]
        [count] = other.execute("SELECT count(*) FROM alerts").fetchone()
        other.close()
        assert count == 1


async def test_a_hundred_services_in_trouble_are_six_cards_and_none_is_lost(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, paces=QUICK) as here:
        answer = await here.post(*(firing(f"service-{number}", f"f{number}") for number in range(SERVICES)))
        assert answer["accepted"] == SERVICES
        assert len(answer["incidents"]) == SERVICES
        shared = await here.card(f"{SERVICES - OWN_CARDS} incidents at once", timeout=120)
        roots = here.workspace.messages(INCIDENTS)
        assert len(roots) == OWN_CARDS + 1
        alone = {message.text.rpartition("(")[2].rstrip(")") for message in roots if message.ts != shared.ts}
        assert len(alone) == OWN_CARDS
        await here.workspace.person("alice").click(shared, "choose")
        await here.workspace.until(lambda: here.workspace.open_views("alice"))
        offered = here.workspace.open_views("alice")[0].blocks[1]["element"]["options"]
        assert alone | {option["value"] for option in offered} == set(answer["incidents"])
        assert max(outbox_ids(here).values()) == 1, "each is told once"
        await here.workspace.person("bob").click(shared, "take_these")
        await here.privately("bob", "95 incidents are yours.")
        assert not [call for call in here.workspace.calls if call.error]


async def test_one_yes_repairs_what_a_storm_broke_and_the_thread_tells_each(tmp_path: Path, start_service: str) -> None:
    broken = [Program(f"cart-{number}") for number in range(1, 6)]
    async with small_stage(
        tmp_path, relaxed_limits=True, others=broken, change_policy=two_cards_each, remediation=start_service
    ) as here:
        for number, program in enumerate(broken, start=1):
            await program.crash()
            incident = await here.fire(program.name, program.name)
            if number <= 2:  # the first two have cards of their own
                await here.card_of(incident, f"Start {program.name}")
        shared = await here.card("3 questions at once", "Approve all 3", timeout=60)
        await here.workspace.person("dave").click(shared, "approve_these")
        await here.privately("dave", "the policy does not name you")
        await here.workspace.person("alice").click(shared, "approve_these")
        await here.privately("alice", "Your approval is counted. 3 questions start now.")
        await here.card("3 done and verified", timeout=60)
        for program in broken[2:]:
            await answering(program)
        for program in broken[:2]:
            with pytest.raises(aiohttp.ClientConnectorError):  # nobody said yes to these
                await program.answers()
        thread = await here.workspace.until(
            lambda: (found := [said(reply) for reply in here.replies(shared)]) and len(found) == 4 and found
        )
        assert isinstance(thread, list)
        assert "Approved: 3 questions" in thread[0]
        assert ["Done and verified" in text for text in thread] == [False, True, True, True]
        assert all("roll_back" in text for text in thread[1:])
        assert len(here.workspace.messages(INCIDENTS)) == 3
        back = next(reply for reply in here.replies(shared) if "INC-3: Done and verified" in said(reply))
        await here.workspace.person("alice").click(back, "roll_back")
        await here.workspace.until(
            lambda: any("INC-3: Rolled back" in said(reply) for reply in here.replies(shared)), timeout=30
        )
        for number in (3, 4, 5):
            kinds = await here.kinds(number)
            assert kinds.count("action.vote") == kinds.count("action.executed") == 1
        async with here.rows() as work:
            assert (await work.audit.verify()).intact


async def test_cards_come_no_faster_than_slack_takes_them(tmp_path: Path) -> None:
    async with small_stage(tmp_path, change_policy=a_card_each) as here:  # with Slack's own limits, and our own pace
        await here.post(*(firing(f"service-{number}", f"f{number}") for number in range(20)))
        await here.workspace.until(lambda: len(here.workspace.messages(INCIDENTS)) >= 8)
        assert [call for call in here.workspace.calls if call.error] == []
        assert await healthy(here)


async def answering(program: Program) -> None:
    """Wait until the service answers again."""
    async with asyncio.timeout(20):
        while True:
            with suppress(aiohttp.ClientConnectorError):
                if await program.answers():
                    return
            await asyncio.sleep(0.1)


def two_cards_each(document: dict[str, Any]) -> None:
    """A storm begins with the third question."""
    document["storm"] = {"after": 2, "within": "5m"}


def a_card_each(document: dict[str, Any]) -> None:
    """No storm is large enough to share a card."""
    document["storm"] = {"after": 1000, "within": "5m"}


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
