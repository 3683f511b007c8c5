"""What the stories of a storm need: lamps that go out one after the other, and the card that they share."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from bot.policy.file.document import Policy
from bot.policy.situation import Scope, ScopeKind
from bot.response.assessment.votes import Roster
from bot.response.interventions import bundles
from bot.response.interventions.clicks import Answer, Press
from bot.response.model.actions import ActionState
from bot.response.model.bundle import Bundle
from bot.response.model.notices import BundleNotice, ThreadNotice
from bot.response.model.records import AuditEntry
from bot.response.ports.context import Context
from bot.response.ports.work import Work
from tests.response.world import SwitchBoard, World, written_policy

Intervention = Callable[[Work, Context, Roster, Press], Awaitable[Answer]]
EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)


def stormy(level: str = "L1", approvals: dict[str, Any] | None = None, **document: Any) -> Policy:
    """Two questions get a card each; more share one. ``document``: what else the policy says."""
    written = written_policy(level, **({"approvals": approvals} if approvals else {})).model_dump(
        by_alias=True, mode="json"
    )
    services = {f"lamp-{number}": {"fleet": 4} for number in range(1, 10)}
    return Policy.model_validate(written | {"storm": {"after": 2, "within": "5m"}, "services": services, **document})


async def storm(here: World, number: int, first: int = 1) -> None:
    """As many lamps go out; each is asked about before the next does, so that their order is known."""
    for lamp in range(first, first + number):
        await here.fire(service=f"lamp-{lamp}", fingerprint=f"f{lamp}")
        async with asyncio.timeout(20):
            while await decided(here) < lamp:
                await asyncio.sleep(0.01)


async def decided(here: World) -> int:
    async with here.database.read() as work:
        incidents = await work.incidents.unresolved(500)
        return sum([await work.decisions.latest(incident.id) is not None for incident in incidents])


def said(here: World) -> list[ThreadNotice]:
    return [notice for notice in here.delivered if isinstance(notice, ThreadNotice)]


def cards(here: World) -> list[BundleNotice]:
    return [notice for notice in here.delivered if isinstance(notice, BundleNotice)]


async def until_bundle(here: World, true: Callable[[BundleNotice], bool]) -> BundleNotice:
    """Wait until the newest delivered card about many is such that ``true`` holds."""
    async with asyncio.timeout(30):
        while True:
            if cards(here) and true(cards(here)[-1]):
                return cards(here)[-1]
            await asyncio.sleep(0.02)


def standing(card: BundleNotice) -> dict[str, ActionState | None]:
    return {line.incident: line.action_state for line in card.lines}


def waiting(number: int) -> Callable[[BundleNotice], bool]:
    return lambda card: list(standing(card).values()).count(ActionState.WAITING) == number


async def press(
    here: World, person: str, card: BundleNotice, intervention: Intervention = bundles.approve_these
) -> Answer:
    roster = await here.context.roster()
    async with here.database.begin() as work:
        return await intervention(work, here.context, roster, Press(person, card.subject, card.revision))


def choosing(*chosen: str, alone: bool = False) -> Intervention:
    async def intervention(work: Work, context: Context, roster: Roster, press: Press) -> Answer:
        return await (bundles.ask_alone if alone else bundles.approve_chosen)(work, context, roster, press, chosen)

    return intervention


async def audit(here: World, incidents: Collection[int], kind: str) -> Sequence[AuditEntry]:
    async with here.database.read() as work:
        found = [entry for number in incidents for entry in await work.audit.of_incident(number)]
    return [entry for entry in found if entry.kind == kind]


async def bundle_of(here: World, incident: int) -> Bundle | None:
    async with here.database.read() as work:
        return await work.bundles.of(incident)


def flips(here: World, *lamps: int) -> list[int]:
    assert isinstance(here.switch, SwitchBoard)
    return [here.switch.at(f"lamp-{lamp}").read()["flips"] for lamp in lamps]
