"""What runs step by step: people stop it between two steps, and go on with what was interrupted."""

import asyncio

from bot.local.workspace import Message
from bot.policy.plan import Exactness, Rollback
from bot.remediation import Snapshot, Step
from bot.response.model.actions import ActionEvent, ActionState, Result
from bot.response.model.incidents import IncidentEvent
from bot.response.model.records import execute_key, rollback_key
from bot.response.notices.card import refresh_card
from bot.response.ports.context import utc_now
from bot.response.ports.flow import FlowName
from tests.fixtures import incidents as facts
from tests.handlers.ship import Ship

DOING = Step(words="Evict checkout-2 (2 of 3)", target="supervisor:checkout")


async def begun(ship: Ship, state: ActionState = ActionState.EXECUTING, **changes: object) -> Message:
    """The card of an action of whose effect (or rollback) one step is done and another under way."""
    await ship.question(state, begun_at=utc_now(), due_at=None, **changes)
    key = rollback_key("a1", 1) if state is ActionState.ROLLING_BACK else execute_key("a1")
    async with ship.database.begin() as work:
        await work.attempts.claim(key, Snapshot())
        await work.attempts.start_once(key)
        for number, words in enumerate(("Evict checkout-1 (1 of 3)", DOING.words), 1):
            await work.steps.begin(key, number, words, DOING.target, utc_now())
        await work.steps.end(key, 1, Step(words="", ended=True), utc_now())
        await refresh_card(work, ship.policy, 1, utc_now())
    return await card(ship, DOING.words)


async def card(ship: Ship, *words: str, without: str = "never said") -> Message:
    """The incident's card, once it says all of ``words``."""

    def found() -> Message | None:
        message = ship.workspace.messages("C01INC")[0]
        said = str(message.blocks)
        return message if all(word in said for word in words) and without not in said else None

    message = await ship.workspace.until(found)
    assert isinstance(message, Message)
    return message


async def test_the_card_says_how_far_it_is_and_stop_halts_it_there(ship: Ship) -> None:
    running = await begun(ship)
    assert "Evict checkout-2 (2 of 3), 1 done so far." in str(running.blocks)
    outcome = await ship.bob.click(running, "stop")
    await ship.settled()
    assert outcome.acked
    action = await ship.action()
    assert (action.state, action.halted_by) == (ActionState.EXECUTING, "U02BOB")
    assert action.halted_why == "Stopped by U02BOB"
    assert ship.told("bob") == ["Stopping: no further step begins. The thread will say how far it got."]
    await card(ship, "no further step begins", "Stopped by", without="'action_id': 'stop'")

    def told() -> list[str]:
        return [str(one.blocks) for one in ship.workspace.thread("C01INC", running.ts) if one.ts != running.ts]

    await ship.workspace.until(told)
    (line,) = told()
    assert "Stopping" in line
    assert "by <@U02BOB>" in line


async def test_a_rollback_is_stopped_with_the_same_button(ship: Ship) -> None:
    await ship.alice.click(await begun(ship, ActionState.ROLLING_BACK, rollbacks=1), "stop")
    await ship.settled()
    action = await ship.action()
    assert (action.state, action.halted_by) == (ActionState.ROLLING_BACK, "U01ALICE")


async def test_stop_asks_first_because_what_is_done_stays_done(ship: Ship) -> None:
    (stop,) = [
        element
        for block in (await begun(ship)).blocks
        for element in block.get("elements", ())
        if element.get("action_id") == "stop"
    ]
    assert "What is done stays done: nothing is rolled back by itself" in stop["confirm"]["text"]["text"]


async def test_whoever_the_policy_does_not_name_cannot_stop_it(ship: Ship) -> None:
    await ship.dave.click(await begun(ship), "stop")
    await ship.settled()
    assert (await ship.action()).halted_at is None
    (said,) = ship.told("dave")
    assert said.startswith("You may not stop here: the policy does not name you in the groups that may. Who may: ")


async def test_a_stop_after_the_last_step_is_answered_in_plain_words(ship: Ship) -> None:
    running = await begun(ship)
    async with ship.database.begin() as work:
        await work.actions.move("a1", ActionEvent.EXECUTED, outcome="Moved.")
    await ship.alice.click(running, "stop")
    await ship.settled()
    assert ship.told("alice") == [
        "Too late to stop: verifying. Once it is over, it can be rolled back from the thread. "
        "Nothing else runs by itself for this incident."
    ]


