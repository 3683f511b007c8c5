from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.local.demo.team import demo_team
from bot.local.workspace import Workspace
from bot.policy.file.channels import Channels
from bot.policy.file.document import Group, Policy
from bot.slack.connection import build_client
from bot.slack.people import RETRY_SECONDS, SURE_USERGROUP_SECONDS, USER_SECONDS, USERGROUP_SECONDS, SlackPeople


@dataclass
class World:
    workspace: Workspace
    people: SlackPeople
    clock: list[float]
    groups: dict[str, Group] = field(default_factory=dict)

    def asked(self, method: str) -> int:
        return sum(call.method == method for call in self.workspace.calls)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    groups = {
        "sre-oncall": Group(usergroup="S01ONCALL"),
        "leads": Group(users=("U03CAROL",)),
        "both": Group(users=("U03CAROL", "U01ALICE"), usergroup="S01ONCALL"),
    }
    workspace, clock = Workspace(team=demo_team()), [1000.0]
    async with workspace.serve() as server:
        client = build_client(workspace.bot_token, server.api_url)
        policy = lambda: Policy(version=1, channels=Channels(incidents="C01INC"), people=groups)  # noqa: E731
        yield World(workspace, SlackPeople(client, policy, lambda: clock[0]), clock, groups)


async def test_a_group_is_its_users_and_its_user_group_without_repetition(world: World) -> None:
    assert await world.people.members(["sre-oncall"]) == ("U01ALICE", "U02BOB")
    assert await world.people.members(["both", "leads"]) == ("U01ALICE", "U02BOB", "U03CAROL")


async def test_an_unknown_group_has_no_members(world: World) -> None:
    assert await world.people.members(["captains"]) == ()


async def test_a_user_group_that_does_not_exist_has_no_members(world: World) -> None:
    world.groups["ghosts"] = Group(usergroup="S99GHOST")
    assert await world.people.members(["ghosts"]) == ()


async def test_a_deactivated_user_a_bot_and_a_stranger_never_count(world: World) -> None:
    world.workspace.team.user("U02BOB").deleted = True
    world.groups["mixed"] = Group(users=("U01ALICE", "U02BOB", "UWATCH", "U99NOBODY"))
    assert await world.people.members(["mixed"]) == ("U01ALICE",)
    assert world.people.known() == {"U01ALICE"}


async def test_slack_is_asked_once_and_again_only_when_the_answer_is_old(world: World) -> None:
    for _ in range(3):
        await world.people.members(["sre-oncall"])
    assert (world.asked("usergroups.users.list"), world.asked("users.info")) == (1, 2)
    world.clock[0] += USERGROUP_SECONDS + 1
    await world.people.members(["sre-oncall"])
    assert (world.asked("usergroups.users.list"), world.asked("users.info")) == (2, 2)


async def test_when_slack_is_down_what_was_known_stands_and_is_said(world: World) -> None:
    await world.people.members(["sre-oncall"])
    world.workspace.misbehave.fail(times=None)
    world.clock[0] += USER_SECONDS + 1
    assert await world.people.members(["sre-oncall"]) == ("U01ALICE", "U02BOB")
    assert [problem.split(":")[0] for problem in world.people.problems] == ["S01ONCALL", "U01ALICE", "U02BOB"]
    assert "what it said 60 min ago stands" in world.people.problems[0]


async def test_a_failed_question_is_not_asked_at_every_turn(world: World) -> None:
    world.workspace.misbehave.rate_limit(times=None)
    for _ in range(4):
        await world.people.members(["sre-oncall"])
    assert world.asked("usergroups.users.list") == 1


async def test_when_slack_is_back_nothing_is_complained_about_any_more(world: World) -> None:
    world.workspace.misbehave.fail(times=None)
    await world.people.members(["sre-oncall"])
    world.workspace.misbehave.lift()
    world.clock[0] += RETRY_SECONDS + 1
    assert await world.people.members(["sre-oncall"]) == ("U01ALICE", "U02BOB")
    assert world.people.problems == ()


async def test_a_person_whom_the_orders_name_stays_when_slack_never_answered(world: World) -> None:
    world.workspace.misbehave.fail(times=None)
    assert await world.people.members(["leads", "sre-oncall"]) == ("U03CAROL",)


async def test_who_is_no_longer_in_the_orders_is_no_longer_complained_about(world: World) -> None:
    world.workspace.misbehave.fail(times=None)
    await world.people.members(["leads"])
    del world.groups["leads"], world.groups["both"]
    assert world.people.problems == ()


async def test_an_answer_on_which_a_vote_depends_is_asked_for_anew(world: World) -> None:
    await world.people.members(["sre-oncall"])
    world.clock[0] += SURE_USERGROUP_SECONDS
    world.workspace.team.user("U02BOB").deleted = True
    assert await world.people.members(["sre-oncall"]) == ("U01ALICE", "U02BOB"), "from memory"
    assert await world.people.members(["sre-oncall"], sure_of=["U02BOB"]) == ("U01ALICE",)
    assert (world.asked("usergroups.users.list"), world.asked("users.info")) == (2, 3), "nobody else's account"


async def test_several_votes_in_a_row_ask_about_the_group_once_and_about_each_voter_each_time(world: World) -> None:
    for _ in range(5):
        await world.people.members(["sre-oncall"], sure_of=["U01ALICE"])
    assert (world.asked("usergroups.users.list"), world.asked("users.info")) == (1, 6)


async def test_a_vote_while_slack_is_down_counts_by_what_was_known(world: World) -> None:
    await world.people.members(["sre-oncall"])
    world.workspace.misbehave.fail(times=None)
    world.clock[0] += SURE_USERGROUP_SECONDS
    assert await world.people.members(["sre-oncall"], sure_of=["U01ALICE"]) == ("U01ALICE", "U02BOB")
    assert "what it said 0 min ago stands" in world.people.problems[0]


async def test_a_user_group_that_has_changed_is_asked_about_again(world: World) -> None:
    await world.people.members(["sre-oncall"])
    world.workspace.team.groups["S01ONCALL"].members = ["U04DAVE"]
    world.people.forget("S01ONCALL")
    world.people.forget("S99NEVER")
    assert await world.people.members(["sre-oncall"]) == ("U04DAVE",)


async def test_what_was_known_stands_when_a_changed_group_cannot_be_asked_about(world: World) -> None:
    await world.people.members(["sre-oncall"])
    world.workspace.misbehave.fail(times=None)
    world.people.forget("S01ONCALL")
    assert await world.people.members(["sre-oncall"]) == ("U01ALICE", "U02BOB")


async def test_who_was_never_known_is_said_so(world: World) -> None:
    world.workspace.misbehave.fail(times=None)
    await world.people.members(["sre-oncall"])
    assert world.people.problems[0].startswith("S01ONCALL: Slack does not say who that is")
    assert world.people.problems[0].endswith("it never has")
