"""A3. A pause is in force with its commit, binds what the policy has forgotten, and is never feigned by a typo."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.policy.file.document import Policy
from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.known_names import KnownNames, doubt, stored_names, with_live_targets
from bot.response.interventions.pauses import put_on
from bot.response.model.actions import ActionState
from bot.slack.pausing import doubted, read_offer
from handlers.slack.pause_words import Pause, WordsError
from handlers.slack.watch_words import understand
from tests.promises.brakes import EVERYTHING, brakes, gated, pause, settled
from tests.response.clicks import approve
from tests.response.world import ALICE, written_policy

TWO_HOURS = timedelta(hours=2)
CHECKOUT = Scope(kind=ScopeKind.SERVICE, name="checkout")


@pytest.mark.parametrize("seconds", [30, 3600])
async def test_a_pause_of_a_host_whose_clock_is_ahead_holds_at_once(tmp_path: Path, seconds: int) -> None:
    async with brakes(tmp_path) as here:
        await here.license()
        async with here.database.begin() as work:
            ahead = here.context.now() + timedelta(seconds=seconds)
            await put_on(work, "os:root", EVERYTHING, None, "stop", ahead)
        await here.fire()
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0


async def test_a_clock_that_is_set_back_lifts_no_pause(tmp_path: Path) -> None:
    shift = [timedelta(0)]
    async with brakes(tmp_path, now=lambda: datetime.now(UTC) + shift[0]) as here:
        await here.license()
        assert (await pause(here)).accepted
        shift[0] = -timedelta(seconds=60)
        await here.fire()
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0


async def test_a_full_pause_binds_a_runbook_that_the_policy_no_longer_knows(tmp_path: Path) -> None:
    in_force = [written_policy("L1")]
    async with brakes(tmp_path, in_force[0]) as here:
        object.__setattr__(here.context, "policy", lambda: in_force[0])
        gate = gated(here).hold("snapshot")
        await here.fire()
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        await gate.wait_until_reached()
        document = written_policy("L1").model_dump(by_alias=True, mode="json")
        document["runbooks"]["renamed"] = document["runbooks"].pop("flip")
        in_force[0] = Policy.model_validate(document)
        async with here.database.begin() as work:
            await put_on(work, "os:root", EVERYTHING, None, "no", here.context.now())
        gate.opened.set()
        await settled(here)
        assert here.switch.read()["flips"] == 0


@pytest.mark.parametrize("name", ["switch:lamp", "lamp"])
async def test_a_pause_of_a_target_takes_its_key_and_the_name_that_people_see(tmp_path: Path, name: str) -> None:
    async with brakes(tmp_path) as here:
        await here.license()
        assert (await pause(here, Scope(kind=ScopeKind.TARGET, name=name))).accepted
        await here.fire()
        assert await settled(here) is ActionState.HELD
        assert here.switch.read()["flips"] == 0


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pause —for 2h", Pause(EVERYTHING, TWO_HOURS, "")),
        ("pause --for 2h", Pause(EVERYTHING, TWO_HOURS, "")),
        ("pause \N{EN DASH}for 2h", Pause(EVERYTHING, TWO_HOURS, "")),
        ("pause --for=2h", Pause(EVERYTHING, TWO_HOURS, "")),
        ("pause “everything” 2h", Pause(EVERYTHING, TWO_HOURS, "")),
        ("pause 'everything' —for 2h —reason bad release", Pause(EVERYTHING, TWO_HOURS, "bad release")),
        ("pause „service:checkout“ for 2h", Pause(CHECKOUT, TWO_HOURS, "")),
        ("pause service:“checkout” for “2h”", Pause(CHECKOUT, TWO_HOURS, "")),
        ("pause `service:checkout`, for 2h", Pause(CHECKOUT, TWO_HOURS, "")),
        (
            "pause everything for 2h don\N{RIGHT SINGLE QUOTATION MARK}t — it\N{RIGHT SINGLE QUOTATION MARK}s “risky”",
            Pause(
                EVERYTHING,
                TWO_HOURS,
                "don\N{RIGHT SINGLE QUOTATION MARK}t — it\N{RIGHT SINGLE QUOTATION MARK}s “risky”",
            ),
        ),
        ("pause target:“web 1” 2h", Pause(Scope(kind=ScopeKind.TARGET, name="web 1"), TWO_HOURS, "")),
    ],
)
def test_typographic_dashes_and_quotes_are_read_as_what_people_meant(typed: str, meant: Pause) -> None:
    assert understand(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "pause chekout for 2h",
        "pause for 2h chekout",
        "pause 2h chekout",
        "pause “chekout” 2h",
        "pause —chekout 2h",
        "pause evrything for 2h",
        "pause chekout",
        "pause bad release",
    ],
)
def test_a_mistyped_word_never_pauses_everything_with_the_rest_as_its_reason(typed: str) -> None:
    read = understand(typed)
    assert isinstance(read, Pause)
    assert read.scope is None
    assert read.name


@pytest.mark.parametrize("typed", ["pause servce:checkout 2h", "pause service", "pause for ever", "pause until noon"])
def test_what_is_not_understood_pauses_nothing(typed: str) -> None:
    with pytest.raises(WordsError):
        understand(typed)


async def test_known_is_what_the_policy_a_stored_alert_or_a_stored_action_names(tmp_path: Path) -> None:
    async with brakes(tmp_path, written_policy("L1")) as here:
        await here.fire(service="lamp")
        await here.until(ActionState.WAITING)
        await here.fire(name="Odd", service="attic", fingerprint="f9")
        await here.idle()
        async with here.database.read() as work:
            names = await stored_names(work, here.context.policy())
        assert doubt(names, Scope(kind=ScopeKind.SERVICE, name="room"), "") is None  # the policy
        assert doubt(names, Scope(kind=ScopeKind.SERVICE, name="attic"), "") is None  # an alert
        assert doubt(names, Scope(kind=ScopeKind.TARGET, name="switch:lamp"), "") is None  # an action
        assert doubt(names, Scope(kind=ScopeKind.RUNBOOK, name="flip"), "") is None
        assert doubt(names, EVERYTHING, "") is None
        against = doubt(names, Scope(kind=ScopeKind.SERVICE, name="latp"), "")
        assert against is not None
        assert "nothing was paused. Did you mean `service:lamp`?" in against.text


class Shelf:
    """A remediation whose backend knows what stands on the shelf."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem

    async def targets(self) -> frozenset[str]:
        if self.problem is not None:
            raise self.problem
        return frozenset({"supervisor:jar:jar", "jar"})