async def test_an_effect_of_an_older_release_which_knows_no_steps_offers_no_stop(ship: Ship) -> None:
    await ship.question(ActionState.EXECUTING, begun_at=utc_now(), due_at=None)
    assert "'action_id': 'stop'" not in str((await card(ship, "Running now.")).blocks)


async def test_home_and_status_say_how_far_it_is(ship: Ship) -> None:
    await begun(ship)
    await ship.alice.slash("/watch", "status")
    await ship.settled()
    (status,) = ship.workspace.ephemerals("alice")
    assert "running: Evict checkout-2 (2 of 3), 1 done so far" in str(status.blocks)
    await ship.alice.open_home()
    await ship.workspace.until(lambda: "Evict checkout-2" in str(ship.workspace.home("alice")))


async def interrupted(ship: Ship, **changes: object) -> Message:
    """The card of an action whose effect was ended between two steps."""
    return await ship.question(
        ActionState.FAILED,
        result=Result.INTERRUPTED,
        begun_at=utc_now(),
        finished_at=utc_now(),
        outcome="Stopped by U02BOB, after 2 steps.",
        **changes,
    )


async def test_going_on_files_one_request_for_the_same_runbook_however_often_it_is_pressed(ship: Ship) -> None:
    ended = await interrupted(ship)
    assert "Half done: Restart checkout" in str(ended.blocks)
    await ship.alice.click(ended, "go_on")
    await ship.settled()
    await ship.alice.click(ended, "go_on")
    await ship.bob.click(ended, "go_on")
    await ship.settled()
    assert ship.flows() == [FlowName.CONSIDER]
    (entry,) = await ship.audited("runbook.requested")
    assert (entry.actor, entry.body["runbook"], entry.body["via"]) == ("U01ALICE", "restart-checkout", "go_on")
    request = ship.enqueuer.calls[0][2]
    assert (request["by"], request["runbook"]) == ("U01ALICE", "restart-checkout")
    first, second = ship.told("alice")
    assert "it is planned anew" in first
    assert "Your own approval does not count" in first
    assert second.startswith("You have asked for it already.")
    (others,) = ship.told("bob")
    assert "has asked for it already" in others


async def test_two_people_who_press_go_on_at_once_file_one_request(ship: Ship) -> None:
    ended = await interrupted(ship)
    await asyncio.gather(ship.alice.click(ended, "go_on"), ship.bob.click(ended, "go_on"))
    await ship.settled()
    assert ship.flows() == [FlowName.CONSIDER]
    assert len(await ship.audited("runbook.requested")) == 1


async def test_whoever_the_policy_does_not_name_cannot_go_on(ship: Ship) -> None:
    await ship.dave.click(await interrupted(ship), "go_on")
    await ship.settled()
    (said,) = ship.told("dave")
    assert said.startswith("You may not run here: the policy does not name you in the groups that may. Who may: ")
    assert ship.flows() == []


async def test_what_is_resolved_by_now_needs_not_go_on(ship: Ship) -> None:
    ended = await interrupted(ship)
    async with ship.database.begin() as work:
        await work.incidents.move(1, IncidentEvent.RESOLVE, now=utc_now())
    await ship.alice.click(ended, "go_on")
    await ship.settled()
    assert "INC-1 is resolved, so nothing needs to go on." in ship.told("alice")[0]
    assert ship.flows() == []


async def test_going_on_does_not_push_a_newer_question_aside(ship: Ship) -> None:
    ended = await interrupted(ship)
    async with ship.database.begin() as work:
        revision = await work.incidents.next_revision(1)
        await work.actions.add(facts.action(1, "a2", revision=revision, due_at=None))
    await ship.alice.click(ended, "go_on")
    await ship.settled()
    assert "INC-1 has a newer question by now (waiting for approval)." in ship.told("alice")[0]
    assert ship.flows() == []


async def test_an_interrupted_act_offers_its_rollback_and_an_interrupted_rollback_no_going_on(ship: Ship) -> None:
    ended = await interrupted(ship, rollbacks=1)
    assert "'action_id': 'roll_back'" in str(ended.blocks)
    assert "'action_id': 'go_on'" not in str(ended.blocks)


async def test_what_leaves_nothing_to_undo_is_gone_on_with_or_left(ship: Ship) -> None:
    plan = facts.plan().model_copy(update={"rollback": Rollback(summary="", exactness=Exactness.NOTHING_TO_UNDO)})
    ended = str((await interrupted(ship, plan=plan, plan_digest=plan.digest)).blocks)
    assert "'action_id': 'go_on'" in ended
    assert "'action_id': 'roll_back'" not in ended
