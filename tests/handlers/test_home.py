"""The Home tab, and a hint for who mentions the bot."""

from bot.policy.situation import Scope, ScopeKind
from bot.response.watch import utc_now
from tests.handlers.ship import Ship


async def home(ship: Ship, person: str) -> str:
    before = ship.workspace.home(person)
    seen = before.hash if before else None
    await ship.workspace.person(person).open_home()
    await ship.workspace.until(lambda: (view := ship.workspace.home(person)) is not None and view.hash != seen)
    view = ship.workspace.home(person)
    assert view is not None
    return str(view.blocks)


async def test_a_calm_day_reads_calmly(ship: Ship) -> None:
    tab = await home(ship, "dave")
    assert "Automation is on. Nothing is paused." in tab
    assert "Nothing waits for you." in tab
    assert "No incident is open." in tab


async def test_it_shows_who_paused_what_is_open_and_what_waits_for_me(ship: Ship) -> None:
    await ship.question()
    async with ship.database.begin() as work:
        everything = Scope(kind=ScopeKind.EVERYTHING)
        await work.pauses.add(everything, "U02BOB", "storm", utc_now(), None)
    alice, dave = await home(ship, "alice"), await home(ship, "dave")
    for tab in (alice, dave):
        assert "everything · until somebody resumes it · by <@U02BOB>" in tab
        assert "*INC-1* · `checkout` · ServiceDown · open" in tab
    assert "*INC-1* · Restart checkout" in alice
    assert "Nothing waits for you." in dave
    assert await ship.unfinished() == 0


async def test_who_mentions_the_bot_is_told_in_private_how_to_give_orders(ship: Ship) -> None:
    await ship.bob.post("C01INC", "<@UWATCH> please restart checkout")
    await ship.workspace.until(lambda: ship.told("bob"))
    assert "What you can ask the watch" in ship.told("bob")[0]
    assert len(ship.workspace.messages("C01INC")) == 1


async def test_a_tab_that_slack_did_not_take_is_drawn_at_the_next_opening(ship: Ship) -> None:
    ship.workspace.misbehave.fail("views.publish")
    await ship.bob.open_home()
    await ship.workspace.until(lambda: [call for call in ship.workspace.calls if call.method == "views.publish"])
    await ship.settled()
    assert ship.workspace.home("bob") is None
    assert await ship.unfinished() == 0
    assert "Nothing is paused" in await home(ship, "bob")
