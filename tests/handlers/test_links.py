"""Pages behind signed links: looking changes nothing, pressing does one thing once, and nothing else does anything."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import update

from bot.policy.situation import Notification, Oversight, Planned, Scope, ScopeKind
from bot.remediation import Snapshot
from bot.response.model.actions import Action, ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.records import StoredDecision, execute_key
from bot.response.model.state_words import state_words
from bot.response.ports.context import Context, utc_now
from bot.second_channel.links import LinkIntervention, Links, Offer
from handlers.web.links import LinkPages
from storage.audit_chain import SealedEntry
from storage.database import Database
from storage.tables import ACTIONS, INCIDENTS
from tests.fixtures import incidents as facts
from tests.fixtures.database import AUDIT_KEY
from tests.handlers.policy import POLICY
from tests.handlers.ship import NoMonitoring

ALICE = "alice@example.com"
LINKS = Links(AUDIT_KEY, "https://watch.example.com")


class Nobody:
    """Slack does not say who is in any group."""

    async def members(self, groups: Sequence[str], *, sure_of: Collection[str] = ()) -> tuple[str, ...]:
        raise AssertionError(f"asked Slack for {groups}")

    def forget(self, groups: Sequence[str]) -> None:
        raise AssertionError(f"told to forget {groups}")


@dataclass
class Pages:
    """The pages on a socket, over a real database with one incident."""

    database: Database
    client: TestClient[web.Request, web.Application]

    def link(self, intervention: LinkIntervention, *, nonce: str = "n", hours: float = 1, incident: int = 1) -> str:
        until = utc_now() + timedelta(hours=hours)
        return f"/links/{LINKS.token(Offer(intervention, incident, ALICE, until, nonce))}"

    async def look(self, link: str) -> tuple[int, str]:
        async with self.client.get(link) as response:
            return response.status, await response.text()

    async def press(self, link: str) -> tuple[int, str]:
        async with self.client.post(link) as response:
            return response.status, await response.text()

    async def action(self) -> Action:
        async with self.database.read() as work:
            action = await work.actions.get("a1")
        assert action is not None
        return action

    async def paused(self) -> list[tuple[str, str]]:
        async with self.database.read() as work:
            return [(str(pause.scope), pause.by) for pause in await work.pauses.active(utc_now())]

    async def record(self) -> list[SealedEntry]:
        async with self.database.read() as work:
            return [entry async for entry in work.audit.entries()]


def considered(incident_id: int) -> StoredDecision:
    """A decision that nothing but a pause would change."""
    stored = facts.decision(incident_id)
    oversight = Oversight(audited=True, notification=Notification.PLANNED)
    plans = {"restart-checkout": Planned(plan=facts.plan())}
    situation = stored.situation.model_copy(update={"plans": plans, "oversight": oversight})
    return replace(stored, situation=situation)


@pytest.fixture
async def pages(database: Database) -> AsyncIterator[Pages]:
    context = Context(database=database, policy=lambda: POLICY, catalogue={}, evidence=NoMonitoring(), people=Nobody())
    app = web.Application()
    LinkPages(context, database, LINKS).add_to(app)
    async with database.begin() as work:
        incident = await facts.open_incident(work, revision=1)
        await work.decisions.add(considered(incident))
        await work.actions.add(
            facts.action(incident, state=ActionState.VETO_WINDOW, runbook="restart-checkout", due_at=utc_now())
        )
    async with TestClient(TestServer(app)) as client:
        yield Pages(database, client)


async def test_looking_says_what_it_would_do_and_does_nothing(pages: Pages) -> None:
    link = pages.link(LinkIntervention.STOP)
    for _ in range(3):
        status, text = await pages.look(link)
        assert status == 200
        assert "Stop INC-1?" in text
        assert "Restart checkout (INC-1, ServiceDown on checkout)." in text
        assert '<form method="post"><button type="submit">Yes, stop it</button></form>' in text
        assert f"sent to {ALICE}" in text
    async with pages.client.head(link) as response:
        assert response.status == 200
    assert (await pages.action()).state is ActionState.VETO_WINDOW
    assert await pages.record() == []


async def test_pressing_stops_it_in_the_name_of_whoever_was_written_to(pages: Pages) -> None:
    status, text = await pages.press(pages.link(LinkIntervention.STOP))
    assert status == 200
    assert "Stopped. Nothing was changed" in text
    action = await pages.action()
    assert action.state is ActionState.STOPPED
    assert action.decided_by == (f"link:{ALICE}",)
    assert [(entry.kind, entry.actor) for entry in await pages.record()] == [("action.stopped", f"link:{ALICE}")]


async def test_a_used_link_does_nothing_more_and_says_when_it_did(pages: Pages) -> None:
    link = pages.link(LinkIntervention.PAUSE)
    assert (await pages.press(link))[0] == 200
    for ask in (pages.look, pages.press):
        status, text = await ask(link)
        assert status == 410
        assert "used already" in text
        assert "<form" not in text
    assert len(await pages.paused()) == 1


async def test_pressing_pause_pauses_everything_until_somebody_resumes(pages: Pages) -> None:
    status, text = await pages.look(pages.link(LinkIntervention.PAUSE))
    assert status == 200
    assert "Pause all automation?" in text
    assert await pages.paused() == []
    status, text = await pages.press(pages.link(LinkIntervention.PAUSE))
    assert status == 200
    assert "Paused: everything, until somebody resumes it. 1 open action is held." in text
    assert await pages.paused() == [(str(Scope(kind=ScopeKind.EVERYTHING)), f"link:{ALICE}")]


async def test_stop_and_pause_of_one_message_are_two_links(pages: Pages) -> None:
    assert (await pages.press(pages.link(LinkIntervention.STOP, nonce="one")))[0] == 200
    assert (await pages.press(pages.link(LinkIntervention.PAUSE, nonce="two")))[0] == 200


async def test_an_expired_link_does_nothing(pages: Pages) -> None:
    for ask in (pages.look, pages.press):
        status, text = await ask(pages.link(LinkIntervention.PAUSE, hours=-0.01))
        assert status == 410
        assert "has expired" in text
        assert "<form" not in text
    assert await pages.paused() == []


@pytest.mark.parametrize("forge", [lambda token: token[:-3], lambda token: f"x{token}", lambda _: "a" * 8000])
async def test_a_forged_or_cut_link_does_nothing(pages: Pages, forge: object) -> None:
    assert callable(forge)
    token = pages.link(LinkIntervention.PAUSE).removeprefix("/links/")
    for ask in (pages.look, pages.press):
        status, text = await ask(f"/links/{forge(token)}")
        assert status in (400, 404), "too long a line is refused by the server itself"
        assert "<form" not in text
    assert await pages.paused() == []


async def test_a_link_of_another_watchkeeper_does_nothing(pages: Pages) -> None:
    offer = Offer(LinkIntervention.PAUSE, 1, ALICE, utc_now() + timedelta(hours=1), "n")
    stranger = Links(b"another key of some length", "https://watch.example.com")
    status, text = await pages.press(f"/links/{stranger.token(offer)}")
    assert status == 404
    assert "no link of Watchkeeper" in text
    assert await pages.paused() == []


@pytest.mark.parametrize("state", [ActionState.EXECUTING, ActionState.SUCCEEDED, ActionState.STOPPED])
async def test_too_late_is_said_and_leaves_the_link_unspent(pages: Pages, state: ActionState) -> None:
    async with pages.database.begin() as work:
        await work.session.execute(ACTIONS.update().values(state=state))
    link = pages.link(LinkIntervention.STOP)
    status, text = await pages.look(link)
    assert status == 409
    assert f"How it stands: {state_words(state).within}." in text
    assert "<form" not in text
    assert (await pages.press(link))[0] == 409
    assert (await pages.action()).state is state
    async with pages.database.begin() as work:
        await work.session.execute(ACTIONS.update().values(state=ActionState.VETO_WINDOW))
    assert (await pages.press(link))[0] == 200


async def test_an_incident_that_does_not_exist_has_nothing_to_stop(pages: Pages) -> None:
    assert (await pages.look(pages.link(LinkIntervention.STOP, incident=99)))[0] == 409
    assert (await pages.press(pages.link(LinkIntervention.STOP, incident=99)))[0] == 409


async def test_what_an_alert_says_is_shown_as_text(pages: Pages) -> None:
    async with pages.database.begin() as work:
        action = await work.actions.get("a1")
        assert action is not None
        evil = action.plan.model_copy(update={"summary": "<script>alert(1)</script>"})
        await work.session.execute(ACTIONS.update().values(plan=evil.model_dump(mode="json")))
    _, text = await pages.look(pages.link(LinkIntervention.STOP))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


async def test_the_page_loads_nothing_tells_nobody_and_cannot_be_framed(pages: Pages) -> None:
    async with pages.client.get(pages.link(LinkIntervention.STOP)) as response:
        text, headers = await response.text(), response.headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text


async def test_a_resolved_incident_still_lets_its_readers_pause(pages: Pages) -> None:
    async with pages.database.begin() as work:
        await work.session.execute(INCIDENTS.update().values(state=IncidentState.RESOLVED))
    assert (await pages.press(pages.link(LinkIntervention.PAUSE)))[0] == 200


async def test_a_link_stops_what_runs_step_by_step_and_says_before_that_nothing_is_rolled_back(pages: Pages) -> None:
    key = execute_key("a1")
    async with pages.database.begin() as work:
        await work.session.execute(update(ACTIONS).values(state=ActionState.EXECUTING, due_at=None))
        await work.attempts.claim(key, Snapshot())
        await work.steps.begin(key, 1, "Evict checkout-1 (1 of 3)", "supervisor:checkout", utc_now())
    link = pages.link(LinkIntervention.STOP)
    status, text = await pages.look(link)
    assert status == 200
    assert "How far it is: Evict checkout-1 (1 of 3)." in text
    assert "nothing is rolled back by itself" in text
    status, text = await pages.press(link)
    assert (status, "no further step begins" in text) == (200, True)
    action = await pages.action()
    assert (action.state, action.halted_by) == (ActionState.EXECUTING, f"link:{ALICE}")
    assert action.halted_why == f"Stopped by {ALICE} (through a link)"
    status, text = await pages.look(pages.link(LinkIntervention.STOP, nonce="another"))
    assert "running, but no further step begins" in text
