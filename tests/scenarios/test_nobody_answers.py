"""Nobody answers, people come and go, and somebody thinks again: with a real bot in a whole workspace."""

from pathlib import Path
from typing import Any

from bot.local.servers import get_json, until
from bot.local.workspace import Message
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import INCIDENTS, said


def group_then_leads(**approvals: Any) -> Any:
    """Who is on call is a user group; the leads are asked next."""

    def change(document: dict[str, Any]) -> None:
        document["people"] = {"sre-oncall": {"usergroup": "S01ONCALL"}, "leads": {"users": ["U03CAROL"]}}
        document["defaults"]["approvals"] = {"from": ["sre-oncall"], "escalation": ["leads"]} | approvals

    return change


async def direct(stage: SmallStage, person: str, *words: str) -> list[Message]:
    """What the bot has written to this person alone, once it says all of ``words``."""
    channel = stage.workspace.state.direct_channel(person).id

    def told() -> list[Message] | None:
        messages = stage.workspace.messages(channel)
        return messages if all(any(word in said(m) for m in messages) for word in words) else None

    found = await stage.workspace.until(told, timeout=40)
    assert isinstance(found, list)
    return found


async def test_a_question_that_nobody_answers_wanders_to_those_who_do(tmp_path: Path) -> None:
    document = group_then_leads(approve_within="10s")
    async with small_stage(tmp_path, relaxed_limits=True, change_policy=document) as stage:
        incident = await stage.fire()
        await stage.card_of(incident, "leads will be asked as well", "whoever is in `sre-oncall` when they answer")
        (reminder,) = await direct(stage, "U01ALICE", "Still waiting for your answer")
        await direct(stage, "U02BOB", "Still waiting for your answer")
        (root,) = stage.cards(incident)
        *answers, button = next(block for block in reminder.blocks if block["type"] == "actions")["elements"]
        assert [one["action_id"] for one in answers] == ["approve", "stop", "take"]
        assert button["url"].endswith(f"/archives/{INCIDENTS}/p{root.ts.replace('.', '')}")
        assert (await stage.workspace.person("alice").click(reminder, "open")).acked
        await direct(stage, "U03CAROL", "Waits for your answer", "Not enough answers from sre-oncall in time")
        card = await stage.card_of(incident, "*Asked now:* `leads`", "*Asked before:* `sre-oncall`")
        await stage.workspace.person("carol").click(card, "approve")
        await stage.card_of(incident, "It worked.", "<@U03CAROL>")
        for message in await direct(stage, "U01ALICE", "Approved by <@U03CAROL>"):
            pressable = [one["action_id"] for b in message.blocks if b["type"] == "actions" for one in b["elements"]]
            assert pressable == ["open"], "what cannot be answered any more offers no answer"
        assert len(await direct(stage, "U01ALICE")) <= 2, "one reminder for each time the question was put"
        kinds = await stage.kinds()
        assert kinds.count("action.handed_over") == 1
        assert "action.reminded" in kinds


async def test_a_question_that_nobody_ever_answers_says_what_became_of_it(tmp_path: Path) -> None:
    document = group_then_leads(approve_within="2s")
    async with small_stage(tmp_path, relaxed_limits=True, change_policy=document) as stage:
        incident = await stage.fire()
        card = await stage.card_of(
            incident, "The time to approve is over.", "sre-oncall and leads were asked", "Nothing was done"
        )
        assert "approve" not in {e["action_id"] for b in card.blocks if b["type"] == "actions" for e in b["elements"]}
        await stage.thread_of(incident, "Still waiting", "Now asking leads as well", "Not approved in time")


async def test_who_may_answer_follows_the_user_group(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, change_policy=group_then_leads()) as stage:
        incident = await stage.fire()
        await stage.card_of(incident, "<@U01ALICE> and <@U02BOB>")
        stage.workspace.regroup("S01ONCALL", "bob", "dave")
        card = await stage.card_of(incident, "<@U02BOB> and <@U04DAVE>")
        await stage.workspace.person("alice").click(card, "approve")
        await stage.privately("alice", "You may not approve here")
        await stage.workspace.person("dave").click(card, "approve")
        await stage.card_of(incident, "It worked.", "Approved by <@U04DAVE>")


async def test_a_yes_can_be_taken_back_until_enough_people_have_said_it(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, change_policy=group_then_leads(needed=2)) as stage:
        incident = await stage.fire()
        card = await stage.card_of(incident, "Why you are asked")
        await stage.workspace.person("alice").click(card, "approve")
        card = await stage.card_of(incident, "1 of 2 approved", "Withdraw my approval")
        await stage.workspace.person("bob").click(card, "withdraw")
        await stage.privately("bob", "You have not approved this")
        await stage.workspace.person("alice").click(card, "withdraw")
        await stage.workspace.until(lambda: "Withdraw" not in said(stage.cards(incident)[0]))
        await stage.thread_of(incident, "Withdrew their approval")
        assert "action.vote_withdrawn" in await stage.kinds()


async def test_the_yes_of_somebody_who_has_left_the_company_counts_no_more(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, change_policy=group_then_leads(needed=2)) as stage:
        stage.workspace.regroup("S01ONCALL", "alice", "bob", "dave")
        incident = await stage.fire()
        card = await stage.card_of(incident, "Why you are asked")
        await stage.workspace.person("alice").click(card, "approve")
        card = await stage.card_of(incident, "1 of 2 approved: <@U01ALICE>")
        stage.workspace.team.user("alice").deleted = True
        await stage.workspace.person("bob").click(card, "approve")
        card = await stage.card_of(incident, "1 of 2 approved: <@U02BOB>")
        await stage.workspace.person("dave").click(card, "approve")
        await stage.card_of(incident, "It worked.", "Approved by <@U02BOB> and <@U04DAVE>")


async def test_when_slack_does_not_say_who_is_in_a_group_that_is_said_and_the_watch_goes_on(tmp_path: Path) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, change_policy=group_then_leads()) as stage:
        stage.workspace.misbehave.fail("usergroups.users.list", times=None)
        incident = await stage.fire()
        await stage.card_of(incident, "<@U03CAROL>", "whoever is in `sre-oncall` or `leads` when they answer")
        await stage.slash("carol", "status", "S01ONCALL: Slack does not say who that is")
        ready = await until(lambda: get_json(f"{stage.bot_url}/readyz"), "nothing is less ready for it")
        assert ready["parts"]["people"] == "somebody cannot be looked up; see `/watch status`", "anybody may read it"
