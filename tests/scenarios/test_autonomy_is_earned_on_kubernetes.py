"""From nothing to L3 on a real Kubernetes: gates on the twin, a name, and a bad deploy that is rolled back alone."""

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
from tests.scenarios.shop_with_twin import MISSPELT, RUNBOOK, Shop, shop_with_twin
from tests.scenarios.stage import in_order, said

pytestmark = [mark for mark in ON_KUBERNETES if mark.name != "timeout"] + [pytest.mark.timeout(900)]
GATES_SECONDS = 600.0
"""On a machine that has much else to do; alone they take a minute and a half."""


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
        assert len(here.roots()) == 1, "no incident: the twin's alerts were the run's alone"
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
