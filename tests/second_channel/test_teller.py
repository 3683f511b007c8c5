"""From the outbox to people: once, in order, only what is still true, and whatever the mail server does meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.file.second_channel import EmailRoute
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentEvent
from bot.response.model.notices import CardNotice, ThreadNotice
from bot.response.ports.second_notices import SecondNotice, SecondWork
from bot.second_channel.letters import Letter
from bot.second_channel.links import Links
from bot.second_channel.mail import MailRoute
from bot.second_channel.route import Route
from bot.second_channel.teller import QUESTION_AGAIN_AFTER, QUESTIONS_AT_ONCE, LinkOffice, Teller
from storage.database import Database
from storage.tables import ACTIONS
from storage.unit_of_work import UnitOfWork
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer, migrated
from tests.fixtures.incidents import NOW, action, open_incident
from tests.second_channel.letters import asking, outcome, storm
from tests.second_channel.receivers import Mailbox, mail_server

ALICE, BOB = "alice@example.com", "bob@example.com"
AFTER = timedelta(seconds=30)


@dataclass
class Harbour:
    """A database whose notices Slack does not take, and a mail server."""

    database: Database
    mailbox: Mailbox
    now: datetime = NOW
    taken: list[tuple[int, str, str]] = field(default_factory=list)
    """Incident, kind and route of each accepted delivery."""
    opened: int = 0
    tellers: list[Teller] = field(default_factory=list)
    refuse_taken: int = 0
    """How many more times the consequences of a delivery cannot be stored."""

    async def incident(self, state: ActionState = ActionState.WAITING) -> int:
        """An incident with an action ``a<id>`` in this state."""
        async with self.database.begin() as work:
            self.opened += 1
            incident = await open_incident(work, f"group {self.opened}", revision=1)
            await work.actions.add(action(incident, f"a{incident}", state))
            return incident

    async def founder(self, work: UnitOfWork, number: int) -> int:
        """So many incidents that share a card; which of them began it."""
        numbers = []
        for _ in range(number):
            self.opened += 1
            numbers.append(await open_incident(work, f"group {self.opened}", revision=1))
            await work.actions.add(action(numbers[-1], f"a{numbers[-1]}"))
            await work.bundles.ask(numbers[-1], "restart-checkout", "", self.now)
        bundle = await work.bundles.open("the storm", "restart-checkout", numbers[0], self.now)
        for one in numbers:
            await work.bundles.join(bundle, one)
        return numbers[0]

    async def tried(self) -> None:
        """Slack has tried to take everything that waits, in vain."""
        async with self.database.begin() as work:
            for outbox_id in await work.outbox.due(self.now):
                assert await work.outbox.claim(outbox_id, by="courier", now=self.now, until=self.now)
                await work.outbox.retry(outbox_id, by="courier", at=self.now, error="Slack answered 500")

    async def queue(self, incident: int, *notices: CardNotice | ThreadNotice) -> list[int]:
        """Notices that Slack has tried to take in vain, about the incident's action."""
        ids = []
        for notice in notices:
            async with self.database.begin() as work:
                about = notice.model_copy(update={"incident": f"INC-{incident}", "subject": f"a{incident}"})
                ids.append(await work.outbox.add(incident, about, self.now))
            async with self.database.begin() as work:
                if await work.outbox.claim(ids[-1], by="courier", now=self.now, until=self.now):
                    await work.outbox.retry(ids[-1], by="courier", at=self.now, error="Slack answered 500")
        return ids

    async def slack_takes(self, last: int) -> None:
        """Everything in the outbox up to this row is delivered after all."""
        async with self.database.begin() as work:
            for outbox_id in range(1, last + 1):
                assert await work.outbox.delivered(outbox_id, channel="C01INC", ts="1.1", now=self.now)

    async def move(self, incident: int, state: ActionState) -> None:
        async with self.database.begin() as work:
            await work.session.execute(ACTIONS.update().where(ACTIONS.c.id == f"a{incident}").values(state=state))

    async def on_taken(self, work: SecondWork, told: SecondNotice, route: Route, letter: Letter) -> None:
        if self.refuse_taken:
            self.refuse_taken -= 1
            raise RuntimeError("what follows could not be stored")
        self.taken.append((told.incident_id, told.kind, route.recipient))

    def teller(self, *recipients: str, name: str = "one", **options: Any) -> Teller:
        mail = {"server": self.mailbox.server, "security": "none", "from": "w@example.com", "to": [ALICE]}
        routes = [MailRoute(EmailRoute.model_validate(mail), who, lambda: None, 5) for who in recipients or (ALICE,)]
        office = LinkOffice(Links(AUDIT_KEY, "https://watch.example.com"), timedelta(hours=4))
        quick: dict[str, Any] = {"poll_seconds": 0.02, "back_off_seconds": (0.05,), "office": office}
        return Teller(
            self.database,
            routes,
            name=name,
            after=AFTER,
            now=lambda: self.now,
            on_taken=self.on_taken,
            **quick | options,
        )

    @asynccontextmanager
    async def telling(self, *recipients: str, **options: Any) -> AsyncIterator[Teller]:
        teller = self.teller(*recipients, **options)
        self.tellers.append(teller)
        teller.start()
        try:
            yield teller
        finally:
            await teller.close()

    async def settled(self) -> None:
        """Wait until nothing is left to tell as long as time stands still: nothing to plan, and nothing to send."""
        async with asyncio.timeout(20):
            while await self.tellers[-1].plan() or await self._waiting():
                await asyncio.sleep(0.01)

    async def _waiting(self) -> int:
        async with self.database.read() as work:
            return await work.second_notices.waiting()

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
async def harbour(tmp_path: Path) -> AsyncIterator[Harbour]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    migrated(url)
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    async with mail_server() as mailbox:
        yield Harbour(database, mailbox)
    await database.close()


