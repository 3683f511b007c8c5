"""A mute takes its own alert away, whenever it is looked at, and never a word about another."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.policy.file.document import Policy
from bot.policy.plan import Plan
from bot.policy.situation import AlertFacts
from bot.remediation import About, Parameters
from bot.response.model.actions import ActionState
from bot.response.model.incidents import Alert, AlertStatus, IncidentState
from bot.response.model.notices import CardNotice, ThreadNotice
from tests.response.clicks import approve
from tests.response.world import ALICE, Switch, World, world, written_policy

BEGAN = datetime.now(UTC) - timedelta(minutes=1)


def staging_is_muted() -> Policy:
    document = written_policy("L1").model_dump(by_alias=True)
    muted = {"when": "'env' in alert.labels && alert.labels.env == 'staging'", "reason": "staging is nobody's night"}
    return Policy.model_validate(document | {"mute": [muted]})


async def send(
    here: World, env: str, *, severity: str = "critical", began: datetime = BEGAN, ended: bool = False
) -> None:
    now = here.context.now()
    facts = AlertFacts(
        source="alertmanager",
        fingerprint=env,
        name="SwitchOff",
        severity=severity,
        service="lamp",
        labels={"service": "lamp", "env": env, "severity": severity},
        starts_at=began,
    )
    status = AlertStatus.RESOLVED if ended else AlertStatus.FIRING
    await here.intake.accept([Alert(facts, status, now if ended else None, "", now)], [])


class Slow(Switch):
    """A switch about which a plan takes until it is let go."""

    asked: asyncio.Event
    let_go: asyncio.Event

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        self.asked.set()
        await self.let_go.wait()
        return await super().plan(parameters, about)


async def test_when_all_but_the_muted_has_ended_while_it_was_assessed_nobody_is_asked(tmp_path: Path) -> None:
    async with world(tmp_path, staging_is_muted(), remediation=Slow) as here:
        assert isinstance(here.switch, Slow)
        here.switch.asked, here.switch.let_go = asyncio.Event(), asyncio.Event()
        await send(here, "production")
        await here.switch.asked.wait()
        await send(here, "staging")
        await send(here, "production", ended=True)
        here.switch.let_go.set()
        await here.idle()
        assert (await here.incident()).state is IncidentState.RESOLVED
        assert not [notice for notice in here.delivered if isinstance(notice, CardNotice)]
        async with here.database.read() as work:
            assert "incident.muted" in [entry.kind for entry in await work.audit.of_incident(1)]


async def test_a_muted_alert_that_joins_is_no_news_and_makes_nothing_worse(tmp_path: Path) -> None:
    async with world(tmp_path, staging_is_muted()) as here:
        await send(here, "production", severity="warning")
        question = await here.until(ActionState.WAITING)
        await send(here, "staging", severity="critical")
        await here.idle()
        assert (await approve(here, ALICE)).accepted
        done = await here.until(ActionState.SUCCEEDED)
        assert done.id == question.id
        await send(here, "staging", ended=True)
        await send(here, "staging", severity="critical", began=here.context.now())
        await here.idle()
        assert await here.action() == done, "nor does it ask again once that is over"
        assert (await here.incident()).severity == "warning"
        titles = [notice.title for notice in here.delivered if isinstance(notice, ThreadNotice)]
        assert not [title for title in titles if title.startswith(("Also firing", "Severity rose"))]