@pytest.mark.parametrize(("problem", "known"), [(None, True), (TimeoutError(), True)])
async def test_a_name_that_only_a_backend_knows_is_known_and_one_that_cannot_be_asked_may_be(
    problem: Exception | None, known: bool
) -> None:
    catalogue: Mapping[str, Any] = {"shelf": Shelf(problem)}
    jar = Scope(kind=ScopeKind.TARGET, name="jar")
    assert doubt(KnownNames(), jar, "") is not None
    assert (doubt(await with_live_targets(KnownNames(), catalogue), jar, "") is None) is known


async def test_a_backend_that_answers_and_does_not_know_it_leaves_it_unknown() -> None:
    catalogue: Mapping[str, Any] = {"shelf": Shelf()}
    against = doubt(await with_live_targets(KnownNames(), catalogue), Scope(kind=ScopeKind.TARGET, name="jr"), "")
    assert against is not None
    assert "Did you mean `target:jar`?" in against.text


@pytest.mark.parametrize(
    ("scope", "name", "offered"),
    [
        (Scope(kind=ScopeKind.SERVICE, name="chekout"), "", ["service checkout", "service chekout"]),
        (None, "chekout", ["service checkout", "service chekout", "everything"]),
        (None, "checkout", ["service checkout", "everything"]),
        (None, "<!here>", ["service <!here>", "everything"]),
    ],
)
def test_one_click_pauses_what_was_meant_or_the_name_anyway(scope: Scope | None, name: str, offered: list[str]) -> None:
    names = KnownNames({ScopeKind.SERVICE: frozenset({"checkout", "orders"})})
    against = doubt(names, scope, name)
    assert against is not None
    message = doubted(against, TWO_HOURS, "bad release " * 90, name)
    buttons = [one for block in message.blocks for one in block.get("elements", ()) if one.get("type") == "button"]
    offers = [read_offer(one["value"]) for one in buttons]
    assert [str(offer.scope) for offer in offers if offer is not None] == offered
    assert all(offer is not None and offer.lasting == TWO_HOURS and offer.reason for offer in offers)
    assert "<!" not in json.dumps(message.blocks)