def titles(mailbox: Mailbox, recipient: str = ALICE) -> list[str]:
    return [subject.partition(" on checkout: ")[2] for subject in mailbox.subjects(recipient)]


async def test_each_recipient_is_told_once_however_many_replicas_plan(harbour: Harbour) -> None:
    incident = await harbour.incident()
    await harbour.queue(incident, asking())
    async with harbour.telling(ALICE, BOB), harbour.telling(ALICE, BOB, name="two"):
        await harbour.settled()
        assert not harbour.mailbox.letters, "Slack still has time"
        harbour.later(seconds=31)
        await harbour.mailbox.until(2)
        await harbour.settled()
    assert titles(harbour.mailbox) == titles(harbour.mailbox, BOB) == ["Restart checkout?"]
    assert sorted(harbour.taken) == [(incident, "question", ALICE), (incident, "question", BOB)]


async def test_what_happened_is_told_in_its_order_after_a_server_that_failed_at_first(harbour: Harbour) -> None:
    incident = await harbour.incident(ActionState.ANNOUNCING)
    harbour.mailbox.answers = ["451 not now"] * 3
    await harbour.queue(incident, asking(ActionState.ANNOUNCING), outcome())
    harbour.later(seconds=31)
    async with harbour.telling() as teller:
        async with asyncio.timeout(30):
            while not teller.state.problems:
                await asyncio.sleep(0.01)
        assert "451 not now" in teller.state.problems[f"e-mail to {ALICE}"].error
        while len(harbour.mailbox.letters) < 2:
            harbour.later(seconds=1)
            await asyncio.sleep(0.05)
        await harbour.settled()
        assert teller.state.problems == {}
    assert titles(harbour.mailbox) == ["Restart checkout: any objection?", "Done and verified"]


async def test_a_recipient_who_is_refused_for_good_is_told_what_comes_next(harbour: Harbour) -> None:
    incident = await harbour.incident(ActionState.ANNOUNCING)
    harbour.mailbox.answers = ["554 looks like spam"]
    await harbour.queue(incident, asking(ActionState.ANNOUNCING), outcome())
    harbour.later(seconds=31)
    async with harbour.telling():
        await harbour.mailbox.until(1)
        await harbour.settled()
    assert titles(harbour.mailbox) == ["Done and verified"]
    assert harbour.taken == [(incident, "outcome", ALICE)], "what was refused counts for nothing"


async def test_what_slack_takes_after_all_is_not_told_here(harbour: Harbour) -> None:
    harbour.mailbox.answers = ["451 not now"]
    incident = await harbour.incident()
    (card,) = await harbour.queue(incident, asking())
    harbour.later(seconds=31)
    async with harbour.telling() as teller:
        while not teller.state.problems:
            await asyncio.sleep(0.01)
        async with harbour.database.begin() as work:
            await work.outbox.delivered(card, channel="C01INC", ts="1.1", now=harbour.now)
        harbour.later(seconds=5)
        await harbour.settled()
    assert not harbour.mailbox.letters


