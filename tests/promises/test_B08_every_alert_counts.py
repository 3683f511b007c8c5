"""Point 8: every firing alert of an incident counts: the worst severity, each mark, each mute for its own alert only.

The worst alert's runbook counts, what matches none is listed, rivals are asked about, and whatever joins is weighed
before an effect begins.
"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.policy.decision import Verdict
from bot.policy.plan import Plan
from bot.remediation import Snapshot
from bot.response.deadlines.sweep import sweep
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from tests.promises.incoming import STAGING, alert, card, decided, policy_with, said, send, two_runbooks
from tests.response.clicks import approve
from tests.response.world import ALICE, Switch, world

MARKS: list[dict[str, Any]] = [{"billing": "true"}, {"data_integrity": "affected"}, {"security_severity": "critical"}]
SLOWLY = {"veto_window": "5m"}


class Slow(Switch):
    """Its snapshot, between the claim and the effect, takes until ``go_on``."""

    reached = asyncio.Event()
    go_on = asyncio.Event()

    async def snapshot(self, plan: Plan) -> Snapshot:
        self.reached.set()
        await self.go_on.wait()
        return await super().snapshot(plan)


async def test_a_muted_alert_never_silences_the_others_whichever_came_first(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with(mute=[STAGING])) as here:
        await send(here, alert("stage", env="staging"), alert("prod", env="production"))
        await here.until(ActionState.WAITING)
        await send(here, alert("stage too", env="staging"))
        await here.idle()
        assert (await here.incident()).state is IncidentState.OPEN
        assert (await here.action()).state is ActionState.WAITING  # type: ignore[union-attr]
        assert not said(here, "Also firing now"), "people do not hear of what is muted"


async def test_when_only_muted_alerts_are_left_the_incident_is_over_and_people_hear(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with(mute=[STAGING])) as here:
        await send(here, alert("stage", env="staging"), alert("prod", env="production"))
        await here.until(ActionState.WAITING)
        await send(here, alert("prod", env="production", ended=datetime.now(UTC)))
        await here.until_thread("Resolved")
        assert (await here.action()).state is ActionState.SUPERSEDED  # type: ignore[union-attr]


@pytest.mark.parametrize("mark", MARKS)
async def test_a_mark_on_any_alert_brings_people_in(tmp_path: Path, mark: dict[str, Any]) -> None:
    async with world(tmp_path, policy_with("L3", SLOWLY)) as here:
        await here.license()
        await send(here, alert("first"), alert("second", severity="info", **mark))
        action = await here.until(ActionState.WAITING)
        assert (action.verdict, here.switch.read()["flips"]) == (Verdict.ASK, 0)


async def test_the_runbook_of_the_worst_alert_counts_and_the_severity_is_the_worst(tmp_path: Path) -> None:
    policy = two_runbooks("L1", "alert.severity == 'warning'", "alert.severity == 'critical'")
    async with world(tmp_path, policy) as here:
        await send(here, alert("mild", severity="warning"), alert("bad"))
        assert (await here.until(ActionState.WAITING)).runbook == "flip-hard"
        assert (await here.until_card(lambda card: card.severity == "critical")).runbook == "flip-hard"


async def test_what_no_runbook_matches_is_listed_on_the_card_also_when_it_joins_later(tmp_path: Path) -> None:
    policy = policy_with(runbook={"when": "'known' in alert.labels"})
    async with world(tmp_path, policy) as here:
        await send(here, alert("known", known="yes"), alert("other", severity="warning"))
        shown = await here.until_card(lambda card: card.action_state is ActionState.WAITING)
        assert (shown.unmatched, shown.alerts_firing) == (("SwitchOff",), 2)
    grouped = policy.model_copy(update={"group_by": ("service",)})
    (tmp_path / "later").mkdir()
    async with world(tmp_path / "later", grouped) as here:
        await send(here, alert("known", known="yes"))
        await here.until_card(lambda card: card.unmatched == ())
        await send(here, alert("joins", "LampHot", severity="warning"))
        assert (await here.until_card(lambda card: bool(card.unmatched))).unmatched == ("LampHot",)


async def test_equally_bad_alerts_for_two_runbooks_ask_about_the_first_and_offer_the_other(tmp_path: Path) -> None:
    policy = two_runbooks("L3", "alert.labels.part == 'a'", "alert.labels.part == 'b'")
    async with world(tmp_path, policy) as here:
        await here.license("flip")
        await here.license("flip-hard")
        await send(here, alert("second", part="b"), alert("first", part="a"))
        assert (await here.until(ActionState.WAITING)).runbook == "flip"
        stored = await decided(here)
        assert (stored.decision.decisive, stored.decision.others) == ("alerts", ("flip-hard",))


async def test_what_joins_in_the_veto_window_is_weighed(tmp_path: Path) -> None:
    async with world(tmp_path, policy_with("L3", SLOWLY)) as here:
        await here.license()
        await send(here, alert("first"))
        await here.until(ActionState.VETO_WINDOW)
        await send(here, alert("second", billing="true"))
        await here.until(ActionState.WAITING)
        assert (await decided(here)).decision.decisive == "billing"
        assert here.switch.read()["flips"] == 0


async def test_what_joins_while_people_are_asked_is_a_new_question_and_the_old_card_answers_nothing(
    tmp_path: Path,
) -> None:
    async with world(tmp_path, policy_with()) as here:
        await send(here, alert("first"))
        await here.until(ActionState.WAITING)
        before = await here.press(ALICE)
        await send(here, alert("second", security_severity="critical"))
        await here.until_card(lambda card: card.revision == 2)
        assert not (await approve(here, ALICE, press=before)).accepted
        assert here.switch.read()["flips"] == 0


async def test_what_joins_between_the_claim_and_the_effect_keeps_it_from_beginning(tmp_path: Path) -> None:
    Slow.reached, Slow.go_on = asyncio.Event(), asyncio.Event()
    async with world(tmp_path, policy_with("L3", {"veto_window": "0s"}), remediation=Slow) as here:
        await here.license()
        await send(here, alert("first"))
        async with asyncio.timeout(20):
            while not Slow.reached.is_set():
                await sweep(here.context)
                await asyncio.sleep(0.02)
        await send(here, alert("second", billing="true"))
        Slow.go_on.set()
        await here.until(ActionState.WAITING)
        await here.idle()
        assert here.switch.read()["flips"] == 0
        assert card(here).alerts_firing == 2


@pytest.mark.parametrize("mark", MARKS)
async def test_a_mark_that_joins_after_an_approval_asks_again(tmp_path: Path, mark: dict[str, Any]) -> None:
    Slow.reached, Slow.go_on = asyncio.Event(), asyncio.Event()
    async with world(tmp_path, policy_with("L1"), remediation=Slow) as here:
        await send(here, alert("first"))
        await here.until(ActionState.WAITING)
        assert (await approve(here, ALICE)).accepted
        async with asyncio.timeout(20):
            await Slow.reached.wait()
        await send(here, alert("second", **mark))
        Slow.go_on.set()
        await here.until(ActionState.WAITING)
        await here.idle()
        assert any("known since it was approved" in line for told in said(here, "") for line in told.lines)
        assert here.switch.read()["flips"] == 0
        assert (await approve(here, ALICE)).accepted
        await here.until(ActionState.SUCCEEDED)
