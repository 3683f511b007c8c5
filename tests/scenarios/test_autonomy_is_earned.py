"""From nothing to a licence: the gates are run from Slack on a real supervisord, and one click signs them off."""

from pathlib import Path

import pytest

from bot.response.model.candidacies import CandidacyState
from tests.fixtures.servers import until
from tests.scenarios.stage import INCIDENTS, in_order, said
from tests.scenarios.twins import RUNBOOK, twin_stage


@pytest.mark.timeout(600)
async def test_gates_asked_for_in_slack_and_one_click_license_a_runbook(tmp_path: Path) -> None:
    async with twin_stage(tmp_path) as here:
        production = await here.supervisord.pid("checkout:checkout")
        alice, carol = here.workspace.person("alice"), here.workspace.person("carol")
        assert (await alice.slash("/watch", f"promote {RUNBOOK}")).acked
        await here.card("Gates of restart-checkout", "The gates are being run on staging.")
        asks = await here.card("sign_off", timeout=480)
        shown = said(asks)
        assert "The monitor fired ServiceDown after" in shown
        assert "With a licence it would have announced this" in shown
        assert "Disturbed in 10 ways" in shown
        assert "There is nothing to undo" in shown
        assert "1 of 1 cases went well (1 on staging)" in shown
        await here.thread("Staging dry run passed", "Chaos test passed", "waits to be signed off")
        assert await here.supervisord.pid("checkout:checkout") == production
        assert await here.twin_runs()
        roots = [one for one in here.workspace.messages(INCIDENTS) if one.thread_ts in (None, one.ts)]
        assert len(roots) == 1, "no incident: the twin's alerts were the run's alone"

        assert (await carol.click(asks, "sign_off")).acked
        await here.thread("Signed off: restart-checkout may act at L3 from now on")
        record = await here.record()
        kinds = [kind for kind, _ in record]
        assert in_order(kinds, "gates.begun", "gates.alert_received", "gates.passed", "licence.signed_off")
        assert {incident for _, incident in record} == {None}

        await here.service.crash()
        await here.workspace.until(
            lambda: any("'action_id': 'stop'" in said(one) for one in here.workspace.messages(INCIDENTS)), timeout=60
        )


@pytest.mark.timeout(300)
async def test_a_bot_that_is_stopped_in_the_middle_mends_the_twin_and_says_so(tmp_path: Path) -> None:
    async with twin_stage(tmp_path) as here:
        assert (await here.workspace.person("alice").slash("/watch", f"promote {RUNBOOK}")).acked

        async def injected() -> bool:
            return not await here.twin_runs()

        await until(injected, "the fault is injected")
        await here.stop_bot()
        assert await here.twin_runs()
        stopped = await here.candidacy(CandidacyState.BROKEN_OFF)
        assert stopped is not None
        assert stopped.findings.text == "Watchkeeper was stopped in the middle. Staging is mended."
        kinds = [kind for kind, _ in await here.record()]
        assert kinds[-1] == "gates.broken_off"
        assert "incident.opened" not in kinds
