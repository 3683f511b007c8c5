"""Bundles: where their members live, what waits for the shared card, and what is told of each."""

import asyncio
from datetime import timedelta

import pytest

from bot.response.model.bundle import Bundle
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import BundleNotice, CardNotice, DirectNotice
from storage.database import Database
from storage.outbox import OutboxItem
from storage.unit_of_work import UnitOfWork
from tests.fixtures.incidents import NOW, action, card, entry, open_incident

MINUTE = timedelta(minutes=1)
RUNBOOK = "restart-checkout"


async def shared(work: UnitOfWork, *names: str) -> tuple[Bundle, list[int]]:
    """A bundle of these incidents, each with a question, founded by the first."""
    numbers = [await open_incident(work, name, revision=1) for name in names]
    for number in numbers:
        await work.actions.add(action(number, f"a{number}"))
        await work.bundles.ask(number, RUNBOOK, f"rule {number}", NOW)
    founded = await work.bundles.open("the storm", RUNBOOK, numbers[0], NOW)
    for number in numbers:
        await work.bundles.join(founded, number)
    found = await work.bundles.get("the storm")
    assert found is not None
    return found, numbers


def drawn(bundle: Bundle, summary: str = "Restart") -> BundleNotice:
    return BundleNotice(
        incident=f"INC-{bundle.founder_id}",
        summary=summary,
        because="",
        lines=(),
        opened_at=NOW,
        subject=bundle.handle,
        revision=bundle.revision,
    )


async def taken(database: Database, outbox_id: int) -> OutboxItem | None:
    async with database.begin() as work:
        return await work.outbox.claim(outbox_id, by="courier", now=NOW, until=NOW + MINUTE)


async def test_a_bundle_knows_its_members_as_they_stand_and_when_each_joined(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, two) = await shared(work, "one", "two")
        assert bundle.revision == 2
        assert [(m.incident.id, m.joined_revision, m.headline) for m in await work.bundles.members(bundle)] == [
            (one, 1, f"rule {one}"),
            (two, 2, f"rule {two}"),
        ]
        await work.bundles.renew(bundle, one, "another rule")
        found = await work.bundles.of(one)
        assert found is not None
        assert found.revision == 3
        first, second = await work.bundles.members(bundle)
        assert (first.joined_revision, first.headline, first.waits, first.is_open) == (3, "another rule", True, True)
        assert second.action is not None
        await work.incidents.next_revision(two)
        (_, second) = await work.bundles.members(bundle)
        assert second.action is None, "the action of an older question is not the present one"


async def test_questions_are_counted_by_runbook_and_time(database: Database) -> None:
    async with database.begin() as work:
        await shared(work, "one", "two")
        await work.bundles.ask(await open_incident(work, "three"), "", "no runbook", NOW)
        await work.bundles.ask(1, RUNBOOK, "again", NOW + MINUTE)
        assert await work.bundles.asked_since(RUNBOOK, NOW - MINUTE) == 2, "an incident counts once"
        assert await work.bundles.asked_since("", NOW - MINUTE) == 1
        assert await work.bundles.asked_since(RUNBOOK, NOW) == 0
        assert await work.bundles.with_room(RUNBOOK, NOW - MINUTE) is not None
        assert await work.bundles.with_room(RUNBOOK, NOW) is None, "it was opened before that"
        assert await work.bundles.with_room("", NOW - MINUTE) is None


