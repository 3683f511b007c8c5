"""What a plan says beside its targets, up to the effect: cautions, what remains, what is done already."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.plan import Plan, Remaining
from bot.remediation import About, NothingToDoError, Parameters
from bot.response.model.actions import ActionState
from tests.response.clicks import approve
from tests.response.world import ALICE, BOB, Switch, SwitchBoard, SwitchParameters, World, world, written_policy

BY_NAME: dict[str, Any] = {"group_by": ["alertname"]}
FLOOR: dict[str, Any] = {
    "services": {"lamp": {"fleet": 4, "leave_healthy": {"count": 2}}, "room": {"depends_on": ["lamp"]}}
}


def policy(level: str = "L1", **document: Any) -> Policy:
    written: Mapping[str, Any] = written_policy(level).model_dump(mode="json", by_alias=True)
    return Policy.model_validate({**written, **document})


class Telling(Switch):
    """Says of its plan what a test wants it to say at that moment."""

    says: Mapping[str, Any] = {}

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        return (await super().plan(parameters, about)).model_copy(update=dict(type(self).says))


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """To be called with what every plan says from then on."""

    def set_to(**said: Any) -> None:
        monkeypatch.setattr(Telling, "says", said)

    return set_to


def remaining(healthy: int, taken: int = 1) -> Remaining:
    return Remaining(healthy=healthy, total=4, taken=taken)


def flips(here: World) -> int:
    return int(here.switch.read()["flips"])


async def test_a_caution_that_appears_after_the_approval_asks_again(tmp_path: Path, says: Any) -> None:
    async with world(tmp_path, policy(), remediation=Telling) as here:
        says(cautions=("It was deployed 9 minutes ago.",))
        await here.fire()
        first = await here.until(ActionState.WAITING)
        says(cautions=("It was deployed 10 minutes ago.", "An autoscaler is in charge."))
        await approve(here, BOB)
        thread = await here.until_thread("Not run")
        assert any(
            "known since it was approved: An autoscaler is in charge. Asking again." in o
            for o in (thread.title, *thread.lines)
        )
        second = await here.until(ActionState.WAITING)
        assert (second.id != first.id, flips(here)) == (True, 0)
        await approve(here, BOB)
        await here.until(ActionState.SUCCEEDED)


async def test_a_caution_that_only_tells_another_number_is_the_one_that_was_approved(tmp_path: Path, says: Any) -> None:
    async with world(tmp_path, policy(), remediation=Telling) as here:
        says(cautions=("It was deployed 9 minutes ago.",))
        await here.fire()
        first = await here.until(ActionState.WAITING)
        says(cautions=("It was deployed 10.5 minutes ago.",))
        await approve(here, BOB)
        assert (await here.until(ActionState.SUCCEEDED)).id == first.id


async def test_below_the_floor_it_takes_two_people(tmp_path: Path, says: Any) -> None:
    async with world(tmp_path, policy(**FLOOR), remediation=Telling) as here:
        says(remaining=remaining(2))
        await here.fire()
        assert (await here.until(ActionState.WAITING)).approvals_needed == 2
        assert "One more person must approve" in (await approve(here, ALICE)).text
        assert flips(here) == 0
        await approve(here, BOB)
        await here.until(ActionState.SUCCEEDED)


async def test_what_was_enough_when_more_was_healthy_asks_again_when_less_is(tmp_path: Path, says: Any) -> None:
    async with world(tmp_path, policy(**FLOOR), remediation=Telling) as here:
        says(remaining=remaining(4))
        await here.fire()
        first = await here.until(ActionState.WAITING)
        assert first.approvals_needed == 1
        says(remaining=remaining(2))
        await approve(here, ALICE)
        card = await here.until_card(lambda card: card.approvals_needed == 2)
        assert "would stay healthy; the policy wants at least 2. 2 people must agree." in card.headline
        second = await here.until(ActionState.WAITING)
        assert (second.id != first.id, flips(here)) == (True, 0)


async def test_nothing_is_ever_done_to_what_is_protected(tmp_path: Path) -> None:
    async with world(tmp_path, policy("L3", protected={"targets": ["switch:l*"]})) as here:
        await here.license()
        await here.fire()
        card = await here.until_card(lambda card: "is protected" in card.headline)
        assert "the policy says under protected.targets that nothing is ever done to switch:l*" in card.headline
        assert await here.action() is None


class Board(SwitchBoard):
    """Flips what is off, and knows what is on already."""

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        assert isinstance(parameters, SwitchParameters)
        if self.at(parameters.switch).read()["position"] == "on":
            raise NothingToDoError(f"{parameters.switch} is on already")
        return await super().plan(parameters, about)


def is_on(here: World, switch: str) -> bool:
    assert isinstance(here.switch, Board)
    return bool(here.switch.at(switch).read()["position"] == "on")


async def test_of_two_targets_in_one_incident_none_is_forgotten(tmp_path: Path) -> None:
    async with world(tmp_path, policy(**BY_NAME), remediation=Board) as here:
        await here.fire(service="lamp")
        await here.until(ActionState.WAITING)
        await here.fire(service="room", fingerprint="f2")
        card = await here.until_card(lambda card: "not for service=room" in card.headline)
        assert "this plan is for service=lamp" in card.headline
        await approve(here, ALICE)
        await here.until_card(lambda card: "what this plan leaves out: service=lamp." in card.headline)
        assert (is_on(here, "lamp"), is_on(here, "room")) == (True, False)
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        await here.until(ActionState.SUCCEEDED)
        assert is_on(here, "room")
        assert here.switch.at("lamp").read()["restores"] == 0  # type: ignore[attr-defined]


async def test_the_next_target_in_the_same_incident_is_no_harm_done_to_the_first(tmp_path: Path) -> None:
    async with world(tmp_path, policy(**BY_NAME), remediation=Board) as here:
        await here.fire(service="lamp")
        await here.until(ActionState.WAITING)
        await approve(here, ALICE)
        await here.until(ActionState.SUCCEEDED)
        await here.fire(service="room", fingerprint="f2")
        await here.until_card(lambda card: "what this plan leaves out: service=lamp." in card.headline)
        async with here.database.read() as work:
            assert await work.pauses.active(here.context.now()) == ()
        assert here.switch.at("lamp").read()["restores"] == 0  # type: ignore[attr-defined]


async def test_what_is_as_wanted_already_is_said_and_is_no_failure(tmp_path: Path) -> None:
    async with world(tmp_path, policy(), remediation=Board) as here:
        assert isinstance(here.switch, Board)
        here.switch.at("lamp").write(position="on")
        await here.fire()
        card = await here.until_card(lambda card: card.headline.startswith("Nothing to do: lamp is on already."))
        assert card.verdict is Verdict.OBSERVE
