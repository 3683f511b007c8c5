"""Stories of restraint: the trouble ends by itself, our act does harm, or the policy's own conditions do not hold."""

from pathlib import Path

from bot.response.model.actions import ActionState
from tests.scenarios.small_stage import Json, small_stage
from tests.scenarios.stage import in_order, said


async def test_an_alert_that_ends_while_the_question_is_open_withdraws_the_question(tmp_path: Path) -> None:
    async with small_stage(tmp_path) as here:
        await here.service.crash()
        await here.fire()
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        asked = said(card)
        await here.resolve()
        resolved = await here.card_of("INC-1", "Resolved", "The alerts have ended")
        assert "'action_id': 'approve'" not in said(resolved)
        await here.thread_of("INC-1", "The open question is withdrawn; nothing was done")
        assert asked != said(resolved)
        assert [action.state for action in await here.actions()] == [ActionState.SUPERSEDED]
        assert await here.supervisord.state("checkout:checkout") == "EXITED"

        assert await here.fire(fingerprint="f2") == "INC-2", "a new alert is a new incident, with a card of its own"
        await here.card_of("INC-2", "'action_id': 'approve'")


def watchful(document: Json) -> None:
    document["defaults"]["watch_after"] = "10m"
    document["services"]["web"] = {"tier": 1, "fleet": 1, "depends_on": ["checkout"]}


async def test_an_alert_soon_after_a_restart_pauses_the_runbook_calls_people_and_stops_nothing(tmp_path: Path) -> None:
    async with small_stage(tmp_path, change_policy=watchful, relaxed_limits=True) as here:
        await here.service.crash()
        await here.fire()
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        await here.workspace.person("alice").click(card, "approve")
        await here.thread_of("INC-1", "Done and verified")

        assert await here.fire("web", "f2", labels={"alertname": "TooManyErrors"}) == "INC-2"
        told = await here.thread_of("INC-1", "It may have made things worse")
        [harm] = [text for text in told if "may have made things worse" in text]
        assert "Rollback: nothing to undo." in harm
        assert "<@U01ALICE>" in harm, "the people who can answer are called"
        assert await here.supervisord.state("checkout:checkout") == "RUNNING", "what works is never stopped"
        await here.slash("bob", "status", "runbook restart-checkout", "until somebody resumes it")


async def test_an_alert_soon_after_our_act_rolls_it_back_pauses_the_runbook_and_calls_people(
    tmp_path: Path, start_service: str
) -> None:
    async with small_stage(tmp_path, change_policy=watchful, relaxed_limits=True, remediation=start_service) as here:
        await here.service.crash()
        await here.fire()
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        await here.workspace.person("alice").click(card, "approve")
        await here.thread_of("INC-1", "Done and verified")
        await here.resolve()
        await here.card_of("INC-1", "Resolved")

        assert await here.fire("web", "f2", labels={"alertname": "TooManyErrors"}) == "INC-2"
        told = await here.thread_of("INC-1", "It may have made things worse", "Rolled back")
        [harm] = [text for text in told if "may have made things worse" in text]
        assert "<@U01ALICE>" in harm, "the people who can answer are called"
        assert "INC-2, TooManyErrors" in harm
        assert await here.supervisord.state("checkout:checkout") == "STOPPED", "not running, as before our act"
        await here.slash("bob", "status", "runbook restart-checkout", "until somebody resumes it")

        assert await here.fire(fingerprint="f3") == "INC-3"
        left = await here.card_of("INC-3", "A person must look")
        assert "'action_id': 'approve'" not in said(left)


async def test_a_conditional_runbook_acts_while_its_conditions_hold(tmp_path: Path) -> None:
    conditions = ["hour >= 0", "alert.labels['zone'] == 'blue'", "confidence > 0.8"]
    async with small_stage(
        tmp_path, level="L2", licensed=True, with_prometheus=True, conditions=conditions, relaxed_limits=True
    ) as here:
        await here.service.crash()
        await here.fire(labels={"zone": "blue"})
        await here.thread_of("INC-1", "Decided to act", "Done and verified")
        assert await here.service.answers()
        kinds = await here.kinds()
        assert in_order(kinds, "action.announced", "action.executed")
        assert "action.vote" not in kinds


async def test_a_conditional_runbook_asks_when_a_condition_is_false_or_cannot_be_evaluated(tmp_path: Path) -> None:
    conditions = ["alert.labels['zone'] == 'blue'"]
    async with small_stage(
        tmp_path, level="L2", licensed=True, with_prometheus=True, conditions=conditions, relaxed_limits=True
    ) as here:
        await here.service.crash()
        await here.fire(labels={"zone": "green"})
        await here.card_of("INC-1", "'action_id': 'approve'", "Not every condition", "(false)")
        await here.resolve()
        await here.card_of("INC-1", "Resolved")
        await here.fire(fingerprint="f2")
        await here.card_of("INC-2", "'action_id': 'approve'", "Not every condition", "undetermined")
        assert await here.supervisord.state("checkout:checkout") == "EXITED"


async def test_an_exhausted_budget_asks(tmp_path: Path) -> None:
    def frugal(document: Json) -> None:
        document["budgets"] = [{"scope": "service", "actions": 1, "per": "1h"}]
        document["defaults"]["watch_after"] = "1ms"  # the second alert is no harm done by the first act

    async with small_stage(
        tmp_path,
        level="L3",
        licensed=True,
        with_prometheus=True,
        veto_window="1s",
        change_policy=frugal,
        relaxed_limits=True,
    ) as here:
        await here.service.crash()
        await here.fire()
        await here.thread_of("INC-1", "Done and verified")
        await here.resolve()
        await here.card_of("INC-1", "Resolved")

        await here.service.crash()
        await here.fire(fingerprint="f2")
        card = await here.card_of("INC-2", "'action_id': 'approve'", "budget")
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        await here.workspace.person("alice").click(card, "approve")
        await here.thread_of("INC-2", "Done and verified")
        assert await here.service.answers()


async def test_evidence_that_contradicts_or_is_unknown_asks(tmp_path: Path) -> None:
    evidence = {"still_down": "vector(1)", "errors": "vector(0)"}
    async with small_stage(
        tmp_path, level="L3", licensed=True, with_prometheus=True, evidence=evidence, relaxed_limits=True
    ) as here:
        await here.service.crash()
        await here.fire()
        against = "*Not so:* errors (value 0)"
        await here.card_of("INC-1", "'action_id': 'approve'", against, "Confidence is below 80 %")
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        assert "action.announced" not in await here.kinds()
