"""The story everything else is built on: a service dies at night, and somebody (or nobody) is there to answer."""

from collections import Counter
from pathlib import Path

from tests.scenarios.stage import INCIDENTS, in_order, said, stage


async def test_alice_approves_and_the_service_is_restarted_verified_and_explained(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        pid = await here.supervisord.pid("checkout:checkout")
        await here.service.hang()

        card = await here.card("ServiceDown", "approve")
        alice = here.workspace.person("alice")
        outcome = await alice.click(card, "approve")
        assert outcome.acked
        assert outcome.warning is None

        await here.thread("Asking for approval", "Approved", "Done and verified", "Resolved", timeout=60)
        assert await here.service.answers()
        assert await here.supervisord.pid("checkout:checkout") != pid
        final = await here.card("Resolved")
        assert "'action_id': 'approve'" not in said(final), "an answered card has no question left"
        assert len([m for m in here.workspace.messages(INCIDENTS) if m.thread_ts in (None, m.ts)]) == 1
        kinds = await here.audit_kinds()
        response = (
            "incident.opened",
            "decision.made",
            "action.vote",
            "action.claimed",
            "action.step_begun",
            "action.step_ended",
            "action.executed",
            "action.succeeded",
        )
        assert in_order(kinds, *response), "each is the cause of the next"
        assert in_order(kinds, "action.claimed", "alert.received", "incident.resolved"), "the monitor looks for itself"
        assert Counter(kinds) == Counter((*response, "alert.received", "alert.received", "incident.resolved"))


async def test_a_licensed_runbook_announces_waits_out_the_veto_window_and_acts(tmp_path: Path) -> None:
    async with stage(tmp_path, level="L3", licensed=True) as here:
        await here.service.crash()
        await here.card("ServiceDown", "'action_id': 'stop'")
        await here.thread("Decided to act unless someone stops it", "Done and verified", timeout=60)
        assert await here.service.answers()
        kinds = await here.audit_kinds()
        assert in_order(kinds, "action.announced", "action.released", "action.executed")
        assert "action.vote" not in kinds


async def test_bob_stops_it_inside_the_veto_window_and_nothing_is_touched(tmp_path: Path) -> None:
    async with stage(tmp_path, level="L3", licensed=True, veto_window="60s") as here:
        await here.service.crash()
        card = await here.card("ServiceDown", "'action_id': 'stop'")
        assert (await here.workspace.person("bob").click(card, "stop")).acked
        await here.thread("Stopped before anything was changed")
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        assert "action.executed" not in await here.audit_kinds()


async def test_dave_has_no_say_and_is_told_so_in_private(tmp_path: Path) -> None:
    async with stage(tmp_path) as here:
        await here.service.crash()
        card = await here.card("ServiceDown", "'action_id': 'approve'")
        await here.workspace.person("dave").click(card, "approve")
        await here.workspace.until(lambda: here.workspace.ephemerals("U04DAVE"))
        assert "may not approve" in said(here.workspace.ephemerals("U04DAVE")[-1])
        assert "person.refused" in await here.audit_kinds()
        assert await here.supervisord.state("checkout:checkout") == "EXITED"


NEVER_HEALTHY = {"within": "3s", "healthy": "vector(0)", "stable": 1}


async def test_a_restart_that_does_not_help_goes_to_people_because_there_is_nothing_to_undo(tmp_path: Path) -> None:
    async with stage(tmp_path, verify=NEVER_HEALTHY) as here:
        await here.service.hang()
        card = await here.card("ServiceDown", "'action_id': 'approve'", "Nothing to undo.")
        await here.workspace.person("alice").click(card, "approve")
        texts = await here.thread("*Failed*", timeout=60)
        [told] = [text for text in texts if "*Failed*" in text]
        assert "Rollback: nothing to undo." in told
        assert "<@U01ALICE>" in told, "the people who can answer are called"
        assert "roll_back" not in str(texts) + said(await here.card()), "nobody is offered to undo it"
        assert "automation.paused" in await here.audit_kinds()
        assert await here.supervisord.state("checkout:checkout") == "RUNNING", "what works is never stopped"


async def test_an_act_that_does_not_help_is_rolled_back_and_people_are_called(
    tmp_path: Path, start_service: str
) -> None:
    async with stage(tmp_path, verify=NEVER_HEALTHY, remediation=start_service) as here:
        await here.service.crash()
        card = await here.card("ServiceDown", "'action_id': 'approve'")
        await here.workspace.person("alice").click(card, "approve")
        texts = await here.thread("Rolled back", timeout=60)
        assert any("<@U01ALICE>" in text for text in texts), "the people who can answer are called"
        assert "automation.paused" in await here.audit_kinds()
        assert await here.supervisord.state("checkout:checkout") == "STOPPED", "not running, as before our act"
