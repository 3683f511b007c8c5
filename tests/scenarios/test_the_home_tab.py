"""The Home tab through a whole incident: what each person sees, live, without opening it again."""

from pathlib import Path
from typing import Any

from tests.scenarios.small_stage import SmallStage, small_stage

ALICE, BOB, DAVE = "alice", "bob", "dave"


def home(here: SmallStage, person: str) -> str:
    view = here.workspace.home(person)
    return str(view.blocks) if view else ""


async def shows(here: SmallStage, person: str, *words: str) -> str:
    """The tab once it says all of ``words``."""
    await here.workspace.until(lambda: all(word in home(here, person) for word in words), timeout=30)
    return home(here, person)


def another_service(document: dict[str, Any]) -> None:
    """Something to pause that the story is not about."""
    document["services"]["payments"] = {"tier": 1}


async def test_each_sees_what_waits_for_them_and_how_everything_stands(tmp_path: Path) -> None:
    async with small_stage(tmp_path, level="L3", relaxed_limits=True, change_policy=another_service) as here:
        for person in (ALICE, DAVE):
            await here.workspace.person(person).open_home()
            calm = await shows(here, person, "Autonomy is on. Nothing is paused.", "Nothing waits for you.")
            assert "Open incidents: 0" in calm
            assert "restart-checkout" in calm
            assert "not higher: not passed yet" in calm, "no gate was passed, so it only asks"

        await here.context(BOB, "pause service payments for 2h the bank is away", "Paused")
        for person in (ALICE, DAVE):
            await shows(here, person, "service payments", "<@U02BOB>", "the bank is away")

        await here.service.crash()
        assert await here.fire() == "INC-1"
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        waits = await shows(here, ALICE, "Waits for you: 1", "Open incidents: 1", "waiting for approval")
        assert f"/archives/C01INC/p{card.ts.replace('.', '')}|INC-1>" in waits
        assert "Nothing waits for you." in await shows(here, DAVE, "Open incidents: 1", "INC-1")

        view = here.workspace.home(ALICE)
        assert view is not None
        await here.workspace.person(ALICE).click(view, "approve")
        await here.thread_of("INC-1", "Done and verified")
        for person in (ALICE, DAVE):
            await shows(here, person, "done and verified", "Reviews due: 1")
        assert "Nothing waits for you." in home(here, ALICE)
        assert "'action_id': 'review'" in home(here, ALICE), "who approved it reviews it"
        assert "'action_id': 'review'" not in home(here, DAVE)

        await here.resolve()
        await here.context(ALICE, "resume service payments", "Resumed")
        for person in (ALICE, DAVE):
            await shows(here, person, "Autonomy is on. Nothing is paused.", "Open incidents: 0")
