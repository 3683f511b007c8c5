"""The cause is elsewhere: people are asked once, where it may be, and meanwhile nothing acts by itself."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.response.deadlines.reminders import sweep_questions
from bot.response.model.actions import ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.model.incidents import Alert, AlertStatus
from bot.response.model.notices import CardNotice, DirectNotice, ThreadNotice
from bot.second_channel.telling import telling
from tests.fixtures.incidents import alert
from tests.response.test_nobody_answers import Clock
from tests.response.world import ALICE, BOB, SwitchBoard, World, world, written_policy

SIX = [f"lamp-{number}" for number in range(1, 7)]
TEN = [f"host-{number}" for number in range(1, 11)]


def policy(services: dict[str, Any], **document: Any) -> Policy:
    written = written_policy("L3").model_dump(by_alias=True, mode="json")
    return Policy.model_validate({**written, "services": services, **document})


def behind_a_database(**database: Any) -> Policy:
    needing = {lamp: {"fleet": 4, "depends_on": ["database"]} for lamp in SIX}
    return policy({**needing, "database": {"fleet": 4}}, storm={"after": 20, "within": "5m"})


async def fire(here: World, *services: str, name: str = "SwitchOff", status: AlertStatus = AlertStatus.FIRING) -> None:
    """All of them in one webhook."""
    now = here.context.now()
    fired = [alert(f"f of {service}", name=name, service=service, starts_at=now, status=status) for service in services]
    await here.intake.accept([Alert(each.facts, status, None, "", now) for each in fired])


async def until_decided(here: World, count: int) -> None:
    async with asyncio.timeout(40):
        while await decisions(here) < count:
            await asyncio.sleep(0.05)
    await here.idle()


async def decisions(here: World) -> int:
    async with here.database.read() as work:
        incidents = await work.incidents.unresolved(100)
        return sum([await work.decisions.latest(incident.id) is not None for incident in incidents])


def cards(here: World) -> dict[str, CardNotice]:
    """The newest card of each incident."""
    return {each.incident: each for each in here.delivered if isinstance(each, CardNotice)}


def called(here: World) -> set[str]:
    """The incidents at which anybody is mentioned or written to, by their last card."""
    by_card = {name for name, card in cards(here).items() if card.approvers}
    by_thread = {each.incident for each in here.delivered if isinstance(each, ThreadNotice) and each.to}
    return by_card | by_thread | {each.incident for each in here.delivered if isinstance(each, DirectNotice)}


def flips(folder: Path) -> list[Path]:
    return list(folder.glob("*.json"))


async def test_six_services_behind_a_database_that_is_down_are_one_question_at_the_database(tmp_path: Path) -> None:
    async with world(tmp_path, behind_a_database(), remediation=SwitchBoard) as here:
        await here.license()
        await fire(here, "database", *SIX)
        await until_decided(here, 7)
        assert flips(tmp_path) == [], "nothing acts alone"
        database = next(name for name, card in cards(here).items() if card.service == "database")
        assert called(here) == {database}
        for name, card in cards(here).items():
            if name != database:
                assert (card.verdict, card.asked_at, card.due_at) == (Verdict.ASK, database, None)
                assert card.headline.startswith("The cause may be elsewhere.")
                assert telling(card) is None, "nor is anybody called another way"
        asked = cards(here)[database]
        assert (asked.verdict, asked.approvers, asked.asked_at) == (Verdict.ASK, (ALICE, BOB), "")
        assert asked.cause_of == ", ".join(sorted(set(cards(here)) - {database}))


async def test_at_a_cause_that_no_runbook_covers_people_are_called_once_for_all_behind_it(tmp_path: Path) -> None:
    async with world(tmp_path, behind_a_database(), remediation=SwitchBoard) as here:
        await here.license()
        await fire(here, "database", name="DatabaseDown")
        await until_decided(here, 1)
        await fire(here, *SIX[:3])
        await until_decided(here, 4)
        line = await here.until_thread("Others may have their cause here")
        assert (line.incident, line.to) == ("INC-1", (ALICE, BOB))
        assert called(here) == {"INC-1"}
        assert cards(here)["INC-1"].cause_of == "INC-2, INC-3, INC-4"
        lines = [each for each in here.delivered if isinstance(each, ThreadNotice) and each.to]
        assert len(lines) == 1
        assert flips(tmp_path) == []


async def test_when_the_cause_is_over_what_still_fires_is_assessed_anew(tmp_path: Path) -> None:
    async with world(tmp_path, behind_a_database(), remediation=SwitchBoard) as here:
        await here.license()
        await fire(here, "database", name="DatabaseDown")
        await until_decided(here, 1)
        await fire(here, "lamp-1")
        await until_decided(here, 2)
        assert cards(here)["INC-2"].asked_at == "INC-1"
        await fire(here, "database", name="DatabaseDown", status=AlertStatus.RESOLVED)
        card = await here.until_card(lambda card: card.incident == "INC-2" and card.verdict.autonomous)
        assert not card.asked_at


async def test_a_monitor_cut_off_from_ten_hosts_is_one_question_and_nothing_acts(tmp_path: Path) -> None:
    hosts = policy({host: {"fleet": 4} for host in TEN}, storm={"after": 20, "within": "5m"})
    async with world(tmp_path, hosts, remediation=SwitchBoard) as here:
        await here.license()
        await fire(here, *TEN)
        await until_decided(here, 10)
        assert flips(tmp_path) == []
        assert called(here) == {"INC-1"}
        assert cards(here)["INC-1"].cause_of == ", ".join(f"INC-{number}" for number in range(2, 11))
        assert {card.asked_at for name, card in cards(here).items() if name != "INC-1"} == {"INC-1"}


async def test_a_storm_of_them_shares_a_card_that_calls_nobody(tmp_path: Path) -> None:
    hosts = policy({host: {"fleet": 4} for host in TEN}, storm={"after": 2, "within": "5m"})
    async with world(tmp_path, hosts, remediation=SwitchBoard) as here:
        await here.license()
        await fire(here, *TEN)
        await until_decided(here, 10)
        assert called(here) == {"INC-1"}
        bundles = [each for each in here.delivered if each.kind == "bundle"]
        assert (bundles[-1].asked_at, bundles[-1].approvers) == ("INC-1", ())
        assert telling(bundles[-1]) is None
        assert flips(tmp_path) == []


async def test_nobody_is_reminded_where_the_question_is_asked_elsewhere_and_it_does_not_expire(tmp_path: Path) -> None:
    clock = Clock()
    async with world(tmp_path, behind_a_database(), now=clock, remediation=SwitchBoard) as here:
        await here.license()
        await fire(here, "database", name="DatabaseDown")
        await until_decided(here, 1)
        await fire(here, "lamp-1")
        await until_decided(here, 2)
        for _ in range(4):
            clock.forward(minutes=16)
            await sweep_questions(here.context)
        await here.idle()
        action = await here.until(ActionState.WAITING, 2)
        assert action.due_at is not None
        assert action.due_at > clock() - timedelta(minutes=1)
        async with here.database.read() as work:
            kinds = [entry.kind for entry in await work.audit.of_incident(2)]
        assert AuditKind.ACTION_REMINDED not in kinds
        assert AuditKind.ACTION_HANDED_OVER not in kinds
        assert called(here) == {"INC-1"}


async def test_two_that_need_each_other_never_wait_for_each_other(tmp_path: Path) -> None:
    services = {"lamp-1": {"fleet": 4, "depends_on": ["lamp-2"]}, "lamp-2": {"fleet": 4, "depends_on": ["lamp-1"]}}
    async with world(tmp_path, policy(services), remediation=SwitchBoard) as here:
        await here.license()
        await fire(here, "lamp-1", "lamp-2")
        await until_decided(here, 2)
        assert len(called(here)) == 1
        assert flips(tmp_path) == []