@pytest.mark.parametrize("moved_to", [ActionState.SUPERSEDED, ActionState.STOPPED, ActionState.EXECUTING])
async def test_an_announcement_that_is_not_true_any_more_is_not_sent(harbour: Harbour, moved_to: ActionState) -> None:
    incident = await harbour.incident(ActionState.ANNOUNCING)
    await harbour.queue(incident, asking(ActionState.ANNOUNCING))
    await harbour.move(incident, moved_to)
    harbour.later(seconds=31)
    async with harbour.telling():
        while await _rows(harbour) == 0:
            await asyncio.sleep(0.01)
        await harbour.settled()
    assert not harbour.mailbox.letters
    assert not harbour.taken


async def test_a_delivery_whose_consequences_cannot_be_stored_is_made_again_recognisably(harbour: Harbour) -> None:
    incident = await harbour.incident(ActionState.ANNOUNCING)
    await harbour.queue(incident, asking(ActionState.ANNOUNCING))
    harbour.later(seconds=31)
    harbour.refuse_taken = 1
    async with harbour.telling():
        await harbour.mailbox.until(1)
        assert not harbour.taken
        harbour.later(seconds=61)
        first, again = await harbour.mailbox.until(2)
        await harbour.settled()
    assert first["Message-ID"] == again["Message-ID"]
    assert first.get_content() == again.get_content(), "its links are the same, so each still works once"
    assert harbour.taken == [(incident, "announcement", ALICE)]


async def test_questions_that_change_faster_than_people_read_are_told_now_and_then(harbour: Harbour) -> None:
    incident = await harbour.incident()
    await harbour.queue(incident, asking())
    harbour.later(seconds=31)
    async with harbour.telling():
        await harbour.mailbox.until(1)
        async with harbour.database.begin() as work:
            await work.actions.add(action(incident, "newer"))
            card = asking(incident=f"INC-{incident}", subject="newer")
            await work.outbox.add(incident, card, harbour.now)
        await harbour.settled()
        assert len(harbour.mailbox.letters) == 1
        harbour.now += QUESTION_AGAIN_AFTER
        await harbour.mailbox.until(2)
        await harbour.settled()
    assert len(harbour.mailbox.letters) == 2


async def test_a_storm_of_questions_is_told_in_portions(harbour: Harbour) -> None:
    for _ in range(QUESTIONS_AT_ONCE + 2):
        await harbour.queue(await harbour.incident(), asking())
    announced = await harbour.incident(ActionState.ANNOUNCING)
    await harbour.queue(announced, asking(ActionState.ANNOUNCING))
    harbour.later(seconds=31)
    async with harbour.telling():
        await harbour.mailbox.until(QUESTIONS_AT_ONCE + 1)
        await harbour.settled()
        assert len(harbour.mailbox.letters) == QUESTIONS_AT_ONCE + 1
        assert (announced, "announcement", ALICE) in harbour.taken, "what runs by itself is always told"
        harbour.now += QUESTION_AGAIN_AFTER
        await harbour.mailbox.until(QUESTIONS_AT_ONCE + 3)
        await harbour.settled()
    assert len(harbour.mailbox.letters) == QUESTIONS_AT_ONCE + 3


async def test_the_card_of_a_storm_is_told_once_however_it_grows(harbour: Harbour) -> None:
    async with harbour.database.begin() as work:
        founder = await harbour.founder(work, 3)
        await work.outbox.add(founder, storm(subject="the storm"), harbour.now)
    await harbour.tried()
    harbour.later(minutes=1)
    async with harbour.telling():
        await harbour.settled()
        assert [one.partition(": ")[2] for one in harbour.mailbox.subjects(ALICE)] == [
            "3 questions at once: Restart a service that stopped answering?"
        ]
        async with harbour.database.begin() as work:
            await work.outbox.add(founder, storm(4, subject="the storm"), harbour.now)
        await harbour.settled()
    assert len(harbour.mailbox.letters) == 1


