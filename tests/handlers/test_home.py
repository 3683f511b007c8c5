"""The Home tab: what each person sees, and that it follows what happens; and a hint for who mentions the bot."""

import json
from datetime import timedelta

from bot.local.workspace import View
from bot.policy.situation import Scope, ScopeKind
from bot.response.model.actions import ActionState
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import utc_now
from bot.slack.limits import check_view
from storage.actions import Actions
from tests.fixtures import incidents as facts
from tests.handlers.ship import Ship


async def home(ship: Ship, person: str) -> str:
    """Open the tab; what it shows."""
    before = ship.workspace.home(person)
    seen = before.hash if before else None
    await ship.workspace.person(person).open_home()
    await ship.workspace.until(lambda: (view := ship.workspace.home(person)) is not None and view.hash != seen)
    return shown(ship, person)


def tab(ship: Ship, person: str) -> View:
    view = ship.workspace.home(person)
    assert view is not None
    return view


def shown(ship: Ship, person: str) -> str:
    return json.dumps(tab(ship, person).blocks, ensure_ascii=False)


async def follows(ship: Ship, person: str, *words: str) -> str:
    """The tab as it is once it says all of ``words``, without being opened again."""
    await ship.workspace.until(lambda: all(word in shown(ship, person) for word in words))
    return shown(ship, person)


async def pause(ship: Ship) -> None:
    assert (await ship.alice.slash("/watch", "pause everything for 2h storm")).acked


async def test_a_calm_day_reads_calmly(ship: Ship) -> None:
    seen = await home(ship, "dave")
    assert "Autonomy is on. Nothing is paused." in seen
    assert "Nothing waits for you." in seen
    assert "Open incidents: 0" in seen
    assert "`restart-checkout` · *L1 assisted*" in seen
    assert "not higher: the policy says L1" in seen


async def test_it_shows_who_paused_what_is_open_and_what_waits_for_me(ship: Ship) -> None:
    card = await ship.question()
    async with ship.database.begin() as work:
        everything = Scope(kind=ScopeKind.EVERYTHING)
        await work.pauses.add(everything, "U02BOB", "storm", utc_now(), None)
    alice, dave = await home(ship, "alice"), await home(ship, "dave")
    thread = f"archives/C01INC/p{card.ts.replace('.', '')}|INC-1>"
    for seen in (alice, dave):
        assert "everything* · until somebody resumes it · by <@U02BOB> · storm" in seen
        assert thread in seen
        assert "waiting for approval" in seen
    assert "Waits for you: 1" in alice
    assert "'action_id': 'approve'" in str(tab(ship, "alice").blocks)
    assert "Nothing waits for you." in dave
    assert "approve" not in dave
    assert await ship.unfinished() == 0


async def test_an_open_tab_follows_what_happens(ship: Ship) -> None:
    await home(ship, "alice")
    await home(ship, "dave")
    await ship.question()
    await follows(ship, "alice", "Waits for you: 1", "Open incidents: 1")
    await pause(ship)
    await follows(ship, "dave", "Autonomy is paused", "storm", "by <@U01ALICE>", "everything is paused: storm")
    await ship.alice.slash("/watch", "resume everything")
    await follows(ship, "dave", "Autonomy is on")


async def test_a_question_can_be_answered_on_the_tab_and_then_no_longer_waits(ship: Ship) -> None:
    await ship.question()
    await home(ship, "alice")
    assert (await ship.alice.click(tab(ship, "alice"), "approve")).acked
    await ship.settled()
    assert (await ship.action()).state is ActionState.APPROVED
    await follows(ship, "alice", "Nothing waits for you.")
    assert "Approved" in ship.workspace.messages(ship.workspace.state.direct_channel("U01ALICE").id)[-1].text


async def test_why_opens_from_the_tab(ship: Ship) -> None:
    await ship.question()
    await home(ship, "alice")
    await ship.alice.click(tab(ship, "alice"), "why")
    await ship.workspace.until(lambda: ship.workspace.open_views("alice"))
    assert "L1 asks" in str(ship.workspace.open_views("alice")[-1].blocks)


REVIEW = {"judgement": "helpful", "surprising": "no", "reason": "It was right; nothing to change."}


async def test_my_reviews_and_the_actions_of_the_last_day_are_there(ship: Ship) -> None:
    await ship.question(ActionState.SUCCEEDED, finished_at=utc_now(), decided_by=("U02BOB",))
    async with ship.database.begin() as work:
        await work.reviews.ask("a1", utc_now() + timedelta(days=5))
    bob, alice = await home(ship, "bob"), await home(ship, "alice")
    assert "Reviews due: 1, of which yours: 1" in bob
    assert "of which yours: 0" in alice
    assert "✅ done and verified" in alice
    await ship.bob.click(tab(ship, "bob"), "review")
    await ship.workspace.until(lambda: ship.workspace.open_views("bob"))
    view = ship.workspace.open_views("bob")[-1]
    assert (await ship.bob.submit(view, REVIEW)).acked
    await ship.settled()
    await ship.workspace.until(lambda: "Reviews due" not in shown(ship, "bob"))
    assert [entry.actor for entry in await ship.audited("action.reviewed")] == ["U02BOB"]


