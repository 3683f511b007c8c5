"""The whole way on a real Kubernetes: gates on the twin, a name, bad deploys rolled back alone, harm, and up again."""

import asyncio
from pathlib import Path

import pytest

from bot.gates.report import Ending, Report
from bot.local.servers import until
from bot.policy.rules.licence import licence_of, why_missing
from bot.policy.rules.seal import seal_of
from bot.response.model.candidacies import Candidacy, CandidacyState
from bot.response.ports.context import utc_now
from remediations.application.roll_back_deploy import RollBackDeploy
from tests.fixtures.kubernetes import ON_KUBERNETES, ControlPlane
from tests.scenarios.shop_with_twin import FRONT, MISSPELT, RUNBOOK, WATCHED_SECONDS, Shop, shop_with_twin
from tests.scenarios.small_stage import firing, posted
from tests.scenarios.stage import in_order, said

pytestmark = [mark for mark in ON_KUBERNETES if mark.name != "timeout"] + [pytest.mark.timeout(900)]
GATES_SECONDS = 600.0
"""On a machine that has much else to do; alone they take a minute and a half."""
APPROVED = 4
"""So many that went well support its promotion by what this policy asks, with those of its gates and after one harm."""


async def test_a_deploy_is_rolled_back_alone_once_its_twin_has_shown_that_it_may(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    async with shop_with_twin(tmp_path, control_plane) as here:
        generation = await here.generation()
        alice, carol = here.workspace.person("alice"), here.workspace.person("carol")
        assert (await alice.slash("/watch", f"promote {RUNBOOK}")).acked
        seen_at_every_gate(await report(here))
        asks = await here.root_with("sign_off")
        shown = said(asks)
        assert "The monitor fired KubeDeploymentRolloutStuck after" in shown
        assert "With a licence it would have announced this" in shown
        assert "Disturbed in 10 ways" in shown
        others = [said(one) for one in here.roots() if one.ts != asks.ts]
        assert others == [], "no incident: the twin's alerts were the run's alone"
        assert await here.generation() == generation, "production was never touched"
        assert await here.serves(here.staging), "the twin is mended"
        assert await missing(here) == "not passed yet: human sign-off"

        assert (await carol.click(asks, "sign_off")).acked
        await here.told("Signed off: roll-back-web may act at L3 from now on")
        assert await missing(here) == ""

        await here.deploy(MISSPELT)
        await here.root_with("'action_id': 'stop'")
        await here.told("Done and verified", "Put in place: web at web:1")
        assert await here.serves(here.production)
        async with here.rows() as work:
            kinds = [entry.kind for entry in await work.audit.of_incident(1)]
        assert in_order(kinds, "incident.opened", "action.announced", "action.executed", "action.succeeded")
        assert "action.approved" not in kinds

        await harmed(here)
        await reviewed(here)
        await promoted_again(here)


async def harmed(here: Shop) -> None:
    """What needs the shop fails right after the next act: that is rolled back, and the licence is lost."""
    await asyncio.sleep(WATCHED_SECONDS)  # what comes sooner would be taken for harm by the first act
    verifying = here.count("Verifying: ")
    await here.deploy(MISSPELT)
    await here.told_again("Verifying: ", verifying)
    await posted(here.bot_url, firing(FRONT, "front-1"))
    await here.told("It may have made things worse", f"Demoted: {RUNBOOK} asks first from now on")


async def reviewed(here: Shop) -> None:
    """Bob says what was wrong, and lets it run again where somebody is asked."""
    bob = here.workspace.person("bob")
    assert (await bob.click(await here.root_with("'action_id': 'review'"), "review")).acked
    await here.workspace.until(lambda: here.workspace.open_views("bob"))
    words = {"judgement": "harmful", "surprising": "yes", "surprise": "The front", "reason": "Tell the front first."}
    assert (await bob.submit(here.workspace.open_views("bob")[-1], words)).acked
    await here.told("Reviewed: it was harmful")
    assert (await bob.slash("/watch", f"resume runbook:{RUNBOOK}")).acked


async def promoted_again(here: Shop) -> None:
    """It works under people's eyes, until its record is what the policy asks for."""
    bob, carol = here.workspace.person("bob"), here.workspace.person("carol")
    for number in range(APPROVED):
        if number:  # the first is still to be rolled back, as the act that did harm was
            await asyncio.sleep(WATCHED_SECONDS)
            await here.deploy(MISSPELT)
        verified = here.count("Done and verified")
        question = await here.asked_about_a_rollout()
        assert (await bob.click(question, "approve")).acked, f"question {number}"
        await here.told_again("Done and verified", verified)
    proposed = await here.root_with("'action_id': 'promote'")
    assert "it did harm" in said(proposed)
    assert (await carol.click(proposed, "promote")).acked
    await here.told(f"Promoted: {RUNBOOK} may act at L3 from now on")
    assert await here.serves(here.production)


def seen_at_every_gate(found: Report) -> None:
    """What each gate rests on."""
    dry, simulation, chaos, undone = found.gates
    assert found.passed
    assert "Nothing could be planned where all is well" in " ".join(dry.runs[0].seen)
    assert dry.runs[0].before == dry.runs[0].after
    assert [step.words.partition(" (")[0] for step in simulation.runs[0].steps] == ["Roll web back to web:1"]
    assert {run.name.partition("”")[0] for run in chaos.runs[:8]} == {"“read", "“put"}
    ends = {run.name: run.ending for run in chaos.runs}
    assert ends["“put” of the backend is refused"] is Ending.ROLLED_BACK
    assert ends["“put” of the backend reaches nobody at first"] is Ending.HEALTHY
    (forward,) = undone.runs
    assert forward.ending is Ending.ROLLED_BACK
    assert forward.before is not None
    assert forward.before.survey
    assert forward.after == forward.before


async def report(here: Shop) -> Report:
    """What the gates have shown, as it is kept once they are over."""

    async def over() -> Candidacy | None:
        async with here.rows() as work:
            ended = await work.candidacies.of(RUNBOOK, *set(CandidacyState) - {CandidacyState.RUNNING})
        return ended[-1] if ended else None

    candidacy = await until(over, "the gates are over", within_seconds=GATES_SECONDS)
    assert isinstance(candidacy, Candidacy)
    assert candidacy.state is CandidacyState.WAITING, candidacy.findings
    async with here.rows() as work:
        digest = here.policy.runbooks[RUNBOOK].digest
        return Report.model_validate(await work.licences.report_of(RUNBOOK, digest))


async def missing(here: Shop) -> str:
    """What keeps it from acting alone, by the evidence of this moment."""
    seal = seal_of(here.policy, RUNBOOK, RollBackDeploy.version)
    async with here.rows() as work:
        held = await work.licences.of(RUNBOOK)
    return why_missing(licence_of(held, here.policy, RUNBOOK, seal, utc_now()))
