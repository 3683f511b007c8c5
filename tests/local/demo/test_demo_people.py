"""What the demo says of its people is what its policy lets them do."""

from itertools import chain
from pathlib import Path

import pytest

from bot.local.demo import guide
from bot.local.demo.policy import Addresses, render
from bot.local.demo.team import demo_team
from bot.local.workspace import User, Workspace
from bot.policy.approval import Intervention, groups_for, may, may_sign_off
from bot.policy.file.document import Policy
from bot.policy.file.loading import load_policy
from remediations.catalogue import parameter_models

RUNBOOK = "restart-service"
BY_WORD = {"approve": Intervention.APPROVE, "stop": Intervention.STOP, "pause": Intervention.PAUSE}
PEOPLE = [user for user in demo_team().users.values() if not user.is_bot]
people = pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)


@pytest.fixture(scope="module")
def policy() -> Policy:
    checked, prometheus = "http://127.0.0.1:1/healthz", "http://127.0.0.1:2"
    addresses = Addresses("unix:///run/s.sock", Path("/run/password"), checked, prometheus)
    text = render(Path("policy.yml"), addresses)
    return load_policy(text, filename="policy.yml", parameter_models=parameter_models())


def first_name(person: User) -> str:
    return person.real_name.split()[0]


def allowed(policy: Policy, person: User, right: str) -> bool:
    """Whether the policy lets the person do what the guide calls so."""
    if right == "sign off":
        members = chain.from_iterable(policy.people[group].users for group in policy.gates.sign_off)
        return may_sign_off(policy, RUNBOOK, person.id, authorised=frozenset(members)).allowed
    groups = groups_for(BY_WORD[right], policy, RUNBOOK)
    members = chain.from_iterable(policy.people[group].users for group in groups)
    return may(BY_WORD[right], person.id, authorised=frozenset(members)).allowed


def test_everybody_is_described_and_nobody_else() -> None:
    assert set(guide.MAY) == {first_name(person) for person in PEOPLE}


@people
def test_each_may_do_in_the_policy_what_the_guide_says(person: User, policy: Policy) -> None:
    rights = tuple(right for right in guide.RIGHTS if allowed(policy, person, right))
    assert guide.MAY[first_name(person)] == rights


@people
def test_the_words_of_each_say_the_same(person: User, policy: Policy) -> None:
    (words,) = [words for words in guide.WHO if f"*{first_name(person)}*" in words]
    granted = words.partition(", so he may not ")[0].partition(" may ")[2]
    if "refused everything else" in words:
        granted = ""
    assert [right for right in guide.RIGHTS if right in granted] == list(guide.MAY[first_name(person)])
    named = set(chain.from_iterable(group.users for group in policy.people.values()))
    assert ("not named in the policy" in words) == (person.id not in named)


def test_who_is_told_to_press_something_is_told_what_comes_of_it(policy: Policy) -> None:
    for text in (*guide.WITHOUT_PROMETHEUS, guide.NOTHING_TO_EARN.invitation):
        assert "as Dave" not in text or "refused" in text
    dave = next(person for person in PEOPLE if person.name == "dave")
    assert not any(allowed(policy, dave, right) for right in guide.RIGHTS)


def test_the_welcome_says_who_may_do_what() -> None:
    workspace = Workspace(demo_team())
    guide.welcome(workspace, "C01INC", {}, guide.TO_TRY)
    (greeting,) = workspace.messages("C01INC")
    said = str(greeting.blocks)
    assert all(words in said for words in guide.WHO)