async def test_a_review_without_words_is_sent_back_and_a_second_click_finds_it_done(ship: Ship) -> None:
    await ship.question(ActionState.SUCCEEDED, finished_at=utc_now(), decided_by=("U02BOB",))
    async with ship.database.begin() as work:
        await work.reviews.ask("a1", utc_now() + timedelta(days=5))
    await home(ship, "bob")
    first = tab(ship, "bob")
    await ship.bob.click(first, "review")
    await ship.workspace.until(lambda: ship.workspace.open_views("bob"))
    outcome = await ship.bob.submit(ship.workspace.open_views("bob")[-1], {"reason": "     "})
    assert outcome.errors
    assert await ship.audited("action.reviewed") == []


async def test_nothing_is_published_while_nothing_changes(ship: Ship) -> None:
    await home(ship, "alice")
    before = tab(ship, "alice").hash
    await ship.question()
    await follows(ship, "alice", "Open incidents: 1")
    published = [call for call in ship.workspace.calls if call.method == "views.publish"]
    async with ship.database.begin() as work:
        await work.audit.append(kind=AuditKind.ALERT_QUARANTINED, actor="test", at=utc_now(), body={})
    await ship.bob.open_home()
    await ship.workspace.until(lambda: ship.workspace.home("bob"))
    later = [call for call in ship.workspace.calls if call.method == "views.publish"]
    assert [call.arguments["user_id"] for call in later[len(published) :]] == ["U02BOB"]
    assert tab(ship, "alice").hash != before


async def test_a_tab_that_somebody_else_has_drawn_meanwhile_is_drawn_over(ship: Ship) -> None:
    await home(ship, "alice")
    await ship.client.views_publish(user_id="U01ALICE", view={"type": "home", "blocks": [{"type": "divider"}]})
    await pause(ship)
    await follows(ship, "alice", "Autonomy is paused")
    assert "hash_conflict" in [call.error for call in ship.workspace.calls if call.method == "views.publish"]


async def test_a_limit_holds_it_back_and_nothing_is_lost(ship: Ship) -> None:
    await home(ship, "alice")
    ship.workspace.misbehave.rate_limit("views.publish", retry_after=0)
    await pause(ship)
    await ship.workspace.until(lambda: "rate_limited" in str([call.error for call in ship.workspace.calls]))
    assert "Autonomy is paused" in await home(ship, "alice")


async def test_a_tab_that_slack_did_not_take_is_drawn_at_the_next_opening(ship: Ship) -> None:
    ship.workspace.misbehave.fail("views.publish")
    await ship.bob.open_home()
    await ship.workspace.until(lambda: [call for call in ship.workspace.calls if call.method == "views.publish"])
    await ship.settled()
    assert ship.workspace.home("bob") is None
    assert await ship.unfinished() == 0
    assert "Nothing is paused" in await home(ship, "bob")


async def test_five_hundred_incidents_fit(ship: Ship) -> None:
    async with ship.database.begin() as work:
        actions = Actions(work.session)
        for number in range(500):
            incident_id = await facts.open_incident(work, f"checkout/{number}", revision=1, alert_name="A" * 300)
            await actions.add(facts.action(incident_id, f"a{number}"))
            await work.reviews.ask(f"a{number}", utc_now())
    seen = await home(ship, "alice")
    assert "Open incidents: 500" in seen
    assert "Waits for you: 500" in seen
    assert "and 490 more incidents" in seen
    assert "and 492 more questions" in seen
    view = tab(ship, "alice")
    check_view({"type": "home", "blocks": view.blocks})


async def test_who_mentions_the_bot_is_told_in_private_how_to_give_orders(ship: Ship) -> None:
    await ship.bob.post("C01INC", "<@UWATCH> please restart checkout")
    await ship.workspace.until(lambda: ship.told("bob"))
    assert "What you can ask Watchkeeper" in ship.told("bob")[0]
    assert len(ship.workspace.messages("C01INC")) == 1


async def test_what_is_paused_is_resumed_from_the_tab_by_whoever_may(ship: Ship) -> None:
    await pause(ship)
    await ship.settled()
    seen, other = await home(ship, "alice"), await home(ship, "dave")
    assert "Resume everything" in seen
    assert "Resume everything" not in other
    assert (await ship.alice.click(tab(ship, "alice"), "resume")).acked
    await ship.settled()
    await follows(ship, "alice", "Autonomy is on. Nothing is paused.")
    (entry,) = await ship.audited(AuditKind.AUTOMATION_RESUMED)
    assert entry.actor == "U01ALICE"
