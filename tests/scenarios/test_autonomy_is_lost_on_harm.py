"""A story in which a runbook acts alone, does harm, loses its autonomy by itself, and is given it back by people."""

from pathlib import Path

import pytest

from bot.local.servers import until
from bot.response.model.actions import ActionState, By
from storage.database import Database
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.scenarios.stage import in_order, said

RUNBOOK, CHECKOUT = "restart-checkout", "checkout:checkout"


def watchful(document: Json) -> None:
    """What depends on checkout is known, and one failure leaves the runbook sure enough to act."""
    document["defaults"]["watch_after"] = "10m"
    document["services"]["web"] = {"tier": 1, "fleet": 1, "depends_on": ["checkout"]}
    document["escalate"] = {"confidence_below": 0.5}


async def promoted(here: SmallStage) -> tuple[str, ...]:
    """People give back what was lost; the keys of what they lift."""
    database = Database(here.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            [action] = await work.actions.of_incident(1)
            return await work.licences.promote(RUNBOOK, "U03CAROL", action.created_at)
    finally:
        await database.close()


async def reviewed(here: SmallStage, person: str) -> None:
    """The act is reviewed in Slack."""
    done = next(reply for card in here.cards("INC-1") for reply in here.replies(card) if "Done" in said(reply))
    await here.workspace.person(person).click(done, "review")
    await here.workspace.until(lambda: here.workspace.open_views(person))
    view = here.workspace.open_views(person)[-1]
    words = {"judgement": "neutral", "surprising": "no", "reason": "Web must not depend on one instance."}
    assert (await here.workspace.person(person).submit(view, words)).acked
    await here.thread_of("INC-1", "Reviewed: it made no difference")


@pytest.mark.parametrize("rolled_back", [True, False])
async def test_a_runbook_that_did_harm_is_demoted_by_itself_and_acts_alone_again_once_people_say_so(
    tmp_path: Path, start_service: str, rolled_back: bool
) -> None:
    remediation = start_service if rolled_back else "restart_service"
    async with small_stage(
        tmp_path,
        level="L3",
        licensed=True,
        with_prometheus=True,
        relaxed_limits=True,
        change_policy=watchful,
        remediation=remediation,
        veto_window="1s",
    ) as here:
        await here.service.crash()
        await here.fire()
        await here.thread_of("INC-1", "Decided to act unless someone stops it", "Done and verified")
        await here.resolve()
        await here.card_of("INC-1", "Resolved")

        assert await here.fire("web", "f2", labels={"alertname": "TooManyErrors"}) == "INC-2"
        told = await here.thread_of("INC-1", "may have made things worse", f"Demoted: {RUNBOOK} asks first from now on")
        [harm] = [text for text in told if "may have made things worse" in text]
        [demoted] = [text for text in told if "Demoted:" in text]
        assert "<@U01ALICE>" in harm
        assert "It could act at L3; it may act at L1 at most, because it did harm in INC-1." in demoted
        if rolled_back:
            await here.thread_of("INC-1", "Rolled back")
        assert await here.supervisord.state(CHECKOUT) == ("STOPPED" if rolled_back else "RUNNING")
        await here.slash("bob", "status", f"runbook {RUNBOOK}", "until somebody resumes it")
        [action] = await here.actions()
        assert action.by is By.ALONE
        assert in_order(await here.kinds(), "action.executed", "automation.paused", "licence.demoted")
        assert (await here.kinds()).count("licence.demoted") == 1
        await here.resolve("f2")

        await reviewed(here, "bob")
        assert await promoted(here) == (f"harmed:{action.id}",)
        await here.slash("alice", f"resume runbook {RUNBOOK}", "Resumed")
        if rolled_back:  # it is stopped, as it was before: somebody starts it
            await here.supervisord.call("startProcess", CHECKOUT)
            await until(here.service.answers, "checkout answers again")
        await here.service.crash()
        await here.supervisord.until_state(CHECKOUT, "EXITED")
        assert await here.fire(fingerprint="f3") == "INC-3"
        await here.thread_of("INC-3", "Decided to act unless someone stops it", "Done and verified")
        [again] = await here.actions(3)
        assert (again.state, again.by) == (ActionState.SUCCEEDED, By.ALONE)
        assert await here.supervisord.state(CHECKOUT) == "RUNNING"
