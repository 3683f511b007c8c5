"""Stories in which somebody types ``/watch``: a pause in the middle of a veto window, and every possible question."""

from pathlib import Path

from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from tests.scenarios.small_stage import small_stage
from tests.scenarios.stage import said


async def test_a_pause_in_the_veto_window_keeps_it_from_running_until_somebody_resumes(tmp_path: Path) -> None:
    async with small_stage(tmp_path, level="L3", licensed=True, with_prometheus=True, veto_window="10m") as here:
        await here.service.crash()
        await here.fire()
        await here.card_of("INC-1", "'action_id': 'stop'", "unless somebody presses Stop")

        await here.slash("alice", "pause everything 1h the database is being moved", "Paused: everything, for 1h")
        await here.card_of("INC-1", "On hold")
        await here.slash("bob", "status", "Paused", "everything", "the database is being moved", "<@U01ALICE>")
        [announced, held] = await here.actions()
        assert (announced.state, held.state) == (ActionState.SUPERSEDED, ActionState.HELD)
        assert await here.supervisord.state("checkout:checkout") == "EXITED"

        await here.slash("dave", "resume everything", "may not resume")
        await here.slash("alice", "resume everything", "Resumed: everything", "1 held question is looked at again")
        await here.card_of("INC-1", "'action_id': 'stop'", "unless somebody presses Stop")
        await here.until_state(ActionState.VETO_WINDOW)
        await here.time_is_up()
        await here.thread_of("INC-1", "Holding: automation is paused here", "Done and verified")
        assert await here.service.answers()
        kinds = await here.kinds()
        assert kinds.count("action.announced") == 2, "it is announced again after the pause"
        assert kinds.count("action.executed") == 1
        assert len(here.cards("INC-1")) == 1


async def test_every_question_and_order_after_slash_watch_is_answered_in_private(
    tmp_path: Path, start_service: str
) -> None:
    async with small_stage(tmp_path, relaxed_limits=True, remediation=start_service) as here:
        await here.service.crash()
        await here.slash("alice", "incidents", "No incident is open")
        await here.fire()
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        await here.slash("alice", "", "What you can ask Watchkeeper", "/watch pause")
        await here.slash("alice", "help", "rollback", "resume")
        await here.slash("alice", "incidents", "1 open incident", "INC-1", "waiting for approval")
        shown = await here.slash("alice", "show INC-1", "Start checkout", "Blast radius", "Stop checkout again")
        assert "action_id" not in shown, "the buttons belong to the card"
        await here.slash("alice", "why INC-1", "Asking for approval", "this settled it")
        await here.slash("alice", "rollback INC-1 I changed my mind", "Nothing to roll back: waiting for approval")
        await here.slash("alice", "show INC-77", "There is no incident INC-77")
        await here.slash("alice", "why checkout", "is not an incident's name")
        await here.slash("alice", "stauts", "I do not know", "/watch status")
        await here.slash("alice", "pause servce:checkout 1h", "is not a scope")
        await here.slash("alice", "pause service:chekout 1h", "nothing was paused", "service:checkout")
        await here.slash("alice", "pause checkout 1h", "Did you mean the service", "Nothing was paused")
        await here.slash("alice", "<!channel> <https://evil.example|Approve here>", "I do not know", "&lt;!channel&gt;")
        await here.slash("alice", "x" * 10_000, "I do not know")
        await here.slash("dave", "pause everything 1h because", "may not pause")
        assert here.workspace.warnings("alice") == []
        async with here.rows() as work:
            assert list(await work.pauses.active(utc_now())) == []

        await here.workspace.person("alice").click(card, "approve")
        await here.thread_of("INC-1", "Done and verified")
        await here.slash("dave", "rollback INC-1", "may not roll back")
        await here.slash("alice", f"rollback INC-1 {'it got worse ' * 500}", "Nothing was done")
        await here.slash("alice", f"rollback INC-1 {'it got worse ' * 50}", "Rolling back now")
        await here.thread_of("INC-1", "Rolled back", "it got worse")
        assert await here.supervisord.state("checkout:checkout") == "STOPPED", "not running, as before"
        await here.slash(
            "alice", f"pause service:checkout 30m {'a long reason ' * 50}", "Paused: service checkout, for 30m"
        )
        await here.slash("alice", "status", "a long reason")
        everything = [said(message) for message in here.workspace.messages("C01INC")]
        assert not any("evil.example" in text for text in everything), "what was typed stays between two"