async def test_a_storm_that_somebody_has_taken_over_meanwhile_is_not_told(harbour: Harbour) -> None:
    async with harbour.database.begin() as work:
        founder = await harbour.founder(work, 3)
        await work.outbox.add(founder, storm(subject="the storm"), harbour.now)
    await harbour.tried()
    harbour.later(minutes=1)
    await harbour.teller().plan()
    async with harbour.database.begin() as work:
        for incident in (founder, founder + 1, founder + 2):
            assert await work.incidents.move(incident, IncidentEvent.TAKE, now=harbour.now, by="U02BOB")
    async with harbour.telling():
        await harbour.settled()
    assert not harbour.mailbox.letters


async def test_questions_that_slack_has_taken_meanwhile_still_count_as_told(harbour: Harbour) -> None:
    for _ in range(QUESTIONS_AT_ONCE):
        queued = await harbour.queue(await harbour.incident(), asking())
    harbour.later(seconds=31)
    async with harbour.telling():
        await harbour.mailbox.until(QUESTIONS_AT_ONCE)
        await harbour.settled()
        await harbour.slack_takes(queued[-1])
        for _ in range(2):
            await harbour.queue(await harbour.incident(), asking())
        harbour.later(seconds=61)
        await harbour.settled()
        assert len(harbour.mailbox.letters) == QUESTIONS_AT_ONCE, "the same inbox has had its share"
        harbour.now += QUESTION_AGAIN_AFTER
        await harbour.mailbox.until(QUESTIONS_AT_ONCE + 2)


async def test_a_question_that_slack_took_before_it_was_sent_does_not_count_as_told(harbour: Harbour) -> None:
    for _ in range(QUESTIONS_AT_ONCE):
        queued = await harbour.queue(await harbour.incident(), asking())
    harbour.later(seconds=31)
    assert await harbour.teller().plan() == QUESTIONS_AT_ONCE
    await harbour.slack_takes(queued[-1])
    new = await harbour.incident()
    await harbour.queue(new, asking())
    harbour.later(seconds=31)
    async with harbour.telling():
        await harbour.mailbox.until(1)
        await harbour.settled()
    assert harbour.taken == [(new, "question", ALICE)]


async def test_a_hold_is_told_only_to_those_who_know_nothing_yet(harbour: Harbour) -> None:
    known, new = await harbour.incident(ActionState.ANNOUNCING), await harbour.incident(ActionState.HELD)
    await harbour.queue(known, asking(ActionState.ANNOUNCING))
    await harbour.queue(new, asking(ActionState.HELD))
    harbour.later(seconds=31)
    async with harbour.telling():
        await harbour.mailbox.until(2)
        await harbour.move(known, ActionState.HELD)
        await harbour.queue(known, asking(ActionState.HELD))
        await harbour.settled()
    assert sorted(titles(harbour.mailbox)) == ["Paused: Restart checkout", "Restart checkout: any objection?"]


async def test_an_ending_is_news_only_for_those_who_were_told_of_the_beginning(harbour: Harbour) -> None:
    told, untold = await harbour.incident(ActionState.ANNOUNCING), await harbour.incident(ActionState.STOPPED)
    await harbour.queue(told, asking(ActionState.ANNOUNCING))
    harbour.later(seconds=31)
    async with harbour.telling():
        await harbour.mailbox.until(1)
        for incident in (told, untold):
            await harbour.queue(incident, asking(ActionState.STOPPED, outcome="Stopped."))
        await harbour.move(told, ActionState.STOPPED)
        harbour.later(seconds=31)
        await harbour.mailbox.until(2)
        await harbour.settled()
    assert titles(harbour.mailbox) == ["Restart checkout: any objection?", "Stopped: Restart checkout"]


async def test_a_teller_that_is_closed_leaves_what_it_has_not_sent_to_the_next(harbour: Harbour) -> None:
    incidents = [await harbour.incident() for _ in range(3)]
    harbour.mailbox.answers = ["451 not now"]
    for incident in incidents:
        await harbour.queue(incident, asking())
    harbour.later(seconds=31)
    async with harbour.telling(back_off_seconds=(3600.0,)) as teller:
        while not teller.state.problems:
            await asyncio.sleep(0.01)
    harbour.later(hours=1, seconds=1)
    async with harbour.telling(name="next"):
        await harbour.settled()
    assert sorted(incident for incident, _, _ in harbour.taken) == incidents


async def _rows(harbour: Harbour) -> int:
    async with harbour.database.read() as work:
        return len(await work.second_notices.known([1]))
