"""Stories in which a person asks for a runbook, rehearses it first, reviews it afterwards, and uses the shortcuts."""

from pathlib import Path

from bot.local.workspace import View
from bot.local.workspace.workflows import ExecutionState
from bot.response.model.actions import ActionState
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import said

ASK = "restart-checkout service=checkout"


def home(here: SmallStage, person: str) -> str:
    view = here.workspace.home(person)
    return str(view.blocks) if view else ""


def shared_file(here: SmallStage, name: str) -> str:
    """The text of the file that was shared under this name."""
    (content,) = (file.content for file in here.workspace.state.files.values() if file.name == name and file.shared_in)
    assert content is not None
    return content.decode()


async def modal(here: SmallStage, person: str) -> View:
    await here.workspace.until(lambda: here.workspace.open_views(person))
    return here.workspace.open_views(person)[-1]


async def test_alice_rehearses_then_asks_bob_agrees_and_bob_reviews(tmp_path: Path) -> None:
    async with small_stage(tmp_path, with_prometheus=True, relaxed_limits=True) as here:
        pid = await here.supervisord.pid("checkout:checkout")
        await here.workspace.person("bob").open_home()

        await here.slash("alice", f"rehearse {ASK}", "Looking at what")
        seen = await here.privately("alice", "Rehearsal of", "nothing was changed")
        assert "It could be done now" in seen
        assert "would restart checkout" in seen
        assert "Asking for approval" in seen
        assert await here.supervisord.pid("checkout:checkout") == pid
        async with here.rows() as work:
            assert [entry.kind for entry in await work.audit.latest()] == ["runbook.rehearsal_asked"]

        await here.slash("alice", f"run {ASK} because customers see errors", "INC-1 is opened for it")
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        assert "customers see errors" in said(card)
        await here.workspace.person("alice").click(card, "approve")
        await here.privately("alice", "somebody else must approve it")
        await here.workspace.until(lambda: "Waits for you: 1" in home(here, "bob"))
        view = here.workspace.home("bob")
        assert view is not None
        await here.workspace.person("bob").click(view, "approve")
        await here.thread_of("INC-1", "Done and verified", "Resolved")
        assert await here.supervisord.pid("checkout:checkout") != pid
        assert await here.service.answers()

        done = next(reply for card in here.cards("INC-1") for reply in here.replies(card) if "Done" in said(reply))
        await here.workspace.person("bob").click(done, "review")
        words = {
            "judgement": "helpful",
            "surprising": "yes",
            "surprise": "It was slow.",
            "reason": "Checkout needs more memory.",
        }
        outcome = await here.workspace.person("bob").submit(await modal(here, "bob"), words)
        assert outcome.acked
        await here.thread_of("INC-1", "Reviewed: it was helpful", "What surprised: It was slow.", "more memory")
        await here.card_of("INC-1", "Resolved")
        await here.workspace.until(lambda: "'action_id': 'review'" not in said(here.cards("INC-1")[-1]))
        await here.slash("bob", "review", "Nothing is left to review")
        await here.slash("bob", "report INC-1", "The document of INC-1 is in its thread")
        document = shared_file(here, "INC-1.md")
        assert "**Done and verified:** Restart checkout" in document
        assert "**helpful**. Surprising: It was slow. What should change: Checkout needs more memory." in document
        assert "| Verified |" in document
        kinds = await here.kinds()
        assert kinds[0] == "runbook.requested"
        assert [kind for kind in kinds if kind in ("incident.resolved", "action.reviewed")]
        [action] = await here.actions()
        assert (action.requested_by, action.decided_by) == ("U01ALICE", ("U02BOB",))


async def test_a_workflow_asks_and_hears_the_incidents_name(tmp_path: Path) -> None:
    async with small_stage(tmp_path, with_prometheus=True, relaxed_limits=True) as here:
        step = here.workspace.run_step(
            "request_remediation",
            runbook="restart-checkout",
            service="checkout",
            reason="the form says so",
            requested_by="U02BOB",
        )
        await here.workspace.until(lambda: step.state is not ExecutionState.RUNNING)
        assert (step.state, step.outputs) == (ExecutionState.COMPLETED, {"incident": "INC-1"})
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        await here.workspace.person("bob").click(card, "approve")
        await here.privately("bob", "somebody else must approve it")
        assert [action.state for action in await here.actions()] == [ActionState.WAITING]


async def test_the_message_shortcuts_and_the_global_one_work_from_end_to_end(
    tmp_path: Path, start_service: str
) -> None:
    async with small_stage(tmp_path, with_prometheus=True, relaxed_limits=True, remediation=start_service) as here:
        await here.service.crash()
        await here.fire()
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        alice, carol = here.workspace.person("alice"), here.workspace.person("carol")
        assert (await carol.shortcut("why_this", card)).acked
        assert "this settled it" in str((await modal(here, "carol")).blocks)
        await alice.click(card, "approve")
        await here.thread_of("INC-1", "Done and verified")
        reply = here.replies(here.cards("INC-1")[0])[-1]
        assert (await alice.shortcut("roll_this_back", reply)).acked
        asked = await modal(here, "alice")
        assert (await alice.submit(asked, {"reason": "It made the database slow."})).acked
        await here.thread_of("INC-1", "Rolling back", "Rolled back", "It made the database slow.")
        assert (await carol.shortcut("pause_all")).acked
        await here.workspace.until(lambda: here.workspace.open_views("carol")[-1].callback_id == "pause")
        assert (await carol.submit(here.workspace.open_views("carol")[-1], {"reason": "Too much at once."})).acked
        direct = here.workspace.state.direct_channel(carol.id).id
        await here.workspace.until(lambda: "Paused: everything" in str(here.workspace.messages(direct)))