async def test_a_full_bundle_takes_no_more(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.bundles.MEMBERS_MAX", 2)
    async with database.begin() as work:
        _, (one, _) = await shared(work, "one", "two")
        assert await work.bundles.with_room(RUNBOOK, NOW - MINUTE) is None
        assert await work.bundles.leave(one)
        assert await work.bundles.with_room(RUNBOOK, NOW - MINUTE) is not None


async def test_what_is_told_of_a_member_waits_for_the_card_and_follows_it_into_its_thread(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, two) = await shared(work, "one", "two")
        root = await work.outbox.add(one, drawn(bundle), NOW)
        outcome = entry(two, "Done and verified").model_copy(update={"broadcast": True, "subject": f"a{two}"})
        line = await work.outbox.add(two, outcome, NOW)
        direct = DirectNotice(incident=f"INC-{two}", to="U01ALICE", title="Waits for you", at=NOW)
        personal = await work.outbox.add(two, direct, NOW)
        assert await work.outbox.due(NOW) == [root], "there is no thread yet"
    assert await taken(database, line) is None
    item = await taken(database, root)
    assert item is not None
    assert (item.channel, item.thread_ts) == (None, None)
    async with database.begin() as work:
        assert await work.outbox.delivered(root, channel="C01INC", ts="1.1", now=NOW)
        for number in (one, two):
            incident = await work.incidents.get(number)
            assert incident is not None
            assert (incident.channel, incident.thread_ts) == ("C01INC", "1.1")
    item = await taken(database, line)
    assert item is not None
    assert (item.channel, item.thread_ts, item.in_own_channel) == ("C01INC", "1.1", False)
    assert item.notice.model_dump()["title"] == f"INC-{two}: Done and verified"
    assert item.notice.model_dump()["broadcast"] is False
    async with database.begin() as work:
        await work.outbox.delivered(line, channel="C01INC", ts="1.2", now=NOW)
    item = await taken(database, personal)
    assert item is not None
    assert (item.channel, item.thread_ts) == ("C01INC", "1.1"), "it shows the way to the shared card"


async def test_a_card_that_slack_will_never_take_holds_nothing_up(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, two) = await shared(work, "one", "two")
        root = await work.outbox.add(one, drawn(bundle), NOW)
        call = entry(two, "Failed").model_copy(update={"to": ("U01ALICE",)})
        line = await work.outbox.add(two, call, NOW)
        assert await work.outbox.claim(root, by="courier", now=NOW, until=NOW + MINUTE) is not None
        assert await work.outbox.failed(root, by="courier", error="invalid_blocks")
        assert await work.outbox.due(NOW) == [line]


async def test_of_what_is_told_about_one_only_outcomes_and_calls_remain(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, _) = await shared(work, "one", "two")
        assert await work.outbox.add(one, entry(one, "Asking for approval"), NOW) == 0
        assert await work.outbox.add(one, entry(one, "Resolved").model_copy(update={"broadcast": True}), NOW) == 0
        about_all = entry(one, "Approved: 2 questions").model_copy(update={"of_bundle": True})
        assert await work.outbox.add(one, about_all, NOW)
        assert await work.outbox.undelivered() == 1
        assert (await work.bundles.of(one)) == bundle


async def test_an_update_goes_to_the_message_of_the_card_and_replaces_what_was_not_sent(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, _) = await shared(work, "one", "two")
        first = await work.outbox.add(one, drawn(bundle, "first"), NOW)
        assert await work.outbox.add(one, drawn(bundle, "second"), NOW) == first
    item = await taken(database, first)
    assert item is not None
    assert isinstance(item.notice, BundleNotice)
    assert item.notice.summary == "second"
    async with database.begin() as work:
        assert await work.outbox.delivered(first, channel="C01INC", ts="1.1", now=NOW)
        update = await work.outbox.add(one, drawn(bundle, "third"), NOW)
    item = await taken(database, update)
    assert item is not None
    assert (item.channel, item.thread_ts) == ("C01INC", "1.1")
    async with database.begin() as work:
        assert await work.outbox.delivered(update, channel="C01INC", ts="9.9", now=NOW)  # somebody had deleted it
        found = await work.bundles.by_thread("C01INC", "9.9")
        assert found is not None
        assert found.id == bundle.id
        assert await work.bundles.by_thread("C01INC", "1.1") is None


async def test_who_leaves_gets_a_place_of_its_own_even_the_founder(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, two) = await shared(work, "one", "two")
        root = await work.outbox.add(one, drawn(bundle), NOW)
        assert await work.outbox.delivered(root, channel="C01INC", ts="1.1", now=NOW)
        assert await work.incidents.by_thread("C01INC", "1.1") is None, "the thread is nobody's alone"
        assert await work.bundles.leave(one)
        assert not await work.bundles.leave(one)
        own = await work.outbox.add(one, card(one), NOW)
        update = await work.outbox.add(one, drawn(bundle), NOW)
    item = await taken(database, own)
    assert item is not None
    assert isinstance(item.notice, CardNotice)
    assert (item.channel, item.thread_ts) == (None, None)
    async with database.begin() as work:
        assert await work.outbox.delivered(own, channel="C01INC", ts="2.2", now=NOW)
        found = await work.incidents.by_thread("C01INC", "2.2")
        assert found is not None
        assert found.id == one
    item = await taken(database, update)
    assert item is not None
    assert (item.channel, item.thread_ts) == ("C01INC", "1.1"), "the shared card stays where it is"
    async with database.begin() as work:
        assert await work.outbox.delivered(update, channel="C01INC", ts="1.1", now=NOW)
        own_place, shared_place = await work.incidents.get(one), await work.incidents.get(two)
        assert own_place is not None
        assert shared_place is not None
        assert (own_place.thread_ts, shared_place.thread_ts) == ("2.2", "1.1")


async def test_people_are_told_a_thing_once_however_many_tell_it(database: Database) -> None:
    async with database.begin() as work:
        bundle, _ = await shared(work, "one", "two")

    async def say(what: str) -> bool:
        async with database.begin() as work:
            return await work.bundles.say_once(bundle, what)

    said = await asyncio.gather(*(say("reminder") for _ in range(5)), say("failure"))
    assert sorted(said) == [False] * 4 + [True] * 2


async def test_an_incident_that_joins_later_lives_where_the_card_is_already(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, _) = await shared(work, "one", "two")
        root = await work.outbox.add(one, drawn(bundle), NOW)
        assert await work.outbox.delivered(root, channel="C01INC", ts="1.1", now=NOW)
        three = await open_incident(work, "three", revision=1)
        await work.bundles.ask(three, RUNBOOK, "rule", NOW)
        await work.bundles.join(bundle, three)
        incident = await work.incidents.get(three)
        assert incident is not None
        assert (incident.thread_ts, incident.state) == ("1.1", IncidentState.OPEN)


async def test_what_waits_to_be_told_when_an_incident_leaves_still_has_a_thread(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, two) = await shared(work, "one", "two")
        root = await work.outbox.add(one, drawn(bundle), NOW)
        assert await work.outbox.delivered(root, channel="C01INC", ts="1.1", now=NOW)
        call = entry(two, "Failed").model_copy(update={"to": ("U01ALICE",)})
        line = await work.outbox.add(two, call, NOW)
        assert await work.bundles.leave(two)
        own = await work.outbox.add(two, card(two), NOW)
        assert await work.incidents.by_thread("C01INC", "1.1") is None, "the thread is still nobody's alone"
    item = await taken(database, line)
    assert item is not None
    assert (item.channel, item.thread_ts) == ("C01INC", "1.1")
    item = await taken(database, own)
    assert item is not None
    assert (item.channel, item.thread_ts) == (None, None), "a card of its own, not a change of the shared one"


async def test_the_shared_thread_is_one_story_whoever_it_is_about(database: Database) -> None:
    async with database.begin() as work:
        bundle, (one, two) = await shared(work, "one", "two")
        root = await work.outbox.add(one, drawn(bundle), NOW)
        approved = await work.outbox.add(one, entry(one, "Approved: 2").model_copy(update={"of_bundle": True}), NOW)
        done = entry(two, "Done and verified").model_copy(update={"broadcast": True, "subject": f"a{two}"})
        outcome = await work.outbox.add(two, done, NOW)
        for first, then in ((root, approved), (approved, outcome)):
            assert await work.outbox.due(NOW) == [first], f"{then} waits for its turn"
            assert await work.outbox.delivered(first, channel="C01INC", ts=f"{first}.1", now=NOW)
        assert await work.outbox.due(NOW) == [outcome]
