"""SIGKILL while a storm is asked about on one card and answered with one yes: each repair is made and told once."""

import asyncio
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
import yaml
from sqlalchemy import select

from bot.local.servers import until
from bot.local.workspace import Message
from bot.response.model.actions import ActionState
from bot.response.ports.flow import FlowName, StepName
from storage.database import Database
from storage.tables import ACTIONS, BUNDLES, OUTBOX, QUESTIONS, VOTES
from tests.crash.scene import ALERT_TOKEN, INCIDENTS, Scene, scene
from tests.crash.story import PATIENCE_SECONDS, RETRY_SECONDS
from tests.crash.yard import SERVICES, Yard
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.handlers.webhooks import alert, webhook
from tests.scenarios.stage import said

POINTS = (
    "the shared card: claimed, not sent",
    "the shared card: accepted by Slack, not recorded",
    "the shared card: recorded",
    "button approve_these: saved, not acknowledged",
    "button approve_these: acknowledged, not begun",
    "button approve_these: done, not committed",
    "button approve_these: committed, not answered",
    f"{FlowName.ACT}: {StepName.ACT_CLAIM}: committed",
    "thread entry 'Approved: 2 questions': accepted by Slack, not recorded",
)


def one_card_then_a_shared_one(here: Scene) -> None:
    """One runbook for all services; a storm begins with the second question."""
    file = here.folder / "policy.yml"
    document = yaml.safe_load(file.read_text())
    runbook = document["runbooks"]["restart-checkout"]
    runbook["when"] = "alert.name == 'ServiceDown'"
    runbook["with"]["service"] = "${alert.labels.service}"
    runbook["verify"] = {"within": "30s", "healthy": "vector(1) == 1", "stable": 1}
    document["runbooks"] = {"restart-any": runbook}
    document["storm"] = {"after": 1, "within": "5m"}
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def shared_cards(here: Scene) -> list[Message]:
    return [message for message in here.workspace.messages(INCIDENTS) if "approve_these" in said(message)]


def roots(here: Scene) -> list[Message]:
    return [message for message in here.workspace.messages(INCIDENTS) if message.thread_ts in (None, message.ts)]


async def three_services_fail(here: Scene) -> None:
    for service in SERVICES:
        await here.yard.services[service].crash()
    labels = [{"alertname": "ServiceDown", "service": service, "severity": "critical"} for service in SERVICES]
    notification = webhook([alert(each["service"], labels=each) for each in labels])

    async def posted() -> bool:
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {ALERT_TOKEN}"}) as session,
            session.post(f"{here.bot_url}/alerts/alertmanager", json=notification) as response,
        ):
            return response.status == 200

    await until(posted, "the alerts are answered 200", within_seconds=PATIENCE_SECONDS)


async def alice_says_yes_to_all(here: Scene) -> Message:
    """She clicks until Slack says that her click was heard, or the thread says that it was."""

    def told(card: Message) -> bool:
        return any("Approved: 2 questions" in said(entry) for entry in here.workspace.thread(INCIDENTS, card.ts))

    def asked() -> Message | None:
        return next((card for card in shared_cards(here) if "2 questions at once" in said(card)), None)

    card = await here.workspace.until(asked, PATIENCE_SECONDS)
    assert isinstance(card, Message)
    while not told(card) and "approve_these" in said(card):
        if (await here.workspace.person("alice").click(card, "approve_these")).acked:
            break
        await asyncio.sleep(RETRY_SECONDS)
    return card


@pytest.mark.parametrize("point", POINTS)
async def test_killed_over_a_storm_the_bot_loses_and_doubles_nothing(yard: Yard, point: str, tmp_path: Path) -> None:
    async with scene(yard, tmp_path, "L1", True, "30s") as here:
        one_card_then_a_shared_one(here)
        before = {service: yard.starts(service) for service in SERVICES}
        async with here.kept_alive(point):
            await three_services_fail(here)
            card = await alice_says_yes_to_all(here)
            await here.workspace.until(
                lambda: sum("Done and verified" in said(one) for one in here.workspace.thread(INCIDENTS, card.ts)) == 2,
                PATIENCE_SECONDS,
            )
            await here.all_deaths_died()
            database = Database(here.environment["DATABASE_URL"], RecordingEnqueuer(), AUDIT_KEY)
            try:
                await nothing_is_left(database)
                await check(here, database, before, card)
            finally:
                await database.close()


async def nothing_is_left(database: Database) -> None:
    """Wait until everything that was to be said has been."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with database.read() as work:
                if not await work.outbox.undelivered():
                    return
            await asyncio.sleep(RETRY_SECONDS)


async def check(here: Scene, database: Database, before: dict[str, int], card: Message) -> None:
    async with database.read() as work:
        assert (await work.audit.verify()).intact
        (bundle,) = await work.session.execute(select(BUNDLES))
        members = set(
            await work.session.scalars(select(QUESTIONS.c.incident_id).where(QUESTIONS.c.bundle_id == bundle.id))
        )
        actions = list(await work.session.execute(select(ACTIONS)))
        votes = list(await work.session.execute(select(VOTES)))
        delivered = Counter(await work.session.scalars(select(OUTBOX.c.state)))
    assert len(members) == 2
    assert len(actions) == 3
    by_member = {True: ActionState.SUCCEEDED, False: ActionState.WAITING}
    assert all(action.state == by_member[action.incident_id in members] for action in actions)
    answered = {action.id for action in actions if action.incident_id in members}
    assert {vote.action_id for vote in votes} == answered
    assert {vote.person for vote in votes} == {"U01ALICE"}
    assert set(delivered) == {"delivered"}
    ran = {action.plan["parameters"]["service"] for action in actions if action.incident_id in members}
    assert {s: here.yard.starts(s) - before[s] for s in SERVICES} == {s: int(s in ran) for s in SERVICES}
    assert len(roots(here)) == 2, "a card for the first, and one for the rest"
    told = [said(entry) for entry in here.workspace.thread(INCIDENTS, card.ts)]
    assert ["Done and verified" in text for text in told] == [False, True, True]
    assert "Approved: 2 questions" in told[0]
